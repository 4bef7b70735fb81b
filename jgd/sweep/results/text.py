"""A result in words: what a terminal shows, and the sentences that reports share with it."""

from jgd.pages.text import count, plain_table
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.spaces.space import Trial, short


def described(result: Outcomes, *, running: bool = False) -> str:
    """What the sweep was, and the best setting of each space; one that has not ended may be `running`."""
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
        f"{what} of {len(result.trials)} trials{many}{steps}: {result.counts()}; "
        f"{count(result.programs, 'program')}, {spent}"
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
    return "\n".join([head, plain_table(header, rows), *boundary_warnings(result), *schedule_note(result)])


def setting(trial: Trial) -> str:
    """The values of a trial by name."""
    return ", ".join(f"{name}={short(value)}" for name, value in trial.params.items()) or "as given"


def boundary_warnings(result: Outcomes) -> list[str]:
    """A sentence for each space whose best trial touches an end of a range."""
    found = {
        space: ", ".join(f"{name} at the {end} end" for name, end in edges.items())
        for space, edges in result.at_boundary().items()
    }
    return [f"The best {space} has {ends} of its range; better may lie beyond." for space, ends in found.items()]


def schedule_note(result: Outcomes) -> list[str]:
    """A sentence where the best settings are only the ends of schedules."""
    ends = "These are the settings at the end; on the way there they changed: see best_schedule() and lineage."
    return [ends] if result.lineage else []
