"""Figures as SVG inside a page: colours and fonts are the page's, and nothing is loaded from outside."""

import html
import io
import re
from typing import Any

from jgd.core.optional import require

PIXELS = 104  # an inch in a page that is wide enough


def to_svg(figure: Any, prefix: str, colors: dict[str, str], title: str) -> str:
    """Return the `<svg>` element of a matplotlib figure.

    `colors` maps colours to what stands for them in the page, such as `var(--ink)`. Text stays text. `prefix` keeps the
    ids of one picture apart from another's.
    """
    buffer = io.StringIO()
    figure.patch.set_visible(False)  # the page shows through
    with require("matplotlib", "a report's pictures").rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    # Matplotlib's style would hold for the whole page; what it says is inherited from the element just as well.
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    attributes = f'role="img" aria-label="{html.escape(title)}" stroke-linejoin="round" stroke-linecap="butt"'
    attributes += f' style="max-width: {PIXELS * figure.get_figwidth():.0f}px"'
    svg = svg.replace("<svg", f"<svg {attributes}", 1)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", svg)
    svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--font)", svg)  # as matplotlib before 3.11 writes it
    for color, variable in colors.items():
        svg = svg.replace(color, variable)
    return svg
