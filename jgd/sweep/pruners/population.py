"""Population-based training: at the ends of segments bad trials go on from good ones, with other numbers."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jgd.core.arguments import POSITIVE, WHOLE, Kind, admits, checked, instance_of, listed
from jgd.core.errors import InputError
from jgd.sweep.pruners.rules import AtTarget, Pruner, completing
from jgd.sweep.spaces.functions import is_number


@dataclasses.dataclass(frozen=True)
class Population:
    """See `population`."""

    every: int
    quantile: float
    factors: tuple[float, ...]
    resample: float

    def decides(self, points: np.ndarray) -> list[int]:
        """Tell after how many points it decides: those that complete another `every` steps."""
        found = completing(points, self.every)
        if not found:
            raise InputError(
                f"run(evolve={self!r}): every must be less than the {points[-1]} steps of run(steps=); lower it."
            )
        return found

    def parents(self, losses: np.ndarray, able: np.ndarray, rng: Callable[[int], np.random.Generator]) -> np.ndarray:
        """Tell of each of T rivals, whose state it goes on from, i[T]: its own, or that of a random one of the best.

        `losses` are f[T], infinite where a trial has failed; `able` says of which every lane is alive.
        """
        parents, order = np.arange(len(losses)), np.argsort(losses, kind="stable")
        count = max(1, int(self.quantile * len(losses))) if len(losses) > 1 else 0
        donors = [i for i in order[:count] if able[i] and np.isfinite(losses[i])]
        if donors:
            lost = np.isinf(losses)
            lost[order[len(order) - count :]] = True
            for i in np.flatnonzero(lost):
                parents[i] = donors[int(rng(int(i)).random() * len(donors))]
        return parents


POPULATION = instance_of("be jgd.sweep.population(every=steps)", Population)
QUANTILE = Kind("be a number in (0, 0.5]", lambda x: is_number(x) and 0 < x <= 0.5)
PROBABILITY = Kind("be a probability, a number in [0, 1]", lambda x: is_number(x) and 0 <= x <= 1)
FACTOR = Kind("be a factor", lambda x: admits(POSITIVE, x) and x != 1)
FACTORS = listed("positive numbers other than 1, such as (0.8, 1.25)", FACTOR, least=1)


@checked(every=WHOLE, quantile=QUANTILE, factors=FACTORS, resample=PROBABILITY)
def population(
    every: int, quantile: float = 0.25, factors: Sequence[float] = (0.8, 1.25), resample: float = 0.25
) -> Population:
    """Train a population: every `every` steps, bad trials take over good ones and explore around them.

    Within a space, and there among trials of the same structure, the worst `quantile`, and whatever has diverged, goes
    on from a random one of the best `quantile`: with its parameters and optimizer state, seed by seed, and with its
    numbers, each multiplied by one of `factors`, or drawn anew from its distribution with the probability `resample`.
    Numbers stay within their ranges, on their lattices and among their options: those move to a neighbour. Choices of
    parts stay. (Jaderberg et al. 2017, arXiv:1711.09846, whose truncation selection and two ways to explore this has,
    except that all trials decide together.)

    A trial is judged by the median of its metric over seeds, at the last point; a donor has every seed alive. What is
    found is a schedule of numbers rather than numbers: see `Result.best_schedule` and `Result.lineage`. It is greedy:
    what helps only later, such as a small learning rate too soon, wins early and costs later; a larger `every` helps.
    """
    return Population(int(every), float(quantile), tuple(map(float, factors)), float(resample))


def as_population(evolve: Any, stop: Sequence[Pruner], num_trials: int, rounds: int, where: Any) -> Population | None:
    """Return the rule of `run(evolve=)`, which must go with the other arguments."""
    if evolve is None:
        return None
    if pruning := [rule for rule in stop if not isinstance(rule, AtTarget)]:
        raise InputError(
            f"run(evolve=, stop={pruning[0]!r}): a population keeps its trials, which go on from better ones instead "
            "of ending; leave out one of the two (at_target goes with both)."
        )
    if where is not None:
        raise InputError(
            "run(evolve=, where=): what a population explores is not drawn again; put the condition into the space, "
            "by ranges or a choice of parts."
        )
    if rounds > 1:
        raise InputError(
            f"run(evolve=, rounds={rounds}): a population is one round, since its trials end with other numbers than "
            'the sampler proposed; pass rounds=1, or sampler="sobol".'
        )
    if num_trials < 2:
        raise InputError("run(evolve=, num_trials=1): a population needs at least 2 trials, better 16 or more.")
    return evolve
