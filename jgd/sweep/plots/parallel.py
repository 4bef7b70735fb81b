"""Parallel coordinates: each trial a line over the hyperparameters of its space to the metric, stronger the better."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.pages.figure import literal
from jgd.pages.palette import COLORS, FAINT, INK
from jgd.pages.ticks import even_marks, log_marks, plain
from jgd.sweep.plots.axis import Swept, swept
from jgd.sweep.plots.style import (
    blank,
    legend,
    metric_label,
    set_scale,
    space_color,
    thinned,
)
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.spaces.space import short

LINES = 300
PRUNED, LOST = -0.09, -0.17  # heights below the metric's axis, of trials without a value
RED = COLORS[3]


class _Scale(NamedTuple):
    """One vertical axis: its name, and where its ticks are, between 0 and 1."""

    name: str
    heights: Sequence[float]
    texts: Sequence[str]


def parallel_figure(result: Outcomes, space: str | None) -> Any:
    """Draw the lines of one space, the best unless named. See `Plots.parallel`."""
    space = result.ranking()[0].space if space is None else space
    rows = swept(result, (), space)
    if not rows:
        raise InputError(f"Result.plot.parallel: {space!r} has no distributions; there is nothing to draw.")
    ranked = [trial.number for trial in result.ranking(space)]
    heights, ends = _metric_heights(result, ranked)
    columns = np.array([*(_heights(row, ranked) for row in rows), heights]).T
    scales = [*map(_scale_of, rows), ends]
    figure = blank(max(6.0, 1.35 * len(scales) + 1.2), 3.6)
    panel = figure.subplots()
    panel.axis("off")
    panel.set_xlim(-0.35, len(rows) + 0.45)
    panel.set_ylim(min(0.0, *columns[:, -1]) - 0.03, 1.02)
    handles = _draw_lines(panel, result, space, ranked, columns)
    for i, one in enumerate(scales):
        _draw_scale(panel, i, one)
    legend(figure, handles)
    return figure


def _draw_lines(panel: Any, result: Outcomes, space: str, ranked: list[int], columns: np.ndarray) -> list[Any]:
    """Draw the lines from the worst, below, to the best, above; return the marks, for the legend."""
    chosen, color = set(thinned(result, ranked, LINES)), space_color(result, space)
    shown = [place for place, number in enumerate(ranked) if number in chosen]
    whole, handles = np.isfinite(result.medians[ranked]), []
    x, ended = np.arange(columns.shape[1]), int(whole[shown].sum())
    for i, place in reversed(list(enumerate(shown))):
        line = {"color": FAINT, "linewidth": 0.7, "alpha": 0.8, "label": "pruned or not ended"}
        if columns[place, -1] == LOST:
            line = {"color": RED, "linewidth": 0.7, "alpha": 0.5, "linestyle": (0, (3, 2)), "label": "diverged"}
        elif whole[place]:
            strength = (1 - i / ended) ** (2 if ended < 60 else 5)
            line = {"color": color, "linewidth": 0.9, "alpha": 0.06 + 0.6 * strength, "label": "trial"}
        if place == 0 and whole[0]:
            line |= {"linewidth": 2.6, "alpha": 1.0, "label": "best"}
        has = ~np.isnan(columns[place])
        handles += panel.plot(x, columns[place], zorder=2 + whole[place], solid_capstyle="round", **line)
        if not has.all():  # dotted over the axes of parts that it did not choose
            line |= {"linewidth": 0.7, "linestyle": (0, (1, 2)), "label": ""}
            panel.plot(x[has], columns[place][has], zorder=1, **line)
    return handles[::-1]


def _draw_scale(panel: Any, x: int, one: _Scale) -> None:
    panel.plot([x, x], [0, 1], color=INK, linewidth=1, zorder=4)
    panel.text(x, 1.06, literal(one.name), ha="center", va="bottom", fontsize=8.5, color=INK, fontweight="bold")
    for height, text in zip(one.heights, one.texts, strict=True):
        panel.plot([x - 0.02, x + 0.02], [height, height], color=INK, linewidth=1, zorder=4)
        panel.text(x + 0.045, height, literal(text), va="center", fontsize=7.5, color=INK, zorder=5)


def _heights(row: Swept, ranked: Sequence[int]) -> list[float]:
    """Return the units of these trials, which are even on the hyperparameter's own scale.

    Options keep to their middle.
    """
    units, options = row.units, row.axis.distribution
    if options.listed:
        middle = (np.minimum((units * options.listed).astype(int), options.listed - 1) + 0.5) / options.listed
        units = middle + 0.4 * (units - middle)
    found = dict(zip(row.numbers, units.tolist(), strict=True))
    return [found.get(number, np.nan) for number in ranked]


def _scale_of(row: Swept) -> _Scale:
    name, options = row.axis.name.replace("_", "\n").replace(".", "\n"), row.axis.distribution
    units = (np.arange(options.listed) + 0.5) / options.listed if options.listed else np.linspace(1e-3, 1 - 1e-3, 401)
    values = [options.shown(unit) for unit in units]
    if options.listed:
        heights, texts = list(units), [short(value) for value in values]
    else:
        logarithmic, known = options.scale == "log", np.array(values, float)
        low, high = known.min(), known.max()
        room = 0.01 * (high - low)  # the outermost thousandths are missing
        wanted = even_marks(low - room, high + room, whole=all(isinstance(value, int) for value in values))
        texts = [plain(x) for x in wanted]
        if logarithmic:
            wanted, texts = log_marks(0.99 * low, 1.01 * high)
        heights = np.interp(wanted, known, units).tolist()
    return _Scale(name, heights, texts)


def _metric_heights(result: Outcomes, ranked: Sequence[int]) -> tuple[list[float], _Scale]:
    """Tell where trials end on the metric's axis, the best end above, and that axis."""
    probe, up = blank(2, 2).subplots(), result.settings.mode == "max"
    ends = result.medians[ranked]
    set_scale(probe, result, ends)

    def height(values: Any) -> np.ndarray:
        points = np.stack([np.zeros(len(values)), np.asarray(values, float)], axis=1)
        share = probe.transAxes.inverted().transform(probe.transData.transform(points))[:, 1]
        return np.clip(share if up else 1 - share, 0, 1)

    low, high = probe.get_ylim()
    ticks = [tick for tick in probe.get_yticks() if low <= tick <= high] if np.isfinite(ends).any() else []
    lost = (result.status[ranked] == "diverged").any(axis=1)
    whole = np.isfinite(ends)
    places = np.where(lost, LOST, PRUNED)
    places[whole] = height(ends[whole])
    heights, texts = height(ticks).tolist() if ticks else [], [plain(float(tick)) for tick in ticks]
    for kind, where, text in ((lost & ~whole, LOST, "diverged"), (~lost & ~whole, PRUNED, "pruned")):
        if kind.any():
            heights, texts = [*heights, where], [*texts, text]
    return places.tolist(), _Scale(metric_label(result), heights, texts)
