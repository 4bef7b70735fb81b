"""The result of a check-up: a verdict, a table of layers, and a page."""

import dataclasses
import math
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jgd.health.finding import Finding, Thresholds
from jgd.health.layers import Layer, slope
from jgd.health.leaves import Leaf
from jgd.health.measured import Measured
from jgd.health.verdict import notes_of
from jgd.pages.sheet import Sheet
from jgd.pages.text import count

ROWS = 40  # of a table at most
HEAD = ("layer", "parameters", "output", "zero", "dead", "signal", "gradient", "|u|/|theta|", "rank of u", "")


class Row(NamedTuple):
    """Hold one line of the table: a layer, or several of one kind, with the least and the largest of each number."""

    name: str
    parameters: int
    output: tuple[float, float]  # deviation of what the layer puts out
    zero: tuple[float, float]
    dead: tuple[float, float]
    signal: tuple[float, float]  # RMS of what comes back to the output
    gradient: tuple[float, float]  # RMS
    ratio: tuple[float, float]
    rank: tuple[float, float]
    note: str


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Checkup:
    """A check-up: `findings`, causes before what they cause, and `measured`, which they rest on.

    It prints as a verdict, a table with a row for each layer in the order in which they are computed, 40 at most, and
    the findings as sentences. `page(path)` writes the same as a page with pictures.
    """

    findings: tuple[Finding, ...]
    measured: Measured
    name: str
    thresholds: Thresholds

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        if not self.findings:
            return f"{self.name}: healthy; nothing crosses a threshold."
        more = len(self.findings) - 1
        rest = f" ({count(more, 'more finding')} below)" if more else ""
        return f"{self.name}: {self.findings[0]}{rest}"

    @property
    def rows(self) -> list[Row]:
        """The lines of the table: layers in the order of computation, then leaves that belong to none."""
        m = self.measured
        names = list(dict.fromkeys(layer.tap.name for layer in m.looked.layers))
        owner = {leaf.name: _owner(leaf.name, names) for leaf in m.leaves}
        names += [leaf.name for leaf in m.leaves if owner[leaf.name] is None]
        groups = []
        for name in names:
            layers = [layer for layer in m.looked.layers if layer.tap.name == name]
            leaves = [leaf for leaf in m.leaves if (owner[leaf.name] or leaf.name) == name]
            groups.append((name, layers, leaves))
        if len(groups) > ROWS:
            groups = _merged(groups)
        return [_row(name, layers, leaves, self.thresholds) for name, layers, leaves in groups[:ROWS]]

    @property
    def facts(self) -> dict[str, str]:
        """The figures of the whole: loss, signals, noise, sharpness and steps, as texts."""
        m = self.measured
        shown = {"loss": f"{m.looked.loss:.4g}"}
        fall, layers = slope(m.looked.products())
        if math.isfinite(fall):
            shown["slope of signals per layer"] = f"{fall:+.2f} over {layers} layers"
        if m.noise is not None:
            high = f"{m.noise.high:.0f}" if math.isfinite(m.noise.high) else "infinity"
            size = f"{m.noise.scale:.0f}" if math.isfinite(m.noise.scale) else "above what can be measured"
            shown["gradient noise scale"] = f"{size} ({m.noise.low:.0f} to {high}, nine times in ten)"
            shown["suggested batch"] = f"{m.noise.suggested:,} (now {m.batch_size:,})"
        if math.isfinite(m.sharpness):
            scaled = "preconditioned " if m.edge is not None and m.edge.scale is not None else ""
            shown[f"{scaled}sharpness"] = f"{m.sharpness:.3g}"
            if m.edge is not None:
                shown["sharpness"] = shown.pop(f"{scaled}sharpness") + (f", {scaled.strip()}" if scaled else "")
                shown["of the edge of stability"] = f"{m.edge.rate * m.sharpness / m.edge.limit:.2g}"
        longest = "over a million" if math.isinf(m.critical) else f"{m.critical:.3g}"
        shown["longest useful step"] = f"{longest} times this one"
        if m.trials is not None:
            shown[f"loss after {m.steps} steps"] = f"{m.trials.after[2]:.4g} (held out {m.trials.held_after[2]:.4g})"
        return shown

    def page(self, path: str | os.PathLike[str]) -> str:
        """Write the check-up as one page that loads nothing: verdict, findings, pictures, table. Returns the path."""
        from jgd.health.page import write_page

        return write_page(self, path)

    def _sheet(self) -> Sheet:
        rows = [_cells(row) for row in self.rows]
        facts = [f"{name}: {value}" for name, value in self.facts.items()]
        found = [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        head = [self.verdict, ""]
        return Sheet(head, HEAD, rows, ["", *facts, *([""] if found else []), *found])


def _owner(leaf: str, names: Sequence[str]) -> str | None:
    """The first layer that a leaf belongs to, by its path."""
    known = [name for name in names if leaf == name or leaf.startswith(f"{name}/")]
    return max(known, key=len) if known else None


def _merged(groups: Sequence[tuple[str, list[Layer], list[Leaf]]]) -> list[tuple[str, list[Layer], list[Leaf]]]:
    """Put layers whose names differ in numbers alone into one row each."""
    kinds: dict[str, tuple[str, list[Layer], list[Leaf]]] = {}
    for name, layers, leaves in groups:
        kind = re.sub(r"\d+", "*", name)
        one = kinds.setdefault(kind, (kind, [], []))
        one[1].extend(layers)
        one[2].extend(leaves)
    return list(kinds.values())


def _row(name: str, layers: Sequence[Layer], leaves: Sequence[Leaf], t: Thresholds) -> Row:
    products = [layer for layer in layers if layer.tap.is_layer]
    after = [layer for layer in layers if not layer.tap.is_layer] or layers

    def ends(values: Sequence[Any]) -> tuple[float, float]:
        flat = np.concatenate([np.atleast_1d(x).ravel() for x in values]) if values else np.zeros(0)
        flat = flat[~np.isnan(flat)]
        return (float(flat.min()), float(flat.max())) if flat.size else (math.nan, math.nan)

    def of_layers(read: Callable[[Layer], Any], among: Sequence[Layer]) -> tuple[float, float]:
        return ends([read(layer) for layer in among])

    wide = [leaf for leaf in leaves if len(leaf.shape) > 1] or leaves
    return Row(
        name,
        sum(math.prod(leaf.shape) for leaf in leaves),
        of_layers(lambda x: x.deviation, products or layers),
        of_layers(lambda x: x.zero, after),
        of_layers(lambda x: x.dead, after),
        of_layers(lambda x: x.signal, products or layers),
        ends([leaf.gradient for leaf in wide]),
        ends([leaf.ratio for leaf in wide]),
        ends([leaf.rank for leaf in wide]),
        notes_of(layers, leaves, t),
    )


def _cells(row: Row) -> list[str]:
    def span(ends: tuple[float, float], form: str = ".2g") -> str:
        low, high = ends
        if math.isnan(low):
            return "-"
        text = f"{high:{form}}"
        return text if low == high or f"{low:{form}}" == text else f"{low:{form}} - {text}"

    return [
        row.name, f"{row.parameters:,}" if row.parameters else "-", span(row.output), span(row.zero, ".0%"),
        span(row.dead, ".0%"), span(row.signal), span(row.gradient), span(row.ratio), span(row.rank, ".0f"), row.note,
    ]  # fmt: skip
