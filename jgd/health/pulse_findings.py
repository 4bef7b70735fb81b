"""Findings of a pulse: spikes, divergence, ratios, vanishing and exploding gradients, and what is not finite."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jgd.core.finding import BROKEN, SLOW, WATCH, Finding
from jgd.core.optional import require
from jgd.health.finding import Thresholds
from jgd.train.pulse import EVERYTHING

DECAY, WARM_UP = 0.97, 25  # of the moving mean and variance of spikes (Kumar et al. 2025, arXiv:2504.02507)
CLIPPED_AT = 2.5  # standard deviations with which a spike enters the mean, so that it does not blind the next
TALL, JUMP = 3.0, 0.05  # times the usual value, and, for losses, of the first loss above it: what a spike must reach
VANISHED = 1e-6  # |g||theta|/|loss| of the most sensitive matrix: below it no weight changes the loss
APART = 1e-7  # between the least and the most sensitive matrix
LEAP = 5.0  # times the largest usual |u|/|theta|, which no single step should exceed
ROSE = 3.0  # times the first loss


class Heard(NamedTuple):
    """Hold the curves of a pulse, of the groups of leaves by their names."""

    beats: dict[str, np.ndarray]
    loss: np.ndarray  # f[steps], at each step
    groups: tuple[str, ...]
    wide: tuple[str, ...]  # those with leaves of two axes or more

    @property
    def steps(self) -> np.ndarray:
        """The measured steps."""
        return self.beats.get("step", np.zeros(0, int))

    @property
    def taken(self) -> int:
        """How many steps have a loss."""
        return len(self.loss)

    def of(self, quantity: str, group: str = EVERYTHING) -> np.ndarray:
        """Return a quantity of a group at each measured step."""
        return self.beats.get(f"{quantity}/{group}", np.zeros(0))

    def later(self, quantity: str, group: str = EVERYTHING) -> np.ndarray:
        """Return the finite ones of the second half of them."""
        values = self.of(quantity, group)
        values = values[len(values) // 2 :]
        return values[np.isfinite(values)]

    def dataframe(self) -> Any:
        """Return a pandas table of it all, with the steps for its index."""
        return require("pandas", "Reading.dataframe()").DataFrame(self.beats).set_index("step")


def heard_findings(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find everything that is wrong in a pulse; of a run that ended non-finite, where that began comes first."""
    broken = list(_not_finite(heard, at))
    yield from broken
    yield from _rising(heard)
    yield from _spikes(heard, at)
    if not broken:
        yield from _sensitivity(heard)
        yield from _ratios(heard, at)
    yield from _cosines(heard, at)
    yield from _clipped(heard, at)


def z_scores(values: np.ndarray, rise: float = np.inf) -> np.ndarray:
    """Tell how many standard deviations each value lies above the moving mean of those before it.

    Mean and variance begin as the median and the median deviation of 25 values, of which a spike may be one, and decay
    by 0.97; a value above 2.5 deviations enters them as if it were there. The 25 get zero themselves, but for those
    that lie by `rise` above all but two before them. NaN is passed over.
    """
    found = np.zeros(len(values))
    finite = np.flatnonzero(np.isfinite(values))
    begin = values[finite[:WARM_UP]]
    for n in range(3, len(begin)):
        if begin[n] - np.sort(begin[:n])[-3] > rise:
            mean, spread = _middle_and_spread(begin[:n])
            found[finite[n]] = (begin[n] - mean) / max(spread, 1e-6 * abs(mean), 1e-30)
    if len(finite) <= WARM_UP:
        return found
    mean, spread = _middle_and_spread(begin)
    variance = spread**2
    for i in finite[WARM_UP:]:
        spread = max(variance**0.5, 1e-6 * abs(mean), 1e-30)
        found[i] = (values[i] - mean) / spread
        step = min(found[i], CLIPPED_AT) * spread
        variance = DECAY * variance + (1 - DECAY) * step**2
        mean += (1 - DECAY) * step
    return found


def loss_scores(losses: np.ndarray) -> np.ndarray:
    """Return these scores of the logs of losses, above the least where some are negative."""
    finite = losses[np.isfinite(losses)]
    return z_scores(np.log(np.maximum(losses - finite.min(initial=0.0), 1e-30)), float(np.log(TALL)))


