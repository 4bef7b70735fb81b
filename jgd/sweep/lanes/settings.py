"""Settings that hold for every trial of a sweep, and the order that its metric sets."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.sweep.pruners.lineage import Lineage
from jgd.sweep.pruners.population import Population
from jgd.sweep.pruners.rules import Pruner
from jgd.sweep.spaces.space import Trial
from jgd.train.task import Task
from jgd.train.watched import watchable


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """Hold what is the same for every trial of a sweep."""

    seeds: tuple[int, ...]
    steps: int
    eval_every: int
    metric: str
    mode: str
    target: float | None
    stop: tuple[Pruner, ...] = ()
    evolve: Population | None = None
    seed: int = 0  # of the sampler, and of what a population draws
    watched: tuple[str, ...] = ()  # further metrics of each step, where the optimizer knows them

    @property
    def decisions(self) -> list[int]:
        """After how many points a rule decides which lanes end, or which go on from others."""
        rules = (*self.stop, *([self.evolve] if self.evolve else []))
        return sorted({count for rule in rules for count in rule.decides(self.points)})

    @property
    def points(self) -> np.ndarray:
        """The steps after which curves have a point, i[points]."""
        return np.array([*range(self.eval_every, self.steps, self.eval_every), self.steps])


def lineage_of(trials: Sequence[Trial], settings: Settings) -> Lineage | None:
    """Return the lineage of a population that begins with these trials."""
    return Lineage(trials, settings.evolve, settings.seed) if settings.evolve else None


def watched_of(settings: Settings, task: Task, optimizer: Any) -> tuple[str, ...]:
    """Return those of the watched metrics that this optimizer knows."""
    known = watchable(task, optimizer, of_groups=True) if settings.watched else ()
    return tuple(name for name in settings.watched if name in known)


def as_loss(values: np.ndarray, mode: str) -> np.ndarray:
    """Give values as something to minimise: negated for "max", and infinity for what is not finite, which is worst."""
    signed = values if mode == "min" else -values
    return np.where(np.isfinite(signed), signed, np.inf)
