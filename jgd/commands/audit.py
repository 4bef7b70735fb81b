"""`jgd audit`: what a compiled step takes, and what is wrong with it."""

import argparse
import json
from typing import Any

from jgd.commands.options import add_command, to_name
from jgd.core.errors import InputError
from jgd.core.user_code import attempt, look_up
from jgd.measure.audit import audit

AUDIT = "Compile a training step and tell its memory, its collectives and what is wrong with it."
MORE = """
  jgd audit my.py:step                       step(*args) with the tuple `args` of my.py, or what args() returns
  jgd audit my.py:step --args shapes --check for a script: exit status 1 where something was found

The step is jitted as you call it, so that its donated arguments are seen; it is compiled and not run. Arrays of the
arguments may be jax.ShapeDtypeStruct.
"""
OF_AUDIT: dict[str, dict[str, Any]] = {
    "step": {"type": to_name, "help": "file.py:step or package.module:step"},
    "--args": {
        "type": to_name,
        "default": "args",
        "help": "the name beside it of a tuple of arguments, or of a function that returns one (default: args)",
    },
    "--check": {"action": "store_true", "help": "exit with status 1 where something was found"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_audit(commands: Any) -> None:
    """Add `audit` to the commands of a parser."""
    add_command(commands, "audit", run_audit, AUDIT, OF_AUDIT, MORE)


def run_audit(options: argparse.Namespace) -> int:
    """Print the audit; the status is 1 with --check where something was found."""
    place, colon, _ = options.step.rpartition(":")
    if not colon:
        raise InputError(f"jgd audit {options.step}: expected file.py:step, a function of a file or module.")
    step = look_up("jgd audit", options.step)
    args = look_up("jgd audit --args", f"{place}:{options.args}")
    if callable(args):
        args = attempt(f"jgd audit: {options.args}()", args)
    if not isinstance(args, tuple):
        raise InputError(
            f"jgd audit --args {options.args}: expected a tuple of the step's arguments, or a function that returns "
            f"one, and it is {type(args).__name__}."
        )
    found = attempt(f"jgd audit {options.step}", lambda: audit(step, *args))
    print(json.dumps(found.as_json(), indent=1) if options.json else found)
    return int(options.check and bool(found.findings))
