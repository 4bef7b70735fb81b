"""The text of a reference page: how it is called, what the catalogue knows, its docstring, arguments and methods."""

import dataclasses
import enum
import inspect
import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from types import ModuleType
from typing import Any

from jgd.commands.guide.oracles import oracles_by_name
from jgd.commands.guide.reference import KINDS, ReferenceEntry
from jgd.core.values import each_part
from jgd.optimizers.catalogue import OptimizerEntry, catalogue
from jgd.optimizers.glossary import GLOSSARY

CALLS = ("optimizers", "rules", "transforms", "schedules", "nonsmooth")  # whose methods are those of the kind
TERM = r"^(\w[\w.]*(?:, \w[\w.]*)*) {2,}(\S.*)$"  # a term of a docstring's list, and what it means


def reference_page(entry: ReferenceEntry) -> str:
    """Return the page of a name, in Markdown."""
    optimizer = catalogue().get(entry.name) if entry.kind == "optimizers" else None
    text = [f"# {entry.name}", "", *_call(entry), *_facts(entry, optimizer), "", *doc_lines(entry.value)]
    text += _arguments(entry) + _methods(entry)
    for rule in rules_of(optimizer.default()) if optimizer else _curve_of(entry):
        if rule is not entry.value:
            text += ["", f"## {rule.__name__}", "", *doc_lines(rule)]
    return "\n".join(text).rstrip() + "\n"


def kind_page(kind: str, entries: Iterable[ReferenceEntry]) -> str:
    """Return the index of a kind: its names with a line each, types apart.

    Links lead to pages beside the kinds' folders.
    """
    title, about = KINDS[kind]
    text = [f"# {title}", "", about]
    parts: dict[bool, list[ReferenceEntry]] = {False: [], True: []}
    for entry in entries:
        parts[entry.is_type].append(entry)
    for is_type, some in parts.items():
        if some:
            text += [
                "",
                *(["## Records, states and results", ""] if is_type else []),
                "| name | what it does |",
                "|---|---|",
            ]
            text += [f"| [{one.name}](../{one.address}.md) | {in_cell(one.summary)} |" for one in some]
    return "\n".join(text) + "\n"


def parameters_page() -> str:
    """Return the glossary of the parameters of optimizers: the meaning of each, and who has it."""
    having: dict[str, list[str]] = {name: [] for name in GLOSSARY}
    for name, entry in catalogue().items():
        for key in inspect.signature(entry.make).parameters:
            having.get(key, []).append(name)
    text = ["# The parameters of optimizers", "", "One name means one thing in all of them.", ""]
    text += ["| parameter | meaning | of |", "|---|---|---|"]
    for key, meaning in GLOSSARY.items():
        names = having[key]
        some = ", ".join(f"[{name}](../optimizers/{name}.md)" for name in names[:4])
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        text.append(f"| `{key}` | {in_cell(meaning)} | {some}{more} |")
    return "\n".join(text) + "\n"


def doc_lines(documented: Any) -> list[str]:
    """Return the lines of a docstring, its lists of terms as lists of Markdown and its examples as blocks of code."""
    text, _, arguments = (inspect.getdoc(documented) or "").partition("\nArgs:\n")
    lines: list[str] = []
    arguments_of = _parameters(documented)
    for line in text.splitlines():
        term = re.match(TERM, line)
        if term is None and lines and lines[-1].startswith(("- ", "  ")) and line.partition(" ")[0] in arguments_of:
            term = re.match(r"^(\w+) (.*)$", line)  # a name as long as its column
        after = lines[-1] if lines else ""
        if term:
            names = ", ".join(f"`{name}`" for name in term[1].split(", "))
            lines += [*([""] if after and not after.startswith(("- ", "  ")) else []), f"- {names}: {term[2]}"]
        elif line.startswith("  ") and after.startswith(("- ", "  ")) and after.strip():
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    lines += (
        ["", *re.sub(r"^    (\w+): ", r"- `\1`: ", arguments, flags=re.MULTILINE).splitlines()] if arguments else []
    )
    return list(_fenced(lines))


def _parameters(documented: Any) -> Collection[str]:
    """Return the names of what it is called with, none where it has no signature."""
    try:
        return inspect.signature(documented).parameters
    except (TypeError, ValueError):
        return ()


def rules_of(value: Any) -> list[type]:
    """Return the types of an optimizer's rules, in the order in which they act, each once."""
    found = [type(value)] if type(value).__module__.startswith("jgd.optimizers.") else []
    for _, part in each_part(value):
        found += rules_of(part)
    return list(dict.fromkeys(found))


def in_cell(text: str) -> str:
    """Return a text as a cell of a table holds it."""
    return text.replace("|", r"\|")


def _curve_of(entry: ReferenceEntry) -> list[type]:
    """Return the record that a function of the schedules makes, which has the formula."""
    if entry.kind != "schedules" or inspect.isclass(entry.value):
        return []
    made = inspect.signature(entry.value).return_annotation
    return [made] if inspect.isclass(made) else []


