"""Writing in the background, in the order in which files are put: the disk holds all that was put by some moment.

So a file may be emptied once another one has been put that takes its place, as states are that have gone on in new
chunks: no kill finds the first emptied and the second missing.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

AHEAD = 4  # files that may wait; what computes faster than the disk writes is held up


class Writer:
    """A thread that writes files. What it meets is raised by the next call, and nothing is written after it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="jgd-writer")
        self._lock = threading.Lock()
        self._waiting: list[tuple[Path, Callable[[], Any]]] = []
        self._writes: list[Future[None]] = []  # one for each put
        self._failed = False

    def put(self, path: Path, write: Callable[[], Any]) -> None:
        """Have `write()` called soon, after what was put before, unless a newer version of this path is put next."""
        self._forget_done()
        with self._lock:
            # Only where no other file was put in between: that one may rely on the older version.
            if self._waiting and self._waiting[-1][0] == path:
                self._waiting.pop()
            self._waiting.append((path, write))
        self._writes.append(self._pool.submit(self._write_next))
        while len(self._waiting) > AHEAD:
            self._writes[0].result()
            self._forget_done()

    def wait(self) -> None:
        """Return when all is written."""
        writes, self._writes = self._writes, []
        for future in writes:
            future.result()

    def close(self) -> None:
        """End, with all written that can be."""
        self._pool.shutdown()

    def _write_next(self) -> None:
        with self._lock:
            write = self._waiting.pop(0)[1] if self._waiting else None
        if write is None or self._failed:
            return
        try:
            write()
        except BaseException:
            self._failed = True
            raise

    def _forget_done(self) -> None:
        """Raise what a write that has ended has met."""
        while self._writes and self._writes[0].done():
            self._writes.pop(0).result()
