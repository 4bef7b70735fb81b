"""Where distributions stand in a space, and their names."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
from jax.tree_util import Partial

from jgd.core.given import argument_path, part_name
from jgd.core.values import parameter_names, shortest_name
from jgd.sweep.spaces.distributions import Distribution, Parts, Structural

Path = tuple[str, ...]


class Place(NamedTuple):
    """A distribution where it stands."""

    distribution: Distribution
    path: Path
    argument_path: Path
    name: str
    when: tuple[tuple[int, int], ...]  # ids of choices, and their options


def places(space: Any) -> list[Place]:
    """Return every distribution of a space, choices before what their options hold.

    A name is that of the argument that it was given for, or the last part of the path, preceded by as few others as
    tell it from those of all other leaves. Arguments of a `Partial` are called as its function calls them.
    """
    rows, found = list(_rows(space, (), (), ())), []
    called: dict[Path, str] = {}
    for row in rows:
        if not isinstance(row.leaf, Distribution):
            continue
        if row.alone:  # an option has only a label, which says little without the choice's name
            name = f"{called[row.path[:-1]]}.{row.path[-1]}"
        else:
            # A choice is named as if it were a number, which has nothing inside.
            others = [
                one.argument_path for one in rows if not _is_choice(one.leaf) and one.path[: len(row.path)] != row.path
            ]
            name = ".".join(shortest_name(row.argument_path, others))
        called[row.path] = name
        found.append(Place(row.leaf, row.path, row.argument_path, name, row.when))
    return found


def names_of(groups: Sequence[Sequence[Place]]) -> list[str]:
    """Return a name for each distribution, given all its places: the fewest words that tell it from the others.

    One in several places is called by what all their paths end in, which means all of them, else by its first place.
    """
    wanted = [_shared_name(group) for group in groups]
    for closer in (lambda place: place.name, lambda place: ".".join(place.path)):
        twice = {name for name in wanted if wanted.count(name) > 1}
        wanted = [closer(group[0]) if name in twice else name for name, group in zip(wanted, groups, strict=True)]
    return wanted


def _shared_name(group: Sequence[Place]) -> str:
    ends = {place.argument_path[-1] for place in group}
    return ends.pop() if len(group) > 1 and len(ends) == 1 else group[0].name


class _Row(NamedTuple):
    """A leaf of a space or of a part of it, with its path, and that by the names of arguments."""

    leaf: Any
    path: Path
    argument_path: Path
    when: tuple[tuple[int, int], ...]
    alone: bool  # whether it is an option itself


def _rows(node: Any, path: Path, named: Path, when: tuple[tuple[int, int], ...]) -> Iterator[_Row]:
    for keys, words, leaf in _leaves(node, (), ()):
        here, called = path + keys, named + words
        yield _Row(leaf, here, called, when, not keys)
        if _is_choice(leaf) and not isinstance(leaf, Structural):
            for i, (label, option) in enumerate(zip(leaf.labels, leaf.options, strict=True)):
                yield from _rows(option, (*here, label), (*called, label), (*when, (id(leaf), i)))


def _leaves(node: Any, path: Path, named: Path) -> Iterator[tuple[Path, Path, Any]]:
    """Yield every leaf, and every distribution where structure stands, with its path from `node`."""
    if isinstance(node, Distribution):
        yield path, named, node
    elif isinstance(node, Partial):
        names = parameter_names(node)
        for i, child in enumerate(node.args):
            name = names[i] if i < len(names) else str(i)
            yield from _leaves(child, (*path, "0", str(i)), (*named, name))
        for name in sorted(node.keywords):
            yield from _leaves(node.keywords[name], (*path, "1", name), (*named, name))
    elif is_record(node):
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if field.metadata.get("kind") != "static" or isinstance(value, Distribution):
                for keys, words, leaf in _leaves(value, (field.name,), (field.name,)):
                    yield path + keys, named + argument_path(node, keys, words), leaf
    else:
        for keys, child in jax.tree_util.tree_leaves_with_path(node, is_leaf=lambda x: x is not node):
            if keys:
                name = part_name(keys[0])
                yield from _leaves(child, (*path, name), (*named, name))
            else:
                yield path, named, child


def is_record(node: Any) -> bool:
    """Tell whether it is a record of jgd's, whose fields say what they are."""
    if not dataclasses.is_dataclass(node) or isinstance(node, type):
        return False
    return any("kind" in field.metadata for field in dataclasses.fields(node))


def _is_choice(leaf: Any) -> bool:
    return isinstance(leaf, Parts)
