"""Locks on files, which the system lets go of when their holder dies: one for POSIX and one for Windows."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jgd.core.errors import InputError

try:
    import fcntl
except ImportError:  # Windows, which locks bytes instead of files, and has no shared locks in Python
    fcntl = None
    import msvcrt

TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


def take(handle: int, path: Path, *, shared: bool = False) -> bool:
    """Lock an open file, unless somebody else has; `shared` with others who share it. `release` lets go."""
    try:
        if fcntl:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        elif shared:
            raise InputError(f"{path}: Windows has no shared locks for run(workers=); leave it out.")
        else:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError as error:
        if error.errno in TAKEN:
            return False
        raise InputError(
            f"{path}: the file system has no locks ({error.strerror}); name a dir elsewhere, such as on a local disk."
        ) from None
    return True


def release(handle: int) -> None:
    """Close a locked file and let go of it, also where a process that was forked meanwhile has it open."""
    if fcntl:
        with suppress(OSError):  # of a file system without locks
            fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


@contextmanager
def alone(place: str, folder: Path | None, in_any: Callable[[bool], bool] = bool) -> Iterator[None]:
    """Hold the lock of a folder, made if it is not there; that another process holds it is an error at `place`.

    Of a folder that can only be read, or on a file system without locks, nobody is kept out. `in_any` tells whether
    one of the processes that go on together was kept out, so that all of them are.
    """
    handle, free = -1, True
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            free = take(handle, folder / "lock")
    except (OSError, InputError):
        pass
    try:
        if in_any(not free):
            named = "" if folder is None else repr(os.fspath(folder))
            raise InputError(
                f"{place}(dir={named}): another process is running this; wait for it, end it, or name another dir."
            )
        yield
    finally:
        if handle >= 0:
            release(handle)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold a file's lock, after whoever holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while not take(handle, path):
            time.sleep(0.002)  # polling, because a blocking lock keeps Ctrl-C waiting on some network file systems
        yield
    finally:
        release(handle)


def held(path: Path) -> bool:
    """Tell whether somebody holds a file's lock."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not take(handle, path, shared=True)
    finally:
        release(handle)
