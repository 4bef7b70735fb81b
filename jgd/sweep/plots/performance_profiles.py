"""The picture of performance profiles."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jgd.core.arguments import FINITE, WHOLE, Kind, admits, checked, listed
from jgd.pages.palette import COLORS, FAINT
from jgd.sweep.plots.style import label, panel_note, panel_title, panels
from jgd.sweep.results.performance_profiles import TAU, integrated_scores, performance_profile, performance_ratios

COST = Kind("be a number", lambda x: isinstance(x, numbers.Real))
COSTS = Kind(
    "be a dict of costs by solver, as many for each, infinity for a miss",
    lambda x: (
        isinstance(x, Mapping)
        and len({len(row) for row in x.values()}) == 1
        and all(admits(listed("numbers", COST, least=1), row) for row in x.values())
    ),
)
SHOWN = Kind("be a whole number, at least 1, or None for all", lambda x: x is None or admits(WHOLE, x))
TAUS = Kind("be a number above 1", lambda x: admits(FINITE, x) and x > 1)


@checked(costs=COSTS, tau=TAUS, shown=SHOWN)
def profile_figure(costs: Mapping[str, Sequence[float]], tau: float = TAU, shown: int | None = None) -> Any:
    """Draw the share of problems solved within 1 to `tau` times the best, from costs by solver, infinity for a miss.

    A panel for each solver, or for the best `shown`, from the best to the worst, with the others in grey behind it;
    colours go by the order in which the solvers are given.
    """
    names, table = list(costs), np.array(list(costs.values()), float)
    ratios = performance_ratios(table)
    taus = np.unique([1.0, tau, *ratios[ratios <= tau]])  # where profiles step
    profiles, scores = 100 * performance_profile(table, taus), integrated_scores(table, tau)
    order = np.argsort(-scores, kind="stable")[:shown]
    figure, found = panels(len(order))
    for rank, (panel, i) in enumerate(zip(found, order, strict=True), 1):
        for other in order[order != i]:
            panel.plot(*_steps(taus, profiles[other]), color=FAINT, linewidth=0.6, drawstyle="steps-post", zorder=1)
        color = COLORS[i % len(COLORS)]
        panel_title(panel, f"{rank}  {names[i]}", color)
        panel.fill_between(*_steps(taus, profiles[i]), color=color, alpha=0.15, linewidth=0, step="post", zorder=2)
        panel.plot(*_steps(taus, profiles[i]), color=color, linewidth=1.8, drawstyle="steps-post", zorder=3)
        panel_note(panel, f"{scores[i]:.2f}")
    found[0].set_xlim(1, tau)
    found[0].set_ylim(0, 102)
    label(figure, "times the least that anyone needed", "problems solved, %")
    return figure


def _steps(taus: np.ndarray, profile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points at which a profile steps, and its ends."""
    kept = np.append(True, np.diff(profile) > 0)
    kept[-1] = True
    return taus[kept], profile[kept]
