"""The host's loop over groups, chunks of lanes and segments: what is dispatched, recorded, stored and interrupted."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jgd.core import storage
from jgd.sweep.axes import Trial
from jgd.sweep.chunk import Chunk, Members, members_of, pack
from jgd.sweep.plan import Group, Layout, Settings
from jgd.sweep.prepare import Devices, Preparation, Prepared
from jgd.sweep.program import Lane, LaneState, Shared
from jgd.sweep.records import Records
from jgd.sweep.spec import environment, listing
from jgd.sweep.store import Saved, Store, restore
from jgd.train.interrupt import Interrupt
from jgd.train.progress import Progress


class GroupReport(NamedTuple):
    """What a group cost."""

    spaces: tuple[str, ...]
    trials: int
    layout: Layout
    seconds: float  # of running
    lane_steps: int  # steps taken, of all its lanes together


class Outcome(NamedTuple):
    """What came of a sweep."""

    records: Records
    groups: list[GroupReport]
    compilations: int
    compile_seconds: float
    run_seconds: float
    interrupted: bool
    requested: bool  # whether somebody wants it to end, even if nothing was left to cut short


def execute(
    trials: Sequence[Trial],
    groups: Sequence[Group],
    layouts: Sequence[Layout],
    settings: Settings,
    preparation: Preparation,
    metrics: Sequence[str],
    progress: bool | None,
    store: Store | None = None,
    before: Records | None = None,
) -> Outcome:
    """Compile the programs that have lanes to run, then run them, from where the store has got to.

    The groups are of the last of `trials`; `before` has the records of the others. Ctrl-C ends after the segment, with
    what was recorded until then.
    """
    records = Records(len(trials), settings, metrics)
    if before:
        records.copy(before)
    saved = _open(store, trials, groups, layouts, settings, preparation.devices, metrics) if store else []
    restore(records, saved)
    total, going = records.going.size, records.going
    with Interrupt() as interrupt, Progress("sweep", total * settings.steps, show=progress) as line:
        clock = time.perf_counter()
        pairs = [pair for pair in zip(groups, layouts, strict=True) if going[_numbers(pair[0])].any()]
        line.update(0, f"compiling {len(pairs)} program{'s' * (len(pairs) != 1)}")
        prepared = preparation.compile(*zip(*pairs, strict=True)) if pairs else []
        compiled = time.perf_counter()
        loop = Loop(preparation, settings, records, store, saved, interrupt, line)
        for ready in prepared:
            loop.run(ready)
        ended = time.perf_counter()
    reports = [loop.report(group, layout) for group, layout in zip(groups, layouts, strict=True)]
    # A request that came with the very last segment has cut nothing short.
    cut = bool(records.going.any())
    spent = compiled - clock, ended - compiled
    return Outcome(records, reports, preparation.compilations, *spent, cut, interrupt.requested)


class Loop:
    """Runs one group after another; stops wherever an interrupt was requested."""

    def __init__(
        self,
        preparation: Preparation,
        settings: Settings,
        records: Records,
        store: Store | None,
        saved: Sequence[Saved],
        interrupt: Interrupt,
        line: Progress,
    ) -> None:
        self.devices, self.seeds, self.settings = preparation.devices, preparation.seeds, settings
        self.records, self.store, self.interrupt, self.line = records, store, interrupt, line
        self.chunks = {(row.group, row.chunk.name): row.chunk for row in saved}  # every one that has run
        self.passed = int((~records.going).sum()) * settings.steps  # on the progress line: taken, or spared by an end

    def run(self, ready: Prepared) -> None:
        """All lanes of a group that have steps left to take, chunk by chunk."""
        for chunk in self._waiting(ready):
            if self.interrupt.requested:
                return
            self._run_chunk(ready, chunk)

    def report(self, group: Group, layout: Layout) -> GroupReport:
        """What the chunks of a group have cost."""
        chunks = [chunk for (first, _), chunk in self.chunks.items() if first == _key(group)]
        seconds, lane_steps = sum(x.seconds for x in chunks), sum(x.lane_steps for x in chunks)
        return GroupReport(_spaces(group), len(group.trials), layout, seconds, lane_steps)

    def _waiting(self, ready: Prepared) -> Iterator[Chunk]:
        """The chunks that the store has in the middle of their steps, then the lanes that have no state."""
        key, trials = _key(ready.group), _numbers(ready.group)
        going = self.records.going[trials]
        size, devices, seeds = ready.layout.chunk, len(self.devices.list), len(self.settings.seeds)
        kept = [chunk for (first, _), chunk in self.chunks.items() if first == key and chunk.state is not None]
        for chunk in kept:
            row, trial, seed, real = chunk.members
            current = real & going[row, seed] & (self.records.reached[trial, seed] == chunk.point)
            going[row[current], seed[current]] = False  # nothing takes a lane twice
            if len(real) == size:
                yield chunk
                continue
            # It ran in chunks of another size, on other devices: its lanes go on in chunks of this one.
            for picked in pack(np.flatnonzero(current), size, devices):
                state = {name: x[picked] for name, x in (chunk.state or {}).items()}
                members = Members(row[picked], trial[picked], seed[picked], picked >= 0)
                yield Chunk(members, self._name(key), chunk.point, state)
        # Lanes whose file somebody deleted begin again.
        self.records.reached[trials] = np.where(going, 0, self.records.reached[trials])
        for lanes in pack(np.flatnonzero(going), size, devices):
            yield Chunk(members_of(lanes, trials, seeds), self._name(key))

    def _name(self, key: int) -> str:
        """A name that no chunk of the group has had."""
        taken = [int(name.split("-")[1]) for first, name in self.chunks if first == key]
        return f"{key}-{max(taken, default=-1) + 1}"

    def _run_chunk(self, ready: Prepared, chunk: Chunk) -> None:
        """Segment after segment of these lanes, until all are done or dead."""
        members, points, key = chunk.members, self.settings.points, _key(ready.group)
        note = ", ".join(_spaces(ready.group))
        at, clock = (members.trial, members.seed), time.perf_counter() - chunk.seconds
        alive = members.real & self.records.going[at] & (self.records.reached[at] == chunk.point)
        lanes, states = self._begin(ready, chunk, alive)
        start = int(points[chunk.point - 1]) if chunk.point else 0
        done = self.passed + int(alive.sum()) * (self.settings.steps - start)
        for point in range(chunk.point, len(points)):
            end = int(points[point])
            step = self.devices.scalar(start)
            shared = Shared(ready.numbers, None, ready.picks[end - start](self.seeds, step), step)
            states, block = ready.segments[end - start](states, lanes, shared)
            well = self.records.add(jax.device_get(block), *at, alive, point)
            taken, seconds = int(alive.sum()) * (end - start), time.perf_counter() - clock
            chunk = chunk._replace(point=point + 1, state=None, seconds=seconds, lane_steps=chunk.lane_steps + taken)
            self.chunks[key, chunk.name] = chunk
            last = end == self.settings.steps or not well.any()
            if self.store:
                rows = self.records.rows(*at)
                self.store.save(key, chunk, rows, None if last else states)
            if last or self.interrupt.requested:
                break
            if (well != alive).any():
                alive = well
                lanes = lanes._replace(alive=self.devices.split(alive))
            start = end
            self.line.update(done - int(alive.sum()) * (self.settings.steps - end), note)
        self.passed = done
        self.line.update(done, note)

    def _begin(self, ready: Prepared, chunk: Chunk, alive: np.ndarray) -> tuple[Lane, LaneState]:
        """The lanes of a chunk and their states, on the devices."""
        members = chunk.members
        lanes = self.devices.split(
            Lane(
                [row[members.row] for row in ready.rows],
                np.array(self.settings.seeds, np.uint32)[members.seed],
                members.seed.astype(np.int32),
                alive,
            )
        )
        states = ready.begin(lanes, Shared(ready.numbers, ready.first, None, self.devices.scalar(0)))
        if chunk.state is None:
            return lanes, states
        return lanes, self.devices.split(storage.fill(states, chunk.state, "state", place=f"chunk {chunk.name}"))


def _open(
    store: Store,
    trials: Sequence[Trial],
    groups: Sequence[Group],
    layouts: Sequence[Layout],
    settings: Settings,
    devices: Devices,
    metrics: Sequence[str],
) -> list[Saved]:
    shown = [
        {"first": _key(group), "spaces": list(_spaces(group)), "trials": len(group.trials), "layout": list(layout)}
        for group, layout in zip(groups, layouts, strict=True)
    ]
    others = {"settings": dataclasses.asdict(settings), "metrics": list(metrics)}
    return store.open(listing(trials), shown, environment=environment(devices.list), **others)


def _key(group: Group) -> int:
    """What a group is known by in a store."""
    return group.trials[0].number


def _numbers(group: Group) -> np.ndarray:
    return np.array([trial.number for trial in group.trials])


def _spaces(group: Group) -> tuple[str, ...]:
    return tuple(dict.fromkeys(trial.space for trial in group.trials))
