"""`jgd sweep`: a study of a task over the spaces of a file, kept in a folder that can be gone on with."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jgd.commands.criterion import first_metric, judge_of, metric_names, only_metric
from jgd.commands.devices import on_cores, shares
from jgd.commands.finish import RESUMABLE, STATUSES, finish
from jgd.commands.options import (
    MAX_TIME,
    ONLY_OUTPUT,
    add_command,
    line_of,
    seconds_of,
    to_count,
    to_file,
    to_folder,
    to_name,
    to_number,
    to_whole,
)
from jgd.commands.output_folder import check_file, new_folder
from jgd.commands.problem import look_up_spaces, note_for
from jgd.commands.workers import SHARING, starts, with_workers
from jgd.core.errors import CallError, InputError, unknown
from jgd.core.optional import require
from jgd.sweep.engine.black_box import is_black_box, metrics_of
from jgd.sweep.pruners.rules import asha, at_target, halving, hyperband, median_rule
from jgd.sweep.spaces.space import Origin, Trial, axes
from jgd.sweep.storage.growth import GROWING
from jgd.sweep.storage.spec import study_spec
from jgd.sweep.study import Study, plan
from jgd.tasks.registry import BUILTIN, load_problem
from jgd.train.task import Task
from jgd.transforms import identity

ABOUT = "Sweep the hyperparameters of optimizers on a task: a table, a report, and a folder that survives anything."
MORE = f"""
A space in TOML: each table is one; its name is the optimizer's, unless `optimizer` says another.

  [adam]
  learning_rate = {{ loguniform = [1e-4, 1e-1] }}
  b1 = {{ uniform = [0.8, 0.99], step = 0.01 }}            # rounded to steps

  ["momentum, cosine"]
  optimizer = "nesterov"
  momentum = [0.8, 0.9, 0.95]                            # a grid
  learning_rate = {{ schedule = "cosine_decay", init_value = {{ loguniform = [1e-3, 1] }}, decay_steps = "steps" }}

  [clipped]                                              # links of a chain; choose numbers or whole parts
  chain = [
    {{ transform = "clip_by_global_norm", max_norm = {{ choice = [0.1, 1, 10] }} }},
    {{ optimizer = "adamw", learning_rate = {{ loguniform = [1e-4, 1e-1] }} }},
  ]

Distributions: uniform, loguniform, integer (both ends), normal = [mean, std], choice, grid. "steps" are the sweep's
steps, {{ steps = 0.1 }} a tenth of them. In Python: --space file.py:space, a value or a function that returns it.

tasks: {", ".join(BUILTIN)}, or your own as file.py:task, a jgd.Task or a function that returns one

A function that owns its loop, `train(hp, key) -> {{"loss": ..., "accuracy": ...}}`, is swept too: a trial is one call,
compiled. In TOML its spaces are tables of numbers, texts and distributions by name, as in `hp["rate"]`:

  [train]
  rate = {{ loguniform = [1e-3, 1] }}
  activation = {{ choice = ["relu", "tanh"] }}             # texts and flags are structure: a program for each

--metric says which of what it returns ranks. --steps, --eval-every, --metrics and --stop have no meaning there.

  jgd sweep digits --space space.toml --trials 64 --seeds 3
  jgd sweep my_task.py:task --space space.toml --steps 1000 --stop halving:50 --dir runs/mine
  jgd sweep digits --space space.toml --trials 4096 --dry-run
  jgd sweep my_train.py:train --space space.toml --metric accuracy
  jgd show runs/mine; jgd plot runs/mine --kind isolation; jgd replay runs/mine 17; jgd resume runs/mine

The folder keeps every segment: Ctrl-C, a kill or a full disk loses at most the running one, and the same command, or
jgd resume, goes on to the same bits. It gets report.html and trials.csv at the end. The same command with more --trials
trains the others. jgd resume and jgd replay ask before they run Python code that only the folder names, unless --trust
says yes.

