"""A sweep's code again: the task and the spaces that a command was given, kept as a note in the sweep's folder."""

import argparse
from pathlib import Path
from typing import Any

from jgd.core.errors import InputError
from jgd.core.user_code import attempt, look_up
from jgd.sweep.engine.black_box import is_black_box
from jgd.sweep.resume import note
from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.toml import parse_spaces, read_spaces
from jgd.tasks.registry import BUILTIN, load_problem
from jgd.train.task import Task

CODE = {
    "--task": {"help": "the task, if the folder was not made by `jgd sweep`, or its code has moved"},
    "--space": {"help": "the spaces, likewise"},
}


def spaces_of(task: Any, name: str, steps: int | None) -> Any:
    """The spaces of a TOML file, or of `file.py:space`, for this task."""
    if name.endswith(".toml"):
        return read_spaces(name, steps, closed=is_black_box(task))
    if ":" not in name:
        raise InputError(f"--space {name}: expected a TOML file, space.toml, or a value in Python, file.py:space.")
    found = look_up("--space", name)
    if callable(found) and not isinstance(found, (Distribution, Task)):
        found = attempt(f"--space {name}: calling it", found)
    return found


def note_for(task: str, space: str, steps: int | None) -> dict[str, Any]:
    """What a folder needs to know to be gone on with, from any folder; the text of a TOML file is kept whole."""
    toml = space.endswith(".toml")
    text = Path(space).read_text(encoding="utf-8") if toml else None
    return {
        "task": task if task in BUILTIN else _absolute(task),
        "space": _absolute(space),
        "text": text,
        "steps": steps,
    }


def code_of(options: argparse.Namespace) -> tuple[str, Any, Any]:
    """The task's name, the task and the spaces of a folder: those of the options, or else those of its note."""
    known = note(options.dir)
    known = known if isinstance(known, dict) and {"task", "space", "text", "steps"} <= set(known) else None
    for name in ("task", "space"):
        if getattr(options, name) is None and known is None:
            raise InputError(
                f"{options.dir}: the sweep was started from Python, so its code is not known here; pass --{name}."
            )
    name = options.task if options.task is not None else known["task"]  # type: ignore[index]
    task, steps = load_problem(name), known["steps"] if known else None
    if options.space is not None:
        return name, task, spaces_of(task, options.space, steps)
    assert known is not None
    if known["text"] is not None:
        return name, task, parse_spaces(known["text"], known["space"], steps, closed=is_black_box(task))
    return name, task, spaces_of(task, known["space"], steps)


def _absolute(name: str) -> str:
    """A file, or a name in one, from the root; a name in a package as it is."""
    place, colon, attribute = name.rpartition(":")
    if not colon:
        return str(Path(name).resolve())
    return f"{Path(place).resolve()}:{attribute}" if place.endswith(".py") else name
