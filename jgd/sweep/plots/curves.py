"""Spaces beside each other, a small panel for each, from the best to the worst, with the others behind in grey."""

from typing import Any

import numpy as np

from jgd.pages.palette import COLORS, FAINT, INK
from jgd.sweep.plots.axis import Swept, swept
from jgd.sweep.plots.style import (
    DEADLINE,
    label,
    legend,
    metric_label,
    over_seeds,
    panel_note,
    set_scale,
    space_color,
    space_panels,
)
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.spaces.space import short

BEHIND = 120  # curves in grey


def sensitivity_figure(result: Outcomes, name: str) -> Any:
    """Draw the best that each space reaches against one hyperparameter. See `Plots.sensitivity`."""
    found = swept(result, [name], None)
    # Where it chooses between schedules, it has no place on a scale of numbers.
    rows = {row.space: row for row in found if row.labels is None} or {row.space: row for row in found}
    best = {space: _best_along(result, row) for space, row in rows.items()}
    figure, panels = space_panels(result, list(rows))
    set_scale(panels[0], result, result.values)
    for panel, (space, row) in zip(panels, rows.items(), strict=True):
        for other, (x, numbers) in best.items():
            if other != space:
                look = _look(result, rows[other])
                panel.plot(x, result.medians[numbers], color=FAINT, markersize=2, zorder=1, **look | {"linewidth": 0.7})
        _draw_sensitivity(panel, result, row, *best[space])
    widest = max(rows.values(), key=lambda row: len(row.numbers))
    ends = [x for row in rows.values() for x in row.places]
    widest._replace(values=ends if widest.labels is None else widest.values).frame(panels[0])
    label(figure, name.replace("_", " "), metric_label(result))
    return figure


def curves_figure(result: Outcomes) -> Any:
    """Draw the best trial of each space while it trains. See `Plots.curves`."""
    best = {row.space: row for row in result.standings()}
    curves = {space: result.curves[result.settings.metric][row.trial.number] for space, row in best.items()}
    curves = {space: curve for space, curve in curves.items() if np.isfinite(curve).any()}
    figure, panels = space_panels(result, list(curves))
    for panel, space in zip(panels, curves, strict=True):
        color = space_color(result, space)
        for other, curve in curves.items():
            if other != space:
                _draw_median(panel, result, curve, color=FAINT, linewidth=0.7, markersize=2, zorder=1)
        _draw_curve(panel, result, curves[space], color)
        if _draw_target(panel, result) and np.isfinite(reached := best[space].steps_to_target):
            target = result.settings.target
            panel.plot(reached, target, "o", markersize=8, markerfacecolor="none", color=color, zorder=4)
            panel_note(panel, f"{short(target)} at step {reached:.0f}")
    if curves:
        set_scale(panels[0], result, np.array(list(curves.values())))
        _frame_steps(panels[0], result)
        if len(result.steps) > 1:
            panels[0].locator_params(axis="x", nbins=4)
    label(figure, "step", metric_label(result))
    return figure


