"""The command line: its parser, its exit status, and errors as one sentence."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from jgd.commands.bench import add_bench, add_compare
from jgd.commands.race import add_race
from jgd.core.errors import InputError

ABOUT = "jgd: gradient descent as a value. The command runs studies that need no code of yours."


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are input errors like any other."""

    def error(self, message: str) -> NoReturn:
        """One sentence, and where to read more."""
        raise InputError(f"{message}; {self.prog} --help tells more.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 is done, 2 an input that cannot be used, 130 interrupted."""
    parser = Parser(prog="jgd", description=ABOUT)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_race(commands)
    add_bench(commands)
    add_compare(commands)
    try:
        options = parser.parse_args(argv)
        return options.command(options)
    except InputError as error:
        print(f"jgd: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jgd: interrupted; nothing more was written.", file=sys.stderr)
        return 130
