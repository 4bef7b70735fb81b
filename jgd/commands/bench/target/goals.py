"""Goals: tasks with what is to be reached on them, as a command line names them."""

import math
import re
from functools import partial
from typing import NamedTuple

import jax

from jgd.core.errors import InputError, unknown
from jgd.measure.steps import num_parameters
from jgd.tasks.registry import BUILTIN, load
from jgd.train.task import Task, check_task, init_model, is_stream, num_examples

GOAL = re.compile(r"(?P<task>.+?)@(?P<metric>\w+)\s*(?P<sign><=|>=)\s*(?P<target>\S+)")
STEPS = 300
OVERHEAD = 1e7  # what compiling and dispatching cost a step, in products of numbers: as much, for small tasks


class Goal(NamedTuple):
    """A task, and the value of a metric that is to be reached on it within a number of steps."""

    name: str
    task: Task
    metric: str
    mode: str
    target: float
    steps: int

    @property
    def work(self) -> float:
        """About how long its runs take against other goals': the products of their steps, and what a step costs."""
        params, _ = jax.eval_shape(partial(init_model, self.task), jax.random.key(0))
        examples = self.task.batch_size or num_examples(self.task)
        return self.steps * (examples * num_parameters(params) + OVERHEAD)

    def __str__(self) -> str:
        return f"{self.metric} {'>=' if self.mode == 'max' else '<='} {self.target:g}"


def goals_of(text: str, steps: int | None) -> list[Goal]:
    """Give the goals of a list such as `digits,mine.py:task@loss<=0.3`; the built-in tasks have goals of their own."""
    parts = list(BUILTIN) if text == "all" else [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise InputError(f"--tasks {text!r}: there is no name in it; choose from {', '.join(BUILTIN)}.")
    if len(set(parts)) < len(parts):
        raise InputError(f"--tasks {text!r}: a task stands in it twice; name each once.")
    return [_goal(part, steps) for part in parts]


def _goal(text: str, steps: int | None) -> Goal:
    match = GOAL.fullmatch(text)
    if not match and "@" in text:
        raise InputError(f"--tasks {text}: expected what is to be reached after the @, as digits@accuracy>=0.97.")
    name = match["task"] if match else text
    entry, task = BUILTIN.get(name), load(name)
    if is_stream(task):
        raise InputError(
            f"--tasks {text}: its data come from a factory of iterators, but studies need arrays, which all runs share "
            "on the device; pass arrays."
        )
    known = check_task(task)
    budget = steps or (entry.steps if entry else STEPS)
    if match:
        mode = "max" if match["sign"] == ">=" else "min"
        if match["metric"] not in (names := [*known.steps, *known.judged]):
            raise unknown(f"--tasks {text}", match["metric"], names)
        return Goal(name, task, match["metric"], mode, _number(text, match["target"]), budget)
    if entry is None:
        raise InputError(f"--tasks {text}: only built-in tasks have a target; say which, as {text}@loss<=0.1.")
    return Goal(name, task, entry.metric, entry.mode, entry.target, budget)


def _number(text: str, written: str) -> float:
    try:
        target = float(written)
    except ValueError:
        target = math.nan
    if not math.isfinite(target):
        raise InputError(f"--tasks {text}: the target {written!r} is not a finite number; write it as 0.97.")
    return target