def best_curves_figure(result: Outcomes, space: str | None, best: int) -> Any:
    """Draw the best few trials while they train, among all others. See `Plots.curves`."""
    ranked = [trial.number for trial in result.ranking(space)]
    curves = result.curves[result.settings.metric]
    leaders = [i for i in ranked[:best] if np.isfinite(curves[i]).any()]
    others = [i for i in ranked[best:] if np.isfinite(curves[i]).any()]
    figure, panels = space_panels(result, [result.trials[i].space for i in leaders[:1]])
    for panel in panels:
        panel.set_title("")
        figure.set_size_inches(7.2, 3.4)
        for i in others[:: len(others) // BEHIND + 1]:
            _draw_median(panel, result, curves[i], color=FAINT, linewidth=0.6, markersize=2, alpha=0.6, zorder=1)
        for place, i in reversed(list(enumerate(leaders))):
            _draw_curve(panel, result, curves[i], COLORS[place % len(COLORS)], f"trial {i}", zorder=3 - 0.1 * place)
        _draw_target(panel, result)
        set_scale(panel, result, curves[leaders])
        _frame_steps(panel, result)
        panel.set_xlabel("step", fontsize=9, color=INK)
        legend(figure, [line for line in panel.lines if line.get_label().startswith("trial")][::-1])
    label(figure, "", metric_label(result))
    return figure


def _best_along(result: Outcomes, row: Swept) -> tuple[np.ndarray, list[int]]:
    """Tell where the trials of a space lie, and which: all where nothing else was swept, else the best of each part."""
    alone = len(result.trials[row.numbers[0]].axes) == 1
    order = [row.numbers[i] for i in np.argsort(row.places, kind="stable")] if alone else row.best_of_bins(result)
    place = dict(zip(row.numbers, row.places, strict=True))
    return np.array([place[i] for i in order]), order


def _draw_sensitivity(panel: Any, result: Outcomes, row: Swept, x: np.ndarray, numbers: list[int]) -> None:
    color, middle = space_color(result, row.space), result.medians[numbers]
    whole = np.isfinite(middle)
    ends = [np.where(whole, over_seeds(end, result.values[numbers].T), np.nan) for end in (np.min, np.max)]
    look = _look(result, row)
    if look["linestyle"] == "none":
        panel.vlines(x, *ends, color=color, linewidth=1.2, alpha=0.5, zorder=2)
    else:
        panel.fill_between(x, *ends, color=color, alpha=0.2, linewidth=0, zorder=2)
    panel.plot(x, middle, color=color, markersize=2.8, zorder=3, **look | {"marker": "o"})
    lost = (result.status[row.numbers] == "diverged").any(axis=1)
    height = [DEADLINE[result.settings.mode]] * int(lost.sum())
    panel.plot(row.places[lost], height, "x", color=color, ms=5, transform=panel.get_xaxis_transform(), zorder=4)
    best = result.ranking(row.space)[0]
    value = result.medians[best.number]
    if np.isfinite(value) and best.number in row.numbers:
        i = row.numbers.index(best.number)
        panel.plot(row.places[i], value, "o", markersize=8, markerfacecolor="none", color=color, zorder=4)
        at = f"{row.values[i]:.2g}" if row.labels is None else row.values[i]
        panel_note(panel, f"{value:.3g} at {at}")


def _look(result: Outcomes, row: Swept) -> dict[str, Any]:
    """Show points of a space as a line where it has a meaning: through a grid, or the best of each part of a range.

    Trials at random differ in more than their place, so that a line through all of them is a zigzag.
    """
    alone = len(result.trials[row.numbers[0]].axes) == 1
    joined = row.even if alone else row.labels is None
    return {"linewidth": 1.6, "linestyle": "-" if joined else "none", "marker": "" if joined else "o"}


def _draw_curve(panel: Any, result: Outcomes, curve: np.ndarray, color: str, name: str = "", zorder: float = 3) -> None:
    """Draw the median over seeds, and the range of all of them."""
    low, high = over_seeds(np.min, curve), over_seeds(np.max, curve)
    if _is_point(low):
        panel.vlines(result.steps, low, high, color=color, alpha=0.5, linewidth=1.2, zorder=zorder - 1)
    else:
        panel.fill_between(result.steps, low, high, color=color, alpha=0.2, linewidth=0, zorder=zorder - 1)
    _draw_median(panel, result, curve, color=color, linewidth=1.8, markersize=5, zorder=zorder, label=name)


def _draw_median(panel: Any, result: Outcomes, curve: np.ndarray, **look: Any) -> None:
    """Draw the median over seeds as a line, or as a mark where it is a single point, which no line shows."""
    median = over_seeds(np.median, curve)
    look |= {"marker": "o", "linestyle": "none"} if _is_point(median) else {}
    panel.plot(result.steps, median, **look)


def _is_point(median: np.ndarray) -> bool:
    return int(np.isfinite(median).sum()) == 1


def _frame_steps(panel: Any, result: Outcomes) -> None:
    """Set the horizontal axis, from 0 to the last step; where there is only one, it stands in the middle."""
    if len(result.steps) == 1:
        panel.set_xlim(0, 2 * result.steps[0])
        panel.set_xticks(result.steps)
    else:
        panel.set_xlim(0, result.steps[-1])


def _draw_target(panel: Any, result: Outcomes) -> bool:
    """Draw a dashed line at the target, and tell whether there is one."""
    if result.settings.target is not None:
        panel.axhline(result.settings.target, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1.5)
    return result.settings.target is not None
