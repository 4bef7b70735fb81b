"""The verdict: measurements against thresholds, as findings with a cause and a remedy, causes first."""

import math
from collections.abc import Iterator, Sequence

import jax.numpy as jnp
import numpy as np

from jgd.core.finding import BROKEN, SLOW, WATCH, Finding, Findings
from jgd.health.data_findings import label_findings, repeated_findings, scale_findings
from jgd.health.evaluation_findings import evaluation_findings
from jgd.health.finding import Thresholds
from jgd.health.layer_findings import cause_findings, signal_findings
from jgd.health.layers import Layer
from jgd.health.leaf_findings import (
    apart_findings,
    decay_findings,
    is_scheduled,
    short_findings,
    still_findings,
    unconnected_findings,
)
from jgd.health.leaves import MeasuredLeaf
from jgd.health.measured import Measured
from jgd.health.trials import FACTORS, REPEATS

ROUNDINGS = 4  # units of the last layer's precision, in which a loss may be computed too
HARDLY = 0.05  # of the loss: what another rate must gain for this one to be blamed that gains nothing
MINOR = 0.45  # of the weights: a share of the parameters that is not the larger one, with the error of a difference
SUMS = 1e-3  # within which a sum's difference from the mean over its halves is 1/2


def verdict(measured: Measured, thresholds: Thresholds) -> Findings:
    """Find what is wrong; the first finding is what to mend first, for it may be the cause of those below it."""
    m, t, looked = measured, thresholds, measured.looked
    pairs, rate, heart = (tuple(rule(m, t)) for rule in (_pairs, _rate, _heart))
    # With a rate that is well, what cannot be learnt by heart is no matter of the labels.
    trials = (heart, pairs) if heart and not rate else (pairs, rate, heart)
    rules = (
        scale_findings(m, t), label_findings(m, t), cause_findings(looked, t), unconnected_findings(m, t),
        _ended(m, t), still_findings(m, t), short_findings(m, t), _direction(m, t), _averaged(m, t),
        signal_findings(looked, t), _sum(m, t), _start(m, t), _unbounded(m, t), apart_findings(m, t),
        decay_findings(m, t), *trials, evaluation_findings(m, t), repeated_findings(m, t), _smaller(m, t),
    )  # fmt: skip
    return Findings(finding for rule in rules for finding in rule)


def _ended(m: Measured, t: Thresholds) -> Iterator[Finding]:
    for name, (first, now, later) in m.rates.items():
        top = max(first, now)
        if top > 0 and later <= 1e-3 * top:
            yield Finding(
                BROKEN, f"the optimizer's {name}", "rate", later, f"about {top:.3g}, as it has been",
                f"the schedule has ended by step {m.taken + m.steps}", "make the schedule as long as the run",
            )  # fmt: skip
            return


def _direction(m: Measured, t: Thresholds) -> Iterator[Finding]:
    if m.chained > 1:
        yield Finding(
            BROKEN, "the optimizer", "learning rates in one chain", m.chained, "1",
            "each scales the update and turns its sign, so that the step is the product of all", "chain transforms, "
            "such as jgd.scale_by_adam, and one optimizer at the end",
        )  # fmt: skip
    elif math.isfinite(m.uphill) and m.uphill < float(t.uphill):
        yield Finding(
            BROKEN, "the optimizer", "cosine of the update and the direction of descent", m.uphill, "above 0",
            "it goes uphill: a sign is wrong", "end the chain with jgd.scale_by_learning_rate, which turns the "
            "sign, and let the loss be what is to fall",
        )  # fmt: skip


def _averaged(m: Measured, t: Thresholds) -> Iterator[Finding]:
    if m.averaged < MINOR:
        yield Finding(
            BROKEN, "the loss", "share of the parameters in the weights that it is computed with", m.averaged, "1",
            "the rest is an average of earlier ones, from the model state, so that steps hardly change the loss",
            "compute the loss with the parameters themselves, and use their average to evaluate, as by "
            "jgd.ema_params",
        )  # fmt: skip


