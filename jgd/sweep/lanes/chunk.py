"""Chunks: the lanes of one call of a program, which trials and seeds they are, and how lanes are packed into them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]


class Members(NamedTuple):
    """The lanes of a chunk, as many as its program has; what is not real fills it up and is never alive."""

    row: np.ndarray  # i[lanes], the trial's position in its group
    trial: np.ndarray  # i[lanes], its number in the sweep
    seed: np.ndarray  # i[lanes], the seed's position
    real: np.ndarray  # bool[lanes]


class Chunk(NamedTuple):
    """Lanes in lockstep, before their next segment."""

    members: Members
    name: str  # of its file, where there is a store
    point: int = 0  # the points that its lanes have
    state: Arrays | None = None  # by path, a row for each lane; None before the first step
    seconds: float = 0.0  # that it has run
    lane_steps: int = 0  # taken by its lanes together


def pack(lanes: np.ndarray, size: int, devices: int) -> Iterator[np.ndarray]:
    """Positions of lanes in chunks of `size`, -1 where a chunk is filled up.

    They are dealt out to the devices in turn: trials that diverge are often neighbours.
    """
    padded = np.full(-(-len(lanes) // size) * size, -1)
    padded[: len(lanes)] = lanes
    for piece in padded.reshape(-1, size):
        yield piece.reshape(-1, devices).T.ravel()


def regroup(parts: Sequence[tuple[Chunk, np.ndarray]], seeds: int) -> tuple[Members, Arrays]:
    """These lanes of these chunks, in the order of trials and seeds, with their states."""
    columns = zip(*([column[i] for column in chunk.members] for chunk, i in parts), strict=True)
    members = [np.concatenate(column) for column in columns]
    order = np.argsort(members[0] * seeds + members[2], kind="stable")
    names = parts[0][0].state or {}
    state = {name: np.concatenate([(chunk.state or {})[name][i] for chunk, i in parts])[order] for name in names}
    return Members(*(column[order] for column in members)), state


def members_of(lanes: np.ndarray, numbers: np.ndarray, seeds: int) -> Members:
    """Who the lanes at these positions of a group are; `numbers` are those of the group's trials."""
    real = lanes >= 0
    lanes = np.where(real, lanes, 0)
    return Members(lanes // seeds, numbers[lanes // seeds], lanes % seeds, real)
