"""The page of a sweep: the answer first, then what it rests on, every trial, what it cost, and how to reproduce it."""

import contextlib
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.pages.page import facts, figure, notes, page
from jgd.pages.palette import VARIABLES
from jgd.pages.svg import to_svg
from jgd.pages.text import capital, count, label_of
from jgd.sweep.lanes.settings import as_loss
from jgd.sweep.plots.accessor import Plots
from jgd.sweep.report.captions import caption_of
from jgd.sweep.report.tables import programs_table, spaces_table, trials_table
from jgd.sweep.results.health import first_lost, has_health, lane_health
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.results.statistics import half_as_many
from jgd.sweep.results.text import (
    between,
    boundary_warnings,
    interval_meaning,
    interval_phrase,
    interval_title,
    value_texts,
)
from jgd.sweep.spaces.space import Trial, short
from jgd.sweep.storage.spec import environment
from jgd.train.task import Task

SPACES = 4  # the best, of which hyperparameters are drawn one by one


class Provenance(NamedTuple):
    """Where a result comes from, as far as it is known."""

    environment: Mapping[str, str]
    again: Sequence[str]  # commands or calls, the one that replays the best trial among them


def sweep_report(result: Outcomes, title: str | None = None, provenance: Provenance | None = None) -> str:
    """Return the whole page."""
    task = result.trials[0].task
    known = task.name if isinstance(task, Task) else None
    title = title or (f"Sweep of {known}" if known else "A sweep")
    provenance = provenance or Provenance(environment(jax.local_devices()), [_replay_call(result)])
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="soft">{html.escape(_size(result))}</p>',
        f'<p class="lead">{_verdict(result)}</p>',
        cost_facts(result),
        _trust(result),
    ]
    if len(result.spaces) > 1:
        body.append(f"<section><h2>The best of each space</h2>{spaces_table(result)}</section>")
    body += _pictures(result)
    body.append(f"<section><h2>Trials</h2>{trials_table(result)}</section>")
    body += _health(result)
    body.append(f"<section><h2>Programs</h2>{programs_table(result)}</section>")
    body.append(_provenance(provenance))
    return page(title, body)


def cost_facts(result: Outcomes, devices: str = "") -> str:
    """Show the cost of a sweep as a row of figures; of a resumed one, all its parts together."""
    seconds = max(result.run_seconds, sum(one.seconds for one in result.groups))
    once = result.settings.steps == 1  # a function's one call
    shown = {
        "training runs": f"{result.status.size:,}",
        **({} if once else {"steps each": f"{result.settings.steps:,}"}),
        "programs": str(result.programs),
        # A folder does not know what compiling took.
        **({"compiling": f"{result.compile_seconds:.1f} s"} if result.compilations else {}),
        "running": f"{seconds:.1f} s",
        "runs a second" if once else "steps a second": f"{result.lane_steps / max(seconds, 1e-9):,.0f}",
        **({"on": html.escape(devices)} if devices else {}),
    }
    return facts(shown)


def _size(result: Outcomes) -> str:
    rules = ", ".join(map(repr, result.settings.stop))
    parts = [count(len(result.trials), "trial"), count(len(result.settings.seeds), "seed")]
    parts += [] if result.settings.steps == 1 else [count(result.settings.steps, "step")]
    whole = " x ".join(parts)
    return f"{whole}{f' under {rules}' if rules else ''}: {result.counts()}."


def _verdict(result: Outcomes) -> str:
    """Return the answer, in a sentence or two."""
    best, label = result.ranking()[0], label_of(result.settings.metric)
    if not math.isfinite(result.medians[best.number]):
        if (value := value_texts(result, [best])[0]) != "-":
            return f"No trial has come to its end. Trial {best.number} is ahead: {label} {value}."
        return f"No trial has a finite median of {label} over its seeds; there is no best setting."
    summary = result.summary(best)
    said = f"Best is trial {best.number}{f' of <b>{html.escape(best.space)}</b>' if len(result.spaces) > 1 else ''}"
    values = ", ".join(f"<b>{html.escape(name)} = {html.escape(short(x))}</b>" for name, x in best.params.items())
    said += f", {values}" if values else ""
    said += f": {label} {short(summary.median)}"
    if (seeds := len(result.settings.seeds)) > 1:
        said += f" in the median over {seeds} seeds, {between(summary, ' to ')} ({interval_title(seeds)})"
    return said + "."


def _health(result: Outcomes) -> list[str]:
    """Write the pulse of the best trial under the first seed, if the sweep was asked for it, and of lost lanes."""
    if not has_health(result):
        return []
    best = result.best()
    shown = [(f"Health of the best trial, {best.number}", lane_health(result, best, None))]
    if np.any(result.diverged_at >= 0):
        number, seed = first_lost(result)
        title = f"Health of trial {number} under seed {seed}, which diverged first"
        shown.append((title, lane_health(result, number, seed)))
    return [f"<section><h2>{html.escape(title)}</h2>{reading._repr_html_()}</section>" for title, reading in shown]


