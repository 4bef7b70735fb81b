"""`jgd race`: optimizers against each other on one task, each over a range of learning rates and several seeds."""

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgd.commands.criterion import first_metric, judge_of, metric_names, with_target
from jgd.commands.devices import describe_devices, set_up
from jgd.commands.options import add_command, line_of, to_folder, to_name, to_number, to_whole
from jgd.commands.output_folder import new_folder
from jgd.commands.race.optimizers import DEFAULT, OPTIMIZERS, spaces
from jgd.commands.race.report import race_report
from jgd.commands.race.table import race_cells, race_header, race_json, race_remarks, rows
from jgd.commands.results_json import document_of
from jgd.commands.terminal import print_table, winner
from jgd.core.optional import require
from jgd.core.storage import save_arrays, write_whole
from jgd.pages.text import count
from jgd.sweep.result import Result
from jgd.sweep.study import run
from jgd.tasks.registry import BUILTIN, load

ABOUT = "Race optimizers on a task: a sweep of learning rates and seeds for each, ending in a table and a report."
MORE = f"""
Without options: scikit-learn's digits, a two-layer network, eight optimizers, 16 learning rates each, 5 seeds.

tasks       {", ".join(BUILTIN)}, or your own as file.py:task, where task is a jgd.Task or a
            function that returns one
optimizers  {OPTIMIZERS}

  jgd race --task breast_cancer --seeds 10
  jgd race --optimizers adam,muon --trials 32 --steps 1000
  jgd race --task my_task.py:task --optimizers adamw=1e-5:1e-2,lion=1e-6:1e-3 --metric accuracy
  jgd race --json --trials 4 > standings.json

Each learning rate lies on a logarithmic grid from the low to the high end of its optimizer's range. Every optimizer is
one compiled program, whatever the number of rates and seeds; runs go on all cores or accelerators. The folder gets
report.html (open it in a browser), results.json, trials.csv (a row for each run) and curves.safetensors.

exit status: 0 done, 1 every trial failed, 2 an input cannot be used, 130 interrupted by Ctrl-C (what was done
until then is written)
"""


OPTIONS = {
    "--task": {"type": to_name, "default": "digits", "help": "a name, or file.py:task (default: digits)"},
    "--optimizers": {
        "default": DEFAULT,
        "metavar": "NAMES",
        "help": "names with commas between them, each maybe with its own range,\n"
        "as adam=1e-4:1e-1; or all (default: the first eight below)",
    },
    "--trials": {"type": to_whole, "help": "learning rates for each optimizer (default: the task's own; digits 16)"},
    "--seeds": {"type": to_whole, "help": "seeds for each learning rate (default: the task's own; digits 5)"},
    "--steps": {"type": to_whole, "help": "steps of each run (default: the task's own; digits 300)"},
    "--eval-every": {"type": to_whole, "metavar": "STEPS", "help": "between evaluations (default: about a thirtieth)"},
    "--metric": {"type": to_name, "help": "what decides: loss, or a value of the task's evaluate"},
    "--mode": {"choices": ("min", "max"), "help": "whether less or more of it is better (default: by its name)"},
    "--target": {
        "type": to_number,
        "help": "count the steps until the metric is here (default: the task's\n"
        "own, or where the optimizer in the middle ends)",
    },
    "--out": {"type": to_folder, "metavar": "FOLDER", "help": "where to write (default: a new folder in runs)"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_race(commands: Any) -> None:
    """Add the command to those of a parser."""
    add_command(commands, "race", race, ABOUT, OPTIONS, MORE)


def race(options: argparse.Namespace) -> int:
    """Run the race, write its folder and print its table; the exit status."""
    require("matplotlib", "the report's pictures")
    racers = spaces(options.optimizers)
    set_up()
    task = load(options.task)
    judge = judge_of(options, lambda: metric_names(task), lambda: first_metric(task))
    trials, seeds, steps = _budget(options)
    devices = describe_devices(jax.local_devices())
    with new_folder(options.out, f"race-{Path(options.task).stem}") as folder:
        if not options.json:
            size = f"{count(trials, 'learning rate')} x {count(seeds, 'seed')} x {count(steps, 'step')}"
            print(f"Racing {count(len(racers), 'optimizer')} on {options.task}: {size}, on {devices}.", flush=True)
        result = run(
            task, racers, num_trials=trials, seeds=seeds, steps=steps, eval_every=options.eval_every,
            metric=judge.metric, mode=judge.mode, target=judge.target, sampler="grid",
        )  # fmt: skip
        result = with_target(result)
        document = document_of(result, options.task, devices, folder) | {"standings": race_json(result)}
        line = line_of("jgd race", options, OPTIONS)
        _write(folder, result, document, race_report(result, options.task, _about(options.task), devices, line))
    if options.json:
        print(json.dumps(document, indent=1))
    else:
        _print(result, folder)
    if result.interrupted:
        return 130
    return 0 if np.isfinite(result.medians).any() else 1


def _budget(options: argparse.Namespace) -> list[int]:
    """Return trials, seeds and steps: the options', or else the task's own."""
    entry = BUILTIN.get(options.task, BUILTIN["digits"])
    given = ((name, getattr(options, name)) for name in ("trials", "seeds", "steps"))
    return [getattr(entry, name) if value is None else value for name, value in given]


def _write(folder: Path, result: Result, document: dict[str, Any], report: str) -> None:
    """Write each file whole or not at all."""
    rows = result.trials_rows()
    table = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(table, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for name, text in (
        ("results.json", json.dumps(document, indent=1) + "\n"),
        ("trials.csv", table.getvalue()),
        ("report.html", report),
    ):
        write_whole(folder / name, [text.encode()])
    save_arrays(folder / "curves.safetensors", {**result.curves, "points": result.steps}, {"task": document["task"]})


def _print(result: Result, folder: Path) -> None:
    """Print the table, in colours on a terminal."""
    print()
    print_table(race_header(result), [race_cells(row) for row in rows(result)], winner)
    print()
    for line in race_remarks(result):
        print(line)
    rate = result.lane_steps / max(result.run_seconds, 1e-9)
    print(
        f"{count(result.programs, 'program')} compiled in {result.compile_seconds:.1f} s; {result.lane_steps:,} steps "
        f"run in {result.run_seconds:.1f} s, {rate:,.0f} a second.\nReport: {folder / 'report.html'}"
    )


def _about(task: str) -> str:
    """Describe the task in its own words."""
    if task not in BUILTIN:
        return f"A task of {task.rpartition(':')[0]}."
    return (BUILTIN[task].make.__doc__ or "").split("\n")[0].replace("`", "")
