"""One row for each optimizer, transform and wrapper: it buys every property of `tests.each_row` and its oracle.

Every optimizer of the catalogue has a row with its defaults, whose oracle is optax's object of the same name; what is
declared about it, and rows for other settings, are here or in tests/rows.
"""

import inspect
import pkgutil
from importlib import import_module
from typing import Any

import jax
import optax
import pytest

import jgd
import jgd.schedules
from jgd.optimizers.catalogue import catalogue
from tests import problems
from tests.row import Row
from tests.tiers import at_once


def _weights(params):
    return jax.tree.map(lambda p: p.ndim > 1, params)


def _kinds(params):
    return jax.tree.map(lambda p: "matrix" if p.ndim > 1 else "rest", params)


# Schedules have oracles of their own; optax's compute in float32 even under x64, so both sides share these.
_LR = jgd.schedules.linear_schedule(0.1, 0.01, 10, 0.5)
_B1: Any = jgd.schedules.linear_schedule(0.9, 0.5, 10, 0.5)

OPTIMIZERS = [
    Row("gradient_descent", lambda: jgd.gradient_descent(0.1), lambda: optax.sgd(0.1), "sgd"),
    Row("sgd", lambda: jgd.sgd(_LR), lambda: optax.sgd(_LR)),
    Row("heavy_ball", lambda: jgd.heavy_ball(0.05, 0.9), lambda: optax.sgd(0.05, 0.9), "momentum", 4),
    Row("nesterov", lambda: jgd.nesterov(0.05, 0.8), lambda: optax.sgd(0.05, 0.8, nesterov=True), "nesterov", 4),
    Row("adagrad", lambda: jgd.adagrad(0.5), lambda: optax.adagrad(0.5), state_bytes=4),
    Row("adagrad_torch", lambda: jgd.adagrad(0.5, 0.0, 1e-10, eps_in_sqrt=False), torch="adagrad", state_bytes=4),
    Row("rmsprop", lambda: jgd.rmsprop(0.01), lambda: optax.rmsprop(0.01), state_bytes=4),
    Row(
        "rmsprop_eps_outside",
        lambda: jgd.rmsprop(0.01, 0.99, eps_in_sqrt=False),
        lambda: optax.rmsprop(0.01, 0.99, eps_in_sqrt=False),
        "rmsprop",
        4,
    ),
    Row(
        "rmsprop_centered_momentum",
        lambda: jgd.rmsprop(0.01, 0.95, 1e-4, eps_in_sqrt=False, centered=True, momentum=0.9),
        lambda: optax.rmsprop(0.01, 0.95, 1e-4, eps_in_sqrt=False, centered=True, momentum=0.9),
        "rmsprop_centered_momentum",
        12,
    ),
    Row(
        "rmsprop_corrected",
        lambda: jgd.rmsprop(0.01, bias_correction=True, momentum=0.5, nesterov=True),
        lambda: optax.rmsprop(0.01, bias_correction=True, momentum=0.5, nesterov=True),
        state_bytes=8,
        same_state=False,  # optax's state is private
    ),
    Row(
        "rmsprop_centered_corrected",
        lambda: jgd.rmsprop(0.01, eps=0.1, initial_scale=0.5, centered=True, bias_correction=True),
        lambda: optax.rmsprop(0.01, eps=0.1, initial_scale=0.5, centered=True, bias_correction=True),
        state_bytes=8,
        same_state=False,  # optax's state is private
    ),
    Row("adam", lambda: jgd.adam(0.05), lambda: optax.adam(0.05), "adam", 8),
    Row(
        "adam_options",
        lambda: jgd.adam(_LR, 0.8, 0.99, 1e-3, 1e-4, nesterov=True),
        lambda: optax.adam(_LR, 0.8, 0.99, 1e-3, 1e-4, nesterov=True),
        state_bytes=8,
    ),
    Row(
        "adam_l2",
        lambda: jgd.chain(jgd.add_decayed_weights(0.1), jgd.adam(0.05)),
        lambda: optax.chain(optax.add_decayed_weights(0.1), optax.adam(0.05)),
        "adam_l2",
        8,
    ),
    Row("adamw", lambda: jgd.adamw(0.05, weight_decay=0.01), lambda: optax.adamw(0.05, weight_decay=0.01), "adamw", 8),
    Row(
        "adamw_masked",
        lambda: jgd.adamw(0.05, weight_decay=0.1, mask=_weights),
        lambda: optax.adamw(0.05, weight_decay=0.1, mask=_weights),
        state_bytes=8,
    ),
    Row("nadam", lambda: jgd.nadam(0.05), lambda: optax.nadam(0.05), "nadam", 8),
    Row("nadamw", lambda: jgd.nadamw(0.05), lambda: optax.nadamw(0.05), "nadamw", 8),
    Row("amsgrad", lambda: jgd.amsgrad(0.05), lambda: optax.amsgrad(0.05), state_bytes=12),
    Row(
        "amsgrad_paper",
        lambda: jgd.amsgrad(0.05, bias_correction_mu=False, bias_correction_nu=False),
        lambda: optax.amsgrad(0.05, bias_correction_mu=False, bias_correction_nu=False),
        state_bytes=12,
    ),
    Row("lion", lambda: jgd.lion(0.02), lambda: optax.lion(0.02), state_bytes=4, reference="lion-pytorch:lion"),
    Row(
        "muon",
        lambda: jgd.muon(0.05, weight_decay=0.1),
        torch="muon",
        recorded_error=1e-4,  # it divides by norm + eps, torch by max(norm, eps): 1e-8 to norms above 1e-3
        state_bytes=8,
        same_state=False,
        rounding=100,
        passes=-8,  # all of these are matrices
    ),
    Row(
        "muon_matrices",
        lambda: jgd.chain(jgd.scale_by_muon(consistent_rms=0.2, nesterov=False), jgd.scale_by_learning_rate(0.05)),
        torch="muon_rms",
        recorded_error=1e-4,
        state_bytes=4,
        complex=False,
        shapes=problems.MATRICES,
        rounding=100,  # the iteration's slope at zero is 3.4 for each of five steps
        same_state=False,
    ),
]

