"""A progress line with the time that is left, on a terminal only."""

import importlib.util
import sys
from typing import Any, Self

from jgd.core.optional import require


class Progress:
    """A line such as `fit ━━━━━━━━ 300/1000 loss 0.0213 0:00:02 left 0:00:05`; silent where there is no terminal.

    `show=None` shows it where standard error is a terminal and rich is installed; `True` always, and asks for rich.
    """

    def __init__(self, title: str, total: int, done: int = 0, show: bool | None = None) -> None:
        if show is None:
            show = sys.stderr.isatty() and importlib.util.find_spec("rich") is not None
        self._line: Any = _line() if show else None
        self._task = self._line.add_task(title, total=total, completed=done, note="") if show else None

    def __enter__(self) -> Self:
        if self._line is not None:
            self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()

    def update(self, done: int, note: str = "") -> None:
        """Show that `done` of the total are done, with a short note beside it."""
        if self._line is not None:
            self._line.update(self._task, completed=done, note=note)


def _line() -> Any:
    progress = require("rich.progress", "a progress line")
    console = require("rich.console", "a progress line")
    columns = (
        "{task.description}",
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        "{task.fields[note]}",
        progress.TimeElapsedColumn(),
        "left",
        progress.TimeRemainingColumn(),
    )
    return progress.Progress(*columns, console=console.Console(stderr=True), refresh_per_second=4)
