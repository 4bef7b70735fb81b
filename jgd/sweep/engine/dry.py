"""A sweep told beforehand: its trials, grouped and laid out as they would run, with what their programs cost."""

import math
import time
from collections.abc import Sequence

from jgd.pages.text import count
from jgd.sweep.engine.plan import Plan, Program
from jgd.sweep.engine.rounds import Machine
from jgd.sweep.engine.work_queue import spaces_of
from jgd.sweep.lanes.autotune import Cost
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import Layout, free_on_each
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.spaces.distributions import Parts
from jgd.sweep.spaces.space import active


def dry_run(proposals: Proposals, sizes: Sequence[int], settings: Settings, machine: Machine) -> Plan:
    """The plan of a sweep whose rounds are all like the first."""
    trials = proposals.ask(sizes[0])
    groups, share = machine.group(trials, len(sizes) > 1), sum(sizes) / sizes[0]
    machine.metrics(groups)
    clock = time.perf_counter()
    layouts = [machine.layout(one, len(one.trials) if share == 1 else len(trials)) for one in groups]
    choosing = time.perf_counter() - clock
    costs, compiling = machine.measure(groups, layouts)
    rows = [
        _program(one, layout, cost, settings, machine, share)
        for one, layout, cost in zip(groups, layouts, costs, strict=True)
    ]
    devices, known = machine.devices.list, [row.run_seconds for row in rows if row.run_seconds is not None]
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
        choosing + compiling,
        sum(known) if len(known) == len(rows) else None,
    )


def _program(one: Group, layout: Layout, cost: Cost, settings: Settings, machine: Machine, share: float) -> Program:
    devices, seeds = len(machine.devices.list), len(settings.seeds)
    trials = round(len(one.trials) * share)
    chunks = math.ceil(trials * seeds / layout.chunk)
    layout = layout._replace(chunks=chunks)
    found = [active(trial.axes, trial.units) for trial in one.trials]
    numbers = {axis.name: None for row in found for axis, _ in row if not isinstance(axis.distribution, Parts)}
    chosen = {
        axis.name: axis.distribution.shown(unit) for axis, unit in found[0] if isinstance(axis.distribution, Parts)
    }
    return Program(
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
