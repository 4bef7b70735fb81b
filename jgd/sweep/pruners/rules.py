"""Rules that end lanes before their last step, at the ends of segments: halving, ASHA, Hyperband, the median, a target.

Trials compete within their space, by the median of the metric over their seeds: what compares optimizers stays fair.
A round of a sampler is a contest of its own, but ASHA's, which the trials of earlier rounds are in too. A decision is a
function of the curves up to its point alone, so a resumed sweep decides as an uninterrupted one, and a lane's numbers
never depend on what became of others.
"""

import dataclasses
import math
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from jgd.core.arguments import Kind, checked
from jgd.core.errors import InputError


@runtime_checkable
class Pruner(Protocol):
    """When it decides, and who loses."""

    across_rounds: ClassVar[bool] = False  # whether the trials of earlier rounds are rivals too

    def decides(self, points: np.ndarray) -> list[int]:
        """Tell after how many points it decides, given the steps i[P] of all; less than P."""
        ...

    def losers(self, losses: np.ndarray, candidates: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Tell which of T rivals end here, bool[T]; what is said of a trial that takes no steps anyway does not count.

        `losses` are f[T, points so far], lower is better, infinite where there is none; `candidates` are bool[T], those
        that no rule has ended before.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Halving(Pruner):
    """See `halving`."""

    min_steps: int
    eta: int

    def decides(self, points: np.ndarray) -> list[int]:
        """Decide at `min_steps` times powers of `eta`, or the first point after that."""
        last, rungs = int(points[-1]), []
        while (rung := self.min_steps * self.eta ** len(rungs)) < last:
            rungs.append(rung)
        if not rungs:
            raise InputError(f"{self!r}: min_steps must be less than the {last} steps of run(steps=).")
        found = [int(np.searchsorted(points, rung)) + 1 for rung in rungs]
        if len(set(found)) < len(found):
            raise InputError(
                f"{self!r}: two of its rungs, at {', '.join(map(str, rungs))} steps, end in one segment; "
                f"pass run(eval_every={self.min_steps}) or less, or raise min_steps."
            )
        return [count for count in found if count < len(points)]

    def losers(self, losses: np.ndarray, candidates: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return all but the best floor(n / eta^(rung + 1)) of n, and at least one; ties go to the first."""
        rung = self.decides(points).index(losses.shape[1])
        return _all_but(max(1, len(losses) // self.eta ** (rung + 1)), losses[:, -1], candidates)


@dataclasses.dataclass(frozen=True)
class Asha(Halving):
    """See `asha`."""

    across_rounds = True

    def losers(self, losses: np.ndarray, candidates: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return all but the best floor(n / eta) of n that set out for this rung, and at least one.

        Ties go to the first.
        """
        rungs = self.decides(points)
        before = rungs[: rungs.index(losses.shape[1])]
        set_out = candidates & np.isfinite(losses[:, before[-1] - 1]) if before else candidates
        return _all_but(max(1, int(set_out.sum()) // self.eta), losses[:, -1], candidates)


@dataclasses.dataclass(frozen=True)
class Hyperband(Pruner):
    """See `hyperband`."""

    min_steps: int
    eta: int

    def decides(self, points: np.ndarray) -> list[int]:
        """Decide wherever one of the brackets does."""
        return sorted({count for bracket in self._brackets(points) if bracket for count in bracket.decides(points)})

    def losers(self, losses: np.ndarray, candidates: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return those of each bracket."""
        brackets, lost = self._brackets(points), np.zeros(len(losses), bool)
        most = len(brackets) - 1
        weights = np.array([math.ceil((most + 1) / (s + 1) * self.eta**s) for s in range(most, -1, -1)], float)
        # The golden ratio's multiples spread every bracket over all trials, which may be in the order of a grid.
        spread = (np.arange(len(losses)) + 0.5) * ((math.sqrt(5) - 1) / 2) % 1
        member = np.searchsorted(np.cumsum(weights / weights.sum())[:-1], spread, side="right")
        for i, bracket in enumerate(brackets):
            if bracket and losses.shape[1] in bracket.decides(points):
                mine = member == i
                lost[mine] = bracket.losers(losses[mine], candidates[mine], points)
        return lost

    def _brackets(self, points: np.ndarray) -> list[Halving | None]:
        """Return the brackets, from the one that halves first to the one that never does."""
        found: list[Halving | None] = []
        while (first := self.min_steps * self.eta ** len(found)) < points[-1]:
            found.append(Halving(first, self.eta))
        if not found:
            raise InputError(f"{self!r}: min_steps must be less than the {points[-1]} steps of run(steps=).")
        return [*found, None]


@dataclasses.dataclass(frozen=True)
class Median(Pruner):
    """See `median_rule`."""

    min_steps: int

    def decides(self, points: np.ndarray) -> list[int]:
        """Decide at the points that complete another `min_steps`."""
        found = completing(points, self.min_steps)
        if not found:
            raise InputError(f"{self!r}: no point of the curves lies between min_steps and the end; lower it.")
        return found

    def losers(self, losses: np.ndarray, candidates: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return those whose best is worse than the median of the running means, of ended trials up to their ends."""
        known = np.isfinite(losses)
        total, count = np.where(known, losses, 0).sum(axis=1), known.sum(axis=1)
        means = np.where(count > 0, total / np.maximum(count, 1), np.inf)
        return candidates & (losses.min(axis=1) > np.median(means))


@dataclasses.dataclass(frozen=True)
class AtTarget(Pruner):
    """See `at_target`. Lanes end one by one, wherever a segment ends."""

    def decides(self, points: np.ndarray) -> list[int]:
        """Decide nowhere: no trial waits for others."""
        return []

    def losers(self, losses: np.ndarray, candidates: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Let none lose."""
        return np.zeros(len(losses), bool)


@checked()
def halving(min_steps: int, eta: int = 2) -> Pruner:
    """Let the best 1 in `eta` of a space's trials go on at `min_steps`, `eta * min_steps` and so on.

    64 trials with `halving(steps // 8)` are 64, 32, 16 and then 8, for a third of the steps; of n trials a rung keeps
    floor(n / eta**rung), and at least one (Jamieson & Talwalkar 2016, arXiv:1502.07943; the floor as in Li et al. 2016,
    arXiv:1603.06560, Alg. 1). With a sampler that works in rounds each round is halved by itself, however good it is:
    see `asha`.
    """
    return Halving(int(min_steps), int(eta))


@checked()
def asha(min_steps: int, eta: int = 2) -> Pruner:
    """Halve trials over rounds: at a rung a trial goes on if it is among the best 1 in `eta` that came there so far.

    Those are floor(n / eta) of n, and at least one.

    For samplers that learn (`run(rounds=)`): a round that is worse than the earlier ones ends at its first rung, and
    one that is better goes on whole. Trials that have ended count, at the rungs that they came to, and stay ended; what
    has diverged counts as worst at the rung that it was on its way to. (Li et al. 2018, arXiv:1810.05934, in its form
    that stops trials instead of pausing them. There each trial decides alone when it comes; here a round does at once,
    so that nothing depends on who was faster.)

    In one round it is `halving`, but for failures: halving keeps as many as if none had diverged, and this keeps 1 in
    `eta` of what came through the rung before.
    """
    return Asha(int(min_steps), int(eta))


@checked()
def hyperband(min_steps: int, eta: int = 3) -> Pruner:
    """Halve trials in brackets, from `min_steps` on, from `eta * min_steps` on, and so on up to never.

    It is for early values that may mislead (Li et al. 2016, arXiv:1603.06560; the brackets have its proportions).
    """
    return Hyperband(int(min_steps), int(eta))


@checked()
def median_rule(min_steps: int) -> Pruner:
    """End trials, every `min_steps`, whose best value so far is worse than the median of all trials' means so far.

    (Golovin et al. 2017, "Google Vizier", sec. 3.2.2.) Where Vizier takes completed trials, lanes in lockstep take all
    of their space, ended ones up to their ends.
    """
    return Median(int(min_steps))


def at_target() -> Pruner:
    """End a lane, as complete, at the first point where its metric has reached `run(target=)`."""
    return AtTarget()


def as_rules(stop: Any, target: float | None) -> tuple[Pruner, ...]:
    """Return the rules of `run(stop=)`: none, one, or a list of them."""
    rules = () if stop is None else tuple(stop) if isinstance(stop, (list, tuple)) else (stop,)
    for rule in rules:
        if isinstance(rule, AtTarget) and target is None:
            raise InputError("run(stop=at_target()): there is no target; pass run(target=) too.")
    return rules


def completing(points: np.ndarray, steps: int) -> list[int]:
    """Tell after how many points, but all of them, another `steps` are complete."""
    return (np.flatnonzero(np.diff(points // steps, prepend=0)[:-1]) + 1).tolist()


def _all_but(keep: int, losses: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return the candidates that are not among the best so many of them, bool[T]; ties go to the first."""
    order, lost = np.argsort(losses, kind="stable"), candidates.copy()
    lost[order[candidates[order]][:keep]] = False
    return lost


KINDS = {kind.__name__: kind for kind in (Halving, Asha, Hyperband, Median, AtTarget)}
RULES = Kind(
    "be one of jgd.sweep.halving, asha, hyperband, median_rule and at_target, called, or a list of them",
    lambda x: all(isinstance(one, tuple(KINDS.values())) for one in (x if isinstance(x, (list, tuple)) else [x])),
)
