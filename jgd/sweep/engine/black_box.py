"""Sweeps of functions that own their loop: `train(hp, key) -> metrics`, one program for each structure."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError, unknown
from jgd.core.fingerprint import program_fingerprint
from jgd.core.progress import Progress
from jgd.core.record import as_function
from jgd.core.user_code import attempt
from jgd.sweep.engine.loop import Outcome
from jgd.sweep.engine.static_leaves import static_origin, with_values
from jgd.sweep.engine.time_limit import Ending, TimeLimit
from jgd.sweep.engine.work_queue import WorkQueue, key_of, numbers_of
from jgd.sweep.lanes.autotune import ProgramCost, line, one_call
from jgd.sweep.lanes.chunk import Chunk, Members, members_of, pack
from jgd.sweep.lanes.curves import Records
from jgd.sweep.lanes.devices import Devices
from jgd.sweep.lanes.group import Group, group, name_spaces
from jgd.sweep.lanes.layout import Layout, spread
from jgd.sweep.lanes.program import Block, Lane, Shared, over_lanes
from jgd.sweep.lanes.programs import compiled
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.spaces.functions import Named
from jgd.sweep.spaces.space import Origin, Trial
from jgd.sweep.storage.store import Store
from jgd.train.loop import root_key

SIDE_BY_SIDE = 64  # lanes, where they do not run one by one as on a CPU
TRACED = (
    "a number of hp is traced, and must not decide shapes or branches; list whole numbers that do as "
    "sweep.structural([16, 32]), or [16] for a single one; what NumPy or Python computes goes through jax.pure_callback"
)
CALLS = 20  # of a program, so that the progress line moves and Ctrl-C is heeded


def is_black_box(task: Any) -> bool:
    """Tell whether it is a function that owns its loop, and neither a task nor a choice of tasks."""
    return callable(task) and not hasattr(task, "init")


def name_black_box(train: Any, spaces: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function as a value, and its spaces by name: a list or `Named` has several, all else is one `hp`."""
    several = isinstance(spaces, (list, tuple)) and not hasattr(spaces, "_fields")
    named = {f"space {i}": space for i, space in enumerate(spaces)} if several else {"hp": spaces}
    named = dict(spaces) if isinstance(spaces, Named) else named
    if not named:
        raise InputError("run(spaces): there is no space; pass what train is called with, or a list of such.")
    return as_function(train), named


def name_problem(task: Any, spaces: Any) -> tuple[Any, dict[str, Any]]:
    """Return what a sweep trains, and its spaces by name."""
    return name_black_box(task, spaces) if is_black_box(task) else (task, name_spaces(spaces))


def metrics_of(train: Any, spaces: Any) -> list[str]:
    """Return the names of what a function returns for a trial of each space, found from shapes alone."""
    trials = Proposals(*name_black_box(train, spaces), "random", 0, None).ask(1)
    frozen = [dataclasses.replace(trial, origin=static_origin(trial.origin)) for trial in trials]
    return list(dict.fromkeys(name for trial in frozen for name in _shapes(trial)))


def program_text(trial: Trial) -> str:
    """Fingerprint what a trial's function computes; see `jgd.core.fingerprint.program_fingerprint`."""
    trial = dataclasses.replace(trial, origin=static_origin(trial.origin))
    return _attempt(lambda: program_fingerprint(_call, trial.task, trial.optimizer, root_key(0)))


def refuse_inside(**given: Any) -> None:
    """Refuse what asks for something inside a trial."""
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"run({name}={value!r}): train(hp, key) owns its loop, so nothing is measured, stopped or resumed "
                f"inside a trial; leave {name} out, or pass a jgd.Task, whose loop is the sweep's."
            )


