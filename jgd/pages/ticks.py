"""The labelled values of an axis: round numbers, few enough to be read."""

import math
from typing import Any

from jgd.core.optional import require

FEWEST_TICKS, MOST_TICKS = 3, 5  # labelled values of an axis


def log_ticks(axis: Any) -> None:
    """Label a logarithmic axis between its present limits."""
    low, high = sorted(axis.get_view_interval())
    axis.set_ticks(*log_marks(low, high))
    axis.set_ticks([], minor=True)


def log_marks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return at least three round numbers from low to high, even by their ratios, and their texts.

    Powers of ten, at most five, as 1e-3; of fewer than three decades 1, 3, 10, or 1, 2, 5, 10, as plain numbers; where
    that is too coarse, even steps.
    """
    decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    if len(decades) >= FEWEST_TICKS:
        powers = [10.0**i for i in decades if i % math.ceil(len(decades) / MOST_TICKS) == 0]
        return powers, [f"{power:.0e}".replace("e-0", "e-").replace("e+0", "e") for power in powers]
    wider = range(decades.start - 1, decades.stop + 1)
    for digits in ((1, 3), (1, 2, 5)):
        found = [x for i in wider for d in digits if low <= (x := float(f"{d}e{i}")) <= high]
        if len(found) >= FEWEST_TICKS:
            return found, [plain(x) for x in found]
    found = even_marks(low, high)
    return found, [plain(x) for x in found]


def even_marks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """List three to six round numbers in even steps from low to high, fewer where there are no more whole ones."""
    ticks = require("matplotlib.ticker", "a picture")
    locator = ticks.MaxNLocator(MOST_TICKS, min_n_ticks=FEWEST_TICKS, steps=[1, 2, 2.5, 5, 10], integer=whole)
    found = locator.tick_values(low, high)
    return [float(x) for x in found if low <= x <= high and (not whole or float(x).is_integer())]


def plain(value: float) -> str:
    """Write a round number with all of its digits, as in 0.0125 and 3e-5."""
    return f"{value:.12g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
