"""Processes that share a sweep's folder: who is there, whose turn it is, and which chunks each of them runs.

The folder is all that they have in common. Each holds the lock on a file of its own in `workers`, so that the others
know that it lives; each chunk names the one that runs it, and whoever's turn it is takes lanes that no living one runs.
"""

import os
import platform
import uuid
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from jgd.core import storage
from jgd.core.lock import held, release, take, turn


class _Seen(NamedTuple):
    """A chunk's file as it was last looked at."""

    version: tuple[int, ...]
    worker: str
    running: bool


class Peers:
    """The processes on a folder, as one of them sees them."""

    def __init__(self, folder: Path) -> None:
        self.name = uuid.uuid4().hex[:8]
        self.taken = frozenset[str]()  # the names of chunks that other living processes ran at the last `changed`
        self._folder, self._groups = folder, frozenset[int]()
        self._seen: dict[Path, _Seen] = {}
        self._read: dict[Path, tuple[int, ...]] = {}
        (folder / "workers").mkdir(exist_ok=True)
        handle = os.open(self._file(self.name), os.O_RDWR | os.O_CREAT, 0o644)
        take(handle, self._file(self.name))
        os.write(handle, f"{platform.node()} {os.getpid()}\n".encode())  # for people
        self._leave = weakref.finalize(self, _leave, self._file(self.name), handle)

    def turn(self) -> AbstractContextManager[None]:
        """Keep other processes from claiming lanes."""
        return turn(self._folder / "turn")

    def leave(self) -> None:
        """Let go of everything, which the end of the process does where a Ctrl-C comes in between."""
        self._leave()

    def look_at(self, groups: Iterable[int]) -> None:
        """Attend to the chunks of these groups from now on, all of them new."""
        self._groups, self._seen, self._read = frozenset(groups), {}, {}

    def changed(self) -> list[Path]:
        """Return the chunks to read again.

        Those that other living processes run are read but once, to know their lanes.
        """
        self._look()
        running = {path: seen.worker for path, seen in self._seen.items() if seen.running}
        alive = {worker: held(self._file(worker)) for worker in set(running.values()) - {self.name, ""}}
        self.taken = frozenset(path.stem for path, worker in running.items() if alive.get(worker))
        found = []
        for path, seen in self._seen.items():
            known = self._read.get(path)
            if seen.version != known and seen.worker != self.name and (known is None or path.stem not in self.taken):
                self._read[path] = seen.version
                found.append(path)
        return found

    def _look(self) -> None:
        for path in sorted((self._folder / "chunks").glob("*.safetensors")):
            if int(path.stem.split("-")[0]) not in self._groups:
                continue
            status = path.stat()
            version = status.st_mtime_ns, status.st_ino, status.st_size
            if path not in self._seen or self._seen[path].version != version:
                meta = storage.read_metadata(path)
                self._seen[path] = _Seen(version, meta.get("worker", ""), meta.get("running", False))

    def _file(self, worker: str) -> Path:
        return self._folder / "workers" / worker


def _leave(path: Path, handle: int) -> None:
    path.unlink(missing_ok=True)
    release(handle)
