"""The leaderboard's page: the standings, the performance profiles, and a grid of all problems. It loads nothing."""

import html
import math
from typing import Any

from bench.leaderboard_text import limits, summary, verdict
from jgd.pages.page import facts, figure, notes, page, table, whisker
from jgd.pages.palette import COLORS, VARIABLES
from jgd.pages.svg import to_svg
from jgd.sweep import profile_figure

Document = dict[str, Any]


SHOWN = 12  # profiles, of the best


def render(found: Document) -> str:
    """Return the HTML document."""
    names = [row["solver"] for row in found["standings"]]
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    problems, budget = found["problems"], found["budget"]
    costs = {name: [_number(row["costs"][name]) for row in problems] for name in names}
    title = "Optimizers on problems that can be won"
    lead, *more = (html.escape(line) for line in summary(found))
    shown = {
        "problems": str(len(problems)),
        "optimizers": str(len(names)),
        "settings each": str(budget["settings"]),
        "seeds": str(budget["seeds"]),
        "minutes": f"{found['seconds'] / 60:.0f}",
        "date": html.escape(found["machine"].get("date", "")[:10]),
        "commit": html.escape((found["machine"].get("commit") or "none")[:10]),
    }
    profiles = to_svg(profile_figure(costs, found["tau"], SHOWN), "profiles", VARIABLES, "Performance profiles")
    body = [
        f"<h1>{title}</h1>",
        '<p class="soft">Small problems with one difficulty each, every one with a setting that is known to win.</p>',
        f'<p class="lead">{lead}</p>',
        *(f"<p>{line}</p>" for line in more),
        facts(shown),
        notes("What this does not say", [html.escape(line) for line in limits(found)]),
        _standings(found, colors),
        figure("Performance profiles", profiles, f"The best {min(SHOWN, len(costs))}. {PROFILES}"),
        _grid(problems, names),
        _about(problems),
        notes("How it was measured", _notes(found)),
        _STYLE,
    ]
    return page(title, body)


PROFILES = (
    "How many of the problems each optimizer solves within so many times the fewest steps of any; higher and further "
    "left is better. The number is the share of the area below, the score."
)


def _standings(found: Document, colors: dict[str, str]) -> str:
    lines, against = [], found["against"]
    for rank, row in enumerate(found["standings"], 1):
        color, setting, matrices = VARIABLES[colors[row["solver"]]], row["setting"], row.get("matrices")
        lines.append(
            [
                (str(rank), rank),
                (f'<span class="dot" style="background:{color}"></span>{html.escape(row["solver"])}', row["solver"]),
                (f"{row['score']:.3f}", row["score"]),
                (whisker(row["score"], row["low"], row["high"], (0.0, 1.0), color), row["score"]),
                (f"{row['low']:.2f} to {row['high']:.2f}", row["low"]),
                _told(row) if rank > 1 else ("", "tie"),
                _told(row["all"]) if row["solver"] != against else ("", "tie"),
                (f"{matrices['score']:.3f}", matrices["score"]) if matrices else ("", -1.0),
                _told(matrices) if matrices and row["solver"] != against else ("", "tie"),
                (f"{row['solved']:.0%}", row["solved"]),
                (f"{row['one_setting']:.0%}", row["one_setting"]),
                (_setting(setting), setting["rate"]),
                (f"{row['lowest']:.0e} to {row['highest']:.0e}", row["lowest"]),
            ]
        )
    head = ["", "optimizer", "score", "0 to 1", "95%", "than the\nfirst", f"than\n{against}", "with\nmatrices"]
    head += [f"than\n{against}", "solved", "solved by\none setting", "which", "rates tried"]
    caption = (
        f"The score is 1 for the fewest steps on every problem, 0 for {found['tau']:g} times as many or a miss. More "
        "or less: the difference keeps its sign in 97.5% of resamples; else it is a tie, whatever the rank. With "
        "matrices: the same of the problems that have any. Solved by one setting: the share of problems that the best "
        "single rate and schedule solves, untuned."
    )
    return f'<section><h2>Standings</h2>{table(head, lines, "")}<p class="soft">{caption}</p></section>'


def _told(score: Document) -> tuple[str, float]:
    """Tell whether a score is more, a tie or less, and the difference with its range."""
    word = verdict(score)
    gap = f"{-score['behind']:+.2f} ({-score['behind_high']:+.2f} to {-score['behind_low']:+.2f})"
    return f'<span class="{word}" title="{gap}">{word}</span>', -score["behind"]


