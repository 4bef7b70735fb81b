"""The host's loop over groups, chunks of lanes and segments: what is dispatched, recorded, stored and interrupted."""

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from jgd.core import storage
from jgd.core.progress import Progress
from jgd.sweep.engine.time_limit import Ending, TimeLimit
from jgd.sweep.engine.work_queue import WorkQueue, key_of, numbers_of, spaces_of
from jgd.sweep.lanes.chunk import Chunk, Members, Part, members_of, pack, part_of, regroup
from jgd.sweep.lanes.compiler import Preparation, Prepared
from jgd.sweep.lanes.compiling_line import CompilingLine
from jgd.sweep.lanes.curves import Records
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import FROM_XLA, GroupReport, Layout, fewer_lanes, narrow
from jgd.sweep.lanes.program import Lane, LaneState, Shared
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.lineage import Lineage
from jgd.sweep.spaces.space import Trial
from jgd.sweep.storage.store import Store


class Outcome(NamedTuple):
    """Hold what the loop leaves of a sweep or of one of its rounds."""

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
    line: Progress,
    store: Store | None = None,
    before: Records | None = None,
    lineage: Lineage | None = None,
    limit: TimeLimit | None = None,
) -> Outcome:
    """Compile the programs that have lanes to run, then run them, from where the store has got to.

    The groups are of the last of `trials`; `before` has the records of the others; `lineage` is that of a population.
    `line` counts the steps of all `trials`.
    Ctrl-C, or the end of the `limit`, ends after the segment, with what was recorded until then.
    """
    queue = WorkQueue(trials, groups, layouts, settings, preparation.devices, metrics, store, before, lineage)
    records, spaces = queue.records, np.array([trial.space for trial in trials])
    rounds = (np.arange(len(trials)) >= queue.start).astype(int)  # the earlier ones as one, since they are decided
    with Ending(limit or TimeLimit(None)) as interrupt:
        loop = Loop(preparation, settings, queue, interrupt, line)
        line.start_at(loop.passed())
        try:
            while (until := records.settle(rounds, spaces)) and not interrupt.requested:
                loop.stage(groups, layouts, until)
        except BaseException:
            preparation.abandon()
            raise
        if interrupt.requested:
            preparation.abandon()
        line.update(loop.passed())
        queue.close()
    reports = [queue.report(group, layout) for group, layout in zip(groups, layouts, strict=True)]
    # A request that came with the very last segment has cut nothing short.
    cut = bool(records.going.any())
    spent = loop.compile_seconds, loop.run_seconds
    return Outcome(records, reports, preparation.compilations, *spent, cut, interrupt.requested)


