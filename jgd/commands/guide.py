"""`jgd guide`: the pages of the documentation, and one for each optimizer, in a terminal."""

import argparse
import inspect
import json
import re
import textwrap
from importlib.resources import files
from typing import Any

from jgd.commands.options import add_command, to_folder, to_name
from jgd.commands.site import build_site
from jgd.core.errors import unknown
from jgd.core.record import part_names
from jgd.optimizers.catalogue import OptimizerEntry, catalogue

GUIDE = "Show a page of the guide, or the page of an optimizer."
MORE = """
  jgd guide                     the list of pages
  jgd guide choose              which optimizer, schedule, solver or sampler to take
  jgd guide adamw               an optimizer: its rule, defaults, state and source
  jgd guide --site site         all pages as a site, by mkdocs-material
"""
OF_GUIDE: dict[str, dict[str, Any]] = {
    "topic": {"type": to_name, "nargs": "?", "default": "index", "help": "a page, or an optimizer (default: the list)"},
    "--site": {"type": to_folder, "metavar": "FOLDER", "help": "build all pages into a site there"},
    "--json": {"action": "store_true", "help": "print the topics, or the page, as JSON, and nothing else"},
}


def add_guide(commands: Any) -> None:
    """Add `guide` to the commands of a parser."""
    add_command(commands, "guide", show_guide, GUIDE, OF_GUIDE, MORE)


def show_guide(options: argparse.Namespace) -> int:
    """Print a page as it is written, in Markdown."""
    pages, optimizers = guide_pages(), catalogue()
    if options.site is not None:
        build_site(options.site, pages, {name: optimizer_page(entry) for name, entry in optimizers.items()})
        print(f"wrote {options.site}/index.html")
        return 0
    if options.topic in pages:
        text = pages[options.topic]
    elif options.topic in optimizers:
        text = optimizer_page(optimizers[options.topic])
    else:
        raise unknown("jgd guide", options.topic, [*pages, *optimizers])
    print(json.dumps({"topic": options.topic, "topics": [*pages, *optimizers], "text": text}) if options.json else text)
    return 0


def guide_pages() -> dict[str, str]:
    """The pages by name, the list of them first, and then in its order."""
    folder = files("jgd") / "guide"
    found = {one.name.removesuffix(".md"): one.read_text(encoding="utf-8") for one in folder.iterdir() if one.is_file()}
    listed = [name for name in re.findall(r"\]\(([a-z-]+)\.md\)", found["index"]) if name in found]
    return {name: found[name] for name in dict.fromkeys(["index", *listed, *sorted(found)])}


def optimizer_page(entry: OptimizerEntry) -> str:
    """The page of an optimizer: call, text, the rules of its own family, and what the catalogue knows."""
    rates = "it sets its own" if entry.rates is None else f"{entry.rates[0]:g} to {entry.rates[1]:g}"
    signature = inspect.signature(entry.make)
    bare = inspect.Signature([one.replace(annotation=one.empty) for one in signature.parameters.values()])
    call = textwrap.wrap(f"jgd.{entry.name}{bare}", 88, subsequent_indent="    ", break_on_hyphens=False)
    facts = [
        f"- family: `{entry.family}`",
        f"- state: {entry.state_bytes():.3g} bytes a parameter, of a matrix 256 x 256",
        f"- rates to search: {rates}",
        *([f"- source: {entry.source}"] if entry.source else []),
    ]
    text = [f"# {entry.name}", "", "```", *call, "```", "", *facts, "", *_as_markdown(entry.make)]
    for rule in rules_of(entry.default()):
        if rule is not entry.make:
            text += ["", f"## {rule.__name__}", "", *_as_markdown(rule)]
    return "\n".join(text)


def _as_markdown(documented: Any) -> list[str]:
    """The lines of a docstring, its arguments as a list."""
    text, _, arguments = (inspect.getdoc(documented) or "").partition("\nArgs:\n")
    listed = re.sub(r"^    (\w+): ", r"- `\1`: ", arguments, flags=re.MULTILINE)
    return [*text.splitlines(), "", *(f"  {line.strip()}" if line[:1] == " " else line for line in listed.splitlines())]


def rules_of(value: Any) -> list[type]:
    """The types of an optimizer's rules, in the order in which they act, each once."""
    found = [type(value)] if type(value).__module__.startswith("jgd.optimizers.") else []
    for name in part_names(value):
        one = getattr(value, name)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, tuple) else [one]
        found += [rule for part in inner for rule in rules_of(part)]
    return list(dict.fromkeys(found))
