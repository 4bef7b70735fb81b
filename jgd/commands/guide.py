"""`jgd guide`: the pages of the documentation, and one for each optimizer, in a terminal."""

import argparse
import inspect
import json
from importlib.resources import files
from typing import Any

from jgd.commands.options import add_command, to_name
from jgd.core.errors import unknown
from jgd.core.record import part_names
from jgd.optimizers.catalogue import OptimizerEntry, catalogue

GUIDE = "Show a page of the guide, or the page of an optimizer."
MORE = """
  jgd guide                     the list of pages
  jgd guide choose              which optimizer, schedule, solver or sampler to take
  jgd guide adamw               an optimizer: its rule, defaults, state and source
"""
OF_GUIDE: dict[str, dict[str, Any]] = {
    "topic": {"type": to_name, "nargs": "?", "default": "index", "help": "a page, or an optimizer (default: the list)"},
    "--json": {"action": "store_true", "help": "print the topics, or the page, as JSON, and nothing else"},
}


def add_guide(commands: Any) -> None:
    """Add `guide` to the commands of a parser."""
    add_command(commands, "guide", show_guide, GUIDE, OF_GUIDE, MORE)


def show_guide(options: argparse.Namespace) -> int:
    """Print a page as it is written, in Markdown."""
    pages, optimizers = guide_pages(), catalogue()
    if options.topic in pages:
        text = pages[options.topic]
    elif options.topic in optimizers:
        text = optimizer_page(optimizers[options.topic])
    else:
        raise unknown("jgd guide", options.topic, [*pages, *optimizers])
    print(json.dumps({"topic": options.topic, "topics": [*pages, *optimizers], "text": text}) if options.json else text)
    return 0


def guide_pages() -> dict[str, str]:
    """The pages by name, the list of them first."""
    folder = files("jgd") / "guide"
    found = {one.name.removesuffix(".md"): one.read_text(encoding="utf-8") for one in folder.iterdir() if one.is_file()}
    return {"index": found.pop("index"), **dict(sorted(found.items()))}


def optimizer_page(entry: OptimizerEntry) -> str:
    """The page of an optimizer: call, text, the rules of its own family, and what the catalogue knows."""
    rows = {
        "family": entry.family,
        "state": f"{entry.state_bytes():.3g} bytes a parameter, of a matrix 256 x 256",
        "rates to search": "it sets its own" if entry.rates is None else f"{entry.rates[0]:g} to {entry.rates[1]:g}",
        "source": entry.source or "-",
    }
    signature = inspect.signature(entry.make)
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    head = [f"# {entry.name}", "", "```", f"jgd.{entry.name}{inspect.Signature(bare)}", "```", ""]
    text = [inspect.getdoc(entry.make) or "", ""]
    for rule in rules_of(entry.default()):
        if rule is not entry.make:
            text += [f"## {rule.__name__}", "", inspect.getdoc(rule) or "", ""]
    return "\n".join([*head, *text, "| | |", "|---|---|", *(f"| {name} | {said} |" for name, said in rows.items())])


def rules_of(value: Any) -> list[type]:
    """The types of an optimizer's rules, in the order in which they act, each once."""
    found = [type(value)] if type(value).__module__.startswith("jgd.optimizers.") else []
    for name in part_names(value):
        one = getattr(value, name)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, tuple) else [one]
        found += [rule for part in inner for rule in rules_of(part)]
    return list(dict.fromkeys(found))
