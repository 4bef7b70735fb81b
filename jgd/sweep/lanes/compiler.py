"""Every program of a sweep, lowered and compiled before it runs, several at a time."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.user_code import attempt
from jgd.measure.device import cores
from jgd.sweep.lanes.chunk import Members
from jgd.sweep.lanes.devices import Devices
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import Layout
from jgd.sweep.lanes.program import (
    Lane,
    LaneState,
    Shared,
    begin_program,
    pick_program,
    segment_program,
)
from jgd.sweep.lanes.programs import PROGRAMS, Compiled, compile_as, program_key
from jgd.sweep.lanes.settings import Settings, watched_of
from jgd.train.draws import draws_on_host, host_pick
from jgd.train.loop import first_models
from jgd.train.task import Task

OFTEN = 1.0  # seconds between two looks at what has been compiled


class Traced(NamedTuple):
    """Hold what the segments of a group are traced with, in whatever layout."""

    state: Any  # the shapes of a lane's state
    where: Any  # the shardings of the states of lanes
    pick_shapes: dict[int, Any]  # by the length of the segment
    watched: tuple[str, ...]  # further metrics that the optimizer knows


class Prepared(NamedTuple):
    """A group that is ready to run: nothing of it compiles any more."""

    group: Group
    layout: Layout
    rows: list[np.ndarray]  # the leaves that differ, a row for each trial
    numbers: list[Any]  # the leaves that all lanes share, on every device
    traced: Traced
    first: Any  # first parameters and model states, a row for each seed, or None where each lane makes its own
    begin: Compiled
    picks: dict[int, Compiled]  # by the length of the segment
    segments: dict[int, Compiled]


class Preparation:
    """Compiles the programs of a sweep. Tracing holds Python's lock, XLA's compiler does not: it gets every core."""

    def __init__(self, settings: Settings, devices: Devices) -> None:
        self.settings, self.devices = settings, devices
        self.lengths = sorted({int(x) for x in np.diff(settings.points, prepend=0)})
        self.seeds = devices.share(np.array(settings.seeds, np.uint32))
        self.compilations = 0
        self._threads, self._seconds = cores(), []  # the seconds of each program that has been compiled
        self._pool = ThreadPoolExecutor(self._threads)
        self._tasks: dict[Any, _OfTask] = {}
        self._programs: dict[Any, _Pending] = {}
        self._begun: dict[Any, Future[Compiled]] = {}  # those of here, by what they compute

    @property
    def overlaps(self) -> bool:
        """Whether programs run while others compile."""
        return self.devices.list[0].platform != "cpu"

    def compile(self, groups: Sequence[Group], layouts: Sequence[Layout]) -> list[Prepared]:
        """Return all groups, ready. A group like one of an earlier call has that one's programs."""
        return list(self.one_by_one(groups, layouts))

    def segments(self, ready: Sequence[Prepared], layouts: Sequence[Layout], length: int) -> list[Compiled]:
        """Return the programs of a segment of these groups in other layouts, without what else they need to run."""
        pairs = zip(ready, layouts, strict=True)
        with self.devices.in_effect():
            found = [self._segment(x.group, layout, x.rows, x.numbers, x.traced, length) for x, layout in pairs]
        return [future.result() for future in found]

    def one_by_one(
        self,
        groups: Sequence[Group],
        layouts: Sequence[Layout],
        tell: Callable[[int, int, float], None] = lambda done, total, left: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Prepared]:
        """Do what `compile` does, but yield each group in turn as soon as it is ready, or end when `stop()` says so.

        So an accelerator runs while the host compiles. On a CPU both would share its cores, which gained nothing (8
        programs of digits took 18.2 s in all, and 18.8 s one after another) and told less of either's time: there all
        are ready before the first is yielded.

        Before it traces the first programs of all, and while any compiles that it waits for or yields before, about
        every `OFTEN` seconds, `tell(done, total, left)` hears how many of its new programs are done, and in how many
        seconds the rest will be if each takes as long as those did in the mean.
        """
        before, timed = len(self._programs), len(self._seconds)
        if not before:
            tell(0, len(groups), 0.0)
        pending = [self._trace(*pair) for pair in zip(groups, layouts, strict=True)]
        for row in pending:
            row.of_task.first()  # meanwhile programs compile
        new = list(self._programs.values())[before:]
        everything = {future for row in pending for future in row.futures}
        for row in pending:
            needed = set(row.futures) if self.overlaps else everything
            while left := {future for other in new for future in other.futures if not future.done()}:
                if stop():
                    return
                done, taken = sum(left.isdisjoint(other.futures) for other in new), self._seconds[timed:]
                tell(done, len(new), len(left) / min(len(left), self._threads) * sum(taken) / max(1, len(taken)))
                if left.isdisjoint(needed):
                    break
                wait(left & needed, OFTEN, FIRST_COMPLETED)
            yield self._collect(row)

    def abandon(self) -> None:
        """Compile nothing any more that has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def begin(self, ready: Prepared, members: Members, alive: np.ndarray) -> tuple[Lane, LaneState]:
        """Return lanes and their first states, on the devices."""
        seeds = np.array(self.settings.seeds, np.uint32)[members.seed]
        rows = [row[members.row] for row in ready.rows]
        lanes = self.devices.split(Lane(rows, seeds, members.seed.astype(np.int32), alive))
        return lanes, ready.begin(lanes, Shared(ready.numbers, ready.first, None, self.devices.scalar(0)))

    def _trace(self, group: Group, layout: Layout) -> "_Pending":
        """Trace a group's programs, or say that they cannot be."""
        with self.devices.in_effect():
            return attempt(
                f"run: the program of {group.trials[0].space!r}",
                lambda: self._submit(group, layout),
                "a number that a distribution stands for must not decide shapes or branches; list whole numbers that "
                "do as sweep.structural([16, 32])",
                of=(Exception,),
            )

    def _submit(self, group: Group, layout: Layout) -> "_Pending":
        """Trace what a group needs, and leave the compiling to the pool."""
        numbers = self.devices.numbers(group)
        rows = group.rows()
        task, optimizer = group.rebuild(numbers, [row[0] for row in rows])
        of_task = self._of_task(group, task)
        shapes = _shapes((numbers, [row[0] for row in rows]))
        key = (group.structure, group.varying, layout.width, layout.chunk, group.shares_task, shapes)
        if key in self._programs:
            return self._programs[key]._replace(group=group, layout=layout, rows=rows, numbers=numbers, of_task=of_task)
        # Copies of first parameters are made side by side: that is a smaller program.
        width = layout.chunk // len(self.devices.list) if group.shares_task else layout.width
        beginning = self._lane(layout, rows), Shared(numbers, of_task.first_shape, None, self.devices.scalar(0))
        where = self.devices.of_states(group)
        begin = begin_program(group, self.devices.mesh, width, where, self.devices.spread).trace(*beginning)
        state = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), begin.out_info)
        traced = Traced(state, where, of_task.pick_shapes, watched_of(self.settings, task, optimizer))
        # The pool gets the segments first, as they take longest.
        segments = {x: self._segment(group, layout, rows, numbers, traced, x) for x in self.lengths}
        begins = self._later(begin, beginning, where)
        self._programs[key] = _Pending(group, layout, rows, numbers, traced, of_task, begins, segments)
        return self._programs[key]

    def _segment(
        self,
        group: Group,
        layout: Layout,
        rows: Sequence[np.ndarray],
        numbers: list[Any],
        traced: Traced,
        length: int,
    ) -> Future[Compiled]:
        """Trace a segment, and leave the compiling to the pool."""
        states, mesh = self.devices.state_shapes(layout.chunk, traced.state, traced.where), self.devices.mesh
        shared = Shared(numbers, None, traced.pick_shapes[length], self.devices.scalar(0))
        args = states, self._lane(layout, rows), shared
        run = segment_program(group, mesh, layout.width, length, traced.watched, traced.where, self.devices.spread)
        return self._later(run.trace(*args), args, traced.where)

    def _lane(self, layout: Layout, rows: Sequence[np.ndarray]) -> Lane:
        """Return the shapes of the lanes of a chunk."""
        return Lane(
            [self._lanes(layout, row.shape[1:], row.dtype) for row in rows],
            self._lanes(layout, (), np.uint32),
            self._lanes(layout, (), np.int32),
            self._lanes(layout, (), np.bool_),
        )

    def _of_task(self, group: Group, task: Task) -> "_OfTask":
        """Make or compile what depends on the task and the seeds alone, and so serves all groups."""
        # A task that varies has nothing in its picks but sizes.
        shapes = jax.tree.structure(task), _shapes(task)
        key = id(group.trials[0].task) if group.shares_task else shapes
        if key not in self._tasks:
            make = partial(first_models if group.shares_task else _nothing, group.trials[0].task, self.settings.seeds)
            first_shape = jax.tree.map(self._everywhere, jax.eval_shape(make))
            drawn = {length: self._picks(task, length) for length in self.lengths}
            picks, pick_shapes = ({length: pair[i] for length, pair in drawn.items()} for i in (0, 1))
            first = cache(lambda: jax.device_put(make(), self.devices.on_every_one))
            self._tasks[key] = _OfTask(group.trials[0].task, first, first_shape, pick_shapes, picks)
        return self._tasks[key]

    def _picks(self, task: Task, length: int) -> tuple[Future[Compiled], Any]:
        """Return what draws the batches of a segment, and their shapes: the host itself where it is the device."""
        if draws_on_host(self.devices.list[0].platform):
            draw, shape = host_pick(task, self.settings.seeds, length, self.devices.on_every_one)
            done: Future[Compiled] = Future()
            done.set_result(draw)
            return done, shape
        args = self.seeds, self.devices.scalar(0)
        traced = pick_program(task, self.devices.mesh, length).trace(*args)
        return self._later(traced, args), jax.tree.map(self._everywhere, traced.out_info)

    def _collect(self, row: "_Pending") -> Prepared:
        return Prepared(
            row.group,
            row.layout,
            row.rows,
            row.numbers,
            row.traced,
            row.of_task.first(),
            row.begin.result(),
            {length: program.result() for length, program in row.of_task.picks.items()},
            {length: program.result() for length, program in row.segments.items()},
        )

    def _later(self, traced: Any, args: Any, where: Any = None) -> Future[Compiled]:
        """Give a trace's program, which this process has or the pool compiles; `where` are its states' shardings."""
        key = program_key(traced, args, tuple(jax.tree.leaves(where)))
        if key in self._begun:
            return self._begun[key]
        future: Future[Compiled] = Future()
        if (found := PROGRAMS.find(key)) is not None:
            future.set_result(found)
            return future
        self.compilations += 1
        future = self._pool.submit(self._timed, partial(compile_as, key, traced.lower()))
        if key is not None:
            self._begun[key] = future
        return future

    def _timed(self, compile: Callable[[], Compiled]) -> Compiled:
        clock = time.perf_counter()
        compiled = compile()
        self._seconds.append(time.perf_counter() - clock)
        return compiled

    def _lanes(self, layout: Layout, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((layout.chunk, *shape), dtype, sharding=self.devices.split_over_lanes)

    def _everywhere(self, x: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=self.devices.on_every_one)


def _nothing(*_: Any) -> None:
    """Make nothing, where each lane makes its own."""


def _shapes(tree: Any) -> Any:
    """Return shapes and dtypes, to compare."""
    return tuple((np.shape(x), jnp.result_type(x)) for x in jax.tree.leaves(tree))


class _OfTask(NamedTuple):
    """First parameters and model states, what draws batches or is being compiled to do so, and their shapes."""

    task: Task  # kept, so that nothing else takes its id
    first: Callable[[], Any]  # makes them, once
    first_shape: Any
    pick_shapes: dict[int, Any]
    picks: dict[int, Future[Compiled]]


class _Pending(NamedTuple):
    """A group whose programs are being compiled."""

    group: Group
    layout: Layout
    rows: list[np.ndarray]
    numbers: list[Any]
    traced: Traced
    of_task: _OfTask
    begin: Future[Compiled]
    segments: dict[int, Future[Compiled]]

    @property
    def futures(self) -> list[Future[Compiled]]:
        """All that it waits for."""
        return [self.begin, *self.segments.values(), *self.of_task.picks.values()]
