"""`jgd bench target`: steps and time to target of optimizers, each tuned with the same budget."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgd.commands.bench.target.contest import MEASURES, Budget, Round, costs, run_round, standings
from jgd.commands.bench.target.goals import Goal, goals_of
from jgd.commands.bench.target.report import target_cells, target_header, target_report
from jgd.commands.devices import describe_devices, use_every_core
from jgd.commands.options import add_command, line_of, to_folder, to_whole
from jgd.commands.output_folder import new_folder
from jgd.commands.race.optimizers import DEFAULT, OPTIMIZERS, spaces
from jgd.commands.results_json import jsonable, versions
from jgd.commands.terminal import print_table, winner
from jgd.core.compilation import fresh_programs
from jgd.core.optional import require
from jgd.core.progress import Progress
from jgd.core.storage import write_whole
from jgd.pages.text import count
from jgd.sweep.lanes.programs import PROGRAMS
from jgd.sweep.results.performance_profiles import TAU
from jgd.tasks.registry import BUILTIN

ABOUT = "Steps and time to target of optimizers on several tasks, each tuned with the same budget (AlgoPerf's rules)."
MORE = f"""
Without options: four built-in tasks, eight optimizers, 5 studies of 5 learning rates each: 4 minutes on two cores.

tasks       {", ".join(BUILTIN)}, or your own with what is to be reached,
            as file.py:task@accuracy>=0.97 or digits@validation_loss<=0.1; or all
optimizers  {OPTIMIZERS}

  jgd bench target --tasks digits,diabetes --optimizers adam,muon
  jgd bench target --tasks my_task.py:task@loss<=0.3 --steps 1000
  jgd bench target --optimizers adamw=1e-5:1e-2,lion=1e-6:1e-3 --json

The rules are those of AlgoPerf's external tuning ruleset (arXiv:2306.07179). The learning rates of all studies are one
quasi-random draw from the optimizer's range, shared out at random; a study has a seed of its own. It costs what its
best trial needed, and a miss is infinite; an optimizer's cost on a task is the median over studies. Its score is the
share of tasks that it solves within tau times the best cost, averaged over tau from 1 to {TAU:g}: 1 is always first.
Where they are not AlgoPerf's: tasks are small and known beforehand, only learning rates are tuned, steps come from
sweeps and are exact to a hundredth of the budget, and times are steps times the step time of a lone run, without
evaluations. Settings and seeds are the same for all optimizers, and ranges resample studies.
The folder gets report.html and results.json.

exit status: 0 done, 2 an input cannot be used, 130 interrupted by Ctrl-C (finished tasks are written)
"""

OPTIONS = {
    "--tasks": {
        "default": "digits,breast_cancer,diabetes,mnist5k",
        "metavar": "NAMES",
        "help": "names with commas between them (default: all but text)",
    },
    "--optimizers": {
        "default": DEFAULT,
        "metavar": "NAMES",
        "help": "names with commas between them, each maybe with its own range,\n"
        "as adam=1e-4:1e-1; or all (default: the first eight below)",
    },
    "--studies": {"type": to_whole, "default": 5, "help": "studies, each with a seed of its own (default: 5)"},
    "--trials": {"type": to_whole, "default": 5, "help": "learning rates in a study (default: 5)"},
    "--steps": {"type": to_whole, "help": "steps within which to get there (default: the task's own)"},
    "--out": {"type": to_folder, "metavar": "FOLDER", "help": "where to write (default: a new folder in runs)"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_target(commands: Any) -> None:
    """Add the command to those of a parser."""
    add_command(commands, "target", target, ABOUT, OPTIONS, MORE)


def target(options: argparse.Namespace) -> int:
    """Run the contest, write its folder and print its tables; the exit status."""
    require("matplotlib", "the report's pictures")
    optimizers, budget = spaces(options.optimizers), Budget(options.studies, options.trials)
    use_every_core()
    goals = goals_of(options.tasks, options.steps)
    devices = describe_devices(jax.local_devices())
    rounds: list[Round] = []
    with new_folder(options.out, "target") as folder:
        with Line(goals, budget, show=False if options.json else None) as line:
            for number, goal in enumerate(goals):
                if not options.json:
                    print(f"{goal.name}: {count(len(optimizers), 'optimizer')} to {goal} on {devices} ...", flush=True)
                PROGRAMS.clear()
                with fresh_programs():  # for each, as the next may be the same task with another target
                    one = run_round(goal, optimizers, budget, partial(line.begin, number))
                if one is None:
                    break
                rounds.append(one)
        if not rounds:
            raise KeyboardInterrupt
        document = _document(rounds, list(optimizers), budget, devices)
        text = json.dumps(document, indent=1)
        report = target_report(rounds, list(optimizers), budget, devices, line_of("jgd bench target", options, OPTIONS))
        write_whole(folder / "results.json", [f"{text}\n".encode()])
        write_whole(folder / "report.html", [report.encode()])
    cut = len(rounds) < len(goals)
    if options.json:
        print(text)
    else:
        _print(rounds, list(optimizers), folder, cut)
    return 130 if cut else 0


class Line(Progress):
    """A progress line over all studies, with the time that is left by how much each goal's steps compute."""

    def __init__(self, goals: Sequence[Goal], budget: Budget, show: bool | None) -> None:
        super().__init__("target", 100, show=show)
        self._goals, self._studies = goals, budget.studies
        work = np.array([goal.work for goal in goals])
        self._ends = np.cumsum([0.0, *work / work.sum()])

    def begin(self, number: int, study: int) -> None:
        """Show that a study of a goal begins."""
        start, end = self._ends[number : number + 2]
        done = start + (end - start) * study / self._studies
        self.update(int(100 * done), f"{self._goals[number].name}, study {study + 1} of {self._studies}")


def _document(rounds: Sequence[Round], names: Sequence[str], budget: Budget, devices: str) -> dict[str, Any]:
    """Return the results as JSON has them: a miss is null."""
    tasks = [
        {
            "task": one.goal.name,
            "metric": one.goal.metric,
            "mode": one.goal.mode,
            "target": one.goal.target,
            "steps": one.goal.steps,
            "studies": {name: jsonable(one.steps[i].tolist()) for i, name in enumerate(names)},
            "step_seconds": dict(zip(names, one.step_seconds.tolist(), strict=True)),
            "compile_seconds": dict(zip(names, one.compile_seconds.tolist(), strict=True)),
        }
        for one in rounds
    ]
    return {
        "budget": budget._asdict(),
        "tau": TAU,
        "tasks": tasks,
        "costs": {measure: jsonable(costs(rounds, names, measure)) for measure in MEASURES},
        "standings": {measure: [row._asdict() for row in standings(rounds, names, measure)] for measure in MEASURES},
        "devices": devices,
        "versions": versions(),
    }


def _print(rounds: Sequence[Round], names: Sequence[str], folder: Path, cut: bool) -> None:
    """Print the tables, in colours on a terminal."""
    print()
    print_table(target_header(rounds), target_cells(rounds, names), winner)
    print()
    if cut:
        print("Interrupted: only finished tasks count.")
    print(f"Report: {folder / 'report.html'}")
