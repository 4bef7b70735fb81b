"""The report of a contest: scores with their intervals, performance profiles, and what each task cost."""

import html
import math
from collections.abc import Sequence

from jgd.commands.bench.target.contest import MEASURES, Budget, Round, costs, standings
from jgd.pages.page import facts, figure, notes, page, table, whisker
from jgd.pages.palette import COLORS, VARIABLES
from jgd.pages.svg import to_svg
from jgd.pages.text import count
from jgd.sweep.plots.performance_profiles import profile_figure
from jgd.sweep.results.performance_profiles import TAU, Score


def target_header(rounds: Sequence[Round]) -> list[str]:
    """Return the names of a terminal's columns; a line break is where a narrow table may break them."""
    tasks = [f"{one.goal.name}\nsteps" for one in rounds]
    return ["", "optimizer", "score\nby steps", "resampled", "behind\nthe first", "score\nby time", *tasks]


def target_cells(rounds: Sequence[Round], names: Sequence[str]) -> list[list[str]]:
    """Return a row for each optimizer, from the best by steps."""
    by_time = {row.solver: row.score for row in standings(rounds, names, "time")}
    steps = costs(rounds, names, "steps")
    return [
        [
            str(rank),
            row.solver,
            f"{row.score:.2f}",
            f"{row.low:.2f}..{row.high:.2f}",
            behind(row) if rank > 1 else "",
            f"{by_time[row.solver]:.2f}",
            *map(steps_text, steps[row.solver]),
        ]
        for rank, row in enumerate(standings(rounds, names, "steps"), 1)
    ]


def behind(row: Score) -> str:
    """Tell how far behind the first, with a tilde before it unless it is behind in 97.5% of the resamples."""
    return f"{'' if row.behind_low > 0 else '~'}{row.behind:.2f}"


def steps_text(steps: float) -> str:
    """Return a number of steps, or a dash."""
    return f"{steps:.0f}" if math.isfinite(steps) else "-"


def target_report(rounds: Sequence[Round], names: Sequence[str], budget: Budget, devices: str, command: str) -> str:
    """Return the whole page."""
    best, *others = standings(rounds, names, "steps")
    clear = sum(row.behind_low > 0 for row in others)
    lead = (
        f"<b>{html.escape(best.solver)}</b> needs fewest steps over {count(len(rounds), 'task')}, with a score of "
        f"{best.score:.2f}; it stays ahead of {clear} of the {len(others)} others in at least 97.5% "
        "of resampled studies."
    )
    shown = {
        "tasks": str(len(rounds)),
        "optimizers": str(len(names)),
        "studies each": str(budget.studies),
        "trials a study": str(budget.trials),
        "runs": f"{sum(sweep.status.size for one in rounds for sweep in one.sweeps):,}",
        "on": html.escape(devices),
    }
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    body = [
        "<h1>Optimizers to target</h1>",
        f'<p class="soft">{html.escape(", ".join(f"{one.goal.name}: {one.goal}" for one in rounds))}</p>',
        f'<p class="lead">{lead}</p>',
        facts(shown),
        *(_standings(rounds, names, measure, colors) for measure in MEASURES),
    ]
    for measure in ("steps", "time"):
        picture = profile_figure(costs(rounds, names, measure))
        title = f"Performance profiles by {measure}"
        body.append(figure(title, to_svg(picture, measure, VARIABLES, title), PROFILES))
    body += [_tasks(rounds, names, colors), notes("How it was measured", _notes(rounds, budget, command))]
    return page("Optimizers to target", body)


PROFILES = (
    "How many of the tasks each optimizer solves within so many times the least that any optimizer needed; higher and "
    f"further left is better. The number is the share of the area below it, from 1 to {TAU:g}."
)


