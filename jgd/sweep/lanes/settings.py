"""What holds for every trial of a sweep, and the order that its metric sets."""

import dataclasses

import numpy as np

from jgd.sweep.lanes.stopping import Rule


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """What holds for every trial of a sweep."""

    seeds: tuple[int, ...]
    steps: int
    eval_every: int
    metric: str
    mode: str
    target: float | None
    stop: tuple[Rule, ...] = ()

    @property
    def decisions(self) -> list[int]:
        """After how many points a rule decides which lanes end."""
        return sorted({count for rule in self.stop for count in rule.decides(self.points)})

    @property
    def points(self) -> np.ndarray:
        """The steps after which curves have a point, i[points]."""
        return np.array([*range(self.eval_every, self.steps, self.eval_every), self.steps])


def as_loss(values: np.ndarray, mode: str) -> np.ndarray:
    """Values as something to minimise: negated for "max", and infinity for what is not finite, which is worst."""
    signed = values if mode == "min" else -values
    return np.where(np.isfinite(signed), signed, np.inf)
