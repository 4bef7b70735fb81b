"""A progress line with the time that is left, on a terminal and in a notebook."""

import html
import importlib.util
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jgd.core.optional import require

OFTEN = 0.25  # seconds between two updates of a notebook's line


class Progress:
    """A line such as `fit ━━━━━━━━ 300/1000 loss 0.0213 0:00:02 left 0:00:05`.

    `show=None` shows it in a notebook, and where standard error is a terminal and rich is installed; `True` always, and
    asks for rich outside of a notebook.
    """

    def __init__(self, title: str, total: int, done: int = 0, show: bool | None = None) -> None:
        notebook = in_notebook()
        if show is None:
            show = notebook or (sys.stderr.isatty() and importlib.util.find_spec("rich") is not None)
        make = _NotebookLine if notebook else _TerminalLine
        self._line: _Line | None = make(title, total, done) if show else None

    def __enter__(self) -> Any:
        if self._line is not None:
            self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()

    def update(self, done: int, note: str = "") -> None:
        """Show that `done` of the total are done, with a short note beside it."""
        if self._line is not None:
            self._line.update(done, note)

    def expect(self, total: int) -> None:
        """Correct the total, as soon as more or less is known of what is to come."""
        if self._line is not None:
            self._line.expect(total)

    def start_at(self, done: int) -> None:
        """Show that `done` of the total are done, some by an earlier call, which tells nothing of the pace."""
        if self._line is not None:
            self._line.start_at(done)


def in_notebook() -> bool:
    """Tell whether the code runs in a notebook's kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


@runtime_checkable
class _Line(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def update(self, done: int, note: str) -> None: ...
    def expect(self, total: int) -> None: ...
    def start_at(self, done: int) -> None: ...


class _TerminalLine:
    """Draws with rich."""

    def __init__(self, title: str, total: int, done: int) -> None:
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
        self._bar = progress.Progress(*columns, console=console.Console(stderr=True), refresh_per_second=4)
        self._task = self._bar.add_task(title, total=total, completed=done, note="")

    def start(self) -> None:
        self._bar.start()

    def stop(self) -> None:
        self._bar.stop()

    def update(self, done: int, note: str) -> None:
        self._bar.update(self._task, completed=done, note=note)

    def expect(self, total: int) -> None:
        self._bar.update(self._task, total=total)

    def start_at(self, done: int) -> None:
        if done > self._bar.tasks[self._task].completed:
            self._bar.reset(self._task, completed=done)


class _NotebookLine:
    """Draws an HTML element below the cell, which needs no widgets, and redraws it at most every `OFTEN` seconds."""

    def __init__(self, title: str, total: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._total, self._first, self._clock = title, total, done, clock
        self._latest, self._handle, self._began, self._drawn = (done, ""), None, clock(), -OFTEN

    def start(self) -> None:
        self._began, display = self._clock(), require("IPython.display", "a progress line")
        self._handle = display.display(display.HTML(self._html()), display_id=True)

    def stop(self) -> None:
        self._draw()

    def update(self, done: int, note: str) -> None:
        self._latest = done, note
        if self._clock() - self._drawn >= OFTEN:
            self._draw()

    def expect(self, total: int) -> None:
        self._total = total

    def start_at(self, done: int) -> None:
        self._first += done - self._latest[0]
        self._latest = done, self._latest[1]

    def _draw(self) -> None:
        self._drawn = self._clock()
        if self._handle is not None:
            self._handle.update(require("IPython.display", "a progress line").HTML(self._html()))

    def _html(self) -> str:
        done, note = self._latest
        taken, passed = self._clock() - self._began, done - self._first
        known = passed > 0 and done < self._total
        left = f", left {_clock_text(taken * (self._total - done) / passed)}" if known else ""
        return (
            f'<div style="font-family:monospace">{html.escape(self._title)} '
            f'<progress value="{done}" max="{self._total}"></progress> {done:,}/{self._total:,} {html.escape(note)} '
            f"{_clock_text(taken)}{left}</div>"
        )


def _clock_text(seconds: float) -> str:
    """Write seconds as in `0:01:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
