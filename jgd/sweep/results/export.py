"""Tables of trials: their columns, and files of them."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from jgd.core.optional import require
from jgd.core.storage import write_whole

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for the beginning of a formula


NO_STEP = ("diverged_at",)  # columns in which None is no value of a choice


def joined(head: Mapping[str, Any], params: Mapping[str, Any], tail: Mapping[str, Any], metrics: Any) -> dict[str, Any]:
    """Return a row of the table's own columns, with a trial's values between its head and tail, and the metrics behind.

    A value whose name another column has gets the prefix `params_`, and a metric that is called as one of the table's
    own columns `metrics_`.
    """
    metrics = _prefixed(metrics, {**head, **tail}, "metrics_")
    return {**head, **_prefixed(params, {**head, **tail, **metrics}, "params_"), **tail, **metrics}


def table_columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns of rows: every hyperparameter, of whichever space it is, before the status."""
    before = [name for row in rows for name in takewhile(lambda name: name != "status", row)]
    return list(dict.fromkeys([*before, *(name for row in rows for name in row)]))


def write_csv(rows: Sequence[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Write rows as comma-separated values, in UTF-8; what a row has not is empty, and None that it has is "None".

    A text that a spreadsheet would take for a formula, as one that begins with "=", has an apostrophe before it, as
    OWASP advises ("CSV Injection"); numbers stay as they are.
    """
    text, columns = io.StringIO(newline=""), table_columns(rows)
    writer = csv.writer(text)
    writer.writerow(map(_harmless, columns))
    writer.writerows([_cell(row, name) for name in columns] for row in rows)
    write_whole(path, [text.getvalue().encode()])


def write_parquet(rows: Sequence[dict[str, Any]], path: str | os.PathLike[str]) -> None:
    """Write rows as a Parquet file; a column of numbers and names, or of numbers and flags, is one of texts."""
    arrow = require("pyarrow", "Result.to_parquet()", "parquet")
    parquet = require("pyarrow.parquet", "Result.to_parquet()", "parquet")
    columns = {name: _alike([_plain(row.get(name)) for row in rows]) for name in table_columns(rows)}
    file = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(columns), file)
    write_whole(path, [file.getvalue()])


def _prefixed(named: Mapping[str, Any], taken: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in named.items():
        column = name
        while column in taken or column in found or (column != name and column in named):
            column = prefix + column
        found[column] = value
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _cell(row: Mapping[str, Any], name: str) -> Any:
    value = _plain(row.get(name, ""))
    if value is None:
        return "" if name in NO_STEP else "None"
    return _harmless(value)


def _harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    return f"'{value}" if value.startswith(FORMULA) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def _alike(column: list[Any]) -> list[Any]:
    given = [x for x in column if x is not None]
    kinds = {"flag" if isinstance(x, bool) else "text" if isinstance(x, str) else "number" for x in given}
    return [None if value is None else str(value) for value in column] if len(kinds) > 1 else column