--workers N shares the trials among N processes on this machine, each with a part of the cores. On a CPU that is not
faster: one process has a device for each core already, and each further one starts and compiles anew. It is where the
code holds Python's lock, as a host callback does. On several machines or GPUs start each process yourself, with --join:

  srun -n 8 jgd sweep digits --space space.toml --dir /shared/mine --workers 8 --join     # or a job array of 8

They meet in the folder alone, which needs working file locks, and not through jax.distributed: what a dead process ran
another takes over, and a late one joins by the same command, or by jgd resume /shared/mine --workers 8 --join --trust.

{STATUSES}
"""
SAMPLERS = ("random", "sobol", "halton", "grid", "tpe")
RULES = {"halving": halving, "asha": asha, "hyperband": hyperband, "median": median_rule}

OPTIONS: dict[str, dict[str, Any]] = {
    "--space": {"required": True, "help": "space.toml, or file.py:space"},
    "--trials": {"type": to_whole, "help": "of each space (default: 16)"},
    "--seeds": {"type": to_whole, "default": 1, "help": "of each trial (default: 1)"},
    "--steps": {"type": to_whole, "help": "of each run (default: the task's own, or 300)"},
    "--metric": {"type": to_name, "help": "what ranks: loss, or a value of the task's evaluate"},
    "--mode": {"choices": ("min", "max"), "help": "whether less or more of it is better (default: by its name)"},
    "--metrics": {
        "metavar": "NAMES",
        "help": "further curves, with commas between them: gradient_norm, update_norm,\n"
        "params_norm, or a hyperparameter in effect, such as learning_rate",
    },
    "--health": {"action": "store_true", "help": "record each lane's pulse by groups of leaves, for the page"},
    "--sampler": {"choices": SAMPLERS, "default": "random", "help": "; ".join(SAMPLERS) + " (default: random)"},
    "--seed": {"type": to_count, "default": 0, "help": "of the sampler (default: 0)"},
    "--stop": {
        "action": "append",
        "metavar": "RULE",
        "help": "end trials early: halving:STEPS, asha:STEPS or hyperband:STEPS, from\n"
        "so many steps on, median:STEPS, target; may be repeated",
    },
    "--target": {"type": to_number, "help": "count the steps until the metric is here"},
    "--eval-every": {"type": to_whole, "metavar": "STEPS", "help": "between evaluations (default: about a thirtieth)"},
    "--lanes": {"type": to_whole, "help": "side by side on a device (default: chosen)"},
    **MAX_TIME,
    **SHARING,
    "--dir": {"type": to_folder, "help": "the sweep's folder, new or to go on with (default: a new one in runs)"},
    "--out": {"type": to_file, "metavar": "FILE", "help": "the report (default: report.html in the folder)"},
    "--dry-run": {"action": "store_true", "help": "tell programs, memory and time; run nothing but probes"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_sweep(commands: Any) -> None:
    """Add the command to those of a parser."""
    task = {"type": to_name, "help": "a name, or file.py:task"}
    add_command(commands, "sweep", sweep, ABOUT, {"task": task, **OPTIONS}, MORE)


def sweep(options: argparse.Namespace) -> int:
    """Run the sweep, or tell what it would do; the exit status."""
    require("matplotlib", "the report's pictures")
    check_file(options.out)
    seconds_of(options)
    parts = shares(starts(options))
    if options.dry_run and options.workers:
        raise InputError("jgd sweep --dry-run tells what one process would do; leave --workers out.")
    with on_cores(parts[0]):
        return _sweep(options, parts)


def _asked(options: argparse.Namespace) -> tuple[Any, Any, dict[str, Any]]:
    """Return the task, its spaces, and the arguments of `jgd.sweep.plan` that the options mean."""
    task, known = load_problem(options.task), BUILTIN.get(options.task)
    steps = None if is_black_box(task) else options.steps or (known.steps if known else 300)
    spaces = look_up_spaces(task, options.space, steps)
    judge = judge_of(options, lambda: _metrics(task, spaces), lambda: _metric(options.task, task, spaces))
    return (
        task,
        spaces,
        {
            "num_trials": options.trials,
            "seeds": options.seeds,
            "steps": steps if options.steps is None else options.steps,
            "metric": judge.metric,
            "mode": judge.mode,
            "target": judge.target,
            "metrics": options.metrics.split(",") if options.metrics else (),
            "health": options.health,
            "sampler": options.sampler,
            "seed": options.seed,
            "stop": [_rule(text) for text in options.stop or []] or None,
            "eval_every": options.eval_every,
            "lanes": options.lanes,
        },
    )


def _sweep(options: argparse.Namespace, parts: Sequence[Sequence[int]]) -> int:
    """Run the sweep on these cores, a part for each process, or print its plan; the exit status."""
    task, spaces, arguments = _asked(options)
    if options.dry_run:
        found = plan(task, spaces, **arguments)
        print(json.dumps(found.to_json(), indent=1) if options.json else found)
        return 0
    with new_folder(
        options.dir, f"sweep-{Path(options.task.rpartition(':')[0] or options.task).stem}", "--dir"
    ) as folder:
        arguments |= {"dir": folder, "note": note_for(options.task, options.space, arguments["steps"])}
        arguments |= {"workers": options.workers, "max_seconds": seconds_of(options)}
        try:
            study = Study(task, spaces, **arguments)
            study.proposals()  # says what is wrong with a space before anything else is said
            if not options.json:
                known = (folder / "sweep.json").exists()
                print(f"{'Going on with' if known else 'Sweeping'} {options.task} in {folder}.", flush=True)
            spec = study_spec({}, study.settings, num_trials=study.trials)
            asked = {name: spec[name] for name in GROWING if name in spec}
            result, well = with_workers(study.run, options, folder, parts, options.task, options.space, asked)
        except KeyboardInterrupt:  # a second Ctrl-C, which does not wait for the segment
            return interrupted(folder)
        return finish(options, folder, result, options.task, _line(options, folder), well)


def _line(options: argparse.Namespace, folder: Path) -> str:
    """Return the command that runs the same sweep again."""
    command = f"jgd sweep {shlex.quote(options.task)}"
    line = line_of(command, options, OPTIONS, without=(*ONLY_OUTPUT, "--dir", "--dry-run", "--join", "--max-time"))
    return f"{line} --dir {shlex.quote(str(folder))}"


def interrupted(folder: Path) -> int:
    """Say how to go on with what is in the folder."""
    if not (folder / "sweep.json").exists():
        raise KeyboardInterrupt
    print(f"jgd: interrupted; jgd resume {shlex.quote(str(folder))} goes on.", file=sys.stderr)
    return RESUMABLE


def _metric(name: str, task: Any, spaces: Any) -> str:
    """Choose the metric that ranks if the user does not name one."""
    return only_metric(name, task, spaces) if is_black_box(task) else first_metric(_sample(task))


def _metrics(task: Any, spaces: Any) -> list[str]:
    """Name all that can rank."""
    return metrics_of(task, spaces) if is_black_box(task) else metric_names(_sample(task))


def _sample(task: Task) -> Task:
    """Return the task with numbers where it has distributions, for its shapes."""
    swept = axes(task, identity())
    return Trial(0, "", tuple(swept), (0.5,) * len(swept), Origin(task, identity())).task


def _rule(text: str) -> Any:
    """Return a rule such as `halving:25`, with another eta as `halving:25:4`."""
    name, *numbers = text.split(":")
    if name == "target" and not numbers:
        return at_target()
    if name == "target":
        raise InputError(f"--stop {text}: target takes no number of its own; pass --target too.")
    if name not in RULES:
        raise unknown("--stop", name, [*RULES, "target"])
    try:
        return RULES[name](*map(int, numbers))
    except ValueError as error:
        told = isinstance(error, InputError) and not isinstance(error, CallError)
        reason = f"{error}" if told else f"expected {name}:STEPS, such as {name}:25."
        raise InputError(f"--stop {text}: {reason}") from None
