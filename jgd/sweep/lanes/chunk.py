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
    """Yield the positions of lanes in chunks of `size`, -1 where a chunk is filled up.

    They are dealt out to the devices in turn: trials that diverge are often neighbours.
    """
    padded = np.full(-(-len(lanes) // size) * size, -1)
    padded[: len(lanes)] = lanes
    for piece in padded.reshape(-1, size):
        yield piece.reshape(-1, devices).T.ravel()


class Part(NamedTuple):
    """Lanes that go on in another chunk."""

    members: Members
    chunk: Chunk  # that holds their states
    lanes: np.ndarray  # i[n], at these positions: their own, or those of lanes whose states they take over


def part_of(chunk: Chunk, wanted: np.ndarray, numbers: np.ndarray, sources: np.ndarray) -> Part:
    """Return the lanes among `wanted`, bool[T, S], whose states a chunk holds: those of the trials `sources`, i[T].

    `numbers` are those of the group's trials.
    """
    at, (row, _, seed, real) = np.full(wanted.shape, -1), chunk.members
    at[row[real], seed[real]] = np.flatnonzero(real)
    at = np.where(wanted, at[sources], -1)
    rows, seeds = np.nonzero(at >= 0)
    return Part(Members(rows, numbers[rows], seeds, np.ones(len(rows), bool)), chunk, at[rows, seeds])


def regroup(parts: Sequence[Part], seeds: int) -> tuple[Members, Arrays]:
    """Return all lanes of these parts, in the order of trials and seeds, with their states."""
    members = [np.concatenate(column) for column in zip(*(part.members for part in parts), strict=True)]
    order = np.argsort(members[0] * seeds + members[2], kind="stable")
    states = [{name: x[part.lanes] for name, x in (part.chunk.state or {}).items()} for part in parts]
    state = {name: np.concatenate([rows[name] for rows in states])[order] for name in states[0]}
    return Members(*(column[order] for column in members)), state


def members_of(lanes: np.ndarray, numbers: np.ndarray, seeds: int) -> Members:
    """Tell who the lanes at these positions of a group are; `numbers` are those of the group's trials."""
    real = lanes >= 0
    lanes = np.where(real, lanes, 0)
    return Members(lanes // seeds, numbers[lanes // seeds], lanes % seeds, real)
