"""Pictures of a sweep as matplotlib figures, a small panel for each space, from the best space to the worst."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.core.extras import require
from jgd.pages.palette import COLORS, FAINT, GRID, INK
from jgd.sweep.answers.result import Result
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.spaces.axes import Trial, short

COLUMNS = 4
SHARES = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


def color_of(result: Result, space: str) -> str:
    """The colour of a space in every picture."""
    return COLORS[result.spaces.index(space) % len(COLORS)]


def sensitivity_figure(result: Result, name: str, label: str) -> Any:
    """The metric at the end against the swept number `name`: the median over seeds, and the range of all of them.

    The other spaces are drawn behind in grey. The best trial has a ring; a rate at which a seed diverged has a cross at
    the bad end.
    """
    members = {row.space: _along(result, row.space, name) for row in result.standings()}
    members = {space: trials for space, trials in members.items() if trials}
    figure, panels = _panels(result, list(members))
    scales = {axis.distribution.scale for trials in members.values() for axis in trials[0].axes if axis.name == name}
    for panel, space in zip(panels, members, strict=True):
        for other, trials in members.items():
            if other != space:
                panel.plot(_numbers(trials, name), _medians(result, trials), color=FAINT, linewidth=0.7, zorder=1)
        _draw_sensitivity(panel, result, members[space], name, color_of(result, space))
    if scales == {"log"}:
        numbers = np.concatenate([_numbers(trials, name) for trials in members.values()])
        panels[0].set_xscale("log")
        panels[0].set_xlim(numbers.min() / 1.5, numbers.max() * 1.5)
        ticks = require("matplotlib.ticker", "a picture of a sweep")
        panels[0].xaxis.set_major_locator(ticks.LogLocator(numticks=5))
        panels[0].xaxis.set_major_formatter(
            ticks.FuncFormatter(lambda x, _: f"{x:.0e}".replace("e-0", "e-").replace("e+0", "e"))
        )
        panels[0].xaxis.set_minor_locator(ticks.NullLocator())
    _scale(panels[0], result, result.values)
    figure.supxlabel(name.replace("_", " "), fontsize=9, color=INK)
    figure.supylabel(label, fontsize=9, color=INK)
    return figure


def curves_figure(result: Result, label: str) -> Any:
    """The metric against steps for the best trial of each space: the median over seeds, and the range of all of them.

    The other spaces' are drawn behind in grey. The target is a dashed line; a ring is where the median reached it.
    """
    best = {row.space: row for row in result.standings()}
    curves = {space: result.curves[result.settings.metric][row.trial.number] for space, row in best.items()}
    curves = {space: curve for space, curve in curves.items() if np.isfinite(curve).any()}
    figure, panels = _panels(result, list(curves))
    target = result.settings.target
    for panel, space in zip(panels, curves, strict=True):
        color = color_of(result, space)
        for other, curve in curves.items():
            if other != space:
                panel.plot(result.steps, _over_seeds(np.median, curve), color=FAINT, linewidth=0.7, zorder=1)
        low, high = _over_seeds(np.min, curves[space]), _over_seeds(np.max, curves[space])
        panel.fill_between(result.steps, low, high, color=color, alpha=0.2, linewidth=0, zorder=2)
        panel.plot(result.steps, _over_seeds(np.median, curves[space]), color=color, linewidth=1.8, zorder=3)
        if target is not None:
            panel.axhline(target, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1.5)
            if np.isfinite(reached := best[space].steps_to_target):
                panel.plot(reached, target, "o", markersize=8, markerfacecolor="none", color=color, zorder=4)
                _note(panel, f"{short(target)} at step {reached:.0f}")
    if curves:
        _scale(panels[0], result, np.array(list(curves.values())))
        panels[0].set_xlim(0, result.steps[-1])
    figure.supxlabel("step", fontsize=9, color=INK)
    figure.supylabel(label, fontsize=9, color=INK)
    return figure


def _panels(result: Result, spaces: Sequence[str]) -> tuple[Any, list[Any]]:
    """A figure with a panel for each space, which share their axes."""
    columns = min(COLUMNS, max(1, len(spaces)))
    lines = max(1, math.ceil(len(spaces) / columns))
    figure = require("matplotlib.figure", "a picture of a sweep").Figure(
        (max(4.0, 2.6 * columns), 1.95 * lines + 0.4), layout="constrained"
    )
    figure.patch.set_visible(False)
    panels = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel())
    ranks = [row.space for row in result.standings()]
    for i, panel in enumerate(panels):
        panel.set_visible(i < len(spaces))
        panel.patch.set_visible(False)
        panel.grid(color=GRID, linewidth=0.8)
        panel.set_axisbelow(True)
        panel.tick_params(colors=INK, labelsize=8, length=0)
        for side, spine in panel.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(FAINT)
        if i < len(spaces):
            title = f"{ranks.index(spaces[i]) + 1}  {spaces[i]}"
            panel.set_title(title, color=color_of(result, spaces[i]), fontweight="bold", loc="left", fontsize=10)
        if i + columns >= len(spaces):
            panel.tick_params(labelbottom=True)  # also where the panel below is missing
    return figure, panels[: len(spaces)]


def _draw_sensitivity(panel: Any, result: Result, trials: list[Trial], name: str, color: str) -> None:
    x, middle = _numbers(trials, name), _medians(result, trials)
    values = result.values[[trial.number for trial in trials]].T
    whole = np.isfinite(middle)
    ends = [np.where(whole, _over_seeds(end, values), np.nan) for end in (np.min, np.max)]
    panel.fill_between(x, *ends, color=color, alpha=0.2, linewidth=0, zorder=2)
    panel.plot(x, middle, color=color, linewidth=1.6, marker="o", markersize=2.8, zorder=3)
    lost = [trial.params[name] for trial in trials if (result.status[trial.number] == "diverged").any()]
    bad_end = 0.04 if result.settings.mode == "max" else 0.96
    panel.plot(lost, [bad_end] * len(lost), "x", color=color, ms=5, transform=panel.get_xaxis_transform(), zorder=4)
    best = result.ranking(trials[0].space)[0]
    value = result.summary(best).median
    if np.isfinite(value):
        panel.plot(best.params[name], value, "o", markersize=8, markerfacecolor="none", color=color, zorder=4)
        _note(panel, f"{value:.3g} at {best.params[name]:.2g}")


def _note(panel: Any, text: str) -> None:
    """A remark at the right end of a panel's title."""
    panel.set_title(text, color=INK, loc="right", fontsize=8)


