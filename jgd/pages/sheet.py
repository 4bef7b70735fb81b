"""A table between sentences, as plain text for a terminal and as HTML for a notebook."""

import html
from collections.abc import Sequence
from typing import NamedTuple

from jgd.pages.text import plain_table

CELL = "padding:2px 10px"


class Sheet(NamedTuple):
    """Sentences, a table whose first `left` columns are flush left and the others flush right, and more sentences."""

    head: Sequence[str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    foot: Sequence[str] = ()
    left: int = 1

    def __str__(self) -> str:
        table = [plain_table(self.header, self.rows, self.left)] if self.rows else []
        return "\n".join([*self.head, *table, *self.foot])

    def html(self) -> str:
        """Return the same as HTML without a style sheet, for the output of a cell."""
        before, after = (
            "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in part) for part in (self.head, self.foot)
        )
        heads = self._row(self.header, "th")
        body = "".join(self._row(row, "td") for row in self.rows)
        table = f"<table><thead>{heads}</thead><tbody>{body}</tbody></table>" if self.rows else ""
        return f"{before}{table}{after}"

    def _row(self, cells: Sequence[str], tag: str) -> str:
        sides = ["left" if i < self.left else "right;white-space:nowrap" for i in range(len(cells))]
        return "<tr>{}</tr>".format(
            "".join(
                f'<{tag} style="text-align:{side};{CELL}">{html.escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )
        )
