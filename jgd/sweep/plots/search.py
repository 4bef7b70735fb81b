"""Whether enough was sampled: the best so far, the best of so many, and which hyperparameters mattered."""

from typing import Any

import numpy as np

from jgd.core.errors import InputError
from jgd.pages.figure import literal
from jgd.pages.palette import FAINT, INK, WARN
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.plots.style import (
    label,
    metric_label,
    panel_note,
    set_scale,
    space_color,
    space_panels,
    thinned,
    within,
)
from jgd.sweep.results.importance import POOR_FIT
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.results.statistics import half_as_many
from jgd.sweep.spaces.space import short


def best_so_far_figure(result: Outcomes) -> Any:
    """Draw the best of the first 1, 2, ... trials of each space. See `Plots.best_so_far`."""
    mode, members = result.settings.mode, _members(result)
    best = {space: _running_best(result.medians[numbers], mode) for space, numbers in members.items()}
    figure, panels = space_panels(result, list(members))
    if panels:
        set_scale(panels[0], result, result.medians)
        panels[0].set_xlim(0.5, max(map(len, members.values())) + 0.5)
        panels[0].locator_params(axis="x", integer=True)
    for panel, (space, numbers) in zip(panels, members.items(), strict=True):
        color, ends = space_color(result, space), result.medians[numbers]
        for other, line in best.items():
            if other != space:
                panel.step(np.arange(len(line)) + 1, line, where="post", color=FAINT, linewidth=0.7, zorder=1)
        shown = thinned(result, [i for i in numbers if np.isfinite(result.medians[i])])
        x = np.searchsorted(numbers, shown) + 1
        look = {"marker": "o", "markersize": 2.8, "markeredgewidth": 0, "linestyle": "none", "alpha": 0.5}
        panel.plot(x, within(panel, result.medians[shown]), **look, color=color, zorder=2)
        panel.step(np.arange(len(ends)) + 1, best[space], where="post", color=color, linewidth=1.8, zorder=3)
        if shown:
            panel_note(panel, f"best: {1 + int(np.argmin(as_loss(ends, mode)))} of {len(ends)}")
    label(figure, "trials of the space, in the order of their numbers", metric_label(result))
    return figure


def best_of_k_figure(result: Outcomes) -> Any:
    """Draw the best of 1, 2, ... random trials, its median and quartiles. See `Plots.best_of_k`."""
    found = {space: result.best_of_k(space) for space in _members(result)}
    figure, panels = space_panels(result, list(found))
    if panels:
        panels[0].set_xscale("log", base=2)
        panels[0].xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        set_scale(panels[0], result, np.concatenate([np.concatenate(rows[1:]) for rows in found.values()]))
    for panel, (space, rows) in zip(panels, found.items(), strict=True):
        for other, others in found.items():
            if other != space:
                panel.plot(np.arange(len(others.median)) + 1, others.median, color=FAINT, linewidth=0.7, zorder=1)
        k, color = np.arange(len(rows.median)) + 1, space_color(result, space)
        bad = panel.get_ylim()[result.settings.mode == "min"]
        ends = [np.where(np.isfinite(end), end, bad) for end in (rows.lower_quartile, rows.upper_quartile)]
        panel.fill_between(k, *ends, color=color, alpha=0.2, linewidth=0, zorder=2)
        panel.plot(k, rows.median, color=color, linewidth=1.8, zorder=3, marker="o" if len(k) == 1 else "")
        if (half := half_as_many(rows)) is not None:
            panel_note(panel, f"half as many: {short(half)}")
    label(figure, "random trials", metric_label(result))
    return figure


def importance_figure(result: Outcomes, space: str | None) -> Any:
    """Draw the share of the ranking that each hyperparameter decides. See `Plots.importance`."""
    found, reason = {}, InputError("Result.plot.importance: there is no space.")
    for one in [row.space for row in result.standings()] if space is None else [space]:
        try:
            found[one] = result.importance(one)
        except InputError as error:
            reason = error
    if not found:
        raise reason
    most = max(len(shares.alone) for shares in found.values())
    figure, panels = space_panels(result, list(found), height=0.5 + 0.28 * (most + 1), sharey=False)
    for panel, (one, shares) in zip(panels, found.items(), strict=True):
        names = [*(literal(name.replace("_", " ")) for name in shares.alone), "several together"]
        color, y = space_color(result, one), np.arange(len(names))
        panel.barh(y, [*shares.alone.values(), shares.together], 0.7, color=[*[color] * len(shares.alone), FAINT])
        panel.set_yticks(y, names)
        panel.set_ylim(most + 0.5, -0.5)
        panel.grid(visible=False, axis="y")
        for i, share in enumerate([*shares.alone.values(), shares.together]):
            panel.text(share, i, f" {share:.0%}", va="center", fontsize=8, color=INK)
        if shares.fit < POOR_FIT:
            panel_note(panel, "too noisy to tell", WARN)
    panels[0].set_xlim(0, 1.15)
    panels[0].set_xticks([0, 0.5, 1], ["0", "50%", "100%"])
    figure.supxlabel("share of the trials' ranking", fontsize=9, color=INK)
    return figure


def _members(result: Outcomes) -> dict[str, list[int]]:
    """Return the trials of each space that has any with a value, by their numbers, from the best space to the worst."""
    found: dict[str, list[int]] = {row.space: [] for row in result.standings() if np.isfinite(row.summary.median)}
    for trial in result.trials:
        if trial.space in found:
            found[trial.space].append(trial.number)
    return found


def _running_best(values: np.ndarray, mode: str) -> np.ndarray:
    """Return the best until each; NaN before the first that is finite."""
    losses = np.minimum.accumulate(as_loss(values, mode))
    return np.where(np.isfinite(losses), losses if mode == "min" else -losses, np.nan)
