"""Who takes part in the contest: the catalogue's optimizers over their own ranges of rates, and corrections of Adam."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jgd
from jgd.sweep import grid, loguniform

WIDER = 10.0  # by which a range is wider at both ends than the catalogue's, since the problems have all scales
RATE = inspect.signature(jgd.adam).parameters["learning_rate"].annotation  # a number or a schedule
OWN = (1e-2, 1e2)  # the catalogue's range of a factor on the rate or step that a method finds by itself
SAME = ("gradient_descent",)  # another name of what is there


class Entrant(NamedTuple):
    """An optimizer of a learning rate, and the range over which it is tuned."""

    make: Callable[[Any], Any]
    low: float
    high: float
    scheduled: bool = True  # whether the rate may be a schedule

    def space(self, steps: int) -> Any:
        """Return the rates of its range, each constant (alpha 1) and with a cosine's decay to zero (alpha 0).

        Where the rate has to be a number, all are constant, and lie twice as densely.
        """
        rate = loguniform(self.low, self.high)
        return self.make(jgd.cosine_decay_schedule(rate, steps, grid([0.0, 1.0])) if self.scheduled else rate)


def entrants() -> dict[str, Entrant]:
    """Return all that step by one gradient and the loss, by name.

    Six decades each: the catalogue's four and one on both sides. A method that finds its own rate gets a factor on it,
    one that has no argument for that a factor on its step.
    """
    rows = {name: entry for name, entry in jgd.optimizers.catalogue().items() if name not in (*left_out(), *SAME)}
    corrected = {
        f"{name} + {said}": Entrant(make, *_range(rows[name])) for (name, said), make in CORRECTED.items()
    }  # fmt: skip
    return {name: _entrant(entry) for name, entry in rows.items()} | corrected


def left_out() -> list[str]:
    """Return the catalogue's optimizers that need more at a step than one gradient and the loss."""
    return [name for name, entry in jgd.optimizers.catalogue().items() if not set(entry.needs) <= {"value"}]


def before(link: Any, recipe: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the recipe with a link that the gradients pass first."""
    return lambda rate: jgd.chain(link, recipe(rate))


CORRECTED: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("sgd", "clipped"): before(jgd.clip_by_global_norm(1.0), jgd.sgd),
    ("heavy_ball", "clipped"): before(jgd.clip_by_global_norm(1.0), jgd.heavy_ball),
    ("adam", "clipped"): before(jgd.clip_by_global_norm(1.0), jgd.adam),
    ("adam", "adagc"): before(jgd.adagc(), jgd.adam),
    ("adam", "zclip"): before(jgd.zclip(), jgd.adam),
    ("adam", "grokfast_ema"): before(jgd.grokfast_ema(), jgd.adam),
    ("adam", "orthogonalize_gradients"): before(jgd.orthogonalize_gradients(), jgd.adam),
    ("adam", "hyperball"): lambda rate: jgd.hyperball(jgd.scale_by_adam(), rate),
    ("adam", "primal_averaging"): lambda rate: jgd.primal_averaging(jgd.adam(rate)),
    ("adam", "averaging"): lambda rate: jgd.polynomial_average(jgd.adam(rate)),
    ("adamw", "cautious"): lambda rate: jgd.cautious(jgd.adamw(rate)),
}


def _entrant(entry: jgd.optimizers.OptimizerEntry) -> Entrant:
    rate = inspect.signature(entry.make).parameters.get("learning_rate")
    if rate is None:
        return Entrant(lambda rate: jgd.chain(entry.make(), jgd.scale_by_schedule(rate)), *_range(entry))
    return Entrant(entry.make, *_range(entry), scheduled=rate.annotation in (RATE, RATE | None))


def _range(entry: jgd.optimizers.OptimizerEntry) -> tuple[float, float]:
    low, high = entry.rates or OWN
    return low / WIDER, high * WIDER
