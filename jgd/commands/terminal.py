"""Tables on a terminal: in colours where there are any, else as plain text."""

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from jgd.core.optional import require
from jgd.pages.text import plain_table


def print_table(head: Sequence[str], lines: Sequence[Sequence[str]], style: Callable[[int], str | None]) -> None:
    """Print a table whose first two columns are words; rich gives a line the `style` of its number.

    A line break in a heading is where a narrow table may break it.
    """
    if not sys.stdout.isatty() or find_spec("rich") is None:
        print(plain_table([name.replace("\n", " ") for name in head], lines, left=2))
        return
    table = require("rich.table", "a table in colours").Table(box=None, pad_edge=False, header_style="dim")
    for i, name in enumerate(head):
        table.add_column(name, justify="left" if i < 2 else "right", no_wrap=True, vertical="bottom")
    for i, line in enumerate(lines):
        table.add_row(*line, style=style(i))
    require("rich.console", "a table in colours").Console(highlight=False).print(table)


def winner(number: int) -> str | None:
    """Return the style of a ranking: the first stands out."""
    return "bold green" if number == 0 else None
