"""Rows and claims as a person reads them."""

import math
from collections.abc import Sequence
from typing import Any

from jgd.measure.units import BYTES, SECONDS

# Shown beside their medians, or among what a page says is unmeasured.
HIDDEN = ("low_seconds", "high_seconds", "ratio_low", "ratio_high", "unmeasured", "early")


def columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns of a table, in the order of their first rows, without those that stand beside others."""
    return [name for name in dict.fromkeys(key for row in rows for key in row) if name not in HIDDEN]


def heading(column: str) -> str:
    """Return a column's name as words."""
    words = column.replace("_per_second", "/s")
    for unit in ("_seconds", "_bytes", "_percent"):
        words = words.removesuffix(unit)
    return {"seconds": "time", "ratio": "times as long"}.get(column, words.replace("_", " "))


def cell(column: str, row: dict[str, Any]) -> str:
    """Return a value with its unit and, for medians, its spread."""
    value = row.get(column)
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return str(value)
    if column == "seconds" and row.get("repeats", 0) > 1:
        return f"{_with_unit(value, SECONDS)} ({_with_unit(row['high_seconds'] - row['low_seconds'], SECONDS)})"
    if column == "ratio" and row.get("repeats", 0) > 1 and row["ratio_low"] != row["ratio_high"]:
        return f"{number(value)} ({number(row['ratio_low'])} to {number(row['ratio_high'])})"
    if column.endswith("seconds"):
        return _with_unit(value, SECONDS)
    if column.endswith("bytes"):
        return _with_unit(value, BYTES)
    return f"{value:.0f}%" if column.endswith("percent") else number(value)


def number(value: float) -> str:
    """Write three digits, or all of a whole number."""
    if isinstance(value, int) or (math.isfinite(value) and abs(value) >= 999.5):
        return f"{value:,.0f}"
    return f"{value:.2f}" if 0.995 <= abs(value) < 9.995 else f"{value:.3g}"


def claim_text(claim: dict[str, Any]) -> str:
    """Write a claim as in `1.95x, goal at least 1.8x: met`."""
    bound, unit = "at least" if claim["at_least"] else "at most", claim["unit"]
    said = f"{number(claim['value'])}{unit}, goal {bound} {number(claim['goal'])}{unit}"
    return f"{said}: {'met' if claim['met'] else 'missed'}"


def table(rows: Sequence[dict[str, Any]], claims: Sequence[dict[str, Any]]) -> str:
    """Write rows as a text table, claims below it."""
    names = columns(rows)
    cells = [[heading(name) for name in names], *([cell(name, row) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    first = [name for name in names if any(isinstance(row.get(name), str) for row in rows)]
    lines = [
        "  ".join(
            text.ljust(width) if name in first else text.rjust(width)
            for name, text, width in zip(names, line, widths, strict=True)
        ).rstrip()
        for line in cells
    ]
    said = [f"* {claim['text']}: {claim_text(claim)}{claim['why'] and '; ' + claim['why']}" for claim in claims]
    return "\n".join([*lines, *said])


def _with_unit(value: float, units: tuple[tuple[float, str], ...]) -> str:
    if not math.isfinite(value):
        return "-"
    size, unit = next((u for u in units if abs(value) >= 0.9995 * u[0]), units[-1])
    return f"{value / size:.3g} {unit}"
