"""Chunks: lanes of several that go on side by side keep who they are and their states."""

import numpy as np

from jgd.sweep.lanes.chunk import Chunk, members_of, part_of, regroup

NUMBERS = np.array([10, 11, 12, 13, 14])


def chunk_of(lanes):
    """Lanes of five trials under two seeds, whose state is their position."""
    lanes = np.array(lanes)
    return Chunk(members_of(lanes, NUMBERS, 2), "0-0", 1, {"state": lanes * 1.0})


def wanted(lanes):
    return np.isin(np.arange(10), lanes).reshape(5, 2)


def test_lanes_of_several_chunks_keep_their_states():
    own = np.arange(5)
    parts = [
        part_of(chunk_of([0, 1, 4, 5]), wanted([4, 5]), NUMBERS, own),
        part_of(chunk_of([2, 3, 6, 7, 8]), wanted([2, 3, 8]), NUMBERS, own),
    ]
    members, state = regroup(parts, 2)
    assert state["state"].tolist() == [2, 3, 4, 5, 8]
    assert members.trial.tolist() == [11, 11, 12, 12, 14]
    assert members.seed.tolist() == [0, 1, 0, 1, 0]
    assert members.row.tolist() == [1, 1, 2, 2, 4]
    assert members.real.all()
