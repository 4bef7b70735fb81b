"""The optimizers that can be benched, each with the same optimizer in optax and in torch where they have it."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import optax

from jgd.core.arguments import TRANSFORM, admits, shown
from jgd.core.errors import InputError, unknown
from jgd.core.types import Transform
from jgd.core.user_code import attempt, look_up
from jgd.optimizers import (
    adagrad,
    adam,
    adamw,
    amsgrad,
    heavy_ball,
    lion,
    muon,
    nadam,
    nadamw,
    nesterov,
    rmsprop,
    sgd,
)
from jgd.optimizers.catalogue import OptimizerEntry, catalogue
from jgd.transforms import as_transform, chain, clip_by_global_norm, matrix_axes

RATE = 1e-3


class Torch(NamedTuple):
    """A class of `torch.optim` with its settings, and the global norm that gradients are clipped to before it."""

    name: str
    settings: dict[str, Any]
    max_norm: float | None = None
    best: str = "fused"  # its fastest kernel: one for a whole step, or foreach, one for each operation on all leaves


class Case(NamedTuple):
    """One algorithm with one setting, by everyone who has it."""

    ours: Transform
    optax: Callable[[], Any] | None = None
    torch: Torch | None = None


def _optax_muon() -> Any:
    # Only jgd tells embeddings from hidden matrices, so its guess serves both.
    return optax.contrib.muon(RATE, nesterov=False, muon_weight_dimension_numbers=matrix_axes)


def known() -> dict[str, Callable[[], Case]]:
    """List what can be benched by name: optimizers of the catalogue that step by gradients alone, and those below.

    What is not below has no peer: a name that optax shares may stand for another form there.
    """
    entries = {name: entry for name, entry in catalogue().items() if not entry.needs}
    return {name: functools.partial(_alone, entry) for name, entry in entries.items()} | CASES


def _alone(entry: OptimizerEntry) -> Case:
    return Case(entry.default())


# Settings under which all compute the same: torch's RMSProp has eps outside the root, and optax's Muon corrects its
# look-ahead for bias otherwise.
CASES: dict[str, Callable[[], Case]] = {
    "sgd": lambda: Case(sgd(RATE), lambda: optax.sgd(RATE), Torch("SGD", {})),
    "heavy_ball": lambda: Case(heavy_ball(RATE), lambda: optax.sgd(RATE, 0.9), Torch("SGD", {"momentum": 0.9})),
    "nesterov": lambda: Case(
        nesterov(RATE), lambda: optax.sgd(RATE, 0.9, True), Torch("SGD", {"momentum": 0.9, "nesterov": True})
    ),
    "adagrad": lambda: Case(
        adagrad(RATE), lambda: optax.adagrad(RATE), Torch("Adagrad", {"initial_accumulator_value": 0.1, "eps": 1e-7})
    ),
    "rmsprop": lambda: Case(
        rmsprop(RATE, eps_in_sqrt=False),
        lambda: optax.rmsprop(RATE, eps_in_sqrt=False),
        Torch("RMSprop", {"alpha": 0.9, "eps": 1e-8}, best="foreach"),
    ),
    "adam": lambda: Case(adam(RATE), lambda: optax.adam(RATE), Torch("Adam", {})),
    "adamw": lambda: Case(adamw(RATE), lambda: optax.adamw(RATE), Torch("AdamW", {"weight_decay": 1e-4})),
    "adamw_clipped": lambda: Case(
        chain(clip_by_global_norm(1.0), adamw(RATE)),
        lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(RATE)),
        Torch("AdamW", {"weight_decay": 1e-4}, max_norm=1.0),
    ),
    "nadam": lambda: Case(nadam(RATE), lambda: optax.nadam(RATE)),
    "nadamw": lambda: Case(nadamw(RATE), lambda: optax.nadamw(RATE)),
    "amsgrad": lambda: Case(amsgrad(RATE), lambda: optax.amsgrad(RATE)),
    "lion": lambda: Case(lion(RATE), lambda: optax.lion(RATE)),
    "muon": lambda: Case(muon(RATE, nesterov=False), _optax_muon),
}
DEFAULT = "sgd,heavy_ball,lion,rmsprop,adam,adamw,adamw_clipped"


def load_cases(text: str) -> dict[str, Case]:
    """Return the cases of `adam,lion`, of `all`, or among them a user's own as `file.py:optimizer`."""
    names = list(known()) if text == "all" else [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise InputError(f"--optimizers {text!r}: there is no name in it; choose from {', '.join(known())}.")
    return {name: _load(name) for name in names}


def _load(name: str) -> Case:
    if name in known():
        return known()[name]()
    if ":" not in name:
        error = str(unknown("--optimizers", name, known())).rstrip(".")
        raise InputError(f"{error}; your own is written as file.py:optimizer.")
    found = look_up("--optimizers", name)
    if callable(found) and not isinstance(found, Transform):
        found = attempt(f"--optimizers {name}: calling it", found)
    if not admits(TRANSFORM, found):
        raise InputError(f"--optimizers {name}: it is {shown(found)}, and must {TRANSFORM.expected}.")
    return Case(as_transform(found))
