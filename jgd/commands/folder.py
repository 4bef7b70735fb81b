"""The folder that a command writes into."""

import re
import time
from pathlib import Path

from jgd.core.errors import InputError


def new_folder(wanted: Path | None, title: str) -> Path:
    """`wanted`, which may exist, or a folder in `runs` that is named after the title and the time; made at once.

    So a place that cannot be written to is told before the work, not after it.
    """
    name = f"{re.sub(r'[^A-Za-z0-9]+', '-', title).strip('-')}-{time.strftime('%Y%m%d-%H%M%S')}"
    path = wanted if wanted is not None else Path("runs") / name
    try:
        if wanted is not None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path = _make_unique(path)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"--out {path}: cannot write there ({error.strerror}); name another folder.") from None
    return path


def _make_unique(path: Path) -> Path:
    """The path, or with the first free number behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 1000):
        candidate = path if attempt == 1 else path.with_name(f"{path.name}-{attempt}")
        try:
            candidate.mkdir()
        except FileExistsError:
            continue
        return candidate
    raise FileExistsError(17, "a thousand folders of this second exist", str(path))
