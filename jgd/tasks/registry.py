"""Tasks by name: the built-in ones, and those of a user's file."""

import importlib
import importlib.util
import pathlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from jgd.core.errors import InputError, unknown
from jgd.tasks.builtin import breast_cancer, diabetes, digits, mnist5k
from jgd.tasks.text import text
from jgd.train.task import Task


class Entry(NamedTuple):
    """A built-in task: how it is made and judged, and a budget for comparing optimizers on it in about half a minute.

    The target is what a good optimizer reaches well before the end.
    """

    make: Callable[[], Task]
    metric: str
    mode: str
    target: float
    trials: int = 16
    seeds: int = 3
    steps: int = 300


BUILTIN = {
    "digits": Entry(digits, "accuracy", "max", 0.95),
    "breast_cancer": Entry(breast_cancer, "accuracy", "max", 0.95),
    "diabetes": Entry(diabetes, "rmse", "min", 55.0),
    "mnist5k": Entry(mnist5k, "accuracy", "max", 0.9, trials=8),
    "text": Entry(text, "bits_per_character", "min", 3.5, trials=8, seeds=1),
}


def load(name: str) -> Task:
    """The task of a name, or of `file.py:task` or `package.module:task`, where `task` is a Task or makes one."""
    if name in BUILTIN:
        return BUILTIN[name].make()
    place, _, attribute = name.rpartition(":")
    if not place:
        error = unknown("task", name, BUILTIN)
        raise InputError(f"{str(error).rstrip('.')}; your own is written as file.py:task.")
    module = _import(name, place)
    if not hasattr(module, attribute):
        raise unknown(f"task {name}", attribute, [key for key in vars(module) if not key.startswith("_")])
    found = getattr(module, attribute)
    if callable(found) and not isinstance(found, Task):
        found = _attempt(f"task {name}: calling {attribute}()", found)
    if not isinstance(found, Task):
        raise InputError(
            f"task {name}: {attribute} is {type(found).__name__}; expected a jgd.Task, or a function without arguments "
            "that returns one."
        )
    return found


def _import(name: str, place: str) -> ModuleType:
    if not place.endswith(".py"):
        return _attempt(f"task {name}: importing {place}", lambda: importlib.import_module(place))
    path = pathlib.Path(place).resolve()
    if not path.is_file():
        raise InputError(f"task {name}: there is no file {place}; give a path from the current folder.")
    return _attempt(f"task {name}: running {place}", lambda: _run_file(path))


def _run_file(path: pathlib.Path) -> ModuleType:
    """The module of a file, which may import its neighbours."""
    spec = importlib.util.spec_from_file_location(f"jgd_task_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look a class's module up there
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def _attempt(place: str, call: Callable[[], Any]) -> Any:
    """The user's code, whose failure is one sentence; the cause stays attached."""
    try:
        return call()
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines() or ["no message"]
        raise InputError(f"{place} failed with {type(error).__name__}: {reason[0].rstrip('.')}.") from error
