"""The plan of a sweep: its programs, how their lanes run, memory and time, told before it runs."""

import dataclasses
import itertools
import math
import time
from collections.abc import Sequence
from typing import Any

from jgd.measure.units import bytes_text, time_text
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.sweep.engine.rounds import Engine
from jgd.sweep.engine.work_queue import spaces_of
from jgd.sweep.lanes.autotune import ProgramCost
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import Layout, free_on_each
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.spaces.distributions import Parts
from jgd.sweep.spaces.space import Axis, Trial, active, chosen_parts

COUNTED = 10_000  # combinations of options that are looked at one by one


@dataclasses.dataclass(frozen=True)
class PlannedProgram:
    """One structure of the trials, which one program runs."""

    spaces: tuple[str, ...]
    axes: tuple[str, ...]  # the numbers that differ from lane to lane; changing them compiles nothing
    chosen: dict[str, str]  # the options of choices between structures
    trials: int
    lanes: int  # trials times seeds
    layout: Layout
    lane_bytes: int  # parameters and optimizer state, which a lane hands from segment to segment
    side_bytes: int  # what each lane side by side needs further while it runs
    resident_bytes: int  # of a chunk, on each device, the data among them
    run_seconds: float | None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Tell what `run` would do. Times are those of this machine as it was while the plan was made.

    Of a function that owns its loop, the time of a run is not known: it would take a whole trial to learn it.
    """

    programs: list[PlannedProgram]
    trials: int
    seeds: int
    steps: int
    points: int  # of each curve, at the ends of segments
    rounds: int
    devices: str
    num_devices: int
    free_bytes: int  # of memory, on each device
    possible_programs: int  # that may come in all rounds; those that are known come in the first
    compile_seconds: float  # of all that may come
    run_seconds: float | None

    @property
    def lanes(self) -> int:
        """Trials times seeds."""
        return self.trials * self.seeds

    @property
    def resident_bytes(self) -> int:
        """The most that is needed on each device, as programs run one after another."""
        return max(program.resident_bytes for program in self.programs)

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as JSON holds it."""
        programs = [dataclasses.asdict(row) | {"layout": row.layout._asdict()} for row in self.programs]
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return known | {"programs": programs, "lanes": self.lanes, "resident_bytes": self.resident_bytes}

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        seeds = "" if self.seeds == 1 else f" x {self.seeds} seeds"
        steps = "" if self.steps == 1 else f" x {self.steps:,} steps"  # a function's one call
        rounds = "" if self.rounds == 1 else f" in {self.rounds} rounds"
        first = len(self.programs)
        may = "" if self.possible_programs == first else f" in the first round, up to {self.possible_programs} in all,"
        head = (
            f"Plan of {count(self.trials, 'trial')}{seeds}{steps}{rounds}: {_count(first)}{may} on "
            f"{self.devices}, compiled in about {duration(self.compile_seconds)}, run in {duration(self.run_seconds)}"
        )
        header = ["program", "varies", "lanes", "side by side", "chunks", "bytes a lane", "memory", "run"]
        rows = [
            [
                _title(row),
                ", ".join(row.axes) or "nothing",
                f"{row.lanes:,}",
                f"{row.layout.width} x {self.num_devices}",
                f"{row.layout.chunks} of {row.layout.chunk:,}",
                f"{bytes_text(row.lane_bytes)} + {bytes_text(row.side_bytes)}",
                bytes_text(row.resident_bytes),
                duration(row.run_seconds),
            ]
            for row in self.programs
        ]
        free = (
            f"On each device: {bytes_text(self.resident_bytes)} of {bytes_text(self.free_bytes)} that are free. Bytes "
            "a lane: what it hands on, and what it needs while it runs."
        )
        return Sheet([head], header, rows, [free, *self._warnings()], left=2)

    def _warnings(self) -> list[str]:
        if self.resident_bytes <= self.free_bytes:
            return []
        return ["That is more than there is: pass fewer run(lanes=), or a smaller batch_size."]


