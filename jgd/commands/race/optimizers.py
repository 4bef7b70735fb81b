"""The optimizers that can race, each with the range of learning rates that it races over."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jgd.core.errors import InputError, unknown
from jgd.core.types import Transform
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
from jgd.sweep.spaces.functions import loguniform


class Racer(NamedTuple):
    """An optimizer by its one swept number; everything else has its default."""

    make: Callable[[Any], Transform]
    low: float
    high: float


# Fair ranges: all span four decades, so that all get as many rates per decade, and each is placed so that the best rate
# on digits, breast_cancer and diabetes lies well inside, which a search over seven decades has told.
RACERS = {
    "sgd": Racer(sgd, 1e-3, 1e1),
    "heavy_ball": Racer(heavy_ball, 1e-4, 1e0),
    "nesterov": Racer(nesterov, 1e-4, 1e0),
    "adagrad": Racer(adagrad, 1e-3, 1e1),
    "rmsprop": Racer(rmsprop, 3e-5, 3e-1),
    "adam": Racer(adam, 3e-5, 3e-1),
    "lion": Racer(lion, 1e-5, 1e-1),
    "muon": Racer(muon, 1e-4, 1e0),
    "adamw": Racer(adamw, 3e-5, 3e-1),
    "nadam": Racer(nadam, 3e-5, 3e-1),
    "nadamw": Racer(nadamw, 3e-5, 3e-1),
    "amsgrad": Racer(amsgrad, 3e-5, 3e-1),
}
DEFAULT = "sgd,heavy_ball,nesterov,adagrad,rmsprop,adam,lion,muon"


def spaces(text: str) -> dict[str, Transform]:
    """The spaces of a list such as `adam,muon=1e-3:1`: names, with other ranges of rates if given."""
    found = {}
    for part in RACERS if text == "all" else filter(None, (part.strip() for part in text.split(","))):
        name, _, limits = part.partition("=")
        if name not in RACERS:
            raise unknown("--optimizers", name, RACERS)
        racer = RACERS[name]
        if name in found:
            raise InputError(f"--optimizers {part}: {name} stands in it twice; name each once.")
        found[name] = racer.make(_range(part, limits) if limits else loguniform(racer.low, racer.high))
    if not found:
        raise InputError(f"--optimizers {text!r}: there is no name in it; choose from {', '.join(RACERS)}.")
    return found


def _range(part: str, text: str) -> Any:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise InputError(
            f"--optimizers {part}: expected two learning rates after the =, written as adam=1e-4:1e-1."
        ) from None
    try:
        return loguniform(low, high)
    except InputError as error:
        raise InputError(f"--optimizers {part}: {error}") from None
