"""How closely each optimizer agrees with others' implementations, from the guide's page of it."""

import functools
import re
from importlib.resources import files


@functools.cache
def oracles_by_name() -> dict[str, str]:
    """Return the oracles of each optimizer by its name with their worst deviations, as the page `trust` has them."""
    table = (files("jgd") / "guide" / "trust.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| ([^|]+) \|", table, re.MULTILINE)
    return dict(rows)
