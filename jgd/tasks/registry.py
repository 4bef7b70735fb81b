"""Tasks by name: the built-in ones, and those of a user's file."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from jgd.core.arguments import TEXT, checked
from jgd.core.call_arguments import binds
from jgd.core.errors import InputError, unknown
from jgd.core.user_code import attempt, look_up
from jgd.tasks.builtin import breast_cancer, diabetes, digits, mnist5k
from jgd.tasks.text import text
from jgd.train.task import Task


class Entry(NamedTuple):
    """A built-in task: how it is made and judged, and a budget for comparing optimizers on it in about half a minute.

    The target is what each of the eight optimizers that race by default reaches well before the end, under every seed
    that was tried, at the best rate of its range: late enough to tell them apart by steps, and short of where a seed
    decides.
    """

    make: Callable[[], Task]
    metric: str
    mode: str
    target: float
    trials: int = 16
    seeds: int = 5
    steps: int = 300


BUILTIN = {
    "digits": Entry(digits, "accuracy", "max", 0.97),
    "breast_cancer": Entry(breast_cancer, "accuracy", "max", 0.98),
    "diabetes": Entry(diabetes, "rmse", "min", 57.0),
    "mnist5k": Entry(mnist5k, "accuracy", "max", 0.9, trials=8),
    "text": Entry(text, "bits_per_character", "min", 3.5, trials=8, seeds=1),
}


@checked(name=TEXT)
def load(name: str) -> Task:
    """Load the task of a name, or of `file.py:task` or `package.module:task`, where `task` is a Task or makes one."""
    found = load_problem(name)
    if not isinstance(found, Task):
        raise InputError(
            f"task {name}: {name.rpartition(':')[2]} owns its loop, which only jgd sweep runs; expected a jgd.Task, or "
            "a function without arguments that returns one."
        )
    return found


@checked(name=TEXT)
def load_problem(name: str) -> Any:
    """Load the task of a name as `load` does, or a function `train(hp, key)` that owns its loop."""
    if name in BUILTIN:
        return BUILTIN[name].make()
    if ":" not in name:
        error = unknown("task", name, BUILTIN)
        raise InputError(f"{str(error).rstrip('.')}; your own is written as file.py:task.")
    found, attribute = look_up("task", name), name.rpartition(":")[2]
    if callable(found) and not isinstance(found, Task) and not _owns_its_loop(found):
        found = attempt(f"task {name}: calling {attribute}()", found)
    if not isinstance(found, Task) and not _owns_its_loop(found):
        raise InputError(
            f"task {name}: {attribute} is {type(found).__name__}; expected a jgd.Task, a function without arguments "
            "that returns one, or a function train(hp, key)."
        )
    return found


def _owns_its_loop(found: Any) -> bool:
    """Tell whether it can be called with two arguments, and not with none."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return False
    return not binds(signature, 0) and binds(signature, 2)
