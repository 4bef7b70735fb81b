"""Rows of optimizers that wrap another one, and of Muon's options."""

from typing import Any

import jax
import optax

import jgd
from tests import problems
from tests.row import Row


def _matrices(params):
    """Call every leaf a matrix, which optax must be told."""
    return jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(), params)


def _paired(*args):
    """optax's lookahead, with the pair of fast and slow parameters in its state."""
    opt = optax.lookahead(*args)

    def init(params):
        pair = optax.LookaheadParams.init_synced(params)
        return opt.init(pair), pair

    def update(updates, state: Any, params=None):
        pair: Any
        pair, new = opt.update(updates, state[0], state[1]._replace(fast=params))
        return pair.fast, (new, optax.apply_updates(state[1], pair))

    return optax.GradientTransformation(init, update)


OVERRIDES = {
    "galore": {  # optax's form; the paper's is in tests/optimizers/test_galore.py
        "make": lambda: jgd.galore(0.05, 2, project_longer=True),
        "oracle": lambda: optax.contrib.galore(0.05, 2),
        "state_bytes": None,
        "oracle_error": 1e-5,  # optax computes singular vectors in float32, under x64 as well
    },
    "schedule_free_sgd": {  # at the default rate of 1 the bowl's curvature of 4 is too much
        "make": lambda: jgd.schedule_free_sgd(0.1),
        "oracle": lambda: optax.contrib.schedule_free_sgd(0.1),
        "state_bytes": 4,
        "scalar_bytes": 12,
    },
    "schedule_free_adamw": {
        "make": lambda: jgd.schedule_free_adamw(0.1),
        "oracle": lambda: optax.contrib.schedule_free_adamw(0.1),
        "state_bytes": 8,
        "scalar_bytes": 12,
        "same_state": False,  # optax's state of the base is private
    },
}

ROWS = [
    Row(
        "schedule_free",
        lambda: jgd.schedule_free(jgd.sgd(0.05, 0.5), 0.05, 0.8, 1.0),
        lambda: optax.contrib.schedule_free(optax.sgd(0.05, 0.5), 0.05, 0.8, 1.0),
        state_bytes=8,
        scalar_bytes=12,
    ),
    Row(
        "schedule_free_sgd_optax",
        lambda: jgd.schedule_free_sgd(0.1, 7, 0.8, 0.01, 1.5, warmup_from_zero=True),
        lambda: optax.contrib.schedule_free_sgd(0.1, 7, 0.8, 0.01, 1.5),
        state_bytes=4,
        scalar_bytes=12,
        oracle_error=1e-6,  # optax computes its warm-up in float32, under x64 as well
    ),
    Row(
        "schedule_free_adamw_optax",
        lambda: jgd.schedule_free_adamw(0.1, 7, 0.8, 0.99, 1e-3, 0.01, 1.5, warmup_from_zero=True),
        lambda: optax.contrib.schedule_free_adamw(0.1, 7, 0.8, 0.99, 1e-3, 0.01, 1.5),
        state_bytes=8,
        scalar_bytes=12,
        same_state=False,
        oracle_error=1e-6,
    ),
    Row("proximal", lambda: jgd.proximal(jgd.adam(0.1), jgd.nonsmooth.l1(0.01)), state_bytes=8),
    Row("normalize", jgd.normalize, optax.contrib.normalize, descends=False, passes=4),
    Row(
        "sam",
        lambda: jgd.sam(jgd.sgd(0.1), jgd.chain(jgd.normalize(), jgd.sgd(0.1))),
        lambda: optax.contrib.sam(optax.sgd(0.1), optax.chain(optax.contrib.normalize(), optax.sgd(0.1))),
        state_bytes=4,
        passes=-2,  # the copy is written every second time, which reads a norm
    ),
    Row(
        "sam_kept",
        lambda: jgd.sam(jgd.adam(0.1), jgd.sgd(0.01, 0.9), 3, False),
        lambda: optax.contrib.sam(optax.adam(0.1), optax.sgd(0.01, 0.9), 3, False),
        state_bytes=16,
        passes=(8 + 16 + 16) / 3 - 32,  # Adam's state every third time, the climb's momentum at the others
    ),
    Row(
        "sam_opaque",
        lambda: jgd.sam(jgd.sgd(0.1, 0.9), jgd.chain(jgd.normalize(), jgd.sgd(0.1)), opaque_mode=True),
        lambda: optax.contrib.sam(
            optax.sgd(0.1, 0.9), optax.chain(optax.contrib.normalize(), optax.sgd(0.1)), opaque_mode=True
        ),
        state_bytes=4,
        passes=4,
        extra=lambda grads, params: {"grad_fn": lambda p, i: p},
        descends=False,  # by gradients that are not those of the bowl
    ),
    Row(
        "lookahead",
        lambda: jgd.lookahead(jgd.adam(0.1), 2, 0.5),
        lambda: _paired(optax.adam(0.1), 2, 0.5),
        state_bytes=12,
        same_state=False,  # optax's slow parameters are not in it
    ),
    Row(
        "lookahead_reset",
        lambda: jgd.lookahead(jgd.sgd(0.1, 0.9), 3, 0.8, True),
        lambda: _paired(optax.sgd(0.1, 0.9), 3, 0.8, True),
        state_bytes=8,
        same_state=False,
    ),
    Row(
        "mechanize",
        lambda: jgd.mechanize(jgd.adam(1.0), s_init=0.01),
        lambda: optax.contrib.mechanize(optax.adam(1.0), s_init=0.01),
        state_bytes=None,
        scalar_bytes=96,
        passes=4,  # all of it is read before a step, and the first parameters are not written
    ),
    Row(
        "mechanize_few",
        lambda: jgd.mechanize(jgd.sgd(1.0), 0.1, 1e-6, 0.01, 2),
        lambda: optax.contrib.mechanize(optax.sgd(1.0), 0.1, 1e-6, 0.01, 2),
        state_bytes=None,
        scalar_bytes=32,
        passes=4,
    ),
    Row(
        "galore_lion",
        lambda: jgd.galore(
            0.05, 2, 100, 0.25, jgd.scale_by_lion(), 0.1, True, jgd.MatrixAxes(1, 0), project_longer=True
        ),
        lambda: optax.contrib.galore(
            0.05, 2, 100, 0.25, optax.scale_by_lion(), 0.1, True, optax.contrib.GaLoreDimensionNumbers(1, 0)
        ),
        state_bytes=None,
        oracle_error=1e-5,
    ),
    Row(
        "muon_aol_adaptive",
        lambda: jgd.chain(
            jgd.scale_by_muon(
                ns_steps=2, adaptive=True, preconditioning="aol", bias_correction=True, shape_scaling=False
            ),
            jgd.scale(-0.05),
        ),
        lambda: optax.chain(
            optax.contrib.scale_by_muon(
                ns_steps=2, adaptive=True, preconditioning="aol", weight_dimension_numbers=_matrices
            ),
            optax.scale(-0.05),
        ),
        state_bytes=4,
        complex=False,
        shapes=problems.MATRICES,
        rounding=100,
        oracle_error=1e-10,
        same_state=False,  # optax keeps the coefficients in it
    ),
]
