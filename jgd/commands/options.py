"""What commands share of their options: entering them, checking their numbers, and the line that runs them again."""

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jgd.core.errors import InputError

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
