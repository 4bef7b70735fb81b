"""What a sweep would do, told before it runs: its programs, how their lanes run, memory and time."""

import dataclasses
from typing import Any

from jgd.measure.units import bytes_text, time_text
from jgd.sweep.lanes.layout import Layout
from jgd.sweep.results.table import plain


@dataclasses.dataclass(frozen=True)
class Program:
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
    """What `run` would do. Times are those of this machine as it was while the plan was made.

    Of a function that owns its loop, the time of a run is not known: it would take a whole trial to learn it.
    """

    programs: list[Program]
    trials: int
    seeds: int
    steps: int
    points: int  # of each curve, at the ends of segments
    rounds: int
    devices: str
    num_devices: int
    free_bytes: int  # of memory, on each device
    compile_seconds: float
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
        """All of it, as JSON holds it."""
        programs = [dataclasses.asdict(row) | {"layout": row.layout._asdict()} for row in self.programs]
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return known | {"programs": programs, "lanes": self.lanes, "resident_bytes": self.resident_bytes}

    def __repr__(self) -> str:
        seeds = "" if self.seeds == 1 else f" x {self.seeds} seeds"
        steps = "" if self.steps == 1 else f" x {self.steps:,} steps"  # a function's one call
        rounds = "" if self.rounds == 1 else f" in {self.rounds} rounds"
        head = (
            f"Plan of {self.trials:,} trials{seeds}{steps}{rounds}: {_count(len(self.programs))} on "
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
        return "\n".join([head, plain(header, rows, left=2), free, *self._warnings()])

    def _warnings(self) -> list[str]:
        if self.resident_bytes <= self.free_bytes:
            return []
        return ["That is more than there is: pass fewer run(lanes=), or a smaller batch_size."]


def duration(seconds: float | None) -> str:
    """As in `412 ms`, `75.0 s`, `3.5 min` and `2.1 h`."""
    if seconds is None:
        return "unknown time"
    unit, length = ("h", 3600) if seconds >= 7200 else ("min", 60)
    return time_text(seconds) if seconds < 120 else f"{seconds / length:.1f} {unit}"


def _count(programs: int) -> str:
    return f"{programs} program{'s' * (programs != 1)}"


def _title(row: Program) -> str:
    chosen = ", ".join(f"{name}={option}" for name, option in row.chosen.items())
    return ", ".join(row.spaces) + (f" ({chosen})" if chosen else "")
