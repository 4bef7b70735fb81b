"""The command line: its parser, its exit status, and errors as one sentence."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jgd.commands.audit import add_audit
from jgd.commands.bench import add_bench, add_compare
from jgd.commands.guide import add_guide
from jgd.commands.health import add_health
from jgd.commands.list import add_list
from jgd.commands.plot import add_plot
from jgd.commands.race import add_race
from jgd.commands.replay import add_replay
from jgd.commands.resume import add_resume
from jgd.commands.show import add_show
from jgd.commands.sweep import add_sweep
from jgd.core.errors import InputError

UNREAD = 141  # as a shell says of what SIGPIPE has ended
ABOUT = "jgd: gradient descent as a value. Races, sweeps and measurements, each with a table and a report."


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are input errors like any other."""

    def error(self, message: str) -> NoReturn:
        """Raise one sentence, and where to read more."""
        raise InputError(f"{message}; {self.prog} --help tells more.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: 0 is done, 1 a failure, 2 an input that cannot be used, 3 interrupted and resumable, 130 not."""
    parser = Parser(prog="jgd", description=ABOUT)
    # The package itself is above this layer.
    parser.add_argument("--version", action="version", version=f"jgd {sys.modules['jgd'].__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    looks = (add_health, add_show, add_plot, add_bench, add_compare, add_audit, add_list, add_guide)
    for add in (add_race, add_sweep, add_replay, add_resume, *looks):
        add(commands)

    def command() -> int:
        for text in argv or ():  # a shell passes none
            if "\0" in text:
                raise InputError(f"{text!r}: no name, number or path holds a NUL byte; leave it out.")
        options = parser.parse_args(argv)
        return options.command(options)

    return status_of(command)


def status_of(command: Callable[[], int]) -> int:
    """Return the exit status of a command, with its warnings, and what ends it, as one sentence each."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            status = command()
            sys.stdout.flush()
            return status
    except InputError as error:
        print(f"jgd: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python flushes the rest to as it ends
        return UNREAD
    except OSError as error:  # a full disk, or a folder that went away
        print(f"jgd: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("jgd: interrupted; nothing more was written.", file=sys.stderr)
        return 130


def _warn(message: Warning | str, *_: Any) -> None:
    """Print a warning as one line, without the code that it came from."""
    print(f"jgd: {message}", file=sys.stderr)
