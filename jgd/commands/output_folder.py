"""The folder that a command writes into."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from jgd.core.errors import InputError


@contextlib.contextmanager
def new_folder(wanted: Path | None, title: str, option: str = "--out") -> Iterator[Path]:
    """Make `wanted`, which may exist, or a folder in `runs` that is named after the title and the time.

    It is made at once, so that a place that cannot be written to is told before the work; left empty, it is removed.
    """
    name = f"{re.sub(r'[^A-Za-z0-9_]+', '-', title).strip('-')}-{time.strftime('%Y%m%d-%H%M%S')}"
    path = wanted if wanted is not None else Path("runs") / name
    made = [folder for folder in (path, path.parent) if not folder.exists()]
    try:
        if wanted is not None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path = _make_unique(path)
        probe = path / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may have probed too
    except OSError as error:
        raise InputError(f"{option} {path}: cannot write there ({error.strerror}); name another folder.") from None
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):  # it is not empty, as it should be
            for folder in made:
                folder.rmdir()


def check_file(path: Path | None, option: str = "--out") -> None:
    """Refuse a file that could not be written at the end of the work, before the work."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{option} {path}: it is a folder; name a file, such as {path / 'report.html'}.")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}; make it, or name a file elsewhere.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{option} {path}: cannot write there (permission denied); name a file elsewhere.")


def _make_unique(path: Path) -> Path:
    """Return the path, or with the first free number behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 1000):
        candidate = path if attempt == 1 else path.with_name(f"{path.name}-{attempt}")
        try:
            candidate.mkdir()
        except FileExistsError:
            continue
        return candidate
    raise FileExistsError(17, "a thousand folders of this second exist", str(path))
