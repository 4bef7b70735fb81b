"""Options that commands share: entering them, checking what is written, and the line that runs them again."""

import argparse
import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jgd.core.arguments import COUNT, FILE, FINITE, FOLDER, TEXT, WHOLE, Kind, admits
from jgd.core.errors import InputError

SECONDS = {"s": 1, "m": 60, "h": 3600}
MAX_TIME: dict[str, dict[str, Any]] = {
    "--max-time": {
        "metavar": "TIME",
        "help": "end with a segment after this, such as 10m; resumable",
    },
}
ONLY_OUTPUT = ("--json", "--out")  # what changes nothing of what is run


def to_kind(kind: Kind, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make the type of an option: what `read` makes of its text, refused unless it is of the kind."""

    def convert(text: str) -> Any:
        try:
            value = read(text)
        except (ValueError, RuntimeError):  # no number; a home folder that is not known
            value = None
        if value is None or not admits(kind, value):
            raise argparse.ArgumentTypeError(f"{text!r} must {kind.expected}")
        return value

    return convert


def _to_path(text: str) -> Any:
    return text and Path(text).expanduser()  # an empty text is no path, while Path makes the current folder of it


to_whole, to_count, to_number = to_kind(WHOLE, int), to_kind(COUNT, int), to_kind(FINITE, float)
to_name, to_folder, to_file = to_kind(TEXT, str), to_kind(FOLDER, _to_path), to_kind(FILE, _to_path)


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


def seconds_of(options: argparse.Namespace) -> float | None:
    """Return the time of `--max-time`, such as 90, 90s, 10m or 1.5h, in seconds."""
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
    """Return the command with those of its options that are not their defaults: what runs the same again."""
    parts = [command]
    for name, settings in arguments.items():
        value = getattr(options, name.strip("-").replace("-", "_"))
        if name in without or value in (None, False, settings.get("default")):
            continue
        for one in value if isinstance(value, list) else [value]:
            parts += [name] if one is True else [name, shlex.quote(str(one))]
    return " ".join(parts)
