"""Pictures of a bench as matplotlib figures: the roofline, and each step's time against its floor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.commands.bench.rows import Row
from jgd.pages.figure import new_figure, style
from jgd.pages.palette import COLORS, FAINT, GRID, INK

MARKS = "osD^v"
SPREAD = 12  # between the slowest and the fastest step, above which times stand on a logarithmic scale


def who(rows: Sequence[Row]) -> list[str]:
    """List who steps, ourselves first."""
    return list(dict.fromkeys(row.by for row in rows))


def color_of(rows: Sequence[Row], by: str) -> str:
    """Return the colour of who steps, in every picture."""
    return COLORS[who(rows).index(by) % len(COLORS)]


def roofline_figure(rows: Sequence[Row], bandwidth: float, peak: float) -> Any:
    """Draw operations a second against operations for each of the least bytes, below what copy and products allow.

    A thin line goes from each optimizer's place on the roof down to what was achieved there.
    """
    figure, axes = _axes((9.2, 4.4))
    places = {row.optimizer: row.operations / row.least.bytes for row in rows}
    left, right = min(places.values()) / 1.6, max(4 * peak / bandwidth, 1.6 * max(places.values()))
    x = np.geomspace(left, right, 200)
    axes.plot(x, np.minimum(x * bandwidth, peak), color=INK, linewidth=1.4)
    axes.annotate(f"copy {bandwidth / 1e9:.3g} GB/s", (left * 1.1, left * 1.1 * bandwidth), **_beside(10, -14))
    axes.annotate(f"products {peak / 1e9:,.0f} GFLOP/s", (right / 1.1, peak), ha="right", **_beside(0, -14))
    labels = _spread(sorted(places.items(), key=lambda item: item[1]), np.log(right / left) / 24)
    for name, place, label in labels:
        roof = min(place * bandwidth, peak)
        reached = [row.operations / row.timing.median for row in rows if row.optimizer == name]
        axes.plot([place, place], [min(reached), roof], color=FAINT, linewidth=0.8, zorder=1)
        axes.annotate(
            name, (place, roof), (label, 1.7 * min(label * bandwidth, peak)), rotation=60, fontsize=8, color=INK,
            ha="left", va="bottom", arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.8},
        )  # fmt: skip
    for i, by in enumerate(who(rows)):
        mine = [row for row in rows if row.by == by]
        at = [places[row.optimizer] for row in mine], [row.operations / row.timing.median for row in mine]
        axes.plot(*at, MARKS[i % len(MARKS)], color=color_of(rows, by), markersize=5.5, label=by, zorder=3)
    axes.set(xscale="log", yscale="log", xlim=(left, right), xlabel="FLOP for each of the least bytes", ylabel="FLOP/s")
    low = min(row.operations / row.timing.median for row in rows)
    highest = max(min(label * bandwidth, peak) for _, _, label in labels)
    axes.set_ylim(low / 2, max(2 * peak, 12 * highest))  # a label is about that high
    _legend(figure, axes, rows)
    return figure


def times_figure(rows: Sequence[Row]) -> Any:
    """Draw the time of a step, its quartiles over blocks, and the floor as a bar, an optimizer in each line."""
    names = list(dict.fromkeys(row.optimizer for row in rows))
    slowest, fastest = (pick(row.timing.median for row in rows) for pick in (max, min))
    scale, unit = (1e3, "ms") if slowest >= 1e-3 else (1e6, "µs")
    left = scale * fastest / 3 if slowest > SPREAD * fastest else 0.0
    figure, axes = _axes((9.2, 0.55 * len(names) + 1.2))
    offsets = np.linspace(-0.22, 0.22, len(who(rows))) if len(who(rows)) > 1 else [0.0]
    for line, name in enumerate(names):
        floors = [row.share.percent / 100 * row.timing.median for row in rows if row.optimizer == name and row.share]
        if floors:
            axes.barh(line, scale * floors[0] - left, left=left, height=0.62, color=GRID, zorder=1)
    for by, offset in zip(who(rows), offsets, strict=True):
        mine = [row for row in rows if row.by == by]
        lines = [names.index(row.optimizer) + offset for row in mine]
        ends = np.array([row.timing.quartiles for row in mine]).T * scale
        axes.hlines(lines, *ends, color=color_of(rows, by), linewidth=3, alpha=0.45)
        times = [scale * row.timing.median for row in mine]
        axes.plot(times, lines, "o", color=color_of(rows, by), markersize=5, label=by)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=f"{unit} a step", ylim=(len(names) - 0.5, -0.5), xscale="log" if left else "linear")
    axes.set_xlim(left=left)
    axes.grid(visible=False, axis="y")
    _legend(figure, axes, rows)
    return figure


def _axes(size: tuple[float, float]) -> tuple[Any, Any]:
    figure = new_figure(*size, "the report's pictures")
    figure.patch.set_visible(False)
    axes = figure.subplots()
    style(axes)
    return figure, axes


def _legend(figure: Any, axes: Any, rows: Sequence[Row]) -> None:
    """Name who steps above the picture, where nothing is hidden."""
    if len(who(rows)) > 1:
        handles, names = axes.get_legend_handles_labels()
        style = {"frameon": False, "fontsize": 9, "labelcolor": INK}
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), **style)


def _beside(right: float, up: float) -> dict[str, Any]:
    return {"xytext": (right, up), "textcoords": "offset points", "fontsize": 9, "color": INK}


def _spread(places: Sequence[tuple[str, float]], gap: float) -> list[tuple[str, float, float]]:
    """Return names with their places and where their labels stand: in order, at least `gap` apart in logarithms."""
    found, last = [], -np.inf
    for name, place in places:
        last = max(np.log(place), last + gap)
        found.append((name, place, float(np.exp(last))))
    return found
