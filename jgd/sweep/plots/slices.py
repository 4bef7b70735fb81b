"""The metric at the end against one hyperparameter at a time, a panel for each on its own scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.core.errors import InputError
from jgd.pages.figure import literal
from jgd.pages.palette import FAINT, INK, WARN
from jgd.sweep.plots.axis import Swept, swept
from jgd.sweep.plots.style import (
    DEADLINE,
    label,
    last_medians,
    legend,
    metric_label,
    panel_note,
    panels,
    set_scale,
    space_color,
    thinned,
    within,
)
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.spaces.space import short

CROSSES = 60  # in a panel; they are all at one height


def axis_figure(result: Outcomes, names: Sequence[str], space: str | None) -> Any:
    """Draw every trial as a point: its median over seeds. See `Plots.axis`."""
    return _figure(result, names, space, isolate=False)


def isolation_figure(result: Outcomes, names: Sequence[str], space: str | None) -> Any:
    """Draw the best trial of each part of a range, with the range of its seeds. See `Plots.isolation`."""
    return _figure(result, names, space, isolate=True)


def _figure(result: Outcomes, names: Sequence[str], space: str | None, *, isolate: bool) -> Any:
    rows = swept(result, names, space)
    if not rows:
        raise InputError("Result.plot: nothing was swept; there is no hyperparameter to draw against.")
    figure, found = panels(len(rows), sharex=False, height=2.15)
    set_scale(found[0], result, result.values if isolate else result.medians)
    many, handles = len(result.spaces) > 1 and space is None, []
    for panel, row in zip(found, rows, strict=True):
        row.frame(panel)
        panel.set_xlabel(literal(row.axis.name.replace("_", " ")), fontsize=9, color=INK)
        if many:
            panel.set_title(
                literal(row.space), color=space_color(result, row.space), fontweight="bold", loc="left", fontsize=9
            )
        handles += _draw_points(panel, result, row, faint=isolate)
        if isolate:
            handles += _draw_best_of_bins(panel, result, row)
        handles += _draw_best(panel, result, row)
    label(figure, "", metric_label(result))
    legend(figure, handles)
    return figure


def _draw_points(panel: Any, result: Outcomes, row: Swept, *, faint: bool) -> list[Any]:
    """Draw the trials by what became of them; return the marks, for the legend."""
    color, place = space_color(result, row.space), dict(zip(row.numbers, row.places, strict=True))
    ends, lasts, status = result.medians, last_medians(result), result.status
    whole = [i for i in row.numbers if np.isfinite(ends[i])]
    pruned = [i for i in row.numbers if (status[i] == "pruned").any()]
    lost = [i for i in row.numbers if (status[i] == "diverged").any()]
    whole, pruned, lost = thinned(result, whole), thinned(result, pruned), lost[:: len(lost) // CROSSES + 1]
    handles = []
    if pruned:
        marks = {"marker": "o", "markersize": 3, "markerfacecolor": "none", "color": FAINT, "linestyle": "none"}
        bad = panel.get_ylim()[result.settings.mode == "min"]
        y = within(panel, np.where(np.isfinite(lasts[pruned]), lasts[pruned], bad))
        handles += panel.plot([place[i] for i in pruned], y, **marks, zorder=1.5, label="pruned, at its end")
    if whole:
        size = 3.6 if len(whole) < 100 else 2.6
        look = {"marker": "o", "linestyle": "none", "markeredgewidth": 0, "markersize": size, "zorder": 2}
        y = within(panel, ends[whole])
        x, alpha = [place[i] for i in whole], 0.35 if faint else 0.75
        handles += panel.plot(x, y, **look, color=color, alpha=alpha, label="trial, median over seeds")
    if lost:
        look = {"marker": "x", "linestyle": "none", "markersize": 4.5, "color": color, "zorder": 3}
        y = [DEADLINE[result.settings.mode]] * len(lost)
        x = [place[i] for i in lost]
        handles += panel.plot(x, y, **look, transform=panel.get_xaxis_transform(), label="a seed diverged")
    return handles


def _draw_best_of_bins(panel: Any, result: Outcomes, row: Swept) -> list[Any]:
    """Draw the best of each bin where it lies, joined where the axis has an order."""
    best = row.best_of_bins(result)
    if not best:
        return []
    color, place = space_color(result, row.space), dict(zip(row.numbers, row.places, strict=True))
    x, y, seeds = [place[i] for i in best], result.medians[best], result.values[best]
    # A seed that failed reaches to the frame's bad end.
    seeds = np.where(np.isfinite(seeds), seeds, panel.get_ylim()[result.settings.mode == "min"])
    panel.vlines(x, seeds.min(axis=1), seeds.max(axis=1), color=color, linewidth=1.2, alpha=0.5, zorder=3)
    line = "none" if row.labels else "-"
    return panel.plot(
        x, y, marker="o", markersize=4.2, linestyle=line, linewidth=1.6, color=color, zorder=4, label="best of its part"
    )


def _draw_best(panel: Any, result: Outcomes, row: Swept) -> list[Any]:
    """Draw a ring at the space's best trial, its value, and a mark where that touches an end of the range."""
    best = result.ranking(row.space)[0]
    if best.number not in row.numbers or not np.isfinite(result.medians[best.number]):
        return []
    i = row.numbers.index(best.number)
    end = best.at_edge.get(row.axis.name)
    text = short(row.values[i]) if not isinstance(row.values[i], float) else f"{row.values[i]:.2g}"
    panel_note(panel, f"{text}, at the {end} end!" if end else text, WARN if end else INK)
    if end:
        low, high = panel.get_xlim()
        panel.axvline(low if end == "low" else high, color=WARN, linewidth=3, zorder=5)
    x, y = row.places[i], result.medians[best.number]
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": "none", "zorder": 6}
    return panel.plot(x, y, **ring, color=space_color(result, row.space), label="best")