def _fenced(lines: Sequence[str]) -> Iterable[str]:
    """Put examples of a Python prompt between fences."""
    inside = False
    for line in lines:
        example = line.lstrip().startswith((">>> ", "... ")) or (inside and bool(line.strip()))
        if example != inside:
            yield from ["", "```pycon"] if example else ["```"]
        inside = example
        yield line.strip() if example else line
    if inside:
        yield "```"


def _call(entry: ReferenceEntry) -> list[str]:
    """Tell how it is called, without the types."""
    if isinstance(entry.value, ModuleType) or issubclass_of(entry.value, enum.Enum):
        return []
    try:
        signature = inspect.signature(entry.value)
    except ValueError:
        return []
    shown = [one.replace(annotation=one.empty, default=_short(one.default)) for one in signature.parameters.values()]
    name = entry.name if entry.kind != "samplers" or "." in entry.name else f"sweep.run(..., sampler={entry.name!r})"
    call = f"jgd.{name}" if "(" in name else f"jgd.{name}{inspect.Signature(shown)}"
    return ["```", *textwrap.wrap(call, 68, subsequent_indent="    ", break_on_hyphens=False), "```", ""]


def _short(default: Any) -> Any:
    """Return a default value, whose address in memory is nobody's concern."""
    return (
        type("", (), {"__repr__": lambda _: getattr(default, "__name__", "...")})()
        if " at 0x" in repr(default)
        else default
    )


def issubclass_of(value: Any, base: type) -> bool:
    """Tell whether it is a class of that kind."""
    return inspect.isclass(value) and issubclass(value, base)


def _facts(entry: ReferenceEntry, optimizer: OptimizerEntry | None) -> list[str]:
    """Tell what is known of it beside its text."""
    facts = [f"- also: {', '.join(f'`{name}`' for name in entry.also)}"] if entry.also else []
    if optimizer is not None:
        rates = "it sets its own" if optimizer.rates is None else f"{optimizer.rates[0]:g} to {optimizer.rates[1]:g}"
        facts += [
            f"- family: `{optimizer.family}`",
            f"- state: {optimizer.state_bytes():.3g} bytes a parameter, of a matrix 256 x 256",
            f"- rates to search: {rates}",
            *([f"- needs: {', '.join(f'`{name}`' for name in optimizer.needs)}"] if optimizer.needs else []),
            f"- held to, with the worst deviation over 100 steps: {oracles_by_name()[entry.name]}",
            *([f"- source: {optimizer.source}; `jgd.citation({entry.name!r})`"] if optimizer.source else []),
        ]
    return facts


def _arguments(entry: ReferenceEntry) -> list[str]:
    """Return the fields of a record that its docstring does not list: meaning, range and default."""
    if not dataclasses.is_dataclass(entry.value) or isinstance(entry.value, ModuleType):
        return []
    listed = set(re.findall(r"`(\w+)`: ", "\n".join(doc_lines(entry.value))))
    lines, bare = [], []
    for field in dataclasses.fields(entry.value):
        if field.name in listed or field.name.startswith("_"):
            continue
        said = [GLOSSARY[field.name]] if entry.kind in ("optimizers", "rules") and field.name in GLOSSARY else []
        interval = field.metadata["interval"].text if "interval" in field.metadata else "(-inf, inf)"
        said += [f"a number in {interval}"] if interval != "(-inf, inf)" and not any(" in [" in x for x in said) else []
        told = field.default is dataclasses.MISSING or field.default is None or any("unless" in x for x in said)
        said += [] if told else [f"{_short(field.default)!r} unless given"]
        lines += [f"- `{field.name}`: {'; '.join(said)}"] if said else []
        bare += [] if said else [f"`{field.name}`"]
    lines += [f"- {', '.join(bare)}"] if bare else []
    return ["", "Fields:" if entry.is_type else "Arguments:", "", *lines] if lines else []


def _methods(entry: ReferenceEntry) -> list[str]:
    """List what can be asked of it: a class's methods, an enumeration's members, a module's functions."""
    value, lines = entry.value, []
    if issubclass_of(value, enum.Enum):
        lines = [f"- `{one.name}`: {getattr(one, 'message', '')}; {getattr(one, 'remedy', '')}" for one in value]
        return ["", "## Members", "", *lines]
    if isinstance(value, ModuleType):
        own = {k: v for k, v in vars(value).items() if getattr(v, "__module__", None) == value.__name__ and k[0] != "_"}
        lines = [f"- `{name}`: {_first(one)}" for name, one in own.items() if callable(one)]
        return ["", "## Names", "", *lines] if lines else []
    if not inspect.isclass(value) or entry.kind in CALLS or entry.kind == "samplers":
        return []
    for name in (name for name in dir(value) if not name.startswith("_")):
        one = inspect.getattr_static(value, name)
        if inspect.isfunction(one) or isinstance(one, (property, classmethod, staticmethod)):
            home = getattr(getattr(one, "fget", None) or getattr(one, "__func__", one), "__module__", "") or ""
            if home.startswith("jgd."):
                lines.append(f"- `{name}`: {_first(getattr(value, name))}")
    return ["", "## Methods", "", *lines] if lines else []


def _first(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]
