"""The leaderboard's page: the standings, the performance profiles, and a grid of all problems. It loads nothing."""

import html
import math
from typing import Any

from jgd.pages.page import facts, figure, notes, page, table, whisker
from jgd.pages.palette import COLORS, VARIABLES
from jgd.pages.svg import to_svg
from jgd.sweep import profile_figure

Document = dict[str, Any]


def render(found: Document) -> str:
    """The HTML document."""
    names = [row["solver"] for row in found["standings"]]
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    problems, budget = found["problems"], found["budget"]
    costs = {name: [_number(row["costs"][name]) for row in problems] for name in names}
    best, *others = found["standings"]
    clear = sum(row["behind_low"] > 0 for row in others)
    title = "Optimizers on problems that can be won"
    lead = (
        f"<b>{html.escape(best['solver'])}</b> scores highest, {best['score']:.2f}, and solves {best['solved']:.0%} of "
        f"the problems; it is ahead of {clear} of the {len(others)} others by more than chance."
    )
    shown = {
        "problems": str(len(problems)),
        "optimizers": str(len(names)),
        "settings each": str(budget["rates"] * budget["schedules"]),
        "seeds": str(budget["seeds"]),
        "minutes": f"{found['seconds'] / 60:.1f}",
        "date": html.escape(found["machine"].get("date", "")[:10]),
        "commit": html.escape((found["machine"].get("commit") or "none")[:10]),
    }
    profiles = profile_figure(costs, found["tau"])
    body = [
        f"<h1>{title}</h1>",
        '<p class="soft">Small problems with one difficulty each, every one with a setting that is known to win.</p>',
        f'<p class="lead">{lead}</p>',
        facts(shown),
        _standings(found, colors),
        figure("Performance profiles", to_svg(profiles, "profiles", VARIABLES, "Performance profiles"), PROFILES),
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
    lines = []
    for rank, row in enumerate(found["standings"], 1):
        color, setting = VARIABLES[colors[row["solver"]]], row["setting"]
        apart = f"{row['behind']:.2f} ({row['behind_low']:.2f} to {row['behind_high']:.2f})"
        lines.append(
            [
                (str(rank), rank),
                (f'<span class="dot" style="background:{color}"></span>{html.escape(row["solver"])}', row["solver"]),
                (f"{row['score']:.3f}", row["score"]),
                (whisker(row["score"], row["low"], row["high"], (0.0, 1.0), color), row["score"]),
                (f"{row['low']:.2f} to {row['high']:.2f}", row["low"]),
                (apart if rank > 1 else "", row["behind"]),
                (("yes" if row["behind_low"] > 0 else "no") if rank > 1 else "", row["behind_low"]),
                (f"{row['solved']:.0%}", row["solved"]),
                (f"{row['one_setting']:.0%}", row["one_setting"]),
                (_setting(setting), setting["init_value"]),
            ]
        )
    head = ["", "optimizer", "score", "0 to 1", "95%", "behind the first", "more than\nchance", "solved"]
    head += ["solved by\none setting", "which"]
    caption = (
        f"The score is 1 for the fewest steps on every problem, 0 for {found['tau']:g} times as many or a miss. Solved "
        "by one setting: the share of problems that the best single learning rate and schedule solves, untuned."
    )
    return f"<section><h2>Standings</h2>{table(head, lines, caption)}</section>"


def _grid(problems: list[Document], names: list[str]) -> str:
    """Steps of each optimizer on each problem; the fewer in comparison, the stronger the green."""
    lines = []
    for row in problems:
        least = min((_number(x) for x in row["costs"].values()), default=math.inf)
        solvers = sum(x is not None for x in row["costs"].values())
        line = [(html.escape(row["name"]), row["name"]), (f"{solvers}", solvers), (f"{row['steps']:,}", row["steps"])]
        for name in names:
            steps = _number(row["costs"][name])
            share = min(1.0, max(0.08, 1 - math.log(steps / least) / math.log(8))) if math.isfinite(steps) else 0.0
            shown = f"{steps:.0f}" if math.isfinite(steps) else "·"
            line.append((f'<span class="cell" style="--share:{60 * share:.0f}%">{shown}</span>', _key(steps)))
        lines.append(line)
    head = ["problem", "solved\nby", "budget", *(name.replace(", ", "\n") for name in names)]
    caption = (
        "Steps after which the target was reached to stay, the median over seeds of the best setting; the darkest of a "
        "row needs fewest. A dot: not within the budget. Optimizers stand in the order of the standings."
    )
    return f'<section class="grid"><h2>Every problem</h2>{table(head, lines, caption)}</section>'


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
    budget = found["budget"]
    return [
        f"Every optimizer gets the same on every problem: {budget['rates']} learning rates on one logarithmic grid "
        f"from {budget['low']:g} to {budget['high']:g}, each constant and with a cosine's decay to zero, all under "
        f"{budget['seeds']} seeds, which set where a run begins and its noise. All else has its default.",
        "A run counts from the step on which it was at the target at every later evaluation: passing by is not "
        "arriving. Of a seed the best setting counts, of a problem the median over seeds, a miss being infinite.",
        "Intervals are 95% bootstraps that resample seeds and problems: they are about problems like these. "
        "Differences are resampled in pairs.",
        "Muon treats what is no matrix as Adam does, so the two tie on problems without one; Adam and AdamW differ by "
        "a decay of 1e-4, Lion decays by 1e-3.",
        "Each problem has a witness, a setting that reaches the target within the budget; the tests hold that.",
        "Run again: <code>python -m bench leaderboard</code>",
    ]


def _setting(setting: Document) -> str:
    return f"{setting['init_value']:.2g} {'constant' if setting['alpha'] else 'decaying'}"


def _number(steps: float | None) -> float:
    return math.inf if steps is None else steps


def _key(steps: float) -> float | str:
    """What a column sorts by: a miss is last."""
    return steps if math.isfinite(steps) else "miss"


_STYLE = """<style>
main { max-width: 1480px; } section:not(.grid) { max-width: 1180px; }
.grid .winner td, .about .winner td { background: none; font-weight: inherit; }
.grid td:first-child, .grid th:first-child, .about td, .about th { text-align: left; }
.about td { white-space: normal; }
.grid td { padding: 2px; } .grid td:first-child { padding-right: 10px; } .grid th button { padding: 4px 5px 6px; }
.cell { display: block; min-width: 44px; padding: 3px 6px; border-radius: 4px; text-align: right; font-size: 13px;
  background: color-mix(in srgb, var(--c2) var(--share), transparent); }
</style>"""
