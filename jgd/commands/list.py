"""`jgd list`: the catalogue of optimizers as a table."""

import argparse
import json
from typing import Any

from jgd.optimizers.catalogue import OptimizerEntry, catalogue

LIST = "List the optimizers: name, family, bytes of state, range of learning rates, one line and the source."


def add_list(commands: Any) -> None:
    """Add `list` to the commands of a parser."""
    parser = commands.add_parser("list", help=LIST, description=LIST)
    parser.set_defaults(command=show_list)
    parser.add_argument("pattern", nargs="?", default="*", help="names to list, as adam* (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def show_list(options: argparse.Namespace) -> int:
    """Print the table."""
    entries = catalogue(options.pattern)
    if options.json:
        print(json.dumps([_described(entry) for entry in entries.values()], indent=1))
        return 0
    print(entries)
    return 0


def _described(entry: OptimizerEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "family": entry.family,
        "state_bytes": entry.state_bytes(),
        "rates": entry.rates,
        "needs": entry.needs,
        "summary": entry.summary,
        "source": entry.source,
    }
