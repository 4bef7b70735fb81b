"""The files of a sweep: what it was asked to do as JSON, and chunks of lanes as arrays, each with a checksum."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jgd.core import storage
from jgd.core.errors import InputError
from jgd.sweep.lanes.chunk import Arrays, Chunk, Members
from jgd.sweep.lanes.curves import Records
from jgd.sweep.storage.checks import check_chunk, check_sweep
from jgd.sweep.storage.spec import Json

REMAKE = "delete it and run the same call again, which makes it anew"
MOST_LANES = 2**31  # of a chunk


class Saved(NamedTuple):
    """A chunk on disk; of its lanes some may be further in another file."""

    group: int  # the number of its first trial
    chunk: Chunk
    rows: Arrays  # what the records know of its lanes


def write_chunk(path: Path, chunk: Chunk, rows: Arrays, meta: Json) -> None:
    """Replace the file of a chunk. What only fills it up is left out."""
    real = np.flatnonzero(chunk.members.real)
    arrays = {f"members/{name}": x for name, x in chunk.members._asdict().items()}
    arrays |= {f"rows/{name}": x for name, x in rows.items()} | (chunk.state or {})
    arrays = {"real": real, **{name: x[real] for name, x in arrays.items()}}
    numbers = {"point": chunk.point, "size": len(chunk.members.real)}
    storage.save_arrays(path, arrays, {**meta, **numbers, "seconds": chunk.seconds, "lane_steps": chunk.lane_steps})


def read_chunk(path: Path, spec_hash: str) -> Saved:
    """Read what `write_chunk` wrote, for the sweep with this hash."""
    arrays, meta = storage.load_arrays(path)
    refuse_other(path, meta, spec_hash)
    with storage.intact(path, storage.REPLACE):
        real, size = arrays.pop("real"), meta["size"]
        if not isinstance(size, int) or not len(real) <= size < MOST_LANES:
            raise ValueError("its size cannot be")
        arrays = {name: _filled(x, real, size) for name, x in arrays.items()}
        members = Members(**storage.under("members/", arrays))
        state = {name: x for name, x in arrays.items() if name.startswith("state")} or None
        chunk = Chunk(members, path.stem, meta["point"], state, meta["seconds"], meta["lane_steps"])
        rows = storage.under("rows/", arrays)
        check_chunk(meta["group"], chunk, rows)
        return Saved(meta["group"], chunk, rows)


def read_chunks(folder: Path, spec_hash: str, group: int | None = None) -> list[Saved]:
    """Return all chunks of a folder, which must be of one sweep, or those of a group alone."""
    pattern = "*.safetensors" if group is None else f"{group}-*.safetensors"
    return [read_chunk(path, spec_hash) for path in sorted((folder / "chunks").glob(pattern))]


def refuse_other(path: Path, meta: Json, spec_hash: str) -> None:
    """Refuse a chunk of another sweep."""
    if meta.get("hash") != spec_hash:
        raise InputError(f"{path}: the file is of another sweep; move it away, or name another dir.")


def restore(records: Records, saved: Sequence[Saved]) -> None:
    """Enter what is on disk into the records. Files of a sweep that had fewer steps have fewer points.

    Of those, lanes that had come to their end left no state to go on from: they begin again.
    """
    shape = *records.reached.shape, len(records.settings.points)
    for row in saved:
        members, real = row.chunk.members, row.chunk.members.real
        rows = {name: x[real] for name, x in row.rows.items()}
        at = members.trial[real], members.seed[real]
        with storage.intact(f"chunks/{row.chunk.name}.safetensors", storage.REPLACE):
            curves = {f"curves/{name}": rows[f"curves/{name}"] for name in records.curves}
            points = min((x.shape[1] for x in curves.values()), default=0)
            for x, most in zip((*at, rows["reached"]), (shape[0] - 1, shape[1] - 1, points), strict=True):
                if np.any(x > most):
                    raise ValueError("its lanes are none of the sweep")
            missing = shape[2] - points
            if missing < 0:
                raise ValueError("it has more points than the sweep")
            rows |= {name: np.pad(x, ((0, 0), (0, missing)), constant_values=np.nan) for name, x in curves.items()}
        over = (rows["reached"] == points) & (rows["diverged_at"] < 0) & bool(missing and row.chunk.state is None)
        records.put(at[0][~over], at[1][~over], {name: x[~over] for name, x in rows.items()})


def read_sweep(folder: str | os.PathLike[str], place: str) -> Json:
    """Read what a folder knows of its sweep; `place` is who asks."""
    path = storage.folder_path(place, folder) / "sweep.json"
    if not path.exists():
        raise InputError(f"{place}(dir={os.fspath(folder)!r}): there is no sweep.json; name the dir of a sweep.")
    return read_known(path)


def read_known(path: Path) -> Json:
    """Return the content of a `sweep.json`, which makes sense."""
    content = read_json(path)
    with storage.intact(path, REMAKE):
        check_sweep(content)
    return content


def read_json(path: Path) -> Json:
    """Return the content of a file that `write_json` wrote."""
    with storage.intact(path, REMAKE):
        whole = json.loads(path.read_bytes())
        if not isinstance(whole, dict) or not {"sha256", "content"} <= set(whole):
            raise InputError(f"{os.fspath(path)}: no sweep wrote this file; name another dir, or move it away.")
        content = whole["content"]
        if whole["sha256"] != digest(content):
            raise ValueError("its checksum does not match its content")
        return content


def write_json(path: Path, content: Json) -> None:
    """Write JSON with a checksum, whole or not at all."""
    text = json.dumps({"sha256": digest(content), "content": content}, indent=1)
    storage.write_whole(path, [text.encode()])


def note_as_json(note: Any) -> Any:
    """Return `run(note=)` as it is once it has been JSON."""
    try:
        return json.loads(json.dumps(note, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"run(note=): JSON cannot hold it ({error}); pass numbers, texts, lists and dicts by text."
        ) from None


def digest(content: Json) -> str:
    """Return the checksum of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _filled(rows: np.ndarray, at: np.ndarray, size: int) -> np.ndarray:
    """Return an array of this many rows: these at their positions, zeros elsewhere."""
    filled = np.zeros((size, *rows.shape[1:]), rows.dtype)
    filled[at] = rows
    return filled
