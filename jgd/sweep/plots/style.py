"""The style of all pictures of a sweep: figures and panels of one look, scales, ticks, marks and notes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.pages.figure import literal, new_figure, style
from jgd.pages.palette import COLORS, INK
from jgd.pages.text import label_of
from jgd.pages.ticks import FEWEST_TICKS, even_marks, log_ticks, plain
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.results.outcomes import Outcomes

WIDTHS = (6.4, 3.7, 3.1, 2.6)  # inches of a panel, where there are one, two, three or four in a row
SHARES = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
SHOWN = 600  # trials in a panel; more are no more readable, and make a page slow
DEADLINE = {"max": 0.04, "min": 0.96}  # the height at the bad end of a panel where diverged trials are marked


def space_color(result: Outcomes, space: str) -> str:
    """Return the colour of a space in every picture."""
    return COLORS[result.spaces.index(space) % len(COLORS)]


def blank(width: float, height: float) -> Any:
    """Return an empty figure, in inches; it belongs to no window, and a notebook shows it as it shows any."""
    return new_figure(width, height, "a picture of a sweep")


def panels(count: int, *, sharex: bool = True, sharey: bool = True, height: float = 1.95) -> tuple[Any, list[Any]]:
    """Return a figure with so many panels, a row of them so many inches high."""
    columns = min(len(WIDTHS), max(1, count))
    lines = max(1, math.ceil(count / columns))
    figure = blank(WIDTHS[columns - 1] * columns, max(2.8, height * lines + 0.4))
    grid = list(figure.subplots(lines, columns, sharex=sharex, sharey=sharey, squeeze=False).ravel())
    for i, panel in enumerate(grid):
        style(panel)
        panel.set_visible(i < count)
        if i + columns >= count:
            panel.tick_params(labelbottom=True)  # also where the panel below is missing
    return figure, grid[:count]


def space_panels(result: Outcomes, spaces: Sequence[str], **options: Any) -> tuple[Any, list[Any]]:
    """Return a figure with a panel for each space, titled with its rank and name."""
    figure, found = panels(len(spaces), **options)
    ranks = [row.space for row in result.standings()]
    for panel, space in zip(found, spaces, strict=True):
        title = f"{ranks.index(space) + 1}  {space}" if len(ranks) > 1 else space
        panel_title(panel, title, space_color(result, space))
    if not spaces:
        say(figure, "No trial has a value.")
    return figure, found


def label(figure: Any, x: str, y: str) -> None:
    """Name the axes of all panels."""
    figure.supxlabel(literal(x), fontsize=9, color=INK)
    figure.supylabel(literal(y), fontsize=9, color=INK)


def panel_title(panel: Any, text: str, color: str) -> None:
    """Write a title in bold, a long one so small that a number fits beside it."""
    inches = panel.figure.get_figwidth() / panel.get_gridspec().ncols
    size = min(10.0, 130 * (inches - 0.7) / len(text))  # a bold letter is 1/130 inch wide by point; 0.7 for the number
    panel.set_title(literal(text), color=color, fontweight="bold", loc="left", fontsize=size)


def panel_note(panel: Any, text: str, color: str = INK) -> None:
    """Write a remark at the right end of a panel's title."""
    panel.set_title(literal(text), color=color, loc="right", fontsize=8)


def say(figure: Any, text: str) -> None:
    """Write a sentence into a panel that has nothing to draw."""
    figure.text(0.5, 0.5, text, ha="center", va="center", color=INK, fontsize=10)


def legend(figure: Any, handles: Sequence[Any]) -> None:
    """Explain the marks below all panels; each kind once."""
    kinds: dict[str, Any] = {}
    for handle in handles:
        kinds.setdefault(handle.get_label(), handle)
    if kinds:
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": len(kinds)}
        figure.legend(kinds.values(), kinds.keys(), **place, frameon=False, fontsize=8, labelcolor=INK)


def metric_label(result: Outcomes) -> str:
    """Return the metric's name."""
    return label_of(result.settings.metric)


def over_seeds(reduce: Any, values: np.ndarray) -> np.ndarray:
    """Reduce the finite seeds of f[seeds, n]; NaN where there are none."""
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.array([reduce(column) if column.size else np.nan for column in columns])


def last_medians(result: Outcomes) -> np.ndarray:
    """Return medians over seeds of the lanes' values when a rule ended them, or the sweep; f[T], NaN for none."""
    return over_seeds(np.median, result.last(result.settings.metric).T)


def thinned(result: Outcomes, numbers: Sequence[int], limit: int = SHOWN) -> list[int]:
    """Keep at most so many of these trials: half of them the best, the others evenly from the rest."""
    if len(numbers) <= limit:
        return list(numbers)
    order = np.asarray(numbers)[np.argsort(as_loss(result.medians[list(numbers)], result.settings.mode), kind="stable")]
    rest = order[limit // 2 :]
    return [*order[: limit // 2], *rest[np.linspace(0, len(rest) - 1, limit - limit // 2).astype(int)]]


def set_scale(axes: Any, result: Outcomes, values: np.ndarray) -> None:
    """Set a vertical axis that shows differences among the good ones, and leaves hopeless ones out of the frame."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        axes.set_yticks([])
        return
    if result.settings.mode == "max" and finite.min() >= 0 and 0.8 < finite.max() <= 1:
        _stretch_towards_one(axes, finite)
        return
    losses = as_loss(finite, result.settings.mode)
    curves = result.curves[result.settings.metric]
    if curves.shape[-1] == 1:
        hopeful = _fence(losses)
    else:
        hopeful = np.median(as_loss(curves[..., 0][np.isfinite(curves[..., 0])], result.settings.mode))
    best, worst = losses.min(), min(losses.max(), max(hopeful, np.median(losses)))
    if result.settings.mode == "min" and best > 0 and worst > 5 * best:
        room = (worst / best) ** 0.06
        axes.set_yscale("log")
        axes.set_ylim(best / room, worst * room)
        log_ticks(axes.yaxis)
        return
    pad = 0.06 * (worst - best) or 1.0
    low, high = best - pad, worst + pad
    axes.set_ylim(*((low, high) if result.settings.mode == "min" else (-high, -low)))


def _fence(losses: np.ndarray) -> float:
    """Tell beyond what values lie apart from the others (Tukey 1977), where nothing tells how training began."""
    scaled = np.log(losses) if losses.min() > 0 else losses
    lower, upper = np.quantile(scaled, [0.25, 0.75])
    fence = upper + 1.5 * (upper - lower)
    return float(np.exp(fence) if losses.min() > 0 else fence)


def within(panel: Any, values: np.ndarray) -> np.ndarray:
    """Return values with those beyond the frame moved to its edge, where their marks are cut in half."""
    return np.clip(values, *panel.get_ylim())


def _stretch_towards_one(axes: Any, values: np.ndarray) -> None:
    """Set a logarithmic scale of errors, labelled with the shares that are right, so that 0.9, 0.98 and 0.99 differ."""
    error = max(5e-4, 0.7 * (1 - values.max()))
    bottom = max(0.0, values.min() - 0.02)
    axes.set_yscale(
        "function",
        functions=(lambda y: -np.log10(np.maximum(1 - np.asarray(y), error / 2)), lambda z: 1 - 10 ** -np.asarray(z)),
    )
    axes.set_ylim(bottom, 1 - error)
    shares = [share for share in SHARES if bottom <= share <= 1 - error]
    ticks = shares if len(shares) >= FEWEST_TICKS else even_marks(bottom, 1 - error)
    axes.set_yticks(ticks, [plain(share) for share in ticks])
    axes.set_yticks([], minor=True)
