"""A sweep on disk: a folder with what it was asked to do and a file for each chunk of lanes; never pickled.

`sweep.json` holds the spec, the trials and the environments; `chunks/*.safetensors` the curves of lanes and, where
they have steps left to take, their states. Every file is written whole or not at all and carries its checksum. A chunk
is written by a thread in the background, whenever it comes to rest and else every `PAUSE` seconds at most: a kill loses
the running segment and what ended since the last write. One process writes at a time, held by a lock on `lock`, which
the system lets go of when its holder dies; or several that share it, each with chunks of its own.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from jgd.core.errors import InputError
from jgd.core.lock import release, take
from jgd.sweep.lanes.chunk import Arrays, Chunk
from jgd.sweep.lanes.layout import Layout
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.storage.files import (
    Saved,
    digest,
    note_as_json,
    read_chunk,
    read_chunks,
    read_known,
    write_chunk,
    write_json,
)
from jgd.sweep.storage.growth import GROWING, MERGED, grown, parts_of
from jgd.sweep.storage.identity import same_study, warn_of_code, without
from jgd.sweep.storage.spec import Json, devices_text, distributions_of
from jgd.sweep.storage.workers import Peers
from jgd.sweep.storage.writer import Writer

FILES = "chunks", "workers", "turn", "lock"  # what lies in a folder before the sweep itself
PAUSE = 0.2  # seconds between two writes of a running chunk, so that segments of milliseconds are not all waited for


class Store:
    """The folder, open for writing.

    `asked` tells its sweep from others, `arguments` are those that JSON can hold, `sizes` the trials of each space,
    round by round, and `note` is the caller's. With several `workers`, other processes may have it open too, as long as
    they say the same.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        asked: dict[str, str],
        arguments: Json,
        settings: Settings,
        sizes: list[int],
        note: Any = None,
        workers: int = 1,
    ) -> None:
        self.folder, self.asked, self.workers, self._handle = Path(folder), asked, workers, -1
        self._settings, self._sizes, self._known = settings, sizes, False
        self._kept = {"arguments": arguments} | ({} if note is None else {"note": note_as_json(note)})
        self._hash, self._written, self._made = digest(asked), -PAUSE, list[Path]()
        self._place = f"run(dir={os.fspath(folder)!r})"

    def __enter__(self) -> "Store":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._made = [path for name in FILES if not (path := self.folder / name).exists()]
            if taken := self._take():
                (self.folder / "chunks").mkdir(exist_ok=True)
                self.peers = Peers(self.folder) if self.workers > 1 else None
        except OSError as error:
            self._release()
            raise InputError(f"{self._place}: cannot make this folder ({error.strerror}); name another.") from None
        except InputError:
            self._release()
            raise
        if not taken:
            self._release()
            raise InputError(
                f"{self._place}: another process is running this sweep; wait for it, end it, name another dir, or "
                "pass workers=2 or more to all of them, so that they share it."
            )
        self._writer = Writer()
        try:
            self._look()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        if self.peers:
            self.peers.leave()
        self._clear()
        self._release()

    def _take(self) -> bool:
        """Take the lock of the folder, unless another process has it; not of a file that one has just removed."""
        path = self.folder / "lock"
        while True:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            taken = take(self._handle, path, shared=self.workers > 1)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._handle), path.stat()):
                    return taken
            self._release()

    def _release(self) -> None:
        if self._handle >= 0:
            release(self._handle)
        self._handle = -1

    def _clear(self) -> None:
        """Leave nothing of a sweep that never began, unless another process is about to begin it."""
        begun = (self.folder / "sweep.json").exists
        if begun() or not take(self._handle, self.folder / "lock") or begun():
            return
        with suppress(OSError):  # somebody has put something there
            for path in self._made:
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)

    def layouts(self, devices: Sequence[Any]) -> dict[int, Layout]:
        """Tell how groups, by their first trials, have run here for one process, if it was on devices like these."""
        path = self.folder / "sweep.json"
        if self.workers > 1 or not path.exists():
            return {}
        known = read_known(path)
        if known["environments"][-1]["devices"] != devices_text(devices):
            return {}
        return {row["first"]: Layout(*row["layout"]) for row in known["groups"]}

    def open(self, trials: Json, groups: Sequence[Json], **others: Any) -> list[Saved]:
        """Give the chunks so far of these groups. Another sweep's folder, or a damaged file, is an error that says so.

        `others` are the settings and metrics, for `load`, and the environment.
        """
        with self.turn():
            self._enter(trials, groups, **others)
            first = [group["first"] for group in groups]
            if self.peers:
                self.peers.look_at(first)
                return self.news()
            return [row for number in first for row in read_chunks(self.folder, self._hash, number)]

    def end(self) -> None:
        """Record that no round follows."""
        path = self.folder / "sweep.json"
        with self.turn():
            if not (known := read_known(path)).get("over"):
                self._write(path, partial(write_json, path, {**known, "over": True}))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other processes from opening the folder, and from claiming lanes in it."""
        if self.peers is None:
            yield
        else:
            with self.peers.turn():
                yield

    def news(self) -> list[Saved]:
        """Return the chunks that other processes have written and left, or have died over, since the last call."""
        assert self.peers
        return [read_chunk(path, self._hash) for path in self.peers.changed()]

    @property
    def due(self) -> bool:
        """Whether a chunk that runs on is worth a write."""
        return time.monotonic() - self._written >= PAUSE

    def save(self, group: int, chunk: Chunk, rows: Arrays, running: bool) -> None:
        """Replace the file of a chunk, soon. `running` says that this process goes on with it."""
        path = self.folder / "chunks" / f"{chunk.name}.safetensors"
        meta = {"hash": self._hash, "group": group, "running": running, "worker": self.peers.name if self.peers else ""}
        self._writer.put(path, partial(self._write, path, partial(write_chunk, path, chunk, rows, meta)))
        self._written = time.monotonic()

    def flush(self) -> None:
        """Return when all is on disk."""
        self._writer.wait()

    def _enter(self, trials: Json, groups: Sequence[Json], *, environment: Json, **others: Any) -> None:
        """Compare with what is there, and add what is new."""
        path = self.folder / "sweep.json"
        if not self._known:  # another process may have begun since
            self._look()
        known = read_known(path) if path.exists() else {"listing": trials, "groups": [], "environments": []}
        self._compare(known, trials)
        old = parts_of(known) if "arguments" in known else self.parts
        rows = {row["first"]: row for row in (*known["groups"], *groups)}
        new = {
            "asked": self.asked,
            "hash": self._hash,
            "parts": self.parts,
            "note": known.get("note"),
            **self._kept,
            **others,
            # Of a sampler that proposes round after round, either may know more of the trials.
            "listing": max(known["listing"], trials, key=lambda x: len(x["trials"])),
            "groups": [rows[first] for first in sorted(rows)],
            "rounds": sorted({*known.get("rounds", []), *others["rounds"]}),  # the numbers of their first trials
            # Whether no round follows, though more were asked for.
            "over": known.get("over", False) and old == self.parts,
            "environments": [*(x for x in known["environments"] if x != environment), environment],
        }
        new = json.loads(json.dumps(new))
        if new != known:
            self._write(path, partial(write_json, path, new))

    def _look(self) -> None:
        """Compare with the sweep that is there, and take over what tells it from others and how it has grown."""
        path, self.parts = self.folder / "sweep.json", [self._sizes]
        if not path.exists():
            return
        known, ours = read_known(path), self.asked
        theirs = known["asked"]
        if shown := same_study(without(theirs, GROWING), without(ours, GROWING)):
            self._refuse(shown, merges=not same_study(without(theirs, MERGED), without(ours, MERGED)))
        warn_of_code(self._place, theirs)
        self.parts, changed = grown(known, ours, self._settings, self._sizes, self._place)
        self.asked, self._hash, self._known = theirs | changed, known["hash"], True
        if shown := same_study(self.asked, ours):
            self._refuse(shown, merges=True)

    def _compare(self, known: Json, trials: Json) -> None:
        """Refuse other trials than those that are there; names may have changed since."""
        both = zip(known["listing"]["trials"], trials["trials"], strict=False)
        axes = zip(distributions_of(known["listing"]), distributions_of(trials), strict=False)
        if any(theirs != ours for pairs in (both, axes) for theirs, ours in pairs):
            self._refuse("the sampler proposes other trials here than there")

    def _refuse(self, shown: str, merges: bool = False) -> None:
        more = ", and jgd.sweep.merge makes one result of both" if merges else ""
        raise InputError(
            f"{self._place}: the sweep there is another ({shown}); pass what it was made with, or name another "
            f"dir{more}."
        )

    def _write(self, path: Path, write: Any) -> None:
        try:
            write()
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self._place}: writing {path.name} failed ({error.strerror}); what was written before is whole: make "
                "room, and the same call goes on from it",
            ) from error
