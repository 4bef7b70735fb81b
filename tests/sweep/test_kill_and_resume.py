"""A study's folder under random saves, kills and resumes: what is read back is what was written, whole, in order."""

import contextlib
import os
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jgd.core import InputError, storage
from jgd.sweep.lanes.chunk import Chunk, Members
from jgd.sweep.storage.files import read_chunks, write_chunk
from jgd.sweep.storage.writer import Writer

HASH = "a" * 8
NAMES = st.sampled_from(["0-0", "0-1", "4-0"])


class Killed(BaseException):
    """The end of a process in the middle of a write."""


class StudyFolder(RuleBasedStateMachine):
    """Chunks that are written in the background by a process that may die at any file, and then by the next one."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "chunks").mkdir()
        self.put: dict[str, int] = {}  # the point of each chunk, as the process believes it
        self.writer = Writer()

    def write(self, name, point, killed=False):
        """Replace a chunk's file; a kill comes after its bytes and before its name."""
        group, lanes = int(name.partition("-")[0]), np.arange(2)
        members = Members(lanes, lanes + group, np.zeros(2, int), np.ones(2, bool))
        chunk = Chunk(members, name, point, {"state/w": np.full((2, 3), point, np.float32)})
        rows = {"reached": np.full(2, point), "diverged_at": np.full(2, -1)}
        dying = mock.patch.object(os, "replace", side_effect=Killed) if killed else contextlib.nullcontext()
        with dying:
            write_chunk(self.path(name), chunk, rows, {"hash": HASH, "group": group})

    def path(self, name):
        """Return the file of a chunk."""
        return self.folder / "chunks" / f"{name}.safetensors"

    def on_disk(self):
        """Return the point of each chunk, as the next process reads it; states and points are of one moment."""
        found = {}
        for saved in read_chunks(self.folder, HASH):
            assert saved.chunk.state is not None
            assert np.all(saved.chunk.state["state/w"] == saved.chunk.point)
            found[saved.chunk.name] = saved.chunk.point
        return found

    @rule(name=NAMES, steps=st.integers(1, 5))
    def save(self, name, steps):
        """Go on with a chunk and have it written soon."""
        point = self.put.get(name, 0) + steps
        self.writer.put(self.path(name), partial(self.write, name, point))
        self.put[name] = point

    @rule()
    def flush(self):
        """Wait for the writer: then all is on disk."""
        self.writer.wait()
        assert self.on_disk() == self.put

    @rule(name=NAMES, after=NAMES)
    def kill_and_resume(self, name, after):
        """Die while a file is written; nothing that was put later is there, and all that was put before is."""
        assume(after != name)  # a newer version of a file that waits would take its place
        self.writer.wait()
        before = dict(self.put)
        self.writer.put(self.path(name), partial(self.write, name, 10**6, killed=True))
        with contextlib.suppress(Killed):  # which a call after it meets, if it comes late enough
            self.writer.put(self.path(after), partial(self.write, after, 10**7))
        self.writer.close()
        assert self.on_disk() == before
        self.put, self.writer = before, Writer()

    @precondition(lambda self: self.put)
    @rule(data=st.data())
    def damage_and_repair(self, data):
        """Tear a file: it is refused, with its path, rather than half read."""
        self.writer.wait()
        path = self.path(data.draw(st.sampled_from(sorted(self.put))))
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(InputError, match=re.escape(str(path))):
            self.on_disk()
        storage.write_whole(path, [whole])

    @invariant()
    def no_chunk_is_ahead_of_what_was_put(self):
        """Whatever is read at any moment was put at some moment."""
        assert all(point <= self.put[name] for name, point in self.on_disk().items())

    def teardown(self):
        """Remove the folder."""
        self.writer.close()
        shutil.rmtree(self.folder)


StudyFolder.TestCase.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, derandomize=True, database=None
)
TestStudyFolder = StudyFolder.TestCase
