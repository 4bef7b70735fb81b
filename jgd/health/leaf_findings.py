"""Findings about parameters leaf by leaf: what the loss does not reach, and steps that are none, too short or apart."""

import math
from collections.abc import Iterator, Sequence

from jgd.core.finding import BROKEN, SLOW, Finding
from jgd.health.finding import Thresholds
from jgd.health.leaves import MeasuredLeaf
from jgd.health.measured import Measured
from jgd.pages.text import count


def unconnected_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find leaves that the loss does not depend on."""
    lost = [leaf for leaf in m.leaves if not leaf.connected and not leaf.frozen]
    if len(lost) == len(m.leaves):
        yield Finding(
            BROKEN, "the loss", "gradient", 0.0, "other than zero for some leaf",
            "it depends on no parameter: all examples are masked, or everything is behind a stop_gradient",
            "look at what the loss is computed from",
        )  # fmt: skip
    elif lost:
        yield Finding(
            SLOW, _names(lost), "gradient", 0.0, "other than zero",
            "the loss does not depend on it, here nor at random parameters: it is unused, rounded, times zero, or "
            "behind a stop_gradient", "connect it, or keep it out of the parameters",
        )  # fmt: skip


def still_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find leaves that training does not move, though the loss depends on them, at random parameters at least."""
    meant = [leaf for leaf in m.leaves if not leaf.frozen]
    still = [leaf for leaf in meant if leaf.connected and not leaf.moved]
    if m.trials is None:
        return
    if flat := [leaf for leaf in still if leaf.gradient == 0]:
        yield Finding(
            SLOW if len(flat) < len(meant) else BROKEN, _names(flat), "gradient", 0.0, "other than zero",
            f"it is zero here, not at random parameters, and has not moved in {m.span}: what it is multiplied "
            "with is zero, or dead", "draw all but the last factor of a product at random",
        )  # fmt: skip
    elif still and len(still) == len(meant):
        yield Finding(
            BROKEN, "the optimizer", "update", 0.0, "other than zero",
            f"no leaf has moved in {m.span}: a mask excludes all leaves, or the rate is zero or below the "
            "parameters' precision", "look at its masks and groups, and at its rate",
        )  # fmt: skip
    elif stuck := [leaf for leaf in still if leaf.gradient > 0]:
        yield Finding(
            SLOW, _names(stuck), "update", 0.0, "other than zero",
            f"it has a gradient and has not moved in {m.span}: a mask excludes it, or its steps are below "
            "its precision", "freeze it on purpose by jgd.by_path, or take it out of the mask",
        )  # fmt: skip


def short_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find steps so short that no matrix of fresh parameters changes, and a clip that makes them so."""
    ratios = [leaf.ratio for leaf in _matrices(m) if leaf.ratio > 0]
    if m.fresh and ratios and max(ratios) < float(t.still) and not is_scheduled(m):
        cut = m.clipped == 1
        yield Finding(
            BROKEN, "the optimizer", "largest |u|/|theta|", max(ratios), f"above {float(t.still):g}",
            "its steps are too short to change anything" + (", for its clip cuts the gradient" if cut else ""),
            "raise the limit of the clip above the gradient's norm" if cut else "raise the rate",
        )  # fmt: skip


def apart_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find matrices whose steps are far longer or shorter than those of the others, and not for their gradients."""
    some = [leaf for leaf in _matrices(m) if leaf.step > 0 and leaf.per_gradient > 0 and math.isfinite(leaf.ratio)]

    def is_slow_beside(x: MeasuredLeaf, y: MeasuredLeaf) -> bool:
        limit = float(t.apart)
        return y.step > limit * x.step and y.per_gradient > limit * x.per_gradient

    slow = [x for x in some if any(is_slow_beside(x, y) for y in some)]
    fast = [y for y in some if any(is_slow_beside(x, y) for x in some)]
    if slow and fast:
        few, others = (slow, fast) if (are_few := len(slow) <= len(fast)) else (fast, slow)
        yield Finding(
            SLOW, _names(few), f"length of its steps over that of {others[0].name}'s", few[0].step / others[0].step,
            f"{1 / float(t.apart):.2g} to {float(t.apart):g}",
            f"the rate of its group is far {'below' if are_few else 'above'} that of the others",
            "bring the rates together, or freeze by jgd.by_path what is not to move",
        )  # fmt: skip


def decay_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find leaves of which weight decay takes away more in a few steps than they can learn."""
    gone = [leaf for leaf in m.leaves if leaf.decay > float(t.decay)]
    if gone:
        share = max(leaf.decay for leaf in gone)
        yield Finding(
            BROKEN, _names(gone), "share that weight decay takes away in a step", share, f"below {float(t.decay):g}",
            f"it forgets what it has learnt within {count(max(1, round(1 / share)), 'step')}",
            "lower weight_decay, by which the rate is multiplied, and leave biases out by mask=",
        )  # fmt: skip


def is_scheduled(m: Measured) -> bool:
    """Tell whether a rate is warming up, or has fallen to less than half."""
    return any(later > 2 * now or now < 0.5 * first for first, now, later in m.rates.values())


def _matrices(m: Measured) -> list[MeasuredLeaf]:
    return [leaf for leaf in m.leaves if len(leaf.shape) > 1 and not leaf.frozen]


def _names(leaves: Sequence[MeasuredLeaf]) -> str:
    shown = ", ".join(leaf.name for leaf in leaves[:3])
    return shown + (f" and {len(leaves) - 3} more" if len(leaves) > 3 else "")
