"""Writing in the background: the newest version of each file."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

AHEAD = 4  # files that may wait; what computes faster than the disk writes is held up


class Writer:
    """A thread that writes files. What it meets is raised by the next call, and nothing is written after it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="jgd-writer")
        self._lock = threading.Lock()
        self._waiting: dict[Path, Callable[[], None]] = {}
        self._writes: list[Future[None]] = []  # one for each put
        self._failed = False

    def put(self, path: Path, write: Callable[[], None]) -> None:
        """Have `write()` called soon, after what was put before, unless a newer version of this path is put."""
        self._forget_done()
        with self._lock:
            # Last, even if an older version was first: the files written between the two may be what it relies on.
            self._waiting.pop(path, None)
            self._waiting[path] = write
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
            path = next(iter(self._waiting), None)
            write = None if path is None else self._waiting.pop(path)
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