def make_plan(proposals: Proposals, sizes: Sequence[int], settings: Settings, engine: Engine) -> Plan:
    """Give the plan of a sweep whose rounds are all like the first, but for programs that only later ones may need."""
    trials = proposals.ask(sizes[0])
    groups, share = engine.group(trials, len(sizes) > 1), sum(sizes) / sizes[0]
    engine.metrics(groups)
    clock = time.perf_counter()
    layouts = [engine.layout(one, len(one.trials) if share == 1 else len(trials)) for one in groups]
    choosing = time.perf_counter() - clock
    costs, compiling = engine.measure(groups, layouts)
    rows = [
        _planned(one, layout, cost, settings, engine, share)
        for one, layout, cost in zip(groups, layouts, costs, strict=True)
    ]
    possible = len(groups) if len(sizes) == 1 else max(len(groups), min(_possible(trials), round(len(trials) * share)))
    devices, known = engine.devices.list, [row.run_seconds for row in rows if row.run_seconds is not None]
    return Plan(
        rows,
        round(len(trials) * share),
        len(settings.seeds),
        settings.steps,
        len(settings.points),
        len(sizes),
        count(len(devices), f"{devices[0].device_kind} device"),
        len(devices),
        free_on_each(devices),
        possible,
        (choosing + compiling) * possible / len(groups),
        sum(known) if len(known) == len(rows) else None,
    )


def _possible(trials: Sequence[Trial]) -> int:
    """Count the structures that these trials' spaces hold, one for each way in which choices of parts can fall."""
    return sum(_structures(trial.axes) for trial in {trial.space: trial for trial in trials}.values())


def _structures(axes: Sequence[Axis]) -> int:
    """Count the ways in which choices of parts can fall, where a choice inside an option counts with that option alone.

    Beyond `COUNTED` combinations all count, so that it is an upper bound.
    """
    options = [len(x.distribution.options) if isinstance(x.distribution, Parts) else 1 for x in axes]
    if math.prod(options) > COUNTED:
        return math.prod(options)
    points = itertools.product(*([(i + 0.5) / count for i in range(count)] for count in options))
    return len({chosen_parts(Trial(0, "", tuple(axes), point, None)) for point in points})


def _planned(
    one: Group, layout: Layout, cost: ProgramCost, settings: Settings, engine: Engine, share: float
) -> PlannedProgram:
    """Return the program of a group, of whose trials the whole sweep has `share` times as many as the first round."""
    devices, seeds = len(engine.devices.list), len(settings.seeds)
    trials = round(len(one.trials) * share)
    chunks = math.ceil(trials * seeds / layout.chunk)
    layout = layout._replace(chunks=chunks)
    found = [active(trial.axes, trial.units) for trial in one.trials]
    numbers = {axis.name: None for row in found for axis, _ in row if not isinstance(axis.distribution, Parts)}
    chosen = {
        axis.name: axis.distribution.shown(unit) for axis, unit in found[0] if isinstance(axis.distribution, Parts)
    }
    return PlannedProgram(
        spaces_of(one),
        tuple(numbers),
        chosen,
        trials,
        trials * seeds,
        layout,
        cost.lane,
        round(cost.side),
        cost.resident(layout, devices),
        cost.of(layout, settings.steps, devices),
    )


def duration(seconds: float | None) -> str:
    """Write seconds as in `412 ms`, `75.0 s`, `3.5 min` and `2.1 h`."""
    if seconds is None:
        return "unknown time"
    unit, length = ("h", 3600) if seconds >= 7200 else ("min", 60)
    return time_text(seconds) if seconds < 120 else f"{seconds / length:.1f} {unit}"


def _count(programs: int) -> str:
    return f"{programs} program{'s' * (programs != 1)}"


def _title(row: PlannedProgram) -> str:
    chosen = ", ".join(f"{name}={option}" for name, option in row.chosen.items())
    return ", ".join(row.spaces) + (f" ({chosen})" if chosen else "")
