"""What is known of every lane of a sweep: its curves, how far it is, and whether it diverged."""

from collections.abc import Sequence

import numpy as np

from jgd.sweep.plan import Settings
from jgd.sweep.program import Block


class Records:
    """The curves of all lanes, filled segment by segment. Not reached, or diverged: NaN."""

    def __init__(self, trials: int, settings: Settings, metrics: Sequence[str]) -> None:
        shape = (trials, len(settings.seeds), len(settings.points))
        self.curves = {name: np.full(shape, np.nan) for name in metrics}
        self.reached = np.zeros(shape[:2], int)  # points
        self.diverged_at = np.full(shape[:2], -1)  # steps taken before the first loss that is not finite

    def add(self, block: Block, trials: np.ndarray, seeds: np.ndarray, alive: np.ndarray, point: int) -> np.ndarray:
        """Record a segment of some lanes that ended at a point; returns which of them are still alive."""
        diverged_at = np.asarray(block.diverged_at)
        well = alive & (diverged_at < 0)
        for name, values in block.metrics.items():
            self.curves[name][trials[well], seeds[well], point] = np.asarray(values)[well]
        lost = alive & ~well
        self.diverged_at[trials[lost], seeds[lost]] = diverged_at[lost]
        self.reached[trials[well], seeds[well]] = point + 1
        return well

    def rows(self, trials: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """What is known of some lanes, as arrays with a row for each."""
        at = trials, seeds
        curves = {f"curves/{name}": curve[at] for name, curve in self.curves.items()}
        return {"reached": self.reached[at], "diverged_at": self.diverged_at[at], **curves}

    def put(self, trials: np.ndarray, seeds: np.ndarray, rows: dict[str, np.ndarray]) -> None:
        """Take over what `rows` returned, for the lanes that are further in it than here."""
        further = _progress(rows["reached"], rows["diverged_at"]) > _progress(
            self.reached[trials, seeds], self.diverged_at[trials, seeds]
        )
        at = trials[further], seeds[further]
        self.reached[at], self.diverged_at[at] = rows["reached"][further], rows["diverged_at"][further]
        for name, curve in self.curves.items():
            curve[at] = rows[f"curves/{name}"][further]

    def copy(self, other: "Records") -> None:
        """Take over the records of the first trials."""
        count = len(other.reached)
        self.reached[:count], self.diverged_at[:count] = other.reached, other.diverged_at
        for name, curve in other.curves.items():
            self.curves[name][:count] = curve

    @property
    def going(self) -> np.ndarray:
        """The lanes that have steps left to take, bool[trials, seeds]."""
        points = next(iter(self.curves.values())).shape[-1]
        return (self.reached < points) & (self.diverged_at < 0)


def _progress(reached: np.ndarray, diverged_at: np.ndarray) -> np.ndarray:
    """A lane that diverged in a segment is further than one that has not begun it."""
    return 2 * reached + (diverged_at >= 0)