def _grid(problems: list[Document], names: list[str]) -> str:
    """Show the steps of each optimizer on each problem; the fewer in comparison, the stronger the green."""
    least = {row["name"]: min((_number(x) for x in row["costs"].values()), default=math.inf) for row in problems}
    lines = []
    for rank, name in enumerate(names, 1):
        line: list[tuple[str, float | str]] = [(str(rank), rank), (html.escape(name), name)]
        for row in problems:
            steps = _number(row["costs"][name])
            share = 1 - math.log(steps / least[row["name"]]) / math.log(8) if math.isfinite(steps) else 0.0
            shown = f"{steps:.0f}" if math.isfinite(steps) else "·"
            share = min(1.0, max(0.08, share)) if math.isfinite(steps) else 0.0
            line.append((f'<span class="cell" style="--share:{60 * share:.0f}%">{shown}</span>', _key(steps)))
        lines.append(line)
    head = ["", "optimizer", *(row["name"].replace("_", "\n") for row in problems)]
    solved = ", ".join(f"{row['name']} {sum(x is not None for x in row['costs'].values())}" for row in problems)
    caption = (
        "Steps after which the target was reached to stay, the median over seeds of the best setting; the darkest of a "
        f"column needs fewest. A dot: not within the budget. Solved by so many of {len(names)}: {solved}."
    )
    shown = table(head, lines, "")
    return f'<section class="grid"><h2>Every problem</h2>{shown}<p class="soft">{caption}</p></section>'


def _about(problems: list[Document]) -> str:
    lines = []
    for row in problems:
        first = min(row["best"], key=lambda name: row["best"][name]["steps"] if row["best"][name] else math.inf)
        won = row["best"][first]
        text = f"{first}, {_setting(won)}: {won['steps']:.0f} steps" if won else "nobody"
        cells = [row["name"], row["family"], row["probes"], row["source"], row["goal"], text]
        lines.append([(html.escape(cell), cell) for cell in cells])
    head = ["problem", "family", "probes", "source", "target", "the single setting with fewest steps"]
    shown = table(head, lines, "Each is a task of jgd.tasks.suite.")
    return f'<section class="about"><h2>The problems</h2>{shown}</section>'


def _notes(found: Document) -> list[str]:
    machine, budget = found["machine"], found["budget"]
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    return [
        f"Every optimizer gets the same on every problem: {budget['settings']} settings under {budget['seeds']} seeds, "
        "which set where a run begins and its noise. All else has its default. The settings are 13 learning rates, two "
        "a decade, each constant and with a cosine's decay to zero. Their range is the optimizer's own, that of the "
        "catalogue and a decade more at both ends. A method that finds its own rate gets a factor on it or its step, "
        "from 0.001 to 1,000; where a rate cannot be a schedule, all 26 are constant.",
        "A run counts from the step on which it was at the target at every later evaluation: passing by is not "
        "arriving. Of a seed the best setting counts, of a problem the median over seeds, a miss being infinite.",
        "Intervals are bootstraps that resample seeds and problems: they are about problems like these. Differences "
        "are resampled in pairs.",
        "What stands after a plus is a correction around that optimizer, over its range.",
        "Each problem has a witness, a setting that reaches the target within the budget; the tests hold that.",
        f"On {html.escape(machine.get('device', ''))}, {machine.get('cores', '')} cores; {html.escape(versions)}.",
        "Run again: <code>python -m bench leaderboard</code>; on the whole suite: "
        "<code>python -m bench.leaderboard --whole</code>",
    ]


def _setting(setting: Document) -> str:
    return f"{setting['rate']:.2g} {'constant' if setting['alpha'] else 'decaying'}"


def _number(steps: float | None) -> float:
    return math.inf if steps is None else steps


def _key(steps: float) -> float | str:
    """Make the key by which a column is sorted: a miss is last."""
    return steps if math.isfinite(steps) else "miss"


_STYLE = """<style>
main { max-width: 1480px; } section:not(.grid) { max-width: 1240px; }
.more { color: var(--c2); font-weight: 600; } .less { color: var(--soft); } .tie { color: var(--faint); }
.grid .winner td, .about .winner td { background: none; font-weight: inherit; }
.about td, .about th { text-align: left; } .about td { white-space: normal; }
.grid td { padding: 2px; } .grid td:nth-child(2) { padding-right: 10px; } .grid th button { padding: 4px 5px 6px; }
.cell { display: block; min-width: 44px; padding: 3px 6px; border-radius: 4px; text-align: right; font-size: 13px;
  background: color-mix(in srgb, var(--c2) var(--share), transparent); }
</style>"""
