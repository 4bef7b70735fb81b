"""The report of a race: what won, by how much, and how sensitive each optimizer is to its learning rate."""

import html
import math
from collections.abc import Sequence

from jgd.commands.race.table import RaceRow, race_cells, race_header, race_remarks, rows
from jgd.pages.page import figure, notes, page, table
from jgd.pages.palette import VARIABLES
from jgd.pages.svg import to_svg
from jgd.pages.text import capital, count, label_of
from jgd.sweep.plots.curves import curves_figure
from jgd.sweep.report.captions import caption_of
from jgd.sweep.report.page import cost_facts
from jgd.sweep.report.tables import interval_cell, scale_of, space_cell
from jgd.sweep.result import Result
from jgd.sweep.results.statistics import is_clearly_better
from jgd.sweep.results.text import interval_meaning, interval_phrase
from jgd.sweep.spaces.space import short


def race_report(result: Result, task: str, about: str, devices: str, command: str) -> str:
    """Return the whole page."""
    standings = rows(result)
    label = label_of(result.settings.metric)
    body = [
        f"<h1>Optimizers race on {html.escape(task)}</h1>",
        f'<p class="soft">{html.escape(about)}</p>',
        f'<p class="lead">{_verdict(result, standings)}</p>',
        cost_facts(result, devices),
        f"<section><h2>Standings</h2>{_table(result, standings)}{_warnings(result)}</section>",
    ]
    for name in dict.fromkeys(name for row in standings for name in row.setting):
        drawn = result.plot.sensitivity(name)
        title = f"{capital(label)} against {name.replace('_', ' ')}"
        body.append(figure(title, to_svg(drawn, f"s-{name}", VARIABLES, title), caption_of(result, "sensitivity")))
    title = f"{capital(label)} while training, each at its best setting"
    body.append(figure(title, to_svg(curves_figure(result), "curves", VARIABLES, title), caption_of(result, "curves")))
    body.append(_method(result, command))
    return page(f"Race on {task}", body)


def _verdict(result: Result, standings: Sequence[RaceRow]) -> str:
    best = standings[0]
    if not math.isfinite(best.value):
        return "No optimizer has a setting that reached the end."
    label = label_of(result.settings.metric)
    said = f"<b>{html.escape(best.optimizer)}</b> ends best, with {label} {best.value:.3g}"
    if best.seeds > 1 and len(standings) > 1:
        said += f"; seed by seed it beats {_behind(result) or 'none'} of the {len(standings) - 1} others by more than "
        said += f"chance ({interval_phrase(best.seeds)})"
    reached = [row for row in standings if math.isfinite(row.steps_to_target)]
    if reached:
        steps = min(row.steps_to_target for row in reached)
        names = [f"<b>{html.escape(row.optimizer)}</b>" for row in reached if row.steps_to_target == steps]
        first = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        said += f". First to reach {short(result.settings.target)}: {first}, after {count(round(steps), 'step')}"
    return said + "."


def _behind(result: Result) -> int:
    """Tell how many optimizers' best settings are worse than the best one's, by the sign test over seeds in pairs."""
    best, *others = (result.values[row.trial.number] for row in result.standings())
    return sum(is_clearly_better(best, other, result.settings.mode) for other in others)


def _table(result: Result, standings: Sequence[RaceRow]) -> str:
    lines, seeds = [], len(result.settings.seeds)
    many = seeds > 1
    for row in standings:
        text = [html.escape(cell) for cell in race_cells(row)]
        text[1], _ = space_cell(result, row.optimizer)
        drawn = [interval_cell(result, row.optimizer, row.value, row.low, row.high)[0]] if many else []
        setting = next(iter(row.setting.values()), math.nan)
        keys = [row.rank, row.optimizer, setting, row.value, *([row.value, row.low] if many else [])]
        keys += [row.steps_to_target, row.diverged, row.state_bytes, row.microseconds]
        lines.append(list(zip([*text[:4], *drawn, *text[4:]], keys, strict=True)))
    names = race_header(result)
    ranked = f"the median over {seeds} seeds at the last step" if many else "the last step of the one seed"
    caption = (
        f"Ranked by {ranked}. Steps and state belong to the best setting; diverged trials to all settings. "
        + interval_meaning(seeds)
    )
    scale = [scale_of(result)] if many else []
    return table([html.escape(name) for name in [*names[:4], *scale, *names[4:]]], lines, caption)


def _warnings(result: Result) -> str:
    return "".join(f'<p class="warn">{html.escape(line)}</p>' for line in race_remarks(result))


def _method(result: Result, command: str) -> str:
    settings = result.settings
    trials = max(sum(trial.space == space for trial in result.trials) for space in result.spaces)
    ranges = ", ".join(f"{space} {_range(result, space)}" for space in result.spaces)
    items = [
        f"Every optimizer gets the same: {trials} learning rates, evenly spaced on a logarithmic scale with both ends, "
        f"{count(len(settings.seeds), 'seed')}, {count(settings.steps, 'step')}. All else has its default. "
        f"The ranges: {ranges}.",
        "A seed is the same first parameters and batches for every optimizer and rate, so differences are paired.",
        "The best setting was chosen on the same validation rows that it is reported on, so all figures are a little "
        "too good, alike for all; differences of a few validation rows are noise.",
        "A run whose parameters or losses are not finite has diverged; it counts as worst.",
        f"Steps to the target are known to {settings.eval_every}, the steps between evaluations.",
        f"Run again: <code>{html.escape(command)}</code>",
    ]
    return notes("How it was measured", items)


def _range(result: Result, space: str) -> str:
    rates = [value for trial in result.trials if trial.space == space for value in trial.params.values()]
    return f"{min(rates):.3g} to {max(rates):.3g}" if rates else "as given"
