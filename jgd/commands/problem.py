"""A sweep's code again: the task and the spaces that a command was given, kept as a note in the sweep's folder."""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

from jgd.core.errors import InputError
from jgd.core.user_code import attempt, look_up
from jgd.sweep.engine.black_box import is_black_box, name_problem
from jgd.sweep.resume import note
from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.toml import parse_spaces, read_spaces
from jgd.tasks.registry import BUILTIN, load_problem
from jgd.train.task import Task

CODE: dict[str, dict[str, Any]] = {
    "--task": {"help": "the task, if the folder was not made by `jgd sweep`, or its code has moved"},
    "--space": {"help": "the spaces, likewise"},
    "--trust": {
        "action": "store_true",
        "help": "run the Python code that the folder names, without asking; what --task and\n--space name is trusted",
    },
}


def look_up_spaces(task: Any, name: str, steps: int | None) -> Any:
    """Return the spaces of a TOML file, or of `file.py:space`, for this task."""
    if name.endswith(".toml"):
        return read_spaces(name, steps, closed=is_black_box(task))
    if ":" not in name:
        raise InputError(f"--space {name}: expected a TOML file, space.toml, or a value in Python, file.py:space.")
    found = look_up("--space", name)
    if callable(found) and not isinstance(found, (Distribution, Task)):
        found = attempt(f"--space {name}: calling it", found)
    try:
        name_problem(task, found)
    except InputError as error:
        raise InputError(f"--space {name}: {error}") from None
    return found


def note_for(task: str, space: str, steps: int | None) -> dict[str, Any]:
    """Note what resuming needs, from any folder; the text of a TOML file is kept whole."""
    toml = space.endswith(".toml")
    text = Path(space).read_text(encoding="utf-8") if toml else None
    return {
        "task": task if task in BUILTIN else _absolute(task),
        "space": _absolute(space),
        "text": text,
        "steps": steps,
        "hashes": {name: _hash_of(name) for name in (_absolute(task), _absolute(space)) if _is_code(name)},
    }


def code_of(options: argparse.Namespace) -> tuple[str, Any, Any]:
    """Return the task's name, the task and the spaces of a folder: those of the options, or else those of its note."""
    known = note(options.dir)
    known = known if _is_note(known) else None
    for name in ("task", "space"):
        if getattr(options, name) is None and known is None:
            raise InputError(
                f"{options.dir}: the sweep was started from Python, so its code is not known here; pass --{name}."
            )
    if known is not None:
        _ask(options, known)
    name = options.task if options.task is not None else known["task"]  # type: ignore[index]
    task, steps = load_problem(name), known["steps"] if known else None
    if options.space is not None:
        return name, task, look_up_spaces(task, options.space, steps)
    assert known is not None
    if known["text"] is not None:
        return name, task, parse_spaces(known["text"], known["space"], steps, closed=is_black_box(task))
    return name, task, look_up_spaces(task, known["space"], steps)


def _is_note(known: Any) -> bool:
    """Tell whether it is what `note_for` makes; a folder may be somebody else's."""
    if not isinstance(known, dict) or not {"task", "space", "text", "steps"} <= set(known):
        return False
    texts = isinstance(known["task"], str) and isinstance(known["space"], str)
    steps = known["steps"] is None or (type(known["steps"]) is int and known["steps"] > 0)
    return texts and steps and isinstance(known["text"], (str, type(None)))


def _ask(options: argparse.Namespace, known: dict[str, Any]) -> None:
    """Run no code that only a folder names unless the user says so: on the command line, or here on a terminal."""
    names = [] if options.task is not None or known["task"] in BUILTIN else [known["task"]]
    names += [known["space"]] if options.space is None and known["text"] is None else []
    hashes = known["hashes"] if isinstance(known.get("hashes"), dict) else {}
    code = []
    for name in dict.fromkeys(names):
        changed = name in hashes and hashes[name] != _hash_of(name)
        code.append(f"{name}{', which has changed since the sweep was made' if changed else ''}")
        if changed and options.trust:
            print(f"jgd: {name} has changed since the sweep in {options.dir} was made.", file=sys.stderr)
    if not code or options.trust:
        return
    shown = " and ".join(code)
    if sys.stdin.isatty() and sys.stderr.isatty() and not getattr(options, "json", False):
        print(
            f"jgd: the folder {options.dir} names Python code to run: {shown}. Run it? [y/N] ", end="", file=sys.stderr
        )
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    raise InputError(
        f"{options.dir}: it names Python code to run ({shown}); pass --trust if you know it, or name your own by "
        "--task and --space."
    )


def _is_code(name: str) -> bool:
    """Tell whether a file's content can be compared: one of Python's, as in `file.py:value`."""
    return name.rpartition(":")[0].endswith(".py")


def _hash_of(name: str) -> str:
    """Return the SHA-256 of a file of Python; empty where it is not there."""
    try:
        return hashlib.sha256(Path(name.rpartition(":")[0]).read_bytes()).hexdigest()
    except OSError:
        return ""


def _absolute(name: str) -> str:
    """Return a file, or a name in one, from the root; a name in a package as it is."""
    place, colon, attribute = name.rpartition(":")
    if not colon:
        return str(Path(name).resolve())
    return f"{Path(place).resolve()}:{attribute}" if place.endswith(".py") else name
