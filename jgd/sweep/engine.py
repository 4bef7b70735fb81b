"""The host's loop over groups, chunks of lanes and segments: what is dispatched, recorded and interrupted."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jgd.sweep.plan import Group, Layout, Settings
from jgd.sweep.prepare import Devices, Preparation, Prepared
from jgd.sweep.program import Block, Lane, Shared
from jgd.train.interrupt import Interrupt
from jgd.train.progress import Progress


class GroupReport(NamedTuple):
    """What a group cost."""

    spaces: tuple[str, ...]
    trials: int
    layout: Layout
    seconds: float  # of running
    lane_steps: int  # steps taken, of all its lanes together


class Members(NamedTuple):
    """The lanes of a chunk, as many as its program has; what is not real fills it up and is never alive."""

    row: np.ndarray  # i[lanes], the trial's position in its group
    trial: np.ndarray  # i[lanes], its number in the sweep
    seed: np.ndarray  # i[lanes], the seed's position
    real: np.ndarray  # bool[lanes]


class Records:
    """The curves of all lanes, filled segment by segment. Not reached, or diverged: NaN."""

    def __init__(self, trials: int, settings: Settings, metrics: Sequence[str]) -> None:
        shape = (trials, len(settings.seeds), len(settings.points))
        self.curves = {name: np.full(shape, np.nan) for name in metrics}
        self.reached = np.zeros(shape[:2], int)  # points
        self.diverged_at = np.full(shape[:2], -1)  # steps taken before the first loss that is not finite

    def add(self, block: Block, members: Members, alive: np.ndarray, point: int) -> np.ndarray:
        """Record a segment that ended at a point; returns which lanes are still alive."""
        diverged_at, trials, seeds = np.asarray(block.diverged_at), members.trial, members.seed
        well = alive & (diverged_at < 0)
        for name, values in block.metrics.items():
            self.curves[name][trials[well], seeds[well], point] = np.asarray(values)[well]
        lost = alive & ~well
        self.diverged_at[trials[lost], seeds[lost]] = diverged_at[lost]
        self.reached[trials[well], seeds[well]] = point + 1
        return well


class Outcome(NamedTuple):
    """What came of a sweep."""

    records: Records
    groups: list[GroupReport]
    compilations: int
    compile_seconds: float
    run_seconds: float
    interrupted: bool


def execute(
    groups: Sequence[Group],
    layouts: Sequence[Layout],
    settings: Settings,
    devices: Devices,
    metrics: Sequence[str],
    progress: bool | None,
) -> Outcome:
    """Compile all programs, then run them. Ctrl-C ends after the segment, with what was recorded until then."""
    trials = sum(len(group.trials) for group in groups)
    records = Records(trials, settings, metrics)
    with (
        Interrupt() as interrupt,
        Progress("sweep", trials * len(settings.seeds) * settings.steps, show=progress) as line,
    ):
        clock = time.perf_counter()
        line.update(0, f"compiling {len(groups)} program{'s' * (len(groups) != 1)}")
        preparation = Preparation(settings, devices)
        prepared = preparation.compile(groups, layouts)
        compiled = time.perf_counter()
        loop = Loop(preparation, settings, records, interrupt, line)
        reports = [loop.run(ready) for ready in prepared if not interrupt.requested]
        ended = time.perf_counter()
    # A request that came with the very last segment has cut nothing short.
    whole = np.all((records.reached == len(settings.points)) | (records.diverged_at >= 0))
    return Outcome(records, reports, preparation.compilations, compiled - clock, ended - compiled, not whole)


class Loop:
    """Runs one group after another; stops wherever an interrupt was requested."""

    def __init__(
        self, preparation: Preparation, settings: Settings, records: Records, interrupt: Interrupt, line: Progress
    ) -> None:
        self.devices, self.seeds, self.settings = preparation.devices, preparation.seeds, settings
        self.records, self.interrupt, self.line = records, interrupt, line
        self.passed = 0  # steps on the progress line: taken, or spared by a lane's end

    def run(self, ready: Prepared) -> GroupReport:
        """All lanes of a group, chunk by chunk."""
        spaces = tuple(dict.fromkeys(trial.space for trial in ready.group.trials))
        clock, lane_steps = time.perf_counter(), 0
        for chunk in range(ready.layout.chunks):
            if not self.interrupt.requested:
                lane_steps += self._run_chunk(ready, self._members(ready, chunk), ", ".join(spaces))
        return GroupReport(spaces, len(ready.group.trials), ready.layout, time.perf_counter() - clock, lane_steps)

    def _members(self, ready: Prepared, chunk: int) -> Members:
        """The lanes of a chunk, dealt out to the devices in turn: trials that diverge are often neighbours."""
        size, seeds, devices = ready.layout.chunk, len(self.settings.seeds), len(self.devices.list)
        lanes = np.arange(chunk * size, (chunk + 1) * size).reshape(-1, devices).T.ravel()
        real = lanes < len(ready.group.trials) * seeds
        lanes = np.where(real, lanes, 0)
        numbers = np.array([trial.number for trial in ready.group.trials])
        return Members(lanes // seeds, numbers[lanes // seeds], lanes % seeds, real)

    def _run_chunk(self, ready: Prepared, members: Members, note: str) -> int:
        """Segment after segment of these lanes, until all are done or dead; the steps that they took."""
        alive, taken = members.real, 0
        lanes = self.devices.split(
            Lane(
                [row[members.row] for row in ready.group.rows()],
                np.array(self.settings.seeds, np.uint32)[members.seed],
                members.seed.astype(np.int32),
                alive,
            )
        )
        states = ready.begin(lanes, Shared(ready.numbers, ready.first, None, self.devices.scalar(0)))
        start, expected = 0, int(members.real.sum()) * self.settings.steps
        for point, end in enumerate(self.settings.points.tolist()):
            step = self.devices.scalar(start)
            shared = Shared(ready.numbers, None, ready.picks[end - start](self.seeds, step), step)
            states, block = ready.segments[end - start](states, lanes, shared)
            well = self.records.add(jax.device_get(block), members, alive, point)
            taken += int(alive.sum()) * (end - start)
            if not well.any():
                break
            if (well != alive).any():
                alive = well
                lanes = lanes._replace(alive=self.devices.split(alive))
            start = end
            self.line.update(self.passed + int(members.real.sum()) * end, note)
            if self.interrupt.requested:
                break
        self.passed += expected
        self.line.update(self.passed, note)
        return taken
