"""Figures that a notebook shows as the last line of a cell, whether or not it was told to draw inline."""

import functools
import io
from typing import Any

from jgd.core.optional import require
from jgd.pages.palette import FAINT, GRID, INK


def new_figure(width: float, height: float, purpose: str) -> Any:
    """Make an empty matplotlib figure, in inches, that belongs to no window.

    `purpose` is named where matplotlib is missing.
    """
    return _class(require("matplotlib.figure", purpose).Figure)((width, height), layout="constrained")


def style(panel: Any) -> None:
    """Give a panel the look of all pictures: a light grid, two sides, small labels, nothing behind."""
    panel.patch.set_visible(False)
    panel.grid(color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(which="both", colors=INK, labelsize=8, length=0)
    for axis in (panel.xaxis, panel.yaxis):
        axis.label.set(color=INK, fontsize=9)
    for side, spine in panel.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)


def literal(text: str) -> str:
    """Write a name so that matplotlib draws its dollar signs instead of reading a formula between them."""
    return text.replace("$", r"\$")


@functools.cache
def _class(base: Any) -> Any:
    return type("Figure", (base,), {"__module__": __name__, "__doc__": base.__doc__, "_repr_png_": _png})


def _png(figure: Any) -> bytes:
    """Return the figure as a PNG, on white, so that it can be read in a dark notebook too."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=144, facecolor="white")
    return file.getvalue()
