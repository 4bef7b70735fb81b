"""`jgd replay`: one trial of a sweep alone."""

import argparse
import json
from typing import Any

import jax
import numpy as np

from jgd.commands.options import add_command, to_count, to_file, to_folder
from jgd.commands.output_folder import check_file
from jgd.commands.problem import CODE, code_of
from jgd.commands.results_json import jsonable
from jgd.core.errors import InputError
from jgd.core.storage import named, save_arrays
from jgd.pages.text import plain_table
from jgd.sweep.engine.black_box import is_black_box
from jgd.sweep.load import load
from jgd.sweep.replay import Replay, replay
from jgd.sweep.result import Result
from jgd.sweep.spaces.space import Trial, short

REPLAY = "Run one trial of a sweep alone, under a seed of the sweep or a new one, and compare it with its lane."
MORE = """
  jgd replay runs/mine                       the best trial, under the sweep's first seed
  jgd replay runs/mine 17 --seed 100         trial 17 under a new seed
  jgd replay runs/mine 17 --out best.safetensors

The curves of a lane and of its replay agree within the rounding of another program.
"""
OF_REPLAY = {
    "dir": {"type": to_folder, "help": "the sweep's folder"},
    "trial": {"type": to_count, "nargs": "?", "help": "its number (default: the best)"},
    "--seed": {"type": to_count, "help": "(default: the sweep's first)"},
    **CODE,
    "--out": {"type": to_file, "metavar": "FILE", "help": "write the trained parameters, as safetensors"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_replay(commands: Any) -> None:
    """Add `replay` to the commands of a parser."""
    add_command(commands, "replay", run_replay, REPLAY, OF_REPLAY, MORE)


def run_replay(options: argparse.Namespace) -> int:
    """Train one trial, and print its metrics beside those of its lane."""
    check_file(options.out)
    _, task, spaces = code_of(options)
    if options.out is not None and is_black_box(task):
        raise InputError(
            "jgd replay: train(hp, key) owns its loop, so there are no parameters to write; leave --out out."
        )
    result = load(options.dir, task, spaces)
    if options.trial is not None and not 0 <= options.trial < len(result.trials):
        raise InputError(f"jgd replay {options.trial}: the sweep has trials 0 to {len(result.trials) - 1}.")
    trial = result.best() if options.trial is None else result.trials[options.trial]
    seed = result.settings.seeds[0] if options.seed is None else options.seed
    found = replay(result, trial, seed)
    if options.out is not None:
        save_arrays(options.out, named(jax.device_get(found.params)), {"trial": trial.number, "seed": seed})
    rows = _rows(result, trial, seed, found)
    if options.json:
        document = {"trial": trial.number, "space": trial.space, "params": trial.params, "seed": seed}
        curves = {name: jsonable(curve.tolist()) for name, curve in found.curves.items()}
        print(json.dumps(document | {"steps": found.steps.tolist(), "curves": curves, "end": rows}, indent=1))
        return 0
    lines = [[name, *("-" if x is None else short(x) for x in row.values())] for name, row in rows.items()]
    print(f"{trial!r}, seed {seed}\n{plain_table(['at the end', 'alone', 'in the sweep', 'farthest apart'], lines)}")
    if options.out is not None:
        print(f"Parameters: {options.out}")
    return 0


def _rows(result: Result, trial: Trial, seed: int, found: Replay) -> dict[str, dict[str, float | None]]:
    """Return of each metric its end, alone and in the sweep, and the most by which their curves differ."""
    rows = {}
    for name, curve in found.curves.items():
        row: dict[str, float | None] = {"alone": jsonable(curve[-1]), "sweep": None, "apart": None}
        if seed in result.settings.seeds:
            at = trial.number, result.settings.seeds.index(seed)
            lane = result.curves[name][at][: result.reached[at]]
            if lane.size:
                row["sweep"] = jsonable(lane[-1])
                row["apart"] = jsonable(np.max(np.abs(lane - curve[: lane.size])))
        rows[name] = row
    return rows
