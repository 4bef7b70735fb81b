"""Small pictures as SVG files of their own, drawn without any package: lines, curves of a plane, and text."""

import html
from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 320, 240  # of a panel
LEFT, BELOW = 40, 24  # of its area
STYLE = """
svg { background: #fff; font: 12px system-ui, sans-serif; }
.frame { fill: none; stroke: #bbb; } .level { fill: none; stroke: #c9d4e0; } .path { fill: none; stroke: #1f5fae; }
.path { stroke-width: 1.6; stroke-linejoin: round; } .dot { fill: #1f5fae; } .end { fill: #d1495b; }
text { fill: #444; } .soft { fill: #777; }
"""
Points = Iterable[tuple[float, float]]


class Panel:
    """A plane with a frame: what is drawn is given in its own numbers, and what lies outside is cut off."""

    def __init__(self, title: str, xs: tuple[float, float], ys: tuple[float, float], number: int = 0) -> None:
        self.xs, self.ys, self.number = xs, ys, number
        self.parts: list[str] = []
        self.around = [f'<text x="{LEFT}" y="16">{html.escape(title)}</text>']
        for value, x, anchor in zip(xs, (LEFT, WIDTH - 8), ("start", "end"), strict=True):
            self.around.append(f'<text class="soft" x="{x}" y="{HEIGHT - 8}" text-anchor="{anchor}">{value:g}</text>')
        for value, y in zip(ys, (HEIGHT - BELOW, 30), strict=True):
            self.around.append(f'<text class="soft" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>')

    def line(self, points: Points, kind: str = "path") -> None:
        """Draw a line through points."""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._at, points))
        self.parts.append(f'<polyline class="{kind}" points="{text}"/>')

    def dots(self, points: Points, kind: str = "dot", radius: float = 1.7) -> None:
        """Draw a dot at each point."""
        self.parts += [
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>' for x, y in map(self._at, points)
        ]

    def drawn(self) -> str:
        """Return the elements of the panel, where it stands in the picture."""
        box = f'x="{LEFT}" y="26" width="{WIDTH - LEFT - 8}" height="{HEIGHT - BELOW - 26}"'
        cut = f"cut{self.number}"
        return (
            f'<g transform="translate({self.number * WIDTH} 0)"><clipPath id="{cut}"><rect {box}/></clipPath>'
            f'<g clip-path="url(#{cut})">{"".join(self.parts)}</g><rect class="frame" {box}/>{"".join(self.around)}</g>'
        )

    def _at(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return a point in pixels; far outside it stays finite."""
        across, up = (
            min(max((value - low) / (high - low), -9.0), 9.0)
            for value, (low, high) in zip(point, (self.xs, self.ys), strict=True)
        )
        return LEFT + across * (WIDTH - LEFT - 8), 26 + (1 - up) * (HEIGHT - BELOW - 26)


def picture(panels: Sequence[Panel], title: str) -> str:
    """Return the SVG file of panels side by side."""
    width = WIDTH * len(panels)
    size = f'width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}"'
    body = "".join(panel.drawn() for panel in panels)
    said = html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{said}</title><style>{STYLE}</style>'
        f"{body}</svg>\n"
    )
