"""Findings about a model's layers: what is not finite, dead units, and signals that vanish, explode or saturate."""

import math
from collections.abc import Iterator

import jax
import numpy as np

from jgd.core.finding import BROKEN, SLOW, WATCH, Finding, Findings, worst_first
from jgd.core.tree import path_names
from jgd.health.attention_findings import attention_findings
from jgd.health.finding import Thresholds
from jgd.health.layers import Looked, slope, slope_of_parameters
from jgd.health.taps import LOGITS

OVERFLOW = 65504.0  # the largest number of float16
COUNTS = math.log(100)  # of a fall or a growth over all layers


def layer_findings(looked: Looked, thresholds: Thresholds) -> Findings:
    """Find what is wrong with the layers alone, the worst first, and of one severity causes first."""
    return worst_first((*cause_findings(looked, thresholds), *signal_findings(looked, thresholds)))


def cause_findings(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find what would spoil any training: what is not finite or dead, units that are alike, outputs met wrongly."""
    for rule in (_nonfinite, _broadcast, _axis, _dead, _alike):
        yield from rule(looked, t)


def signal_findings(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find logits of attention that are too large, a signal that vanishes or explodes, and what is saturated."""
    for rule in (attention_findings, _slope, _saturated):
        yield from rule(looked, t)


def _nonfinite(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find the first of layers, loss and gradients that is not finite."""
    bad = [layer for layer in looked.layers if float(np.max(layer.nonfinite)) > float(t.nonfinite)]
    if bad:
        layer = bad[0]
        half = layer.tap.dtype == np.float16
        yield Finding(
            BROKEN, layer.tap.label, "share of values that are not finite", float(np.max(layer.nonfinite)), "0",
            f"{layer.tap.dtype} overflows above {OVERFLOW:g} here" if half else "its inputs or parameters are too "
            "large, or an operation before it is undefined", "compute in bfloat16 or float32, or scale what enters it"
            if half else "run jgd.health.autopsy for the operation, and scale or clip what enters it",
        )  # fmt: skip
    elif not math.isfinite(looked.loss):
        yield Finding(
            BROKEN, "the loss", "value", looked.loss, "a finite number",
            "all layers are finite, so its own formula is undefined: an empty mask, a zero divisor, a logarithm of "
            "zero", "guard the division or the logarithm in the loss",
        )  # fmt: skip
    elif lost := [path for path, finite in jax.tree_util.tree_leaves_with_path(looked.finite) if not finite]:
        half = any(g.dtype == np.float16 for g in jax.tree.leaves(looked.grads))
        yield Finding(
            BROKEN, "/".join(path_names(lost[0])) or "params", "gradient", "not finite", "finite numbers",
            "its sum overflows float16" if half else "the loss is finite, but its derivative is not: the root or the "
            "norm of a zero, or a branch of where that is not chosen", "scale the loss, and compute sums in float32"
            if half else "write the root as jnp.sqrt(jnp.where(x > 0, x, 1)), or add an epsilon within it",
        )  # fmt: skip


def _broadcast(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find a loss in which the output of each example meets the label of each other one."""
    if n := looked.crossed:
        yield Finding(
            BROKEN, "the loss", "numbers in which outputs meet the data", n * n, f"{n}, one for each output",
            f"shapes ({n}, 1) and ({n},) broadcast to ({n}, {n}), so that each output is compared with all labels",
            "give outputs and labels one shape: squeeze the outputs, or add an axis to the labels",
        )  # fmt: skip


def _dead(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find layers whose units are zero on every example, up to the first of which none is alive."""
    for layer in looked.layers:
        share = float(np.max(layer.dead))
        if share > float(t.dead):
            whole = share >= 1
            yield Finding(
                BROKEN if whole else SLOW, layer.tap.label, "share of units that are zero on every example", share,
                f"below {float(t.dead):g}", "a unit that is always zero gets no gradient and never comes back",
                "draw its parameters anew with He's variance and a bias of zero, lower the rate that killed it, or use "
                "leaky_relu",
            )  # fmt: skip
            if whole:
                return


def _axis(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find a loss whose softmax is taken over the examples, and not over the classes that its layer has."""
    units = {f"{layer.tap.name} {LOGITS}": layer.tap for layer in looked.products()}
    for logits in looked.logits:
        made = units.get(logits.tap.name)
        if made is None or made.shape != logits.tap.shape or made.stacked:
            continue
        if 0 in logits.tap.units and 0 not in made.units and made.has_several_units:
            axis = made.units[-1]
            yield Finding(
                BROKEN, made.name, "axis of the softmax in the loss", 0.0, f"{axis}, that of its {made.shape[axis]} "
                "units", "it sums over the examples of a batch, so that these compete and classes do not",
                "take the softmax over the last axis",
            )  # fmt: skip


def _alike(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find the first layer all of whose units are alike, and stay so."""
    for layer in looked.layers:
        if np.any(layer.alike):
            yield Finding(
                BROKEN, layer.tap.label, "difference between its units", 0.0, "other than zero",
                "all of them start alike and get the same gradient, so that they are one unit for ever",
                "draw its parameters at random",
            )  # fmt: skip
            return


def _slope(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find a signal that vanishes or explodes on its way back."""
    fall, count = slope(looked.products())
    if severity := severity_of_slope(fall, count, t):
        vanishing, usual = fall > 0, t.slope if severity == BROKEN else t.watched_slope
        # A layer that is passed many times learns from the passes near the loss, whatever comes back to the others.
        shared = vanishing and not severity_of_slope(*slope_of_parameters(looked.products()), t)
        yield Finding(
            WATCH if shared else severity, "the layers' signals", "slope of log RMS over the depth, per layer,", fall,
            f"within {float(usual):g} of 0",
            f"over {count} layers the signal that comes back {'vanishes' if vanishing else 'explodes'} by a factor of "
            f"{_large(abs(fall) * (count - 1))}" + (", in passes of the same layers: they learn little from the first "
            "ones" if shared else ""),
            "where those matter, use gates, as in an LSTM, or an orthogonal recurrent matrix" if shared else
            "use He's or orthogonal initialisation, residual connections or normalisation" if vanishing else
            "lower the gain of the initialisation, normalise, or clip the gradient",
        )  # fmt: skip


def _saturated(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find the first layer that is saturated, but for the outputs, which are so where a model has learnt."""
    last = max((i for i, layer in enumerate(looked.layers) if layer.tap.is_layer), default=0)
    for layer in looked.layers[:last]:
        share = float(np.max(layer.saturated))
        if share > float(t.saturated):
            yield Finding(
                SLOW, layer.tap.label, "share of values near its ends", share, f"below {float(t.saturated):g}",
                "a saturated unit passes hardly any gradient", "draw smaller parameters before it, or normalise what "
                "enters it",
            )  # fmt: skip
            return


def severity_of_slope(fall: float, count: int, t: Thresholds) -> int:
    """Return how severe a slope is: 0 below its thresholds, and where it is a factor below 100 over all layers."""
    if not abs(fall) * (count - 1) > COUNTS:
        return 0
    return BROKEN if abs(fall) > float(t.slope) else WATCH if abs(fall) > float(t.watched_slope) else 0


def _large(log: float) -> str:
    """Write exp(log) with one digit that counts."""
    digits = int(log / math.log(10))
    return f"{round(math.exp(log), -digits):,.0f}" if digits < 6 else f"10^{digits}"