def _standings(rounds: Sequence[Round], names: Sequence[str], measure: str, colors: dict[str, str]) -> str:
    lines = []
    for rank, row in enumerate(standings(rounds, names, measure), 1):
        color = VARIABLES[colors[row.solver]]
        apart = f"{row.behind:.2f} ({row.behind_low:.2f} to {row.behind_high:.2f})" if rank > 1 else ""
        shown = [
            (str(rank), rank),
            (f'<span class="dot" style="background:{color}"></span>{html.escape(row.solver)}', row.solver),
            (f"{row.score:.3f}", row.score),
            (whisker(row.score, row.low, row.high, (0.0, 1.0), color), row.score),
            (f"{row.low:.2f} to {row.high:.2f}", row.low),
            (apart, row.behind),
            (("yes" if row.behind_low > 0 else "no") if rank > 1 else "", row.behind_low),
            (f"{row.solved:.0%}", row.solved),
        ]
        lines.append(shown)
    head = [
        "",
        "optimizer",
        "score",
        "0 to 1",
        "resampled",
        "behind the first",
        "in 97.5% of\nresamples",
        "tasks\nsolved",
    ]
    caption = f"1 is first on every task, 0 is {TAU:g} times behind on every one or a miss."
    return f"<section><h2>Standings by {measure}</h2>{table(head, lines, caption)}</section>"


def _tasks(rounds: Sequence[Round], names: Sequence[str], colors: dict[str, str]) -> str:
    """Return a row for each task and optimizer, in the order of the standings."""
    by_steps, by_time, in_all = (costs(rounds, names, measure) for measure in MEASURES)
    lines = []
    for i, one in enumerate(rounds):
        for name in sorted(names, key=lambda name: by_steps[name][i]):
            hits = int((one.steps[names.index(name)] < math.inf).sum())
            dot = f'<span class="dot" style="background:{VARIABLES[colors[name]]}"></span>'
            steps, seconds, total = by_steps[name][i], by_time[name][i], in_all[name][i]
            micro = 1e6 * one.step_seconds[names.index(name)]
            shown = [
                (html.escape(one.goal.name), one.goal.name),
                (f"{dot}{html.escape(name)}", name),
                (steps_text(steps), steps),
                (f"{hits} of {one.steps[0].size}", hits),
                (f"{seconds:.3g}" if math.isfinite(seconds) else "-", seconds),
                (f"{total:.3g}" if math.isfinite(total) else "-", total),
                (f"{micro:.0f}", micro),
            ]
            lines.append(
                [(text, key if not isinstance(key, float) or math.isfinite(key) else "inf") for text, key in shown]
            )
    head = ["task", "optimizer", "steps", "studies\nthere", "seconds", "seconds with\ncompiling", "step\nµs"]
    caption = "Medians over studies of the best trial's; a dash where half of the studies or more missed."
    return f'<section class="tasks"><h2>Tasks</h2>{table(head, lines, caption)}</section>{_STYLE}'


def _notes(rounds: Sequence[Round], budget: Budget, command: str) -> list[str]:
    every = ", ".join(f"{one.goal.name} {one.sweeps[0].settings.eval_every} of {one.goal.steps}" for one in rounds)
    ranges = ", ".join(f"{space} {_range(rounds, space)}" for space in rounds[0].sweeps[0].spaces)
    return [
        f"Studies of each optimizer on each task: {budget.studies}, of {count(budget.trials, 'trial')}, which differ "
        "in the learning rate; all else has its default. The rates of all studies are one draw from the optimizer's "
        f"range (Sobol points of the logarithm), shared out at random. Drawn: {ranges}.",
        "A study has a seed of its own, and costs what its best trial needed; a miss is infinite. The cost of a task "
        "is the median over studies, and a score the profile's integral: AlgoPerf's external tuning ruleset "
        "(arXiv:2306.07179). Where it is not: the tasks are small, none is held out, and time is measured apart.",
        "Resampled: the middle 95% of the scores of 1,000 resamples of the studies, the same for all optimizers. With "
        "few studies that is narrower than an interval of 95%: with five it holds the true score in 70 to 80% of "
        "simulated cases, with twenty in 85 to 95%. It speaks of another run of these tasks, not of other tasks.",
        f"Steps are known to those between evaluations: {html.escape(every)}.",
        "Time is steps times the step time of a lone run on one device, without evaluations; compiling is that of its "
        "one program, once.",
        f"Run again: <code>{html.escape(command)}</code>",
    ]


def _range(rounds: Sequence[Round], space: str) -> str:
    trials = [trial for one in rounds for sweep in one.sweeps for trial in sweep.trials if trial.space == space]
    rates = [value for trial in trials for value in trial.params.values()]
    return f"{min(rates):.2g} to {max(rates):.2g}" if rates else "as given"


# No row of the tasks is the winner, and their names stand left.
_STYLE = """<style>.tasks .winner td { background: none; font-weight: inherit; }
.tasks td:first-child, .tasks th:first-child { text-align: left; }</style>"""
