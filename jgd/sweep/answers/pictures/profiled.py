"""The picture of performance profiles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jgd.pages.palette import COLORS, FAINT
from jgd.sweep.answers.pictures.canvas import label, note, panels
from jgd.sweep.answers.profiles import TAU, integrated_scores, performance_profile


def profile_figure(costs: Mapping[str, Sequence[float]], tau: float = TAU) -> Any:
    """The share of problems solved within 1 to `tau` times the best, from costs by solver, infinity for a miss.

    A panel for each solver, from the best to the worst, with the others in grey behind it; colours go by the order in
    which the solvers are given.
    """
    names, table = list(costs), np.array(list(costs.values()), float)
    taus = np.geomspace(1, tau, 200)
    profiles, scores = 100 * performance_profile(table, taus), integrated_scores(table, tau)
    order = np.argsort(-scores, kind="stable")
    figure, found = panels(len(names))
    for rank, (panel, i) in enumerate(zip(found, order, strict=True), 1):
        for other in order[order != i]:
            panel.plot(taus, profiles[other], color=FAINT, linewidth=0.6, drawstyle="steps-post", zorder=1)
        color = COLORS[i % len(COLORS)]
        panel.set_title(f"{rank}  {names[i]}", color=color, fontweight="bold", loc="left", fontsize=10)
        panel.fill_between(taus, profiles[i], color=color, alpha=0.15, linewidth=0, step="post", zorder=2)
        panel.plot(taus, profiles[i], color=color, linewidth=1.8, drawstyle="steps-post", zorder=3)
        note(panel, f"{scores[i]:.2f}")
    found[0].set_xlim(1, tau)
    found[0].set_ylim(0, 102)
    label(figure, "times the least that anyone needed", "problems solved, %")
    return figure