class BlackBoxEngine:
    """Train trials whose function owns its loop; each lane is one call."""

    def __init__(self, settings: Settings, devices: Devices, lanes: int | None, workers: int, limit: TimeLimit) -> None:
        self._settings, self.devices, self.lanes, self._workers = settings, devices, lanes, workers
        self.limit = limit
        self._programs: dict[Any, Any] = {}
        self._compilations = 0
        self._origins: dict[int, tuple[Any, Origin]] = {}  # by the ids of others, which are kept so that they stay

    def group(self, trials: Sequence[Trial], steady: bool) -> list[Group]:
        """Group trials by structure: what is no number, such as a text or a flag, is structure."""
        return group([dataclasses.replace(trial, origin=self._frozen(trial.origin)) for trial in trials], steady)

    def _frozen(self, origin: Any) -> Origin:
        known = self._origins.setdefault(id(origin), (origin, static_origin(origin)))
        return known[1]

    def metrics(self, groups: Sequence[Group]) -> list[str]:
        """Return the names of what the function returns."""
        known: dict[str, None] = {}
        for one in groups:
            shapes = _shapes(one.trials[0])
            known |= dict.fromkeys(shapes)
            if self._settings.metric not in shapes:
                raise unknown("run(metric=)", self._settings.metric, shapes)
        return list(known)

    def layout(self, one: Group, trials: int) -> Layout:
        """Run lanes one by one on a CPU, else up to 64 side by side; and in about twenty calls."""
        devices, total = len(self.devices.list), trials * len(self._settings.seeds)
        widest = 1 if self.devices.list[0].platform == "cpu" else SIDE_BY_SIDE
        width = min(self.lanes or widest, math.ceil(total / devices))
        units = math.ceil(total / (width * devices))
        chunk = math.ceil(units / CALLS) * width * devices
        return spread(Layout(width, chunk, math.ceil(total / chunk)), total, devices, self._workers)

    def execute(
        self,
        trials: Sequence[Trial],
        groups: Sequence[Group],
        layouts: Sequence[Layout],
        metrics: Sequence[str],
        line: Progress,
        store: Store | None = None,
        before: Records | None = None,
    ) -> Outcome:
        """Train the groups, from where the store has got to; see `jgd.sweep.engine.loop.execute`."""
        queue = WorkQueue(trials, groups, layouts, self._settings, self.devices, metrics, store, before)
        records, seconds, waiting = queue.records, np.zeros(2), True
        line.start_at(int((~records.going).sum()))
        with Ending(self.limit) as interrupt:
            while waiting:
                for one, layout in zip(groups, layouts, strict=True):
                    if not interrupt.requested and (records.going & queue.free)[numbers_of(one)].any():
                        seconds += self._train(one, layout, queue, interrupt, line)
                waiting = queue.others_are_at(lambda: records.going, lambda: interrupt.requested)
            line.update(int((~records.going).sum()))
            queue.close()
        reports = [queue.report(one, layout) for one, layout in zip(groups, layouts, strict=True)]
        cut = bool(records.going.any())
        compiling, running = seconds.tolist()
        return Outcome(records, reports, self._compilations, compiling, running, cut, interrupt.requested)

    def _train(self, one: Group, layout: Layout, queue: WorkQueue, interrupt: Ending, line: Progress) -> np.ndarray:
        """Train the lanes of a group that no other process has; return the seconds of compiling and running."""
        clock, trials, key = time.perf_counter(), numbers_of(one), key_of(one)
        ready = self._compile(one, layout)
        compiled = time.perf_counter()

        def waiting(free: np.ndarray) -> Iterator[Chunk]:
            lanes = np.flatnonzero((queue.records.going & free)[trials])
            for picked in pack(lanes, layout.chunk, len(self.devices.list)):
                yield Chunk(members_of(picked, trials, len(self._settings.seeds)), queue.name(key))

        for chunk in queue.claims(key, waiting):
            if interrupt.requested:
                break
            began, who = time.perf_counter(), chunk.members
            queue.records.add(jax.device_get(self._run(ready, who)), who.trial, who.seed, who.real, 0)
            interrupt.limit.ran = True
            chunk = chunk._replace(point=1, seconds=time.perf_counter() - began, lane_steps=int(who.real.sum()))
            queue.keep(key, chunk, running=False)
            line.update(int((~queue.records.going).sum()))
        return np.array([compiled - clock, time.perf_counter() - compiled])

    def measure(self, groups: Sequence[Group], layouts: Sequence[Layout]) -> tuple[list[ProgramCost], float]:
        """Measure the cost of their programs: they are compiled, but a call is a whole trial, so none is run."""
        clock, devices = time.perf_counter(), len(self.devices.list)
        for one, layout in zip(groups, layouts, strict=True):
            self._compile(one, one_call(layout.width, devices))
        compiling = time.perf_counter() - clock
        costs = []
        for one, layout in zip(groups, layouts, strict=True):
            widths = layout.width, 2 * layout.width
            programs = [(width, width, self._compile(one, one_call(width, devices)).program) for width in widths]
            costs.append(line(programs, 0, None))
        return costs, compiling

    def _compile(self, one: Group, layout: Layout) -> "_Ready":
        """Return the compiled program of a group, with what it is called with."""
        numbers, rows = [self.devices.share(leaf) for leaf in one.fixed], one.rows()
        shapes = tuple((x.shape, x.dtype) for x in (*numbers, *(row[0] for row in rows)))
        key = one.structure, one.varying, layout.width, layout.chunk, shapes
        shared = Shared(numbers, None, None, self.devices.scalar(0))
        if key not in self._programs:
            split = self.devices.split_over_lanes
            lane = Lane([row[0] for row in rows], np.uint32(0), np.int32(0), np.bool_(0))
            lanes = jax.tree.map(
                lambda x: jax.ShapeDtypeStruct((layout.chunk, *x.shape), x.dtype, sharding=split), lane
            )
            train = partial(_train_lane, one, self._settings.metric, layout.width)
            program = jax.jit(over_lanes(train, self.devices.mesh, layout.width))
            traced = _attempt(lambda: program.trace(lanes, shared))
            self._programs[key], new = compiled(traced, (lanes, shared))
            self._compilations += new
        return _Ready(self._programs[key], rows, shared)

    def _run(self, ready: "_Ready", who: Members) -> Block:
        seeds = np.array(self._settings.seeds, np.uint32)[who.seed]
        lane = Lane([row[who.row] for row in ready.rows], seeds, who.seed.astype(np.int32), who.real)
        return ready.program(self.devices.split(lane), ready.shared)


