"""Options that commands share: entering them, checking their numbers, and the line that runs them again."""

import argparse
import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jgd.core.errors import InputError

SECONDS = {"s": 1, "m": 60, "h": 3600}
MAX_TIME: dict[str, dict[str, Any]] = {
    "--max-time": {
        "metavar": "TIME",
        "help": "end with a segment after this, such as 10m; resumable",
    },
}
ONLY_OUTPUT = ("--json", "--out")  # what changes nothing of what is run


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    about: str,
    arguments: Mapping[str, Mapping[str, Any]],
    more: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command with its arguments by name to those of a parser; `more` stands below its help."""
    form = argparse.RawTextHelpFormatter
    parser = commands.add_parser(name, help=about, description=about, epilog=more, formatter_class=form)
    parser.set_defaults(command=run)
    for argument, settings in arguments.items():
        parser.add_argument(argument, **settings)
    return parser


def counts(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """The values of these options, which must be at least 1 where they are given."""
    given = {name: getattr(options, name) for name in names}
    for name, value in given.items():
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: expected a whole number, at least 1.")
    return given


def seconds_of(options: argparse.Namespace) -> float | None:
    """The time of `--max-time`, such as 90, 90s, 10m or 1.5h, in seconds."""
    if (text := options.max_time) is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in SECONDS else (text, "s")
    try:
        seconds = float(number) * SECONDS[unit]
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InputError(f"--max-time {text}: expected a time above zero, such as 90 (seconds), 10m or 1.5h.")
    return seconds


def line_of(
    command: str,
    options: argparse.Namespace,
    arguments: Mapping[str, Mapping[str, Any]],
    without: Iterable[str] = ONLY_OUTPUT,
) -> str:
    """The command with those of its options that are not their defaults: what runs the same again."""
    parts = [command]
    for name, settings in arguments.items():
        value = getattr(options, name.strip("-").replace("-", "_"))
        if name not in without and value not in (None, settings.get("default")):
            for one in value if isinstance(value, list) else [value]:
                parts += [name, shlex.quote(str(one))]
    return " ".join(parts)
