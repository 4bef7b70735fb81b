"""A result in words: what a terminal shows, and the sentences that reports share with it."""

from typing import TYPE_CHECKING

import numpy as np

from jgd.pages.text import count
from jgd.sweep.results.table import plain
from jgd.sweep.spaces.space import Trial, short

if TYPE_CHECKING:
    from jgd.sweep.result import Result


def described(result: "Result", *, running: bool = False) -> str:
    """What the sweep was, and the best setting of each space; one that has not ended may be `running`."""
    metric, seeds = result.settings.metric, len(result.settings.seeds)
    many = "" if seeds == 1 else f" x {seeds} seeds"
    steps = "" if result.settings.steps == 1 else f" x {result.settings.steps} steps"  # a function's one call
    what = "Interrupted sweep" if result.interrupted and not running else "Sweep"
    # A folder does not know what compiling took.
    compiled = f"compiled in {result.compile_seconds:.1f} s, " if result.compilations else ""
    head = (
        f"{what} of {len(result.trials)} trials{many}{steps}: {counts(result)}; "
        f"{count(result.programs, 'program')}, {compiled}run in {result.run_seconds:.1f} s"
    )
    rows = [
        [
            row.space,
            short(row.summary.median),
            f"{short(row.summary.low)} .. {short(row.summary.high)}",
            setting(row.trial),
        ]
        for row in result.standings()
    ]
    header = ["space", metric, "95% over seeds", "best setting"]
    return "\n".join([head, plain(header, rows), *boundary_warnings(result), *schedule_note(result)])


def counts(result: "Result", space: str | None = None, trial: int | None = None) -> str:
    """How many lanes, of a space or a trial, have come to which end."""
    members = [one.number for one in result.trials if space in (None, one.space)] if trial is None else [trial]
    names, numbers = np.unique(result.status[members], return_counts=True)
    return ", ".join(f"{number:,} {name}" for name, number in zip(names, numbers, strict=True))


def setting(trial: Trial) -> str:
    """The values of a trial by name."""
    return ", ".join(f"{name}={short(value)}" for name, value in trial.params.items()) or "as given"


def boundary_warnings(result: "Result") -> list[str]:
    """A sentence for each space whose best trial touches an end of a range."""
    found = {
        space: ", ".join(f"{name} at the {end} end" for name, end in edges.items())
        for space, edges in result.at_boundary().items()
    }
    return [f"The best {space} has {ends} of its range; better may lie beyond." for space, ends in found.items()]


def schedule_note(result: "Result") -> list[str]:
    """A sentence where the best settings are only the ends of schedules."""
    ends = "These are the settings at the end; on the way there they changed: see best_schedule() and lineage."
    return [ends] if result.lineage else []
