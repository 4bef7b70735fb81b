"""Findings of a pulse: spikes, divergence, ratios, vanishing and exploding gradients, and what is not finite."""

from collections.abc import Iterator

import numpy as np

from jgd.core.finding import BROKEN, SLOW, WATCH, Finding
from jgd.health.finding import Thresholds
from jgd.health.heard import Heard, first_names
from jgd.health.jumps import TALL, jump_before, loss_scores, usual_before, z_scores
from jgd.health.ratio_findings import ratio_findings
from jgd.pages.text import count

STEPS = 30  # none of which comes back to the first loss by chance
BOUNCING = 0.75  # of the later cosines, that lie below the threshold


def heard_findings(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find everything that is wrong in a pulse; of a run that ended non-finite, where that began comes first."""
    broken = list(_not_finite(heard, at))
    yield from (*broken, *_skips(heard, at))
    yield from _rising(heard, at)
    if not broken:
        yield from _sensitivity(heard, at)
    jumps = [*_spikes(heard, at), *(ratio_findings(heard, at) if not broken else ())]
    yield from (finding for _, finding in sorted(jumps, key=lambda jump: jump[0]))  # the first is the others' cause
    yield from _cosines(heard, at)
    yield from _clipped(heard, at)


def _not_finite(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Tell where the first entries that are not finite are: of the parameters before the step, else of the gradient."""
    limit, skipped = float(at.nonfinite), _skipped(heard)
    lost = np.setdiff1d(np.flatnonzero(~np.isfinite(heard.loss)), heard.steps[skipped])
    bad = (heard.of("params_nonfinite") > limit) | (heard.of("nonfinite") > limit)
    rows = np.flatnonzero(bad & ~skipped)
    if not len(rows):
        if len(lost):
            yield _loss_finding(lost[0], heard)
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
            jump = jump_before(heard.loss[:step], float(at.spike))
            because = f"{because}; {jump}" if jump else because
            worst = float(max(shares.values()))
            yield Finding(
                BROKEN,
                f"step {step}, {first_names(list(shares))}",
                f"share of the {what} that is not finite",
                worst,
                "0",
                because,
                remedy,
            )
            return


def _skipped(heard: Heard) -> np.ndarray:
    """Tell at which measured steps the optimizer made nothing of a gradient that is not finite, and the run went on."""
    harmless = np.isfinite(heard.of("update_ratio")) & (heard.of("params_nonfinite") == 0)
    return (heard.of("nonfinite") > 0) & harmless & (heard.steps < heard.taken - 1)


def _skips(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find steps whose loss was not finite and which the optimizer skipped, or, as for a loss scale, most of the later.

    That a loss scale which begins too large is halved at first is no fault.
    """
    skipped = _skipped(heard)
    lost = np.intersect1d(heard.steps[skipped], np.flatnonzero(~np.isfinite(heard.loss)))
    late = skipped[len(skipped) // 2 :]
    if len(lost):
        yield Finding(
            WATCH, f"step {lost[0]}", "loss", float(heard.loss[lost[0]]), "a finite number",
            f"the optimizer skipped this step and {len(lost) - 1} more of {heard.taken}",
            "let jgd.health.autopsy name the operation and the example",
        )  # fmt: skip
    elif len(late) and late.mean() > float(at.skipped):
        yield Finding(
            SLOW, "the gradient", "share of the later steps that the optimizer skipped", float(late.mean()),
            f"below {float(at.skipped):g}", "a gradient was not finite there though the loss was",
            "let jgd.health.autopsy name the operation, or begin with a smaller loss scale",
        )  # fmt: skip


def _loss_at(heard: Heard, step: int) -> float:
    return float(heard.loss[step]) if step < len(heard.loss) else np.nan


def _loss_finding(step: int, heard: Heard) -> Finding:
    return Finding(
        BROKEN, f"step {step}", "loss", float(heard.loss[step]), "a finite number", "the forward pass overflowed or "
        "divided by zero", "let jgd.health.autopsy name the operation and the example, and lower the rate",
    )  # fmt: skip


def _rising(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find a loss whose last tenth lies far above where it began: above its first value, if none came back to that."""
    finite = heard.loss[np.isfinite(heard.loss)]
    if len(finite) < 10:
        return
    at_once = len(finite) >= STEPS and finite[1:].min() > float(at.rising) * finite[0] > 0
    first = float(finite[0] if at_once else np.median(finite[:3]))
    last = float(np.median(finite[-max(1, len(finite) // 10) :]))
    if first > 0 and last > float(at.rising) * first:
        yield Finding(
            BROKEN, "the loss", "last loss as a multiple of the first", last / first, "below 1",
            "the steps go uphill or over the valley", "lower the rate tenfold or warm up, and check the loss's sign",
        )  # fmt: skip


def _spikes(heard: Heard, at: Thresholds) -> Iterator[tuple[int, Finding]]:
    """Find the first jump of the loss, or else of the norm of all gradients, with its step.

    A norm that rises to stay, as one does that leaves a plateau between two measurements, has not jumped.
    """
    norm = heard.of("gradient_norm")
    for where, kind, steps, values in (
        ("the loss", "step", np.arange(heard.taken), heard.loss),
        ("the gradient", "measurement", heard.steps, np.where(norm > 0, norm, np.nan)),
    ):
        of_loss, scores = where == "the loss", loss_scores(values)
        scores = np.maximum(scores, z_scores(values)) if of_loss else scores
        usual = usual_before(values)
        tall = TALL * np.abs(usual)
        if of_loss:  # a jump of the loss is none beside what it began with
            tall = np.maximum(tall, usual + float(at.jump) * np.abs(heard.loss[:1]))
        else:
            next_two = np.stack([np.append(values, [np.nan] * i)[i:] for i in (1, 2)])
            tall = np.fmax(tall, TALL * np.fmin(*next_two))
        high = (scores > float(at.spike)) & (values > tall)
        if high.any():
            first = int(np.argmax(high))
            yield int(steps[first]), Finding(
                SLOW, f"{where} at step {int(steps[first])}", "z-score", float(scores[first]),
                f"below {float(at.spike):g}", f"{int(high.sum())} of {count(len(values), kind)} jumped",
                "clip the gradient's norm, lower the rate or b2, and look at the batch",
            )  # fmt: skip
            return


def _sensitivity(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find gradients that vanish: |g||theta|/|loss|, the change of the loss in percent for one percent of theta."""
    if not len(heard.steps):
        return
    loss = np.abs(heard.loss[np.minimum(heard.steps, heard.taken - 1)])
    early = heard.steps <= max(heard.steps[0], heard.taken // 4)
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
    known, apart = float(at.vanished), float(at.vanished_beside) * found[most]
    if found[most] < known:
        yield Finding(
            BROKEN, most, "|g||theta|/|loss|", found[most], f"above {known:g}", "the gradient vanishes everywhere",
            remedy,
        )  # fmt: skip
    elif found[least] < apart:
        yield Finding(
            SLOW, least, "|g||theta|/|loss|", found[least], f"above {apart:.1e}",
            f"the gradient vanishes here, beside {most}", remedy,
        )  # fmt: skip


def _cosines(heard: Heard, at: Thresholds) -> Iterator[Finding]:
    """Find iterates that bounce between the walls of a valley: most cosines are negative, not half, as of noise."""
    cosines = heard.later("successive_cosine")
    if len(cosines) >= 3 and np.quantile(cosines, BOUNCING) < float(at.successive):
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