def _middle_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Return the median, and the deviation of a normal distribution of that median deviation."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def _not_finite(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Tell where the first entries that are not finite are: of the parameters before the step, else of the gradient."""
    limit = float(at.nonfinite)
    bad_params, bad = heard.of("params_nonfinite"), heard.of("nonfinite")
    loss = np.flatnonzero(~np.isfinite(heard.loss))
    rows = np.flatnonzero((bad_params > limit) | (bad > limit))
    if not len(rows):
        if len(loss):
            yield _loss_finding(loss[0], heard)
        return
    row, step = rows[0], int(heard.steps[rows[0]])
    for quantity, what, because, remedy in (
        ("params_nonfinite", "parameters", "an update before this step made them so",
         "lower the rate or clip the gradient, and look at the optimizer's eps where the loss was finite"),
        ("nonfinite", "gradient", "the backward pass made them so" if np.isfinite(_loss_at(heard, step)) else
         "the forward pass made them so",
         "let jgd.health.autopsy name the operation, guard divisions, roots and logarithms at zero, or lower the rate "
         "if the activations overflowed"),
    ):  # fmt: skip
        shares = {g: heard.of(quantity, g)[row] for g in heard.groups if heard.of(quantity, g)[row] > limit}
        if shares:
            where = ", ".join(list(shares)[:4]) + (", ..." if len(shares) > 4 else "")
            worst = float(max(shares.values()))
            yield Finding(
                BROKEN, f"step {step}, {where}", f"share of the {what} that is not finite", worst, "0", because, remedy
            )
            return


def _loss_at(heard: Heard, step: int) -> float:
    return float(heard.loss[step]) if step < len(heard.loss) else np.nan


def _loss_finding(step: int, heard: Heard) -> Finding:
    return Finding(
        BROKEN, f"step {step}", "loss", float(heard.loss[step]), "a finite number", "the forward pass overflowed or "
        "divided by zero", "let jgd.health.autopsy name the operation and the example, and lower the rate",
    )  # fmt: skip


