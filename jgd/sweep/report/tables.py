"""The tables of a sweep's page: its spaces, its trials and its programs."""

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jgd.pages.page import Cell, table, whisker
from jgd.pages.palette import VARIABLES
from jgd.pages.text import label_of
from jgd.sweep.plots.style import space_color
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.results.text import between, interval_meaning, interval_title, setting, value_texts
from jgd.sweep.spaces.space import Trial, short

MOST_TRIALS = 5000  # in a page; all of them are in `Result.to_csv`
MOST_SEEDS = 5  # in a table, each with its value; of more, the range
MOST_COLUMNS = 12  # of hyperparameters; more share one


def space_cell(result: Outcomes, space: str) -> Cell:
    """Return a space's name behind a dot of its colour."""
    dot = f'<span class="dot" style="background:{VARIABLES[space_color(result, space)]}"></span>'
    return dot + html.escape(space), space


def interval_cell(result: Outcomes, space: str, median: float, low: float, high: float) -> Cell:
    """Return a median with its interval, drawn on the scale that the best trials of all spaces need."""
    if not math.isfinite(median):
        return "", "nan"
    ends = _ends(result)
    # An interval that is open, because a seed failed, reaches to the scale's bad end.
    bad = ends[result.settings.mode == "min"]
    low, high = (v if math.isfinite(v) else bad for v in (low, high))
    return whisker(median, low, high, ends, VARIABLES[space_color(result, space)]), median


def scale_of(result: Outcomes) -> str:
    """Head a column of drawn intervals with the ends of their common scale, as in `0.01 to 0.5`, if there are any."""
    ends = _ends(result)
    return " to ".join(map(short, ends)) if math.isfinite(ends[0]) else ""


def _ends(result: Outcomes) -> tuple[float, float]:
    summaries = [row.summary for row in result.standings()]
    shown = [v for one in summaries for v in (one.median, one.low, one.high) if math.isfinite(v)]
    return min(shown, default=math.nan), max(shown, default=math.nan)


def number_cell(value: float, digits: int = 4) -> Cell:
    """Return a number, or a dash where it is not finite."""
    return (f"{value:.{digits}g}", value) if math.isfinite(value) else ("-", "nan")


def spaces_table(result: Outcomes) -> str:
    """Return the spaces from best to worst, each by its best trial."""
    label, seeds, target = label_of(result.settings.metric), len(result.settings.seeds), result.settings.target
    lines = []
    standings = result.standings()
    texts = value_texts(result, [row.trial for row in standings])
    for rank, (row, text) in enumerate(zip(standings, texts, strict=True), 1):
        median, low, high = row.summary.median, row.summary.low, row.summary.high
        cells = [(str(rank), rank), space_cell(result, row.space), (text, median)]
        if seeds > 1:
            cells += [interval_cell(result, row.space, median, low, high), (between(row.summary), low)]
        cells += [number_cell(row.steps_to_target, 6)] if target is not None else []
        cells += [(f"{row.diverged:.0%}", row.diverged), (str(row.trial.number), row.trial.number)]
        lines.append([*cells, _setting_cell(row.trial)])
    names = ["", "space", label, *([scale_of(result), interval_title(seeds)] if seeds > 1 else [])]
    names += [f"steps to\n{short(target)}"] if target is not None else []
    caption = (
        "Each space by its best trial: the median over seeds at the last step. A seed that failed counts as worst. "
        + interval_meaning(seeds)
    )
    return table([html.escape(name) for name in [*names, "diverged\nlanes", "trial", "its setting"]], lines, caption)


def trials_table(result: Outcomes) -> str:
    """Return the trials from best to worst."""
    ranked = result.ranking()[:MOST_TRIALS]
    names = list(dict.fromkeys(axis.name for trial in ranked for axis in trial.axes))
    columns = names if len(names) <= MOST_COLUMNS else []
    medians, values, status, taken = result.medians, result.values, result.status, _steps(result)
    spaces, lines = {space: space_cell(result, space) for space in result.spaces}, []
    for rank, (trial, text) in enumerate(zip(ranked, value_texts(result, ranked), strict=True), 1):
        i = trial.number
        cells = [(str(rank), rank), spaces[trial.space], (str(i), i), (text, medians[i])]
        params = trial.params
        cells += [_value_cell(params.get(name)) for name in columns] if columns else [_setting_cell(trial)]
        cells += [_status_cell(status[i]), (f"{taken[i]:,}", taken[i])]
        lines.append([*cells, *([_seeds_cell(values[i])] if values.shape[1] > 1 else [])])
    head = ["", "space", "trial", label_of(result.settings.metric)]
    head += [name.replace("_", " ").replace(".", "\n") for name in columns or ["setting"]]
    head += ["status", "steps"]
    head += [] if values.shape[1] == 1 else ["each seed"] if values.shape[1] <= MOST_SEEDS else ["range of\nseeds"]
    left_out = len(result.trials) - len(ranked)
    caption = "Ranked by the median over seeds; a click on a heading sorts."
    if left_out:
        caption += f" The {left_out:,} worst trials are left out; Result.to_csv writes all."
    return table([html.escape(name) for name in head], lines, caption)


def programs_table(result: Outcomes) -> str:
    """Tabulate what each compiled program ran, and how long it took."""
    lines = []
    for i, one in enumerate(result.groups, 1):
        spaces = ", ".join(one.spaces)
        rate = one.lane_steps / one.seconds if one.seconds else math.nan
        lines.append(
            [
                (str(i), i),
                (html.escape(spaces), spaces),
                (f"{one.trials:,}", one.trials),
                (f"{one.layout.width:,}", one.layout.width),
                (f"{one.lane_steps:,}", one.lane_steps),
                (f"{one.seconds:.2f}", one.seconds),
                (f"{rate:,.0f}" if math.isfinite(rate) else "-", rate),
            ]
        )
    head = ["", "spaces", "trials", "lanes side\nby side", "steps\ntaken", "seconds", "steps a\nsecond"]
    caption = "A program for each structure, whatever its number of trials; a lane is a trial under one seed."
    return table(head, lines, caption)


def _steps(result: Outcomes) -> list[int]:
    """Return the steps taken by the lane of each trial that got furthest."""
    taken = np.where(result.reached > 0, result.steps[np.maximum(result.reached, 1) - 1], 0)
    return np.maximum(taken, result.diverged_at).max(axis=1).tolist()


def _status_cell(status: Sequence[str]) -> Cell:
    """Return one word where all seeds agree, else how many of each."""
    names, numbers = np.unique(status, return_counts=True)
    pairs = [f"{n} {name}" for name, n in zip(names, numbers, strict=True)]
    text = str(names[0]) if len(names) == 1 else ", ".join(pairs)
    return text, text


def _seeds_cell(values: np.ndarray) -> Cell:
    """Show the values of all seeds, or of many the least and the greatest, with all at a touch of the pointer."""
    texts = [number_cell(value)[0] for value in values]
    finite = values[np.isfinite(values)]
    low, high = (float(f(finite)) if finite.size else math.nan for f in (np.min, np.max))
    if len(texts) <= MOST_SEEDS:
        return " ".join(texts), low
    return f'<span title="{" ".join(texts)}">{number_cell(low)[0]} to {number_cell(high)[0]}</span>', low


def _setting_cell(trial: Trial) -> Cell:
    """Return all values in one cell."""
    return f'<span class="wrapped">{html.escape(setting(trial))}</span>', setting(trial)


def _value_cell(value: Any) -> Cell:
    if value is None:
        return "", "nan"
    return html.escape(short(value)), value if isinstance(value, (int, float)) else str(value)
