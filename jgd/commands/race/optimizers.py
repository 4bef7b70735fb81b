"""The optimizers that can race, each with the range of learning rates that it races over."""

from typing import Any

from jgd.core.errors import InputError, unknown
from jgd.core.types import Transform
from jgd.optimizers.catalogue import catalogue
from jgd.sweep.spaces.functions import loguniform

DEFAULT = "sgd,heavy_ball,nesterov,adagrad,rmsprop,adam,lion,muon"
OPTIMIZERS = f"""{DEFAULT.replace(",", ", ")},
            and all others that jgd list shows with a range of learning rates"""


def spaces(text: str) -> dict[str, Transform]:
    """Return the spaces of a list such as `adam,muon=1e-3:1`: names, with other ranges of rates if given."""
    found, racers = {}, racing()
    for part in racers if text == "all" else filter(None, (part.strip() for part in text.split(","))):
        name, _, limits = part.partition("=")
        if name not in racers:
            raise unknown("--optimizers", name, racers)
        if name in found:
            raise InputError(f"--optimizers {part}: {name} stands in it twice; name each once.")
        found[name] = racers[name].make(_range(part, limits) if limits else loguniform(*racers[name].rates))
    if not found:
        raise InputError(f"--optimizers {text!r}: there is no name in it; choose from {', '.join(racers)}.")
    return found


def racing() -> dict[str, Any]:
    """Return the catalogue's optimizers that search a learning rate and step by the gradient alone, in order."""
    return {name: entry for name, entry in catalogue().items() if entry.rates and not entry.needs}


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