def _along(result: Result, space: str, name: str) -> list[Trial]:
    """The trials of a space in the order of a number."""
    return sorted((t for t in result.trials if t.space == space and name in t.params), key=lambda t: t.params[name])


def _numbers(trials: list[Trial], name: str) -> np.ndarray:
    return np.array([trial.params[name] for trial in trials])


def _medians(result: Result, trials: list[Trial]) -> np.ndarray:
    """The medians over seeds by which trials are ranked; NaN where that has failed."""
    return np.array([result.summary(trial).median for trial in trials])


def _over_seeds(reduce: Any, values: np.ndarray) -> np.ndarray:
    """Over the finite seeds of f[seeds, n]; NaN where there are none."""
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.array([reduce(column) if column.size else np.nan for column in columns])


def _scale(axes: Any, result: Result, values: np.ndarray) -> None:
    """A vertical axis that shows differences among the good ones, and leaves hopeless ones out of the frame."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return
    if result.settings.mode == "max" and finite.min() >= 0 and 0.8 < finite.max() <= 1:
        _stretch_towards_one(axes, finite)
        return
    losses = as_loss(finite, result.settings.mode)
    first = result.curves[result.settings.metric][..., 0]
    barely_trained = np.median(as_loss(first[np.isfinite(first)], result.settings.mode))
    best, worst = losses.min(), min(losses.max(), max(barely_trained, np.median(losses)))
    if result.settings.mode == "min" and best > 0 and worst > 5 * best:
        axes.set_yscale("log")
        axes.set_ylim(best / 1.2, worst * 1.2)
        return
    pad = 0.06 * (worst - best) or 1.0
    low, high = best - pad, worst + pad
    axes.set_ylim(*((low, high) if result.settings.mode == "min" else (-high, -low)))


def _stretch_towards_one(axes: Any, shares: np.ndarray) -> None:
    """A logarithmic scale of the errors, labelled with the shares that are right, so that 0.9, 0.98 and 0.99 differ."""
    error = max(5e-4, 0.7 * (1 - shares.max()))
    bottom = max(0.0, shares.min() - 0.02)
    axes.set_yscale(
        "function",
        functions=(lambda y: -np.log10(np.maximum(1 - np.asarray(y), error / 2)), lambda z: 1 - 10 ** -np.asarray(z)),
    )
    axes.set_ylim(bottom, 1 - error)
    ticks = [share for share in SHARES if bottom <= share <= 1 - error]
    axes.set_yticks(ticks, [short(float(share)) for share in ticks])
    axes.set_yticks([], minor=True)
