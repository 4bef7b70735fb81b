"""Values as HTML, for the last line of a notebook's cell."""

import dataclasses
import html
from typing import Any

from jgd.core.outline import brief, shown

CELL = "text-align:left;vertical-align:top;padding:1px 8px"


def record_html(value: Any) -> str:
    """Show a record as a table of its fields, those of records inside it nested; arrays by their shapes."""
    rows = [
        f'<tr><td style="{CELL}">{html.escape(field.name)}</td><td style="{CELL}">{_cell(inner)}</td></tr>'
        for field in dataclasses.fields(value)
        if (inner := getattr(value, field.name)) is not None
    ]
    name = f"<b>{html.escape(type(value).__name__)}</b>"
    return f"{name}<table>{''.join(rows)}</table>" if rows else name


def text_html(value: Any) -> str:
    """Show what is told in sentences as they are printed."""
    return f"<pre>{html.escape(repr(value))}</pre>"


def _cell(value: Any) -> str:
    if dataclasses.is_dataclass(value) and hasattr(value, "_repr_html_"):
        return record_html(value)
    if isinstance(value, (tuple, list)) and any(map(dataclasses.is_dataclass, value)):
        return "".join(map(_cell, value))
    if isinstance(value, dict):
        return "".join(f"<div>{html.escape(str(name))}: {_cell(inner)}</div>" for name, inner in value.items())
    return html.escape(repr(brief(value)) if getattr(value, "shape", None) == () else shown(value))