TRANSFORMS = [
    Row("identity", jgd.identity, optax.identity, descends=False),
    Row("scale", lambda: jgd.scale(-0.5), lambda: optax.scale(-0.5), descends=False),
    Row("scale_by_learning_rate", lambda: jgd.scale_by_learning_rate(_LR), lambda: optax.scale_by_learning_rate(_LR)),
    Row("scale_by_schedule", lambda: jgd.scale_by_schedule(_LR), lambda: optax.scale_by_schedule(_LR), descends=False),
    Row("trace", lambda: jgd.trace(0.9), lambda: optax.trace(0.9), state_bytes=4, descends=False),
    Row("clip", lambda: jgd.clip(0.3), lambda: optax.clip(0.3), descends=False, complex=False),
    Row("clip_by_block_rms", lambda: jgd.clip_by_block_rms(0.3), lambda: optax.clip_by_block_rms(0.3), descends=False),
    Row("clip_by_norm", lambda: jgd.clip_by_norm(0.3), descends=False),
    Row(
        "clip_by_global_norm",
        lambda: jgd.clip_by_global_norm(0.5),
        lambda: optax.clip_by_global_norm(0.5),
        descends=False,
        passes=4,
    ),
    Row(
        "add_decayed_weights",
        lambda: jgd.add_decayed_weights(_LR),
        lambda: optax.add_decayed_weights(_LR),
        descends=False,
        same_state=False,
    ),
    Row("scale_by_adam", jgd.scale_by_adam, optax.scale_by_adam, state_bytes=8, descends=False),
    Row("scale_by_amsgrad", jgd.scale_by_amsgrad, optax.scale_by_amsgrad, state_bytes=12, descends=False),
    Row("scale_by_rms", jgd.scale_by_rms, optax.scale_by_rms, state_bytes=4, descends=False),
    Row("scale_by_rss", jgd.scale_by_rss, optax.scale_by_rss, state_bytes=4, descends=False),
    Row(
        "scale_by_stddev",
        lambda: jgd.scale_by_stddev(eps=0.01),
        lambda: optax.scale_by_stddev(eps=0.01),
        state_bytes=8,
        descends=False,
    ),
    Row("scale_by_lion", jgd.scale_by_lion, optax.scale_by_lion, state_bytes=4, descends=False),
]

