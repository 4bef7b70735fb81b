"""A sweep on disk: a folder with what it was asked to do and a file for each chunk of lanes; never pickled.

`sweep.json` holds the spec, the trials and the environments; `chunks/*.safetensors` the curves of lanes and, where
they have steps left to take, their states. Every file is written whole or not at all and carries its checksum, so a
kill at any moment loses at most the segment that was running. One process writes at a time, held by a lock on `lock`,
which the system lets go of when its holder dies.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jgd.core import storage
from jgd.core.describe import differences
from jgd.core.errors import InputError
from jgd.sweep.disk.spec import Json
from jgd.sweep.lanes.chunk import Arrays, Chunk, Members
from jgd.sweep.lanes.records import Records


class Saved(NamedTuple):
    """A chunk on disk; of its lanes some may be further in another file."""

    group: int  # the number of its first trial
    chunk: Chunk
    rows: Arrays  # what the records know of its lanes


class Store:
    """The folder, open for writing.

    `asked` tells its sweep from others, `arguments` are those that JSON can hold, and `note` is the caller's.
    """

    def __init__(
        self, folder: str | os.PathLike[str], asked: dict[str, str], arguments: Json, note: Any = None
    ) -> None:
        self.folder, self.asked, self._handle = Path(folder), asked, -1
        self._kept = {"arguments": arguments} | ({} if note is None else {"note": _as_json(note)})
        self._hash = _digest(asked)
        self._place = f"run(dir={os.fspath(folder)!r})"

    def __enter__(self) -> "Store":
        import fcntl  # not on Windows, where only sweeps without a folder run

        try:
            (self.folder / "chunks").mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"{self._place}: cannot make this folder ({error.strerror}); name another.") from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            raise InputError(
                f"{self._place}: another process is running this sweep; wait for it, end it, or name another dir."
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)  # which lets go of the lock

    def open(self, trials: Json, groups: Sequence[Json], **others: Any) -> list[Saved]:
        """The chunks so far of these groups. Another sweep's folder, or a damaged file, is an error that says so.

        `others` are the settings and metrics, for `load`, and the environment.
        """
        path, environment = self.folder / "sweep.json", others.pop("environment")
        known = read_json(path) if path.exists() else {"listing": trials, "groups": [], "environments": []}
        self._compare(known, trials)
        new = {
            "asked": self.asked,
            "hash": self._hash,
            "note": known.get("note"),
            **self._kept,
            **others,
            # Of a sampler that proposes round after round, either may know more of the trials.
            "listing": max(known["listing"], trials, key=lambda x: len(x["trials"])),
            "groups": [*groups, *(x for x in known["groups"] if x["first"] not in {y["first"] for y in groups})],
            "rounds": sorted({*known.get("rounds", []), *others["rounds"]}),  # the numbers of their first trials
            "environments": [*(x for x in known["environments"] if x != environment), environment],
        }
        new = json.loads(json.dumps(new))
        if new != known:
            with self._writing(path):
                write_json(path, new)
        numbers = {group["first"] for group in groups}
        return [row for row in read_chunks(self.folder, self._hash) if row.group in numbers]

    def save(self, group: int, chunk: Chunk, rows: Arrays) -> None:
        """Replace the file of a chunk. What only fills it up is left out."""
        path, real = self.folder / "chunks" / f"{chunk.name}.safetensors", np.flatnonzero(chunk.members.real)
        arrays = {f"members/{name}": x for name, x in chunk.members._asdict().items()}
        arrays |= {f"rows/{name}": x for name, x in rows.items()} | (chunk.state or {})
        arrays = {"real": real, **{name: x[real] for name, x in arrays.items()}}
        meta = {"hash": self._hash, "group": group, "point": chunk.point, "size": len(chunk.members.real)}
        with self._writing(path):
            storage.save(path, arrays, {**meta, "seconds": chunk.seconds, "lane_steps": chunk.lane_steps})

    def _compare(self, known: Json, trials: Json) -> None:
        shown = differences(known.get("asked", self.asked), self.asked)
        both = zip(known["listing"]["trials"], trials["trials"], strict=False)
        axes = zip(known["listing"]["axes"], trials["axes"], strict=False)
        if not shown and any(theirs != ours for pairs in (both, axes) for theirs, ours in pairs):
            shown = "the sampler proposes other trials here than there"
        if shown:
            raise InputError(
                f"{self._place}: the sweep there is another ({shown}); pass what it was made with, or name another dir."
            )

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self._place}: writing {path.name} failed ({error.strerror}); what was written before is whole: make "
                "room, and the same call goes on from it",
            ) from error


def read_sweep(folder: str | os.PathLike[str], place: str) -> Json:
    """What a folder knows of its sweep; `place` is who asks."""
    path = Path(folder) / "sweep.json"
    if not path.exists():
        raise InputError(f"{place}(dir={os.fspath(folder)!r}): there is no sweep.json; name the dir of a sweep.")
    return read_json(path)


def read_json(path: Path) -> Json:
    """The content of a file that `write_json` wrote."""
    try:
        whole = json.loads(path.read_bytes())
        content = whole["content"]
        if whole["sha256"] != _digest(content):
            raise ValueError("its checksum does not match its content")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: the file is damaged ({error}); delete it and run the same call again, which makes it anew."
        ) from None
    return content


def write_json(path: Path, content: Json) -> None:
    """Write JSON with a checksum, whole or not at all."""
    text = json.dumps({"sha256": _digest(content), "content": content}, indent=1)
    storage.write_whole(path, [text.encode()])


def read_chunks(folder: Path, spec_hash: str) -> list[Saved]:
    """All chunks of a folder, which must be of one sweep."""
    found = []
    for path in sorted((folder / "chunks").glob("*.safetensors")):
        arrays, meta = storage.load(path)
        if meta["hash"] != spec_hash:
            raise InputError(f"{path}: the file is of another sweep; move it away, or name another dir.")
        real = arrays.pop("real")
        arrays = {name: _filled(x, real, meta["size"]) for name, x in arrays.items()}
        members = Members(**_under("members/", arrays))
        state = {name: x for name, x in arrays.items() if name.startswith("state")} or None
        chunk = Chunk(members, path.stem, meta["point"], state, meta["seconds"], meta["lane_steps"])
        found.append(Saved(meta["group"], chunk, _under("rows/", arrays)))
    return found


def restore(records: Records, saved: Sequence[Saved]) -> None:
    """Enter what is on disk into the records."""
    for row in saved:
        real = row.chunk.members.real
        members = row.chunk.members
        records.put(members.trial[real], members.seed[real], {name: x[real] for name, x in row.rows.items()})


def _under(prefix: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}


def _filled(rows: np.ndarray, at: np.ndarray, size: int) -> np.ndarray:
    """An array of this many rows: these at their positions, zeros elsewhere."""
    filled = np.zeros((size, *rows.shape[1:]), rows.dtype)
    filled[at] = rows
    return filled


def _as_json(note: Any) -> Any:
    try:
        return json.loads(json.dumps(note, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"run(note=): JSON cannot hold it ({error}); pass numbers, texts, lists and dicts by text."
        ) from None


def _digest(content: Json) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
