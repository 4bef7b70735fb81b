"""`jgd guide`: the pages of the documentation, and one for each public name, in a terminal; or all as a site."""

import argparse
import json
from typing import Any

from jgd.commands.guide.pages import guide_pages
from jgd.commands.guide.reference import KINDS, ReferenceEntry, find_entry, reference
from jgd.commands.guide.reference_page import kind_page, parameters_page, reference_page
from jgd.commands.guide.site import build_site
from jgd.commands.options import add_command, to_folder, to_name
from jgd.core.errors import unknown

GUIDE = "Show a page of the guide, or the page of a public name."
MORE = """
  jgd guide                     the list of pages
  jgd guide choose              which optimizer, schedule, solver or sampler to take
  jgd guide adamw               an optimizer: its rule, defaults, state, oracles and source
  jgd guide sweep.halving       any public name; jgd.scale where a page has the same name
  jgd guide schedules           all names of a kind: optimizers, transforms, solvers, samplers and the like
  jgd guide parameters          the meaning of each parameter of the optimizers
  jgd guide --site site         all pages as a site, by mkdocs-material
"""
OF_GUIDE: dict[str, dict[str, Any]] = {
    "topic": {
        "type": to_name,
        "nargs": "?",
        "default": "index",
        "help": "a page, a kind or a name (default: the list)",
    },
    "--site": {"type": to_folder, "metavar": "FOLDER", "help": "build all pages into a site there"},
    "--with": {
        "type": to_folder,
        "metavar": "FOLDER",
        "dest": "extra",
        "help": "show the HTML pages of this folder in the site too, such as bench/results",
    },
    "--quick": {"action": "store_true", "help": "a site without pictures of paths, which take minutes to compile"},
    "--json": {"action": "store_true", "help": "print the topics, or the page, as JSON, and nothing else"},
}


def add_guide(commands: Any) -> None:
    """Add `guide` to the commands of a parser."""
    add_command(commands, "guide", show_guide, GUIDE, OF_GUIDE, MORE)


def show_guide(options: argparse.Namespace) -> int:
    """Print a page as it is written, in Markdown."""
    pages = guide_pages()
    if options.topic in pages and options.site is None and not options.json:
        print(pages[options.topic])  # without importing all that has a name
        return 0
    entries = reference()
    if options.site is not None:
        build_site(options.site, pages, entries, pictures=not options.quick, extra=options.extra)
        print(f"wrote {options.site}/index.html")
        return 0
    topics = [*pages, "parameters", *KINDS, *entries]
    text = _text(options.topic, pages, entries)
    if text is None:
        raise unknown("jgd guide", options.topic, topics)
    print(json.dumps({"topic": options.topic, "topics": topics, "text": text}) if options.json else text)
    return 0


def _text(topic: str, pages: dict[str, str], entries: dict[str, ReferenceEntry]) -> str | None:
    """Return the page of a topic, None where there is no such topic.

    A page goes before a kind, and that before a name.
    """
    if topic in pages:
        return pages[topic]
    if topic == "parameters":
        return parameters_page()
    if topic in KINDS:
        return kind_page(topic, (entry for entry in entries.values() if entry.kind == topic))
    entry = find_entry(topic, entries)
    return None if entry is None else reference_page(entry)
