"""A result in words: what a terminal shows, and the sentences that reports share with it."""

import math
from collections.abc import Sequence

from jgd.core.median import level_text, median_ranks
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.results.statistics import Summary
from jgd.sweep.spaces.space import Trial, short

FEW = 5  # seeds, below which an interval is called by what it is, their range


def described(result: Outcomes, *, running: bool = False) -> Sheet:
    """Describe the sweep and the best setting of each space; one that has not ended may be `running`."""
    metric, seeds = result.settings.metric, len(result.settings.seeds)
    many = "" if seeds == 1 else f" x {seeds} seeds"
    steps = "" if result.settings.steps == 1 else f" x {result.settings.steps} steps"  # a function's one call
    what = "Interrupted sweep" if result.interrupted and not running else "Sweep"
    what = "Sweep out of time (max_seconds), which the same call goes on with," if result.out_of_time else what
    # A folder does not know what compiling took.
    compiled = f"compiled in {result.compile_seconds:.1f} s, " if result.compilations else ""
    spent = f"{compiled}run in {result.run_seconds:.1f} s"
    if result.asked and not result.interrupted and not result.compile_seconds and not result.run_seconds:
        spent = "read from its folder, nothing ran"
    head = (
        f"{what} of {count(len(result.trials), 'trial')}{many}{steps}: {result.counts()}; "
        f"{count(result.programs, 'program')}, {spent}"
    )
    interval, standings = interval_title(seeds), result.standings()
    rows = [
        [
            row.space,
            value,
            *([between(row.summary)] if interval else []),
            setting(row.trial) if value != "-" else f"none: {result.counts(row.space)}",
        ]
        for row, value in zip(standings, value_texts(result, [row.trial for row in standings]), strict=True)
    ]
    header = ["space", metric, *([interval] if interval else []), "best setting"]
    return Sheet([head], header, rows, [*boundary_warnings(result), *schedule_note(result)])


def interval_title(seeds: int) -> str:
    """Head a column of intervals over so many seeds, with their true level; empty for one seed, which has none."""
    level = level_text(median_ranks(seeds)[1])
    if seeds < 2:
        return ""
    return f"{level} over {seeds} seeds" if seeds >= FEW else f"range of {seeds} ({level})"


def interval_phrase(seeds: int) -> str:
    """Name the interval over so many seeds in a sentence, as in `97% interval over 6 seeds`."""
    level = level_text(median_ranks(seeds)[1])
    return f"{level} interval over {seeds} seeds" if seeds >= FEW else f"range of {seeds} seeds ({level})"


def interval_meaning(seeds: int) -> str:
    """Say in a sentence what the intervals over so many seeds promise; empty for one seed."""
    level = level_text(median_ranks(seeds)[1])
    if seeds < 2:
        return ""
    kind = "The range of the seeds" if seeds < FEW else "The interval over seeds"
    return f"{kind} holds the median of ever more seeds with a probability of {level}."


def value_texts(result: Outcomes, trials: Sequence[Trial]) -> list[str]:
    """Write the median over seeds of each trial, or before its end what it had reached, `0.95 at step 50`; else `-`."""
    medians, (latest, steps) = result.medians, result.latest

    def text(i: int) -> str:
        if math.isfinite(medians[i]):
            return f"{medians[i]:.4g}"
        return f"{latest[i]:.4g} at step {steps[i]:,}" if steps[i] else "-"

    return [text(trial.number) for trial in trials]


def between(summary: Summary, by: str = " .. ") -> str:
    """Write an interval as `0.1 .. 0.3`; an end that a failed seed has opened is `failed`, and without a median `-`."""
    if not math.isfinite(summary.median):
        return "-"
    return by.join(short(x) if math.isfinite(x) else "failed" for x in (summary.low, summary.high))


def setting(trial: Trial) -> str:
    """Return the values of a trial by name."""
    return ", ".join(f"{name}={short(value)}" for name, value in trial.params.items()) or "as given"


def boundary_warnings(result: Outcomes) -> list[str]:
    """Return a sentence for each space whose best trial touches an end of a range."""
    found = {
        space: ", ".join(f"{name} at the {end} end" for name, end in edges.items())
        for space, edges in result.at_boundary().items()
    }
    return [f"The best {space} has {ends} of its range; better may lie beyond." for space, ends in found.items()]


def schedule_note(result: Outcomes) -> list[str]:
    """Return a sentence where the best settings are only the ends of schedules."""
    ends = "These are the settings at the end; on the way there they changed: see best_schedule() and lineage."
    return [ends] if result.lineage else []