def _trust(result: Outcomes) -> str:
    """Tell whether the answer stands: noise, ranges, the number of trials, and what has failed."""
    best = result.ranking()[0]
    if not math.isfinite(result.medians[best.number]):
        hint = "Let the sweep run to its end." if result.interrupted else "Lower the learning rates."
        return notes("No best setting", [html.escape(f"{capital(result.counts())}. {hint}")])
    items = (
        [_rivals(result, best)]
        if len(result.settings.seeds) > 1
        else ["There is one seed, so nothing tells how far the ranking is noise: run the best few under more seeds."]
    )
    warnings = boundary_warnings(result)
    items += [f'<span class="warn">{html.escape(line)}</span>' for line in warnings]
    if not warnings and any(trial.axes for trial in result.trials):
        items.append("No best trial touches an end of its ranges.")
    items += [] if result.learns else [_enough(result, best)]
    if result.interrupted:
        items.append('<span class="warn">The sweep was interrupted; what has not ended counts as worst.</span>')
    items.append(
        "The best was chosen by the same values that are shown, so it looks a little better than it is; new seeds tell."
    )
    return notes("How sure is it?", [item for item in items if item])


def _rivals(result: Outcomes, best: Trial) -> str:
    summary, seeds = result.summary(best), len(result.settings.seeds)
    bad = summary.high if result.settings.mode == "min" else summary.low
    losses = as_loss(result.medians, result.settings.mode)
    limit = as_loss(np.array([bad]), result.settings.mode)[0]
    others = int(np.sum(losses <= limit)) - 1
    if others < 1:
        return f"No other trial's median is as good as the bad end of the best one's {interval_phrase(seeds)}."
    return (
        f"The {'median' if others == 1 else 'medians'} of {count(others, 'other trial')} of "
        f"{len(result.trials) - 1:,} lie{'s' * (others == 1)} within the best one's {interval_phrase(seeds)}: these "
        "seeds do not tell them apart. " + interval_meaning(seeds)
    )


def _enough(result: Outcomes, best: Trial) -> str:
    """Say whether the second half of the trials still improved the best."""
    size, half = count(len(result.ranking(best.space)), "trial"), half_as_many(result.best_of_k(best.space))
    where = f" of {html.escape(best.space)}" if len(result.spaces) > 1 else ""
    if half is None:
        return f"{size}{where}: too few to tell whether more would help."
    summary = result.summary(best)
    ends = (summary.low, summary.high) if summary.level else (summary.median, summary.median)
    reached, *ends = as_loss(np.array([half, *ends]), result.settings.mode)
    said = f"Half as many trials{where} would three times in four have reached {short(half)}"
    if reached <= max(ends):
        good = "within the best one's interval over seeds" if summary.level else "as good as the best"
        return f"{said}, which is {good}: more are unlikely to help."
    return f"{said} at best, not {short(result.medians[best.number].item())}: more are likely to help."


def _pictures(result: Outcomes) -> list[str]:
    """Return the pictures that have something to show."""
    plots, names = Plots(result), dict.fromkeys(axis.name for trial in result.trials for axis in trial.axes)
    label, ended = capital(label_of(result.settings.metric)), np.isfinite(result.medians).any()
    shown: list[tuple[str, str, Any]] = []
    if np.any(result.latest[1]) and len(result.steps) > 1:
        title = f"{label} while training, {'each at its best' if len(result.spaces) > 1 else 'the best few'}"
        shown.append(("curves", title, plots.curves()))
    alone = all(len(trial.axes) <= 1 for trial in result.trials)
    for row in [] if alone or not names or not ended else result.standings()[:SPACES]:
        if row.trial.axes:
            of = f" of {row.space}" if len(result.spaces) > 1 else ""
            title = f"{label} against each hyperparameter{of}"
            shown.append(("isolation", title, plots.isolation(space=row.space)))
    for name in names if alone and ended else ():
        title = f"{label} against {name.replace('_', ' ')}"
        shown.append(("sensitivity", title, plots.sensitivity(name)))
    best = result.ranking()[0]
    if len(best.axes) > 1 and ended:
        shown.append(("parallel", f"All trials of {best.space} at once", plots.parallel(best.space)))
    kind = "best_so_far" if result.learns else "best_of_k"
    if ended and len(result.trials) > len(result.spaces):
        shown.append((kind, "Number of trials", plots.named(kind)))
    with contextlib.suppress(InputError):  # too few trials to tell
        shown.append(("importance", "Importance of the hyperparameters", plots.importance()))
    return [
        figure(title, to_svg(drawn, f"{kind}-{i}", VARIABLES, title), caption_of(result, kind))
        for i, (kind, title, drawn) in enumerate(shown)
    ]


def _provenance(provenance: Provenance) -> str:
    where = ", ".join(f"{name} {value}" for name, value in provenance.environment.items())
    items = [
        f"Ran with {html.escape(where)}.",
        *(f"Again: <code>{html.escape(line)}</code>" for line in provenance.again),
    ]
    return notes("Reproduce", items)


def _replay_call(result: Outcomes) -> str:
    best = result.ranking()[0].number
    return f"jgd.sweep.replay(result, trial={best}, seed={result.settings.seeds[0]})  # alone, with its parameters"