class Loop:
    """Runs the lanes to one decision of the rules after another; stops wherever an interrupt was requested."""

    def __init__(
        self,
        preparation: Preparation,
        settings: Settings,
        queue: WorkQueue,
        interrupt: Ending,
        line: Progress,
    ) -> None:
        self.preparation, self.settings, self.queue, self.records = preparation, settings, queue, queue.records
        self.devices, self.interrupt, self.line = preparation.devices, interrupt, line
        self.most: dict[int, Layout] = {}  # of the groups that memory has run out for
        self.compile_seconds = self.run_seconds = 0.0
        self.lane_steps = 0  # taken here

    def stage(self, groups: Sequence[Group], layouts: Sequence[Layout], until: int) -> None:
        """Take all lanes to their first `until` points, those of rules that have decided by now side by side again."""
        start = max((count for count in self.settings.decisions if count < until), default=0)
        entered, waiting = self.records.entered(start), True
        while waiting and not self._lost(start):
            moving, pairs = self._moving(until) & self.queue.free, []
            for group, layout in zip(groups, layouts, strict=True):
                numbers = numbers_of(group)
                lanes = int(entered[numbers].sum())
                if moving[numbers].any():
                    each = math.ceil(lanes / self.queue.workers)
                    if self.records.lineage:
                        group = group._replace(trials=tuple(self.records.lineage.trials[i] for i in numbers))
                    layout = narrow(layout, each, len(self.devices.list)) if start else layout
                    pairs.append((group, self._within(group, layout)))
            for ready in self._prepare(pairs, until):
                clock = time.perf_counter()
                self._run_within_memory(ready, start, until)
                self.run_seconds += time.perf_counter() - clock
                if self.interrupt.requested:
                    break
            waiting = self.queue.others_are_at(lambda: self._moving(until), lambda: self.interrupt.requested)
        if not self.interrupt.requested and not self._lost(start):
            last = until == len(self.settings.points)
            self.queue.drop_states(lambda chunk: chunk.point < until or last)

    def run(self, ready: Prepared, start: int, until: int) -> None:
        """Take the lanes of a group from `start` points to `until`, chunk by chunk."""
        for chunk in self.queue.claims(key_of(ready.group), partial(self._waiting, ready, start, until)):
            if self.interrupt.requested:
                return
            self._run_chunk(ready, chunk, until)

    def _run_within_memory(self, ready: Prepared, start: int, until: int) -> None:
        """Do what `run` does, with half the lanes from where memory ran out."""
        while True:
            try:
                return self.run(ready, start, until)
            except FROM_XLA as error:
                layout = self._fewer(ready.group, ready.layout, error)
            self.queue.set_back(ready.group, start)
            if (again := next(self._prepare([(ready.group, layout)], until), None)) is None:
                return
            ready = again

    def _fewer(self, group: Group, layout: Layout, error: Exception) -> Layout:
        found = fewer_lanes(error, layout, len(self.devices.list), " and ".join(spaces_of(group)))
        self.most[key_of(group)] = found
        return found

    def _within(self, group: Group, layout: Layout) -> Layout:
        """Return a layout with no more lanes than memory has been found to hold."""
        most = self.most.get(key_of(group), layout)
        return layout if layout.chunk <= most.chunk else most

    def _moving(self, until: int) -> np.ndarray:
        """Return the lanes that have yet to get to `until` points, bool[trials, seeds]."""
        return self.records.going & (self.records.reached < until)

    def _lost(self, start: int) -> bool:
        """Tell whether a population began again because states of this stage's lanes were lost."""
        return self.records.lineage is not None and bool(np.any(self.records.going & (self.records.reached < start)))

    def _prepare(self, pairs: Sequence[tuple[Group, Layout]], until: int) -> Iterator[Prepared]:
        """Yield groups in these layouts, to run to `until` points, each as soon as `Preparation.one_by_one` has it."""
        passed, compiling, left = self.passed(), CompilingLine(self._seconds_to(until)), list(pairs)

        def tell(done: int, total: int, seconds: float) -> None:
            self.line.update(passed, compiling.note(done, total, seconds))

        while left and not self.interrupt.requested:
            clock, stop = time.perf_counter(), lambda: self.interrupt.requested
            try:
                for ready in self.preparation.one_by_one(*zip(*left, strict=True), tell=tell, stop=stop):
                    self.compile_seconds += time.perf_counter() - clock
                    left.pop(0)
                    yield ready
                    passed, clock = self.passed(), time.perf_counter()
            except FROM_XLA as error:  # no caller's: that one is raised where it runs
                left[0] = left[0][0], self._fewer(*left[0], error)

    def _seconds_to(self, until: int) -> float | None:
        """Return the seconds of running to `until` points at the pace so far, or None before anything has run."""
        if not self.lane_steps:
            return None
        points = np.array([0, *self.settings.points])
        steps = np.sum(points[until] - points[self.records.reached[self._moving(until)]])
        return float(steps) * self.run_seconds / self.lane_steps / self.queue.workers

    def _waiting(self, ready: Prepared, start: int, until: int, free: np.ndarray) -> Iterator[Chunk]:
        """Yield the chunks that the store has in the middle of their steps, then the lanes that wait at the start."""
        key, trials = key_of(ready.group), numbers_of(ready.group)
        going = (self._moving(until) & free)[trials]
        size, seeds = ready.layout.chunk, len(self.settings.seeds)
        own, sources = np.arange(len(trials)), np.searchsorted(trials, self.records.sources[trials])
        kept, parked = [], []
        for chunk in self.queue.chunks_of(key):
            if chunk.state is None:
                continue
            here = going & (self.records.reached[trials] == chunk.point)
            part = part_of(chunk, here, trials, sources if chunk.point == start else own)
            going[part.members.row, part.members.seed] = False  # nothing takes a lane twice
            if len(part.lanes):
                (parked if chunk.point == start else kept).append(part)
        # Lanes whose file somebody deleted begin again; in a population others go on from them, so all do.
        self.records.reached[trials] = np.where(going, 0, self.records.reached[trials])
        if self._lost(start):
            self.records.restart()
            return
        for part in kept:
            if len(part.chunk.members.real) == size:
                yield part.chunk
            else:  # it ran in chunks of another size, on other devices
                yield from self._regrouped(key, size, [part])
        if parked:
            yield from self._regrouped(key, size, parked)
        for lanes in pack(np.flatnonzero(going), size, len(self.devices.list)):
            yield Chunk(members_of(lanes, trials, seeds), self.queue.name(key))

    def _regrouped(self, key: int, size: int, parts: Sequence[Part]) -> Iterator[Chunk]:
        """Yield new chunks of lanes that have states."""
        members, state = regroup(parts, len(self.settings.seeds))
        for picked in pack(np.arange(len(members.row)), size, len(self.devices.list)):
            chosen = Members(members.row[picked], members.trial[picked], members.seed[picked], picked >= 0)
            rows = {name: x[picked] for name, x in state.items()}
            yield Chunk(chosen, self.queue.name(key), parts[0].chunk.point, rows)

    def _run_chunk(self, ready: Prepared, chunk: Chunk, until: int) -> None:
        """Take these lanes, segment after segment, to `until` points, or until all are done or dead."""
        members, points, key = chunk.members, self.settings.points, key_of(ready.group)
        at, clock = (members.trial, members.seed), time.perf_counter() - chunk.seconds
        alive = members.real & self.records.going[at] & (self.records.reached[at] == chunk.point)
        lanes, states = self._begin(ready, chunk, alive)
        passed, start = self.passed(), int(points[chunk.point - 1]) if chunk.point else 0
        for point in range(chunk.point, until):
            end = int(points[point])
            step = self.devices.scalar(start)
            shared = Shared(ready.numbers, None, ready.picks[end - start](self.preparation.seeds, step), step)
            states, block = ready.segments[end - start](states, lanes, shared)
            well = self.records.add(jax.device_get(block), *at, alive, point)
            self.interrupt.limit.ran = True
            taken, seconds = int(alive.sum()) * (end - start), time.perf_counter() - clock
            self.lane_steps += taken
            over = end == self.settings.steps or not well.any()
            running = not over and point + 1 < until and not self.interrupt.requested
            chunk = Chunk(members, chunk.name, point + 1, None, seconds, chunk.lane_steps + taken)
            if not running or self.queue.due:
                # Copies, because the buffers are donated to the next segment while these are still being written.
                kept = None if over else jax.tree.map(np.array, jax.device_get(storage.named(states, "state")))
                self.queue.keep(key, chunk._replace(state=kept), running)
            if not running:
                break
            if (well != alive).any():
                alive = well
                lanes = lanes._replace(alive=self.devices.split(alive))
            start, passed = end, passed + taken
            self.line.update(passed, ", ".join(spaces_of(ready.group)))

    def passed(self) -> int:
        """Count the steps on the progress line: taken, or spared by a lane's end."""
        taken = np.where(self.records.reached > 0, self.settings.points[self.records.reached - 1], 0)
        return int(np.where(self.records.going, taken, self.settings.steps).sum())

    def _begin(self, ready: Prepared, chunk: Chunk, alive: np.ndarray) -> tuple[Lane, LaneState]:
        """Return the lanes of a chunk and their states, on the devices."""
        lanes, states = self.preparation.begin(ready, chunk.members, alive)
        if chunk.state is None:
            return lanes, states
        found = storage.fill(states, chunk.state, "state", place=f"chunk {chunk.name}")
        return lanes, jax.tree.map(lambda x, like: jax.device_put(x, like.sharding), found, states)
