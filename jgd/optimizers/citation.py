"""The papers behind an optimizer, as BibTeX."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from jgd.core.arguments import TEXT, TRANSFORM, Kind, admits, checked
from jgd.core.errors import InputError, unknown
from jgd.core.outline import shown
from jgd.optimizers.catalogue import SOURCE, catalogue

CITED = Kind(
    "be an optimizer, such as jgd.adamw(1e-3), another transform, or the name of an optimizer",
    lambda x: admits(TEXT, x) or admits(TRANSFORM, x),
)


@checked(optimizer=CITED)
def citation(optimizer: Any) -> str:
    """Write the sources of an optimizer as BibTeX entries, one for each paper.

    `optimizer` is a value, of which every part is asked, its schedules included, or a name of the catalogue. Authors,
    years and arXiv numbers are those that the docstrings name; titles are left to the tools that complete an entry by
    its number. What names no source, such as a plain scale, adds none; `InputError` if no part names one.
    """
    if isinstance(optimizer, str):
        known = catalogue()
        if optimizer not in known:
            raise unknown("citation", optimizer, known)
        found = [(optimizer, known[optimizer].source)]
    else:
        found = [(type(part).__name__, source) for part in _parts(optimizer) for source in _sources(type(part))]
    used: dict[str, list[str]] = {}
    for name, source in found:
        if source:
            used.setdefault(source, []).append(name)
    if not used:
        raise InputError(
            f"citation({shown(optimizer)}): none of its parts names a source; cite jgd itself, or see its docstring."
        )
    keys: list[str] = []
    return "\n\n".join(_entry(source, list(dict.fromkeys(names)), keys) for source, names in used.items())


def _parts(value: Any) -> Iterator[Any]:
    """Yield the records that a value is made of, itself first."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _parts(inner)


def _sources(kind: type) -> list[str]:
    """Return the first papers that a record's docstring names together, or that of an optimizer in its own file."""
    if found := re.search(rf"{SOURCE}(?:; {SOURCE})*", " ".join((kind.__doc__ or "").split())):
        return found[0].split("; ")
    own = (entry.source for entry in catalogue().values() if entry.make.__module__ == kind.__module__)
    return list(filter(None, own))[:1]


def _entry(source: str, names: list[str], keys: list[str]) -> str:
    """Return the BibTeX of one source; `keys` are those in use, and gain its own."""
    matched = re.fullmatch(r"(.+) (\d{4})(?:, (?:arXiv:(\S+)|(.+)))?", source)
    authors, year, number, place = matched.groups() if matched else (source, "", None, None)
    people = re.split(r", | & ", authors.removesuffix(" et al."))
    key = re.sub(r"\W", "", people[0]).lower() + year
    key += "abcdefgh"[sum(one.startswith(key) for one in keys)] if key in keys else ""
    keys.append(key)
    fields = {
        "author": " and ".join([*people, *(["others"] if authors.endswith(" et al.") else [])]),
        "year": year,
        "eprint": number,
        "archivePrefix": number and "arXiv",
        "url": number and f"https://arxiv.org/abs/{number}",
        "howpublished": place,
        "note": f"In jgd: {', '.join(names)}",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])
