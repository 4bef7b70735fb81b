"""`jgd show`: what a sweep's folder holds, at any time, as tables."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from jgd.commands.options import to_count, to_folder
from jgd.commands.results_json import jsonable, standings_json, status_counts
from jgd.pages.text import count, label_of, plain_table
from jgd.sweep.load import load
from jgd.sweep.result import Result
from jgd.sweep.results.text import described, setting, value_texts
from jgd.sweep.spaces.space import Trial

SHOW = "Show what a sweep's folder holds, even while the sweep runs: the best of each space, and the best trials."


def add_show(commands: Any) -> None:
    """Add `show` to the commands of a parser."""
    parser = commands.add_parser("show", help=SHOW, description=SHOW)
    parser.set_defaults(command=show)
    parser.add_argument("dir", type=to_folder, help="the sweep's folder")
    parser.add_argument("--trials", type=to_count, default=10, help="how many of the best to list (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def show(options: argparse.Namespace) -> int:
    """Print the tables."""
    result = load(options.dir)
    best = result.ranking()[: options.trials]
    if options.json:
        settings = result.settings
        document = {"folder": str(options.dir), "metric": settings.metric, "mode": settings.mode}
        document |= {"steps": settings.steps, "seeds": list(settings.seeds), "trials": len(result.trials)}
        document |= {"status": status_counts(result)}
        document |= {"standings": standings_json(result), "best": _trials(result, best)}
        print(json.dumps(document, indent=1))
        return 0
    print(described(result, running=True))
    header = ["trial", "space", label_of(result.settings.metric), "seeds", "setting"]
    rows = [
        [
            str(trial.number),
            trial.space,
            value,
            result.counts(trial=trial.number),
            setting(trial),
        ]
        for trial, value in zip(best, value_texts(result, best), strict=True)
    ]
    if rows:
        print(f"\nThe best {len(rows)} of {count(len(result.trials), 'trial')}\n{plain_table(header, rows, left=2)}")
    if result.interrupted:
        print(f"\nNot ended yet. If no process runs it: jgd resume {options.dir}")
    return 0


def _trials(result: Result, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    medians, (latest, steps) = result.medians, result.latest
    return [
        {
            "trial": trial.number,
            "space": trial.space,
            "params": trial.params,
            "value": jsonable(medians[trial.number]),
            "values": jsonable(result.values[trial.number].tolist()),
            "latest": jsonable(latest[trial.number]),
            "latest_step": int(steps[trial.number]),
            "status": result.status[trial.number].tolist(),
        }
        for trial in trials
    ]
