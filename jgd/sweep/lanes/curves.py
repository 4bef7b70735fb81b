"""The record of every lane of a sweep: its curves, how far it is, whether it ended early, from whom it went on."""

from collections.abc import Sequence

import numpy as np

from jgd.sweep.lanes.program import Block
from jgd.sweep.lanes.settings import Settings, as_loss
from jgd.sweep.pruners.lineage import Lineage
from jgd.sweep.pruners.rules import AtTarget

GOES_ON, PRUNED, AT_TARGET = range(3)  # what rules have said of a lane


class Records:
    """The curves of all lanes, filled segment by segment. Not reached, or diverged: NaN."""

    def __init__(self, trials: int, settings: Settings, metrics: Sequence[str], lineage: Lineage | None = None) -> None:
        shape = (trials, len(settings.seeds), len(settings.points))
        self.settings, self.lineage = settings, lineage
        self.curves = {name: np.full(shape, np.nan) for name in metrics}
        self.reached = np.zeros(shape[:2], int)  # points
        self.diverged_at = np.full(shape[:2], -1)  # steps taken before the first loss that is not finite
        self.ended = np.full(shape[:2], GOES_ON)  # by a rule; a function of the curves, so it is not stored

    def add(self, block: Block, trials: np.ndarray, seeds: np.ndarray, alive: np.ndarray, point: int) -> np.ndarray:
        """Record a segment of some lanes that ended at a point; returns which of them are still alive."""
        diverged_at = np.asarray(block.diverged_at)
        well = alive & (diverged_at < 0)
        for name, values in block.metrics.items():
            self.curves[name][trials[well], seeds[well], point] = np.asarray(values)[well]
        lost = alive & ~well
        self.diverged_at[trials[lost], seeds[lost]] = diverged_at[lost]
        self.reached[trials[well], seeds[well]] = point + 1
        self._end_at_target(trials[well], seeds[well])
        return well & (self.ended[trials, seeds] == GOES_ON)

    def settle(self, rounds: np.ndarray, spaces: np.ndarray) -> int:
        """Decide what is due, and return to how many points lanes go next, 0 if none does.

        `rounds` are i[T] and `spaces` str[T], of the trials. Round after round is decided, as they were trained: none
        hears of a later one, whose trials may be there already.
        """
        for now in np.unique(rounds):
            mine = (rounds == now)[:, None]
            for count in self.settings.decisions:
                if np.any(mine & self.going & (self.reached < count)):
                    return count
                self._end_losers(count, rounds - now, spaces)
                # No rule that prunes goes with a population, so every decision is one of its own; made once, it stays.
                if self.lineage and self.settings.points[count - 1] not in self.lineage.steps:
                    self._evolve(count, self.lineage)
            if np.any(mine & self.going):
                return len(self.settings.points)
        return 0

    def entered(self, count: int) -> np.ndarray:
        """Return the lanes that had this many points and were still going then, bool[trials, seeds]."""
        later = (self.ended == AT_TARGET) & (self.reached > count)
        return (self.reached >= count) & ((self.ended == GOES_ON) | later)

    def _end_losers(self, count: int, rounds: np.ndarray, spaces: np.ndarray) -> None:
        """End the lanes of trials that lose after this many points; of those in round 0, by what came up to it."""
        losses = as_loss(self.curves[self.settings.metric], self.settings.mode)
        last = np.take_along_axis(losses, np.maximum(self.reached - 1, 0)[..., None], axis=-1)
        # Lanes at their target keep the value that they ended with.
        kept = (self.ended == AT_TARGET)[..., None] & (np.arange(losses.shape[-1]) >= self.reached[..., None])
        losses = np.median(np.where(kept, last, losses), axis=1)
        # As they were when this was first decided, so that it is decided alike ever after.
        candidates = ~np.any((self.ended == PRUNED) & (self.reached < count), axis=1)
        lost = np.zeros(len(losses), bool)
        for rule in self.settings.stop:
            if count in rule.decides(self.settings.points):
                there = rounds <= 0 if rule.across_rounds else rounds == 0
                for space in np.unique(spaces[there]):
                    rivals = there & (spaces == space)
                    lost[rivals] |= rule.losers(losses[rivals, :count], candidates[rivals], self.settings.points)
        self.ended[(lost & (rounds == 0))[:, None] & self.going] = PRUNED

    def _evolve(self, count: int, lineage: Lineage) -> None:
        """Let trials go on from others after this many points; what has diverged comes back to life in them."""
        losses = as_loss(self.curves[self.settings.metric][..., count - 1], self.settings.mode)
        # What has no state at this point neither gives nor takes: lanes at their target have ended on their way.
        there = ~np.any((self.ended == AT_TARGET) & (self.reached <= count), axis=1)
        able, step = np.all(np.isfinite(losses), axis=1), int(self.settings.points[count - 1])
        parents = lineage.decide(step, np.median(losses, axis=1), able, there)
        back = (parents != np.arange(len(parents)))[:, None] & (self.reached < count)
        self.reached[back], self.diverged_at[back] = count, -1

    def restart(self) -> None:
        """Forget everything."""
        self.reached[:], self.diverged_at[:], self.ended[:] = 0, -1, GOES_ON
        for curve in self.curves.values():
            curve[:] = np.nan
        if self.lineage:
            self.lineage.restart()

    def rows(self, trials: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Return the record of some lanes, as arrays with a row for each."""
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
        self._end_at_target(*at)

    def copy(self, other: "Records") -> None:
        """Take over the records of the first trials."""
        count = len(other.reached)
        self.reached[:count], self.diverged_at[:count] = other.reached, other.diverged_at
        self.ended[:count] = other.ended
        for name, curve in other.curves.items():
            self.curves[name][:count] = curve

    @property
    def sources(self) -> np.ndarray:
        """The trials with whose states each trial went on at the last decision, i[trials]."""
        decided = self.lineage is not None and len(self.lineage.parents)
        return self.lineage.parents[-1] if self.lineage and decided else np.arange(len(self.reached))

    @property
    def going(self) -> np.ndarray:
        """The lanes that have steps left to take, bool[trials, seeds]."""
        return (self.reached < len(self.settings.points)) & (self.diverged_at < 0) & (self.ended == GOES_ON)

    def _end_at_target(self, trials: np.ndarray, seeds: np.ndarray) -> None:
        """End those of these lanes that have reached the target, where a rule says so."""
        if any(isinstance(rule, AtTarget) for rule in self.settings.stop):
            losses = as_loss(self.curves[self.settings.metric][trials, seeds], self.settings.mode)
            hit = np.any(losses <= as_loss(np.asarray(self.settings.target), self.settings.mode), axis=-1)
            self.ended[trials[hit], seeds[hit]] = AT_TARGET


def _progress(reached: np.ndarray, diverged_at: np.ndarray) -> np.ndarray:
    """Rank how far lanes are: one that diverged in a segment is further than one that has not begun it."""
    return 2 * reached + (diverged_at >= 0)
