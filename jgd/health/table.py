"""The table of a check-up: a row for each layer, or for all layers of one kind where there are many."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jgd.health.finding import Thresholds
from jgd.health.layers import Layer
from jgd.health.leaves import MeasuredLeaf
from jgd.health.verdict import notes_of

ROWS = 40  # of a table at most
HEAD = ("layer", "note", "parameters", "output", "zero", "dead", "signal", "gradient", "|u|/|theta|", "rank of u")
Ends = tuple[float, float]
Group = tuple[str, list[Layer], list[MeasuredLeaf]]


class LayerRow(NamedTuple):
    """Hold one line of the table: a layer, or several of one kind, with the least and the largest of each number."""

    name: str
    parameters: int
    mean: Ends  # of what the layer puts out
    output: Ends  # deviation of it
    zero: Ends
    dead: Ends
    saturated: Ends
    signal: Ends  # RMS of what comes back to the output
    gradient: Ends  # RMS
    ratio: Ends
    rank: Ends
    note: str


def layer_rows(layers: Sequence[Layer], leaves: Sequence[MeasuredLeaf], thresholds: Thresholds) -> list[LayerRow]:
    """Make the lines: layers in the order in which they are computed, then leaves that belong to none."""
    names = list(dict.fromkeys(layer.tap.name for layer in layers))
    owner = {leaf.name: _owner(leaf.name, names) for leaf in leaves}
    names += [leaf.name for leaf in leaves if owner[leaf.name] is None]
    groups: list[Group] = [
        (
            name,
            [layer for layer in layers if layer.tap.name == name],
            [leaf for leaf in leaves if (owner[leaf.name] or leaf.name) == name],
        )
        for name in names
    ]
    groups = _merged(groups) if len(groups) > ROWS else groups
    return [_row(name, some, own, thresholds) for name, some, own in groups[:ROWS]]


def _owner(leaf: str, names: Sequence[str]) -> str | None:
    """Return the innermost layer that a leaf belongs to, by its path."""
    known = [name for name in names if leaf == name or leaf.startswith(f"{name}/")]
    return max(known, key=len) if known else None


def _merged(groups: Sequence[Group]) -> list[Group]:
    """Put layers whose names differ in numbers alone into one row each."""
    kinds: dict[str, Group] = {}
    for name, layers, leaves in groups:
        kind = re.sub(r"\d+", "*", name)
        one = kinds.setdefault(kind, (kind, [], []))
        one[1].extend(layers)
        one[2].extend(leaves)
    return list(kinds.values())


def _row(name: str, layers: Sequence[Layer], leaves: Sequence[MeasuredLeaf], t: Thresholds) -> LayerRow:
    products = [layer for layer in layers if layer.tap.is_layer]
    after = [layer for layer in layers if not layer.tap.is_layer] or layers

    def ends(values: Sequence[Any]) -> Ends:
        flat = np.concatenate([np.atleast_1d(x).ravel() for x in values]) if values else np.zeros(0)
        flat = flat[~np.isnan(flat)]
        return (float(flat.min()), float(flat.max())) if flat.size else (math.nan, math.nan)

    def of_layers(read: Callable[[Layer], Any], among: Sequence[Layer]) -> Ends:
        return ends([read(layer) for layer in among])

    wide = [leaf for leaf in leaves if len(leaf.shape) > 1] or leaves
    return LayerRow(
        name,
        sum(math.prod(leaf.shape) for leaf in leaves),
        of_layers(lambda x: x.mean, products or layers),
        of_layers(lambda x: x.deviation, products or layers),
        of_layers(lambda x: x.zero, after),
        of_layers(lambda x: x.dead, after),
        of_layers(lambda x: x.saturated, after),
        of_layers(lambda x: x.signal, products or layers),
        ends([leaf.gradient for leaf in wide]),
        ends([leaf.ratio for leaf in wide]),
        ends([leaf.rank for leaf in wide]),
        notes_of(layers, leaves, t),
    )


def layer_cells(row: LayerRow, columns: Sequence[str] = HEAD) -> list[str]:
    """Write a row's numbers as texts, those of several layers from the least to the largest."""

    def span(ends: Ends, form: str = ".2g") -> str:
        low, high = ends
        if math.isnan(low):
            return "-"
        text = f"{high:{form}}"
        return text if low == high or f"{low:{form}}" == text else f"{low:{form}} - {text}"

    texts = {
        "layer": row.name, "note": row.note, "parameters": f"{row.parameters:,}" if row.parameters else "-",
        "mean": span(row.mean), "output": span(row.output), "zero": span(row.zero, ".0%"),
        "dead": span(row.dead, ".0%"), "saturated": span(row.saturated, ".0%"), "signal": span(row.signal),
        "gradient": span(row.gradient), "|u|/|theta|": span(row.ratio), "rank of u": span(row.rank, ".0f"),
    }  # fmt: skip
    return [texts[column] for column in columns]