class _Ready(NamedTuple):
    """A program and its arguments."""

    program: Any
    rows: list[np.ndarray]
    shared: Shared


def call(train: Callable[[Any, jax.Array], Any], hp: Any, key: jax.Array) -> dict[str, jax.Array]:
    """Call the function, and return its metrics; a number alone is its loss."""
    out = train(hp, key)
    metrics = dict(out) if isinstance(out, Mapping) else {"loss": out}
    for name, value in metrics.items():
        number = hasattr(value, "dtype") or isinstance(value, (bool, int, float, complex))
        if not number or jnp.shape(value) or jnp.issubdtype(jnp.result_type(value), jnp.complexfloating):
            shown = f"{jnp.result_type(value)}{list(jnp.shape(value))}" if number else type(value).__name__
            raise InputError(
                f"train(hp, key): it returned {shown} for {name!r}, expected a dict of real scalars, or one; "
                "reduce it, for example with .mean()."
            )
    return {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}


def _shapes(trial: Trial) -> dict[str, Any]:
    """Return the shapes of what a trial's function returns."""
    return _attempt(lambda: jax.eval_shape(partial(_call, trial.task), trial.optimizer, root_key(0)))


def _call(train: Any, hp: Any, key: jax.Array) -> dict[str, jax.Array]:
    return call(with_values(train), with_values(hp), key)


def _train_lane(one: Group, metric: str, width: int, lane: Lane, shared: Shared) -> Block:
    """Make one call. A lane that only fills up costs nothing where lanes run one by one."""

    def train() -> Block:
        metrics = _call(*one.rebuild(shared.numbers, lane.numbers), root_key(lane.seed))
        return Block(metrics, jnp.where(jnp.isfinite(metrics[metric]), -1, 0))

    if width > 1:
        return train()
    blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(train))
    return jax.lax.cond(lane.alive, train, lambda: blank)


def _attempt(trace: Callable[[], Any]) -> Any:
    """Trace the function, whose failure is one sentence, with a remedy for such as JAX's errors of tracers are."""
    return attempt("run: train(hp, key)", trace, TRACED, of=(TypeError, IndexError))
