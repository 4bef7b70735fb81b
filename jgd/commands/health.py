"""`jgd health`: a check-up of a task and an optimizer."""

import argparse
import dataclasses
import json
from typing import Any

from jgd.commands.options import add_command, to_file, to_name, to_whole
from jgd.commands.output_folder import check_file
from jgd.commands.results_json import jsonable
from jgd.core.errors import InputError, unknown
from jgd.core.user_code import attempt, look_up
from jgd.health.check import check
from jgd.health.checkup import Checkup
from jgd.optimizers.catalogue import catalogue
from jgd.tasks.registry import load

HEALTH = "Check a task and an optimizer: layers, signals, dead units, noise, sharpness, the rate, and what to mend."
MORE = """
  jgd health my_task.py:task                          with adam at 1e-3
  jgd health my_task.py:task --optimizer sgd=0.1
  jgd health my_task.py:task --optimizer my_task.py:optimizer --page health.html

Findings come causes first; the status is 1 where there is one, so that a script can stop.
"""
OF_HEALTH: dict[str, dict[str, Any]] = {
    "task": {"help": "a built-in task's name, or your own as file.py:task or package.module:task"},
    "--optimizer": {
        "type": to_name,
        "default": "adam=1e-3",
        "metavar": "NAME=RATE",
        "help": "one of `jgd list` at a learning rate, or your own as file.py:optimizer (default: adam=1e-3)",
    },
    "--steps": {"type": to_whole, "default": 60, "help": "steps of each trial (default: 60)"},
    "--seed": {"type": int, "default": 0, "help": "(default: 0)"},
    "--page": {"type": to_file, "metavar": "FILE", "help": "write the page, an .html that loads nothing"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_health(commands: Any) -> None:
    """Add `health` to the commands of a parser."""
    add_command(commands, "health", run_health, HEALTH, OF_HEALTH, MORE)


def run_health(options: argparse.Namespace) -> int:
    """Check, print, and write the page."""
    check_file(options.page, "--page")
    task, optimizer = load(options.task), _optimizer(options.optimizer)
    if not task.name:
        task = dataclasses.replace(task, name=options.task)
    checkup = attempt("jgd health", lambda: check(task, optimizer, seed=options.seed, steps=options.steps))
    if options.page is not None:
        checkup.page(options.page)
    if options.json:
        print(json.dumps(_document(options, checkup), indent=1))
    else:
        print(checkup)
        if options.page is not None:
            print(f"\nPage: {options.page}")
    return 1 if checkup.findings else 0


def _optimizer(text: str) -> Any:
    """Return the optimizer of `name=rate`, of a name alone at its default rate, or of `file.py:value`."""
    if ":" in text:
        found = look_up("--optimizer", text)
        made = hasattr(found, "update") and not isinstance(found, type)
        return found if made else attempt(f"--optimizer {text}: calling it", found)
    name, given, rate = text.partition("=")
    known = catalogue()
    if name not in known:
        raise unknown("--optimizer", name, known)
    if not given:
        return known[name].default()
    try:
        return known[name].make(float(rate))
    except InputError as error:
        raise InputError(f"--optimizer {text}: {error}") from None
    except ValueError:
        raise InputError(f"--optimizer {text}: expected a learning rate after the =, as in adam=1e-3.") from None


def _document(options: argparse.Namespace, checkup: Checkup) -> dict[str, Any]:
    keys = ("severity", "where", "quantity", "value", "expected", "because", "remedy")
    findings = [{key: jsonable(getattr(one, key)) for key in keys} for one in checkup.findings]
    rows = [
        jsonable({key: list(x) if isinstance(x, tuple) else x for key, x in row._asdict().items()})
        for row in checkup.rows
    ]
    head = {"task": options.task, "optimizer": options.optimizer, "healthy": not checkup.findings}
    return {**head, "verdict": checkup.verdict, "findings": findings, "facts": checkup.facts, "layers": rows}