def _rising(heard: Heard) -> Iterator[Finding]:
    """Find a loss whose last tenth lies far above where it began."""
    finite = heard.loss[np.isfinite(heard.loss)]
    if len(finite) < 10:
        return
    first, last = float(np.median(finite[:3])), float(np.median(finite[-max(1, len(finite) // 10) :]))
    if first > 0 and last > ROSE * first:
        yield Finding(
            BROKEN, "the loss", "last loss as a multiple of the first", last / first, "below 1",
            "the steps go uphill or over the valley", "lower the rate tenfold or warm up, and check the loss's sign",
        )  # fmt: skip


def _spikes(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find the highest jump of the loss, or else of the norm of all gradients."""
    norm = heard.of("gradient_norm")
    for where, steps, values in (
        ("the loss", np.arange(heard.taken), heard.loss),
        ("the gradient", heard.steps, np.where(norm > 0, norm, np.nan)),
    ):
        of_loss, scores = where == "the loss", loss_scores(values)
        scores = np.maximum(scores, z_scores(values)) if of_loss else scores
        usual = _usual(values)
        tall = TALL * np.abs(usual)
        if of_loss:  # a jump of the loss is none beside what it began with
            tall = np.maximum(tall, usual + JUMP * np.abs(heard.loss[:1]))
        high = (scores > float(at.spike)) & (values > tall)
        if high.any():
            worst = int(np.argmax(np.where(high, scores, 0)))
            yield Finding(
                SLOW, f"{where} at step {int(steps[worst])}", "z-score", float(scores[worst]),
                f"below {float(at.spike):g}", f"{int(high.sum())} steps of {len(values)} jumped",
                "clip the gradient's norm, lower the rate or b2, and look at the batch",
            )  # fmt: skip
            return


def _usual(values: np.ndarray) -> np.ndarray:
    """Return the third largest of the finite values in the 25 places before each, NaN where there are none."""
    padded = np.concatenate([np.full(WARM_UP, -np.inf), np.where(np.isfinite(values), values, -np.inf)])
    if not len(values):
        return values
    windows = np.lib.stride_tricks.sliding_window_view(padded, WARM_UP)[: len(values)]
    usual = np.sort(windows, axis=1)[:, -3]  # not the largest two, which may be spikes themselves
    return np.where(np.isfinite(usual), usual, np.nan)


def _ratios(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find groups of matrices whose updates are too large or too small beside them."""
    for group in heard.wide:
        ratios, gradients = heard.later("update_ratio", group), heard.of("gradient_norm", group)
        if not len(ratios):
            continue
        ratio, all_ratios = float(np.median(ratios)), heard.of("update_ratio", group)
        highest = int(np.nanargmax(all_ratios))
        if ratio <= float(at.update_ratio) and all_ratios[highest] > LEAP * float(at.update_ratio):
            yield Finding(
                SLOW, group, f"|u|/|theta| at step {int(heard.steps[highest])}", float(all_ratios[highest]),
                f"below {LEAP * float(at.update_ratio):g}", "one step rewrote these leaves",
                "lower the rate, warm up, or clip",
            )  # fmt: skip
        elif ratio > float(at.update_ratio):
            yield Finding(
                SLOW, group, "|u|/|theta|", ratio, f"below {float(at.update_ratio):g}",
                "the rate is too high for these leaves",
                f"lower it {max(2, round(ratio / float(at.update_ratio) * 3)):g}x, warm up, or clip",
            )  # fmt: skip
        elif not np.any(all_ratios):
            still = not np.any(gradients)
            yield Finding(
                WATCH, group, "|u|/|theta|", 0.0, "above 0",
                "no gradient reaches these leaves" if still else "the optimizer does not move these leaves",
                "connect them to the loss, or leave them out" if still else "look at its mask, groups and rate",
            )  # fmt: skip
        elif ratio < float(at.still) and _is_stuck(heard):
            yield Finding(
                SLOW, group, "|u|/|theta|", ratio, f"above {float(at.still):g}",
                "these leaves hardly move, and in half precision not at all", "raise the rate, or scale their gradient",
            )  # fmt: skip


def _is_stuck(heard: Heard) -> bool:
    """Tell whether the loss has kept half of what it was: one that has fallen may lie where steps are small."""
    finite = heard.loss[np.isfinite(heard.loss)]
    return len(finite) > 0 and bool(np.abs(finite[-1]) > 0.5 * np.abs(finite[0]))


def _sensitivity(heard: Heard) -> Iterator[Finding]:
    """Find gradients that vanish: |g||theta|/|loss|, the change of the loss in percent for one percent of theta."""
    if not len(heard.steps):
        return
    loss = np.abs(heard.loss[np.minimum(heard.steps, heard.taken - 1)])
    early = slice(0, max(1, len(heard.steps) // 4))
    found = {}
    for group in heard.wide:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = (heard.of("gradient_norm", group) * heard.of("params_norm", group) / loss)[early]
        values = values[np.isfinite(values) & (values > 0)]
        if len(values):
            found[group] = float(np.median(values))
    if not found:
        return
    least, most = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    remedy = "initialise by He or orthogonally, add residuals or normalisation, or take another activation"
    if found[most] < VANISHED:
        yield Finding(
            BROKEN, most, "|g||theta|/|loss|", found[most], f"above {VANISHED:g}", "the gradient vanishes everywhere",
            remedy,
        )  # fmt: skip
    elif found[least] < APART * found[most]:
        yield Finding(
            SLOW, least, "|g||theta|/|loss|", found[least], f"above {APART * found[most]:.1e}",
            f"the gradient vanishes here, beside {most}", remedy,
        )  # fmt: skip


def _cosines(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find iterates that bounce between the walls of a valley."""
    cosines = heard.later("successive_cosine")
    if len(cosines) >= 3 and np.median(cosines) < float(at.successive):
        yield Finding(
            SLOW, "the run", "cosine of successive gradients", float(np.median(cosines)),
            f"above {float(at.successive):g}", "the steps jump from wall to wall: the rate is above 1/curvature",
            "halve it, or let it decay",
        )  # fmt: skip


def _clipped(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find a clip that acts at most steps."""
    clipped = heard.beats.get("clipped", np.zeros(0))
    known = np.isfinite(clipped)
    stand_for = np.diff(heard.steps, prepend=-1)[known]  # each for the steps since the one before it
    share = float(np.average(clipped[known], weights=stand_for)) if known.sum() >= 3 else 0.0
    if share > float(at.clipped):
        yield Finding(
            WATCH, "the optimizer", "share of steps whose gradient is clipped", share,
            f"below {float(at.clipped):g}", "the limit lies below the usual norm and sets the length of the steps",
            "raise it above the usual norm, or normalise on purpose",
        )  # fmt: skip
