"""The picture of a pulse: four panels over the steps of a run, a line for each group of leaves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.core.finding import Finding
from jgd.health.heard import Heard
from jgd.pages.figure import literal, new_figure, style
from jgd.pages.palette import COLORS, INK
from jgd.pages.ticks import log_ticks
from jgd.train.pulse import EVERYTHING

PANELS = (
    ("gradient_norm", "norm of the gradient", True),
    ("update_ratio", "|update| / |parameters|", True),
    ("successive_cosine", "cosine of successive gradients", False),
)
SIZE = (9.2, 5.6)  # inches
DOTTED = 50  # measurements, below which each is marked
EARLY = 0.3  # of the steps: where half of the measurements lie before it, the axis of steps is logarithmic


def pulse_figure(heard: Heard, findings: Sequence[Finding]) -> Any:
    """Draw the loss and three quantities of each group; under them the worst finding."""
    figure = new_figure(*SIZE, "Reading.plot()")
    grid = figure.subplots(2, 2, sharex=True)
    _loss(grid[0, 0], heard)
    for panel, (quantity, title, logs) in zip(grid.ravel()[1:], PANELS, strict=True):
        dot = "o" if len(heard.steps) < DOTTED else ""
        for i, group in enumerate(heard.groups):
            of_group = {"color": COLORS[i % len(COLORS)], "linewidth": 1.1, "marker": dot, "markersize": 3}
            panel.plot(heard.steps, heard.of(quantity, group), **of_group)
        panel.plot(heard.steps, heard.of(quantity), color=INK, linewidth=1.8, linestyle=(0, (4, 1.5)))
        if logs and np.any(heard.of(quantity) > 0):
            panel.set_yscale("log")
            log_ticks(panel.yaxis)
        if not logs:
            panel.set_ylim(-1.05, 1.05)
        _style(panel, title)
    if len(heard.steps) and np.median(heard.steps) < EARLY * heard.taken:  # the first measurements are dense
        grid[0, 0].set_xscale("symlog", linthresh=1)
        grid[0, 0].set_xlim(0, heard.taken)
        grid[0, 0].xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    for panel in grid[1]:
        panel.set_xlabel("step", fontsize=9, color=INK)
    handles = [grid[0, 1].lines[i] for i in range(len(heard.groups) + 1)]
    figure.legend(
        handles, [literal(name) for name in (*heard.groups, f"{EVERYTHING} leaves")], loc="outside right center",
        frameon=False, fontsize=8, labelcolor=INK,
    )  # fmt: skip
    if findings:
        figure.suptitle(literal(_wrapped(str(findings[0]))), fontsize=9, color=COLORS[3], ha="left", x=0.01)
    return figure


def _loss(panel: Any, heard: Heard) -> None:
    panel.plot(np.arange(heard.taken), heard.loss, color=INK, linewidth=1.2)
    finite = heard.loss[np.isfinite(heard.loss)]
    if len(finite) and finite.min() > 0 and finite.max() > 20 * finite.min():
        panel.set_yscale("log")
        log_ticks(panel.yaxis)
    _style(panel, "loss")


def _style(panel: Any, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=9, color=INK)
    style(panel)


def _wrapped(text: str, width: int = 130) -> str:
    lines: list[str] = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
