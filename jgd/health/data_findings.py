"""Findings about the data: their size, labels without a class, and examples that are the same."""

import math
from collections.abc import Iterator

from jgd.core.finding import BROKEN, WATCH, Finding
from jgd.health.finding import Thresholds
from jgd.health.measured import Measured


def scale_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find arrays of numbers that are too large, and data of zeros alone."""
    limit = float(t.data_scale)
    for name, size in m.data.items():
        if size > limit:
            yield Finding(
                BROKEN, name, "root mean square", size, f"below {limit:g}",
                "numbers of this size drive every layer after them out of its range", "subtract the mean of each "
                "column, and divide by its deviation",
            )  # fmt: skip
    if m.data and not any(m.data.values()):
        yield Finding(
            BROKEN, next(iter(m.data)), "root mean square", 0.0, "above 0", "all of its numbers are zero, so that "
            "nothing can be learnt from them", "look at how the data are read",
        )  # fmt: skip


def label_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find labels that no class of the loss belongs to: counted from 1, or any where the loss is not finite."""
    if m.labels is None or m.labels.largest < m.labels.classes:
        return
    name, least, largest, count = m.labels
    if (least >= 1 and largest == count) or not math.isfinite(m.looked.loss):
        yield Finding(
            BROKEN, name, "largest label", largest, f"below {count}, the number of classes",
            f"labels run from {least} to {largest}, and one without a class makes NaN, or gives nothing to learn",
            "count them from 0, or give the last layer a unit for each",
        )  # fmt: skip


def repeated_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find examples half of which or more repeat others, as in a stream that yields one batch again and again."""
    seen, distinct = m.seen
    if 2 * distinct <= seen:
        yield Finding(
            WATCH, "the data", f"number of different ones among {seen} examples", distinct, f"about {seen}",
            f"each occurs {seen / distinct:.0f} times, so that there is less to learn from than it seems, and held-out "
            "examples are known", "look at how the data are read and batched, unless they are few by nature",
        )  # fmt: skip
