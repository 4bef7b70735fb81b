"""Locks on files, as POSIX has them and as Windows does (by a stand-in for its module)."""

import errno
import os
import types

import pytest

from jgd.core import InputError, lock


@pytest.fixture(params=["posix", "windows"])
def system(request, monkeypatch):
    """Windows' module locks a byte where the handle stands, for itself alone, and complains if it is locked."""
    held = {}

    def locking(handle, mode, count):
        assert (mode, count) == (2, 1)
        place = os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR)
        owner = held.setdefault(place, handle)
        if owner != handle and lives(owner):
            raise OSError(errno.EACCES, "Permission denied")
        held[place] = handle

    def lives(handle):
        try:
            os.fstat(handle)
        except OSError:
            return False
        return True

    if request.param == "windows":
        monkeypatch.setattr(lock, "fcntl", None)
        monkeypatch.setattr(lock, "msvcrt", types.SimpleNamespace(LK_NBLCK=2, locking=locking), raising=False)
    return request.param


def test_a_lock_is_for_one_until_it_is_closed(tmp_path, system):
    path = tmp_path / "lock"
    one, other = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert lock.take(one, path)
    assert not lock.take(other, path)
    os.close(one)
    assert lock.take(other, path)
    os.close(other)
    with lock.turn(path):
        pass


def test_what_is_shared_excludes_what_is_not(tmp_path, system):
    path = tmp_path / "lock"
    handles = [os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(3)]
    if system == "windows":
        with pytest.raises(InputError, match=r"Windows has no shared locks for run\(workers=\)"):
            lock.take(handles[0], path, shared=True)
        return
    assert lock.take(handles[0], path, shared=True)
    assert lock.take(handles[1], path, shared=True)
    assert not lock.take(handles[2], path)
    assert not lock.held(tmp_path / "nothing")
    for handle in handles:
        os.close(handle)


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with open(tmp_path / "lock", "w") as file, pytest.raises(InputError, match=r"has no locks \(Operation not supp"):
        lock.take(file.fileno(), tmp_path / "lock")


@pytest.mark.parametrize("missing", ["locks", "permission"])
def test_where_nothing_can_be_locked_nobody_is_kept_out(tmp_path, monkeypatch, missing):
    def refuse(*_):
        raise InputError("no locks") if missing == "locks" else PermissionError

    monkeypatch.setattr(lock, "take", refuse)
    with lock.alone("fit", tmp_path / "a"), lock.alone("fit", tmp_path / "a"):
        pass


def test_a_folder_is_for_one_at_a_time(tmp_path):
    said = r"^fit\(dir='.*a'\): another process is running this; wait for it, end it"
    with lock.alone("fit", tmp_path / "a"), lock.alone("fit", None), lock.alone("fit", tmp_path / "b"):
        second = lock.alone("fit", tmp_path / "a")
        with pytest.raises(InputError, match=said):
            second.__enter__()
    with lock.alone("fit", tmp_path / "a"):
        pass


def test_a_process_that_was_forked_meanwhile_keeps_no_lock(tmp_path):
    handles = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    assert lock.take(handles[0], tmp_path / "lock")
    copy = os.dup(handles[0])  # which is what a fork has
    lock.release(handles[0])
    assert lock.take(handles[1], tmp_path / "lock")
    lock.release(handles[1])
    os.close(copy)