def _rate(m: Measured, t: Thresholds) -> Iterator[Finding]:
    if m.trials is None or m.uphill < float(t.uphill) or not math.isfinite(m.trials.before):
        return
    gains, held = {f: m.trials.gain(f) for f in FACTORS}, m.trials.held_after
    best = FACTORS[int(np.argmin(np.where(np.isfinite(held), held, np.inf)))]
    rise, unit = _rise(m), _unit(m)
    worse = held[FACTORS.index(1.0)] - m.trials.held_before > 0.2 * unit
    lost = gains[1.0] <= 0 and gains[best] > HARDLY * unit
    if best < 1 and (rise > float(t.overshoot) or lost or worse):
        yield Finding(
            BROKEN, "the optimizer's rate", f"largest loss of {m.span} over the first one",
            rise if math.isfinite(rise) else "not finite", "about 1",
            f"the rate is too high: at {best:g} times the rate the loss of held-out examples goes from "
            f"{m.trials.held_before:.3g} to {held[FACTORS.index(best)]:.3g}{_evidence(m, t)}{_raised(m)}",
            f"lower it {1 / best:g}x, or warm up",
        )  # fmt: skip
    elif gains[1.0] <= 0 and m.fresh:
        yield Finding(
            BROKEN, "the loss", f"fall in {m.span}", gains[1.0] if math.isfinite(gains[1.0]) else "not finite",
            "above 0", "no rate from a hundredth to ten times this one lowers it", "look at the loss and its gradient "
            "with jgd.check_grads",
        )  # fmt: skip
    if m.memory > float(t.stale):
        yield Finding(
            SLOW, "the optimizer's state", "root of its second moment over the gradient's norm, less the loss's fall,",
            m.memory, f"below {float(t.stale):g}", "its steps are divided by gradients that were so much larger, of "
            "another run or of a spike", "begin with a new state, or lower b2",
        )  # fmt: skip
        return
    ratio = gains[10.0] / gains[1.0] if gains[1.0] > 0 else 0.0
    limit = min(1.3, float(t.too_low)) if _share_of_edge(m) < float(t.timid) else float(t.too_low)
    if ratio > limit and not is_scheduled(m) and gains[10.0] > 0.01 * abs(m.trials.before):
        yield Finding(
            BROKEN if ratio > float(t.too_low) else WATCH, "the optimizer's rate",
            "fall of the loss at ten times the rate over that at this one", ratio, f"below {limit:g}",
            f"the rate is too low: in {m.span} the loss falls by {gains[1.0]:.2g}, with ten times the rate by "
            f"{gains[10.0]:.2g}", "raise it 10x, or check with as many steps as the run will have",
        )  # fmt: skip


def _raised(m: Measured) -> str:
    """Add by how much a schedule raises the rate meanwhile."""
    raised = [f"{now:.3g} to {later:.3g}" for _, now, later in m.rates.values() if later > 2 * now]
    return f"; its schedule goes from {raised[0]} in these steps" if raised else ""


def _heart(m: Measured, t: Thresholds) -> Iterator[Finding]:
    share = m.trials.by_heart if m.trials is not None else math.nan
    limit = float(t.by_heart) * (2 if m.spread > 0 else 1)  # draws, as of a VAE or of dropout, leave a floor
    if share > limit and not is_scheduled(m):
        yield Finding(
            WATCH, "the model", f"least loss of {REPEATS} steps on a few examples over the first", share,
            f"below {limit:g}", "it cannot learn even these by heart, as if its inputs did not reach its outputs or "
            "these could not reach the labels", "look for a softmax or relu too many at its end, and at the shapes "
            "that the loss compares, unless the loss has a floor above zero, as with soft labels or rewards",
        )  # fmt: skip


def _rise(m: Measured) -> float:
    """Return the largest loss on the way, or at the end on held-out examples, as a multiple of the first.

    Infinity for NaN.
    """
    assert m.trials is not None
    losses, (end, held) = m.trials.losses, (float(x[FACTORS.index(1.0)]) for x in (m.trials.after, m.trials.held_after))
    if not np.all(np.isfinite(losses)) or not math.isfinite(end) or not math.isfinite(held):
        return math.inf
    most = max(float(np.max(losses) - losses[0]), held - m.trials.held_before)
    return 1 + most / _unit(m) if _unit(m) > 0 else 1.0


def _unit(m: Measured) -> float:
    """Return what changes of the loss are measured by: its first value, or its fall where that leads below zero."""
    assert m.trials is not None
    before, losses = m.trials.before, m.trials.losses
    return max(abs(before), before - float(np.min(losses, initial=before, where=np.isfinite(losses))))


def _evidence(m: Measured, t: Thresholds) -> str:
    """Add the sharpness where it says the same."""
    share = _share_of_edge(m)
    return f", and the sharpness is {share:.2g} times the edge of stability" if share > float(t.sharpness) else ""


def _share_of_edge(m: Measured) -> float:
    """Return the sharpness as a multiple of that at which the optimizer diverges, NaN where either is not known."""
    return m.edge.rate * m.sharpness / m.edge.limit if m.edge is not None else math.nan


def _is_sum(m: Measured) -> bool:
    """Tell whether the loss of half a batch is half of it."""
    return abs(m.linearity - 0.5) < SUMS


def _sum(m: Measured, t: Thresholds) -> Iterator[Finding]:
    if _is_sum(m) and m.linearity > float(t.linearity):
        yield Finding(
            WATCH, "the loss", "difference of a batch's and of the mean over its halves", m.linearity,
            f"below {float(t.linearity):g}, relative", "it is a sum over examples, so that gradients grow with the "
            "batch", "return the mean, so that rates do not depend on the batch size",
        )  # fmt: skip


