"""Tables of trials in files."""

import csv
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.core.optional import require


def write_csv(rows: Sequence[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Rows as comma-separated values, in UTF-8; what a row does not have is empty."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _columns(rows))
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)


def write_parquet(rows: Sequence[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Rows as a Parquet file; a column of numbers and names is one of texts."""
    arrow = require("pyarrow", "Result.to_parquet()", "parquet")
    parquet = require("pyarrow.parquet", "Result.to_parquet()", "parquet")
    columns = {name: _alike([_plain(row.get(name)) for row in rows]) for name in _columns(rows)}
    parquet.write_table(arrow.table(columns), os.fspath(path))


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _alike(column: list[Any]) -> list[Any]:
    kinds = {isinstance(value, str) for value in column if value is not None}
    return [None if value is None else str(value) for value in column] if len(kinds) > 1 else column
