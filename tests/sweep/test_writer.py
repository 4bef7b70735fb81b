"""Writing in the background: what is on disk is always what had been put at some moment."""

import itertools
import threading
from pathlib import Path

import pytest

from jgd.sweep.storage import writer
from jgd.sweep.storage.writer import Writer


@pytest.mark.parametrize("puts", list(itertools.product("AB", repeat=writer.AHEAD)), ids="".join)
def test_what_is_written_is_a_moment_of_what_was_put(puts):
    """With a disk that is slower than everything else: each write waits until all is put."""
    slow, disk, moments, seen = threading.Event(), {}, [{}], []
    files = Writer()
    files.put(Path("first"), slow.wait)
    for version, name in enumerate(puts):

        def write(name=name, version=version):
            disk[name] = version
            seen.append(dict(disk))

        files.put(Path(name), write)
        moments.append({**moments[-1], name: version})
    slow.set()
    files.wait()
    assert all(state in moments for state in seen)
    assert disk == moments[-1]
    assert len(seen) == len(list(itertools.groupby(puts)))  # of a file's versions one after another the last alone
    files.close()


def test_what_computes_faster_than_the_disk_is_held_up():
    slow, files, done = threading.Event(), Writer(), []

    def fill():
        for i in range(writer.AHEAD + 2):
            files.put(Path(str(i)), slow.wait)
        done.append(True)

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join(0.2)
    assert not done
    slow.set()
    thread.join()
    assert done
    files.close()


def test_nothing_is_written_after_what_failed():
    files, written = Writer(), []

    def fail():
        raise OSError("full")

    files.put(Path("a"), fail)
    with pytest.raises(OSError, match="full"):
        files.wait()
    files.put(Path("b"), lambda: written.append("b"))
    files.wait()
    assert not written
    files.close()