WRAPPERS = [
    Row(
        "chain",
        lambda: jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adam(0.05)),
        lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.05)),
        state_bytes=8,
        passes=4,
    ),
    Row(
        "masked",
        lambda: jgd.chain(jgd.masked(jgd.trace(0.9), _weights), jgd.scale(-0.05)),
        lambda: optax.chain(optax.masked(optax.trace(0.9), _weights), optax.scale(-0.05)),
        state_bytes=4,
    ),
    Row(
        "partition",
        lambda: jgd.partition({"matrix": jgd.adam(0.05), "rest": jgd.sgd(0.1)}, _kinds),
        lambda: optax.partition({"matrix": optax.adam(0.05), "rest": optax.sgd(0.1)}, _kinds),
        state_bytes=8,
    ),
    Row(
        "multi_steps",
        lambda: jgd.multi_steps(jgd.adam(0.05), 3, accumulator_dtype=float),
        lambda: optax.MultiSteps(optax.adam(0.05), 3, accumulator_dtype=float),
        state_bytes=12,
        passes=16 / 3 - 16,  # Adam's state every third time
    ),
    Row(
        "multi_steps_sum",
        lambda: jgd.multi_steps(jgd.sgd(0.05), 2, use_grad_mean=False, accumulator_dtype=float),
        lambda: optax.MultiSteps(optax.sgd(0.05), 2, use_grad_mean=False, accumulator_dtype=float),
        state_bytes=4,
    ),
    Row(
        "apply_if_finite",
        lambda: jgd.apply_if_finite(jgd.adam(0.05), 3),
        lambda: optax.apply_if_finite(optax.adam(0.05), 3),
        state_bytes=8,
        guards=True,
        passes=4,
    ),
    Row(
        "scheduled",
        lambda: jgd.scheduled(jgd.adam(_LR, b1=_B1)),
        lambda: optax.inject_hyperparams(optax.adam)(_LR, b1=_B1),
        state_bytes=8,
        same_state=False,
    ),
    Row(
        "foreign",
        lambda: jgd.chain(jgd.clip(1e3), optax.sgd(0.1, 0.9)),
        lambda: optax.sgd(0.1, 0.9),
        state_bytes=4,
        complex=False,
        same_state=False,
    ),
]


def _default(entry, **declared):
    """Return the row of an optimizer of the catalogue with its defaults."""
    theirs = getattr(optax, entry.name, None) or getattr(optax.contrib, entry.name, None)
    wanted = inspect.signature(entry.make).parameters.get("learning_rate")
    rate = {} if wanted is None or wanted.default is not wanted.empty else {"learning_rate": RATE}
    oracle = None if theirs is None else lambda: theirs(**rate)
    return Row(
        **{"name": entry.name, "make": lambda: entry.make(**rate), "oracle": oracle, "state_bytes": None} | declared
    )


RATE = 0.05
PARTS = [
    import_module(f"tests.rows.{module.name}") for module in pkgutil.iter_modules(import_module("tests.rows").__path__)
]
_OVERRIDES: dict = {}
for _part in PARTS:
    for _name, _fields in getattr(_part, "OVERRIDES", {}).items():
        _OVERRIDES[_name] = _OVERRIDES.get(_name, {}) | _fields
_WRITTEN = {row.name for row in OPTIMIZERS}
OPTIMIZERS += [
    _default(entry, **_OVERRIDES.get(name, {})) for name, entry in catalogue().items() if name not in _WRITTEN
]
OPTIMIZERS += [row for part in PARTS for row in getattr(part, "ROWS", []) if row.descends]
TRANSFORMS += [row for part in PARTS for row in getattr(part, "ROWS", []) if not row.descends]

ROWS = OPTIMIZERS + TRANSFORMS + WRAPPERS
COMPARED = ROWS + [row for part in PARTS for row in getattr(part, "RECORDED", [])]
# A rule of each form: entrywise, masked, with a norm, of matrices, of blocks, with a distance, with branches, wrapping.
FORMS = (
    *("adam", "adamw_masked", "sgd", "lamb", "muon", "soap", "psgd_kron", "galore", "dadapt_adamw", "momo_adam"),
    *("lbfgs", "schedule_free", "multi_steps", "partition"),
)


def costly(rows):
    """Parametrize what compiles for long: one row of each form at once, all others among the slow tests."""
    cases = {row.name: row for row in rows}
    return pytest.mark.parametrize("row", at_once([name for name in FORMS if name in cases], cases), scope="module")
