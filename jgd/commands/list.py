"""`jgd list`: the catalogue of optimizers as a table."""

import argparse
import json
from typing import Any

from jgd.optimizers.catalogue import OptimizerEntry, catalogue
from jgd.pages.text import plain_table

LIST = "List the optimizers of the catalogue: name, family, bytes of state, range of learning rates, and one line."


def add_list(commands: Any) -> None:
    """Add `list` to the commands of a parser."""
    parser = commands.add_parser("list", help=LIST, description=LIST)
    parser.set_defaults(command=show_list)
    parser.add_argument("pattern", nargs="?", default="*", help="names to list, as adam* (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def show_list(options: argparse.Namespace) -> int:
    """Print the table."""
    entries = catalogue(options.pattern).values()
    if options.json:
        print(json.dumps([_described(entry) for entry in entries], indent=1))
        return 0
    header = ["name", "family", "state B/param", "learning rates", "what it does"]
    rows = [
        [
            entry.name,
            entry.family,
            f"{entry.state_bytes():.3g}",
            "" if entry.rates is None else f"{entry.rates[0]:g} to {entry.rates[1]:g}",
            entry.summary,
        ]
        for entry in entries
    ]
    print(plain_table(header, rows, left=5))
    return 0


def _described(entry: OptimizerEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "family": entry.family,
        "state_bytes": entry.state_bytes(),
        "rates": entry.rates,
        "needs": entry.needs,
        "summary": entry.summary,
    }