def _start(m: Measured, t: Thresholds) -> Iterator[Finding]:
    if not m.fresh or m.labels is None:
        return
    # A loss may be a sum over tokens: also the cross-entropy of its outputs and labels at random is to be as large.
    logits, classes = m.looked.logits[-1], m.labels.classes
    first = min(m.looked.loss, float(np.mean(np.sqrt(logits.z_loss) - logits.mean)))
    if first > float(t.loss_at_start) * math.log(classes):
        yield Finding(
            SLOW, "the loss", "first value", first, f"about {math.log(classes):.3g}, the logarithm of {classes} "
            "classes", "the outputs are large before anything was learnt", "draw the last layer's parameters smaller, "
            "or normalise what enters it",
        )  # fmt: skip


def _unbounded(m: Measured, t: Thresholds) -> Iterator[Finding]:
    if m.trials is None:
        return
    before, one, ten = abs(m.trials.before), *(float(m.trials.after[FACTORS.index(f)]) for f in (1.0, 10.0))
    far = float(t.unbounded)
    if one < 0 and math.isfinite(ten) and ten < -far * before and ten < far * one:
        yield Finding(
            BROKEN, "the loss", f"value after {m.span} of ten times the rate", ten, f"above {-far * before:.3g}",
            f"it falls without bound, from {m.trials.before:.3g} to {one:.3g} with the rate itself: a sign is wrong, "
            "or it has no minimum", "let the loss be what is to fall, and bound it from below",
        )  # fmt: skip


def _pairs(m: Measured, t: Thresholds) -> Iterator[Finding]:
    z = m.trials.unpaired if m.trials is not None else math.nan
    if math.isfinite(z) and z < float(t.unpaired):
        yield Finding(
            BROKEN, "the data", "gain on held-out examples from their pairs, in standard errors,", z,
            f"above {float(t.unpaired):g}", f"training on shuffled pairs does as well, so labels tell nothing about "
            f"inputs that {m.span} can learn: they are shuffled or misaligned, or too hard for so few",
            "look at how inputs and labels are joined and ordered, and check with more steps",
        )  # fmt: skip


def _smaller(m: Measured, t: Thresholds) -> Iterator[Finding]:
    # Batch normalisation makes the loss of a batch differ from that of its halves, and so does rounding.
    rounding = ROUNDINGS * float(jnp.finfo(m.looked.layers[-1].tap.dtype).eps)
    limit = max(float(t.linearity), rounding, 0.4 if m.evaluating.floats else 0.0)
    if m.linearity > limit and not _is_sum(m):
        yield Finding(
            WATCH, "the loss", "difference of a batch's and of the mean over its halves", m.linearity,
            f"below {limit:.2g}, relative", "it is no mean over examples: these meet in it, as in pairs or batch "
            "normalisation, a mask weighs them, or half precision rounds their sum",
            "return a mean, summed in float32, so that rates do not depend on the batch size, unless this is meant",
        )  # fmt: skip
    large = [leaf for leaf in m.leaves if len(leaf.shape) > 1 and leaf.ratio > float(t.update_ratio)]
    if large:
        worst = max(large, key=lambda leaf: leaf.ratio)
        yield Finding(
            WATCH, worst.name, "|u|/|theta|", worst.ratio, f"below {float(t.update_ratio):g}", "a step changes a "
            "large part of it", f"lower its rate {worst.ratio / 0.01:.0f}x, warm up, or clip the update",
        )  # fmt: skip


def notes_of(layers: Sequence[Layer], leaves: Sequence[MeasuredLeaf], t: Thresholds) -> str:
    """Say in a word or two what of one layer crosses a threshold; nothing where nothing does."""
    said = []
    if any(float(np.max(layer.nonfinite)) > 0 for layer in layers):
        said.append("not finite")
    if any(float(np.max(layer.dead)) > float(t.dead) for layer in layers):
        said.append("dead")
    if any(float(np.max(layer.saturated)) > float(t.saturated) for layer in layers):
        said.append("saturated")
    if layers and not any(np.any(layer.signal) for layer in layers):
        said.append("no signal")
    if any(layer.tap.is_attention and float(np.max(layer.largest)) > float(t.attention) for layer in layers):
        said.append("large logits")
    if any(not leaf.connected and not leaf.frozen for leaf in leaves):
        said.append("not connected")
    if any(leaf.frozen for leaf in leaves):
        said.append("frozen")
    if any(len(leaf.shape) > 1 and leaf.ratio > float(t.update_ratio) for leaf in leaves):
        said.append("large steps")
    return ", ".join(said)
