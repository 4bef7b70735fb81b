"""The table of a race: ranked rows on a terminal, in plain text and as JSON."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.commands.results_json import jsonable
from jgd.core.tree import tree_bytes
from jgd.pages.text import label_of
from jgd.sweep.result import Result
from jgd.sweep.results.outcomes import Standing
from jgd.sweep.results.text import interval_title
from jgd.sweep.spaces.space import short
from jgd.train.loop import begin, root_key


class RaceRow(NamedTuple):
    """An optimizer in the race."""

    rank: int
    optimizer: str
    setting: dict[str, float]
    value: float  # the best setting's median over seeds, at the end
    low: float  # the ends of an interval over seeds, and its true level
    high: float
    level: float
    seeds: int
    steps_to_target: float
    diverged: float  # the share of its trials, 0 to 1
    state_bytes: float  # per parameter
    microseconds: float  # per step of a trial, all devices at work
    edges: dict[str, str]


def rows(result: Result) -> list[RaceRow]:
    """Return the optimizers from best to worst."""
    return [_row(rank, result, standing) for rank, standing in enumerate(result.standings(), 1)]


def race_header(result: Result) -> list[str]:
    """Return the names of the columns; a line break is where a narrow table may break them."""
    settings = result.settings
    target = "steps to\ntarget" if settings.target is None else f"steps to\n{short(settings.target)}"
    names = ["", "optimizer", "best\nrate", label_of(settings.metric).replace(" ", "\n")]
    interval = interval_title(len(settings.seeds)).replace(" ", "\n", 1)
    names += [*([interval] if interval else []), target]
    return [*names, "diverged\ntrials", "state\nB/param", "time\nµs/step"]


def race_cells(row: RaceRow) -> list[str]:
    """Return a row as text."""
    setting = ", ".join(f"{value:.2g}" for value in row.setting.values())
    return [
        str(row.rank),
        row.optimizer,
        (setting or "as given") + ("!" if row.edges else ""),
        f"{row.value:#.3g}" if math.isfinite(row.value) else "-",
        *([f"{_or_failed(row.low)}..{_or_failed(row.high)}"] if row.seeds > 1 else []),
        f"{row.steps_to_target:.0f}" if math.isfinite(row.steps_to_target) else "-",
        f"{row.diverged:.0%}",
        f"{row.state_bytes:.1f}",
        f"{row.microseconds:.0f}" if math.isfinite(row.microseconds) else "-",
    ]


def race_remarks(result: Result) -> list[str]:
    """Say in sentences what the table does not show."""
    found = [
        f"! The best rate of {space} is at the {end} end of its range, and better may lie beyond: "
        f"--optimizers {space}=LOW:HIGH"
        for space, edges in result.at_boundary().items()
        for end in edges.values()
    ]
    if result.interrupted:
        counts = dict(zip(*np.unique(result.status, return_counts=True), strict=True))
        found.append(
            f"Interrupted: {counts.get('pending', 0)} of {result.status.size} runs have not ended and count as failed."
        )
    return found


def race_json(result: Result) -> list[dict[str, Any]]:
    """Return the rows as JSON has them: what is not finite is null."""
    return [{key: jsonable(value) for key, value in row._asdict().items()} for row in rows(result)]


def _row(rank: int, result: Result, standing: Standing) -> RaceRow:
    trial, summary = standing.trial, standing.summary
    ran = [report for report in result.groups if standing.space in report.spaces]  # none, if interrupted before
    carry = jax.eval_shape(begin, trial.task, trial.optimizer, root_key(0))
    return RaceRow(
        rank,
        standing.space,
        trial.params,
        summary.median,
        summary.low,
        summary.high,
        summary.level,
        len(result.settings.seeds),
        standing.steps_to_target,
        standing.diverged,
        tree_bytes(carry.opt_state) / sum(x.size for x in jax.tree.leaves(carry.params)),
        ran[0].seconds / max(ran[0].lane_steps, 1) * 1e6 if ran else math.nan,
        trial.at_edge,
    )


def _or_failed(value: float) -> str:
    return f"{value:#.3g}" if math.isfinite(value) else "failed"
