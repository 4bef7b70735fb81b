"""Findings of a pulse about steps beside the matrices that they move: too long, too short, or none."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from jgd.core.finding import SLOW, WATCH, Finding
from jgd.health.finding import Thresholds
from jgd.health.heard import Heard, first_names

SIZED = 30  # steps after which a matrix that began with zeros has a size


def ratio_findings(heard: Heard, at: Thresholds) -> Iterator[tuple[int, Finding]]:
    """Find updates of matrices that are too large or too small beside them, with the step where that began.

    Groups of which the same is said are one finding, of the first of them that went wrong, or of several at one step
    that which lies furthest from the limit.
    """
    kinds: dict[str, list[tuple[int, Finding]]] = {}
    for step, finding in _ratio_of_each(heard, at):
        kinds.setdefault(finding.because, []).append((step, finding))
    for some in kinds.values():
        some.sort(key=lambda jump: (jump[0], -abs(np.log(max(float(jump[1].value), 1e-30) / float(at.update_ratio)))))
        step, first = some[0]
        yield step, dataclasses.replace(first, where=first_names([finding.where for _, finding in some]))


def _ratio_of_each(heard: Heard, at: Thresholds) -> Iterator[tuple[int, Finding]]:
    """Find the groups of matrices whose updates are too large or too small beside them, one by one."""
    limit, leap = float(at.update_ratio), float(at.leap) * float(at.update_ratio)
    for group in heard.wide:
        all_ratios, ratios = heard.of("update_ratio", group), heard.later("update_ratio", group)
        if not len(ratios):
            continue
        ratio = float(np.median(ratios))
        # A matrix of zeros has no size yet: in steady motion |u|/|theta| is 1/t after t steps.
        sized = (heard.steps >= SIZED) | (heard.of("params_norm", group)[0] > 0)
        high = np.where(sized, all_ratios, 0)
        highest = int(np.nanargmax(high))
        if ratio <= limit and high[highest] > leap:
            yield int(heard.steps[highest]), Finding(
                SLOW, group, f"|u|/|theta| at step {int(heard.steps[highest])}", float(high[highest]),
                f"below {leap:g}", "one step rewrote these leaves", "lower the rate, warm up, or clip",
            )  # fmt: skip
        elif ratio > limit and sized[-1]:
            yield 0, Finding(
                SLOW, group, "|u|/|theta|", ratio, f"below {limit:g}", "the rate is too high for these leaves",
                f"lower it {max(2, round(ratio / limit * 3)):g}x, warm up, or clip",
            )  # fmt: skip
        elif len(heard.steps) > 1 and not np.any(heard.of("gradient_norm", group)):  # though decay may move them
            yield 0, Finding(
                WATCH, group, "|g|", 0.0, "above 0", "no gradient reaches these leaves",
                "connect them to the loss, or leave them out",
            )  # fmt: skip
        elif not np.any(all_ratios):
            yield 0, Finding(
                WATCH, group, "|u|/|theta|", 0.0, "above 0", "the optimizer does not move these leaves",
                "look at its mask, groups and rate",
            )  # fmt: skip
        elif ratio < float(at.still) and _is_stuck(heard) and (ratio or not np.any(ratios)):  # no accumulation of steps
            because, remedy = _why_short(ratio, bool(np.any(heard.later("gradient_norm", group))))
            yield 0, Finding(SLOW, group, "|u|/|theta|", ratio, f"above {float(at.still):g}", because, remedy)


def _why_short(ratio: float, has_gradient: bool) -> tuple[str, str]:
    """Return the cause of short steps, and the remedy."""
    if ratio:
        return "these leaves hardly move, and in half precision not at all", "raise the rate, or scale their gradient"
    if has_gradient:
        return "these leaves have stopped", "let the schedule be as long as the run"
    return "no gradient reaches these leaves any more", "lower the rate, by which units may have died"


def _is_stuck(heard: Heard) -> bool:
    """Tell whether the loss has kept half of what it was: one that has fallen may lie where steps are small."""
    finite = heard.loss[np.isfinite(heard.loss)]
    return len(finite) > 0 and bool(np.abs(finite[-1]) > 0.5 * np.abs(finite[0]))
