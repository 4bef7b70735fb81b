"""`jgd list`: all optimizers, wrappers and transforms as a table."""

import argparse
import json
from typing import Any

from jgd import distributed, optimizers
from jgd.optimizers.catalogue import OptimizerEntry

LIST = "List optimizers, wrappers and transforms: name, family, bytes of state, learning rates, one line, the source."


def add_list(commands: Any) -> None:
    """Add `list` to the commands of a parser."""
    parser = commands.add_parser("list", help=LIST, description=LIST)
    parser.set_defaults(command=show_list)
    parser.add_argument("pattern", nargs="?", default="*", help="names to list, as adam* (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def show_list(options: argparse.Namespace) -> int:
    """Print the table."""
    entries = optimizers.list(options.pattern, distributed)
    if options.json:
        print(json.dumps([_described(entry) for entry in entries.values()], indent=1))
        return 0
    print(entries)
    return 0


def _described(entry: Any) -> dict[str, Any]:
    known = isinstance(entry, OptimizerEntry)
    return {
        "name": entry.name,
        "family": entry.family,
        "state_bytes": entry.state_bytes() if known else None,
        "rates": entry.rates if known else None,
        "needs": entry.needs if known else (),
        "summary": entry.summary,
        "source": entry.source,
    }
