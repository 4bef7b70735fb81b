"""Times and sizes as a person writes them."""

import math
from collections.abc import Sequence
from typing import Any

SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def time_text(seconds: float) -> str:
    """Write three digits with their unit: `2.31 ms`."""
    return _text(seconds, SECONDS)


def bytes_text(count: float) -> str:
    """Write three digits with their decimal unit: `498 MB`."""
    return _text(count, BYTES)


def plain_row(row: Any) -> dict[str, Any]:
    """Return the fields of a named tuple as JSON has them: null for NaN."""
    return {name: None if value != value else value for name, value in row._asdict().items()}


def _text(value: float, units: Sequence[tuple[float, str]]) -> str:
    if not math.isfinite(value):
        return "-"
    size, unit = next((u for u in units if abs(value) >= 0.9995 * u[0]), units[-1])
    number = value / size
    return f"{number:.0f} {unit}" if abs(number) >= 99.95 else f"{number:#.3g} {unit}"
