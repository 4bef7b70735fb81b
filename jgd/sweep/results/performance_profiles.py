"""Solvers over many problems by what each needs to reach its target: studies, performance profiles and their scores."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jgd.core.errors import InputError, unknown, whole

TAU = 4.0
RESAMPLES = 1000


class Score(NamedTuple):
    """A solver's integrated performance profile, with the middle 95% of what resampled studies give.

    These ranges are no 95% intervals. In simulations they hold the true score in 40 to 50% of cases with three studies,
    in 70 to 80% with five, in 80 to 90% with ten and in 85 to 95% with twenty. No interval with a level that holds for
    every distribution is known: a sign test bounds the median of one quantity, and a score is a function of the medians
    of all solvers on all problems at once.
    """

    solver: str
    score: float  # 1 is first on every problem, 0 is `tau` times behind on every one
    low: float
    high: float
    solved: float  # the share of the problems, 0 to 1
    behind: float  # the score of the best solver, or of another that was asked for, minus this one's, in pairs
    behind_low: float  # above 0: it is behind in 97.5% of the resamples
    behind_high: float


def studies_of(reached: np.ndarray, trials: int) -> np.ndarray:
    """Return the cost of each study, f[draws, seeds]: the least of its trials, infinity if none arrived.

    `reached` is f[draws * trials, seeds], as `Result.steps_to_target()[members]`: the steps or seconds that each trial
    needed, NaN where it never arrived. A study is `trials` consecutive trials under one seed.
    """
    reached = _positive(np.asarray(reached, float), "studies_of(reached)")
    trials = whole("studies_of", "trials", trials)
    if reached.ndim != 2 or len(reached) % trials:
        raise InputError(
            f"studies_of(reached): its shape is {list(reached.shape)}, expected [a multiple of {trials}, seeds]; "
            "sample as many trials as the studies need."
        )
    return reached.reshape(-1, trials, reached.shape[1]).min(axis=1)


def typical(studies: np.ndarray) -> np.ndarray:
    """Return the median over the studies of f[..., draws, seeds]; infinity if half of them or more are misses."""
    costs = _positive(np.asarray(studies, float), "typical(studies)")
    return np.median(costs.reshape(*costs.shape[:-2], -1), axis=-1)


def performance_ratios(costs: ArrayLike) -> np.ndarray:
    """Return each cost of f[..., solvers, problems] over the least on its problem: 1 is best, infinity is a miss."""
    costs = _positive(np.asarray(costs, float), "performance_ratios(costs)")
    hit, least = np.isfinite(costs), costs.min(axis=-2, keepdims=True)
    return np.where(hit, costs, 1.0) / np.where(np.isfinite(least), least, 1.0) + np.where(hit, 0.0, np.inf)


def performance_profile(costs: ArrayLike, taus: ArrayLike) -> np.ndarray:
    """Give the share of problems that each solver solves in `tau` times the best, f[solvers, taus] (Dolan & Moré 2002).

    A problem that no solver solves counts as one that all have missed.
    """
    return np.mean(performance_ratios(costs)[..., None] <= np.asarray(taus), axis=-2)


def integrated_scores(costs: ArrayLike, tau: float = TAU) -> np.ndarray:
    """Give the mean of each solver's profile between 1 and `tau`, f[..., solvers]: AlgoPerf's score (arXiv:2306.07179).

    In closed form: each problem adds (tau - ratio) / (tau - 1), or nothing beyond `tau`.
    """
    if not 1 < tau < np.inf:
        raise InputError(f"integrated_scores(tau={tau}): tau must be a number above 1.")
    return np.mean(np.clip((tau - performance_ratios(costs)) / (tau - 1), 0.0, 1.0), axis=-1)


def scores(
    solvers: Sequence[str],
    studies: ArrayLike,
    *,
    tau: float = TAU,
    resample_problems: bool = False,
    against: str | None = None,
) -> list[Score]:
    """Return the solvers from best to worst, by f[solvers, problems, draws, seeds] of what their studies cost.

    Each is compared with the best, or with the solver `against`.

    The ranges come from a bootstrap, see `Score`: draws and seeds are resampled, the same for all solvers, so that what
    they share cancels from differences. With `resample_problems` the problems are too: the ranges are then about
    problems like these, and wider; with few problems they mean nothing.
    """
    studies = np.asarray(studies, float)
    if studies.ndim != 4 or len(studies) != len(solvers):
        raise InputError(
            f"scores(studies): its shape is {list(studies.shape)}, expected [{len(solvers)} solvers, problems, draws, "
            "seeds]."
        )
    if against is not None and against not in solvers:
        raise unknown("scores(against)", against, solvers)
    costs = typical(studies)
    found, samples = integrated_scores(costs, tau), _resampled(studies, tau, resample_problems)
    order = np.argsort(-found, kind="stable")
    first = int(order[0]) if against is None else solvers.index(against)
    behind = samples[:, [first]] - samples
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    behind_low, behind_high = np.quantile(behind, [0.025, 0.975], axis=0)
    solved, gap = np.isfinite(costs).mean(axis=1), found[first] - found
    columns = np.stack([found, low, high, solved, gap, behind_low, behind_high], axis=1)
    return [Score(solvers[int(i)], *map(float, columns[i])) for i in order]


def _resampled(studies: np.ndarray, tau: float, resample_problems: bool) -> np.ndarray:
    """Return the scores of resampled tables, f[RESAMPLES, solvers]."""
    rng, (_, problems, draws, seeds) = np.random.default_rng(0), studies.shape
    rows = []
    for _ in range(RESAMPLES):
        some = rng.integers(0, problems, problems) if resample_problems else np.arange(problems)
        drawn, seeded = rng.integers(0, draws, draws), rng.integers(0, seeds, seeds)
        rows.append(integrated_scores(typical(studies[:, some][:, :, drawn][..., seeded]), tau))
    return np.array(rows)


def _positive(costs: np.ndarray, place: str) -> np.ndarray:
    """Return the costs with infinity for NaN.

    One that is not above zero is a mistake, such as a miss written as 0 or -1.
    """
    if (costs <= 0).any():
        raise InputError(f"{place}: it holds {np.nanmin(costs):g}, expected costs above 0; a miss is NaN or infinity.")
    return np.where(np.isnan(costs), np.inf, costs)
