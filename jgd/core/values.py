"""An optimizer as data: its hyperparameters by name, replaced, stacked and selected."""

import dataclasses
import inspect
import itertools
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jgd.core.arguments import ARRAYS, Kind, checked, instance_of, shown
from jgd.core.call_text import call_name
from jgd.core.errors import InputError, RefusalError, unknown
from jgd.core.given import SWEPT, argument_path, children, given_names, kept, part_name
from jgd.core.record import part_names

T = TypeVar("T")
Path = tuple[str, ...]
MAPPING = instance_of("be a mapping of names to new values", Mapping)
VALUES = Kind(
    "be a list of at least one value, all of one structure", lambda x: isinstance(x, (list, tuple)) and bool(x)
)
INDEX = Kind(
    "be a whole number, a slice or an array of whole numbers",
    lambda x: isinstance(x, slice) or (not isinstance(x, (bool, np.bool_)) and _is_whole_array(x)),
)


@checked()
def hyperparams(value: Any) -> dict[str, Any]:
    """Return every hyperparameter by its name: `{"b1": 0.9, ..., "learning_rate": 0.001}`.

    A name is that of the argument that the number was given for, `momentum` of `sgd(0.1, momentum=0.9)`; else the last
    part of the leaf's path. As few other parts precede it as tell it from the rest: `adam.learning_rate` and
    `muon.learning_rate` where one argument made two. A position says whose it is, as in `learning_rate.values.0` of a
    schedule, and an argument of a `Partial` is called as its function calls it.
    """
    return dict(zip(_short_names(value), jax.tree.leaves(value), strict=True))


def names(value: Any) -> list[str]:
    """Return the names of the leaves, in the order of `jax.tree.leaves`."""
    paths = _leaf_paths(value)
    return [".".join(shortest_name(path, paths)) for path in paths]


@checked(changes=MAPPING)
def with_hyperparams(value: T, changes: Mapping[str, Any] | None = None, /, **named: Any) -> T:
    """Copy with some hyperparameters replaced, by name or by any longer path: `with_hyperparams(opt, b1=0.8)`.

    Names with a dot go into the mapping: `with_hyperparams(opt, {"muon.learning_rate": 0.02})`. The name of an argument
    means all that the constructor made of it, both rates of `muon(0.02)` with `learning_rate=`. A name may also mean
    a whole part, such as a schedule. Plain numbers are checked as at construction. An unknown or ambiguous name is
    an error that lists the known ones.
    """
    for name, new in {**(changes or {}), **named}.items():
        for path in find(value, name):
            try:
                value = _replace(value, path, new)
            except RefusalError as refusal:
                raise refusal.renamed("with_hyperparams", {name: new}) or refusal from None
    return value


def find(value: Any, name: str) -> tuple[Path, ...]:
    """Return the full paths that `name` means: of what an argument made, or of one leaf, or else of a part."""
    leaves, named = _leaf_paths(value), list(_named_paths(value))
    parts = dict.fromkeys(path[:end] for path in leaves for end in range(1, len(path)))
    for rows in (named, [NamedPaths(path, (path,)) for path in leaves], [NamedPaths(path, (path,)) for path in parts]):
        exact = [row for row in rows if ".".join(row.words) == name]
        matches = exact or [row for row in rows if _is_within(name, row.words)]
        for row in matches:
            if all(_hides(row.words, other.words) or set(other.paths) <= set(row.paths) for other in matches):
                return row.paths
        if matches:
            words = [row.words for row in rows]
            known = ", ".join(dict.fromkeys(".".join(shortest_name(row.words, words)) for row in matches))
            raise InputError(f"{type(value).__name__}: the name {name!r} is ambiguous; use one of: {known}.")
    argument = name.rpartition(".")[2]
    if (owner := _structure_owner(value, argument)) is not None:
        raise InputError(
            f"{owner}({argument}=...): {argument} is structure, which shapes the program, and no hyperparameter; make "
            f"another {owner} with it, or {SWEPT}."
        )
    raise unknown(type(value).__name__, name, _short_names(value))


@checked(values=VALUES)
def stack(values: Sequence[T]) -> T:
    """Stack values of one structure into one value whose leaves have a leading axis: what `jax.vmap` maps over."""
    first = jax.tree.structure(values[0])
    for i, value in enumerate(values):
        if jax.tree.structure(value) != first:
            raise InputError(
                f"stack: value {i} has another structure than value 0 ({jax.tree.structure(value)} against {first}); "
                "only values that differ in their numbers can be stacked."
            )
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x) for x in leaves]), *values)


@checked(stacked=ARRAYS, index=INDEX)
def select(stacked: T, index: Any) -> T:
    """Take one value, or a slice of them, out of a stack; the inverse of `stack`.

    A whole number that is known must lie within the stack; a traced one is clamped to it, as JAX does.
    """
    size = min((jnp.shape(x)[0] if jnp.ndim(x) else 0 for x in jax.tree.leaves(stacked)), default=0)
    if not size:
        raise InputError("select(stacked): its leaves have no common leading axis; pass what stack returned.")
    if isinstance(index, numbers.Integral) and not -size <= int(index) < size:
        raise InputError(f"select(index={index}): the stack holds {size} values; index must lie in [{-size}, {size}).")
    return jax.tree.map(lambda x: x[index], stacked)


def parameter_names(partial: Partial) -> list[str]:
    """Return the names of a function's positional parameters, as far as it tells them."""
    try:
        parameters = inspect.signature(partial.func).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def _short_names(value: Any) -> list[str]:
    """Return the shortest names of the leaves, by the arguments that made them."""
    paths = [row.words for row in _named_paths(value) if row.leaf]
    found = [shortest_name(path, paths) for path in paths]
    return [".".join(_with_owner(name, path)) for name, path in zip(found, paths, strict=True)]


def _with_owner(name: Path, path: Path) -> Path:
    """Return a name that ends in one word and a position, with the word that stands just before, as in a schedule's."""
    owner = path[-3:-2]
    fits = len(name) == 2 and path[-2:] == name and name[-1].isdigit() and owner and not owner[0].isdigit()
    return (*owner, *name) if fits else name


class NamedPaths(NamedTuple):
    """Hold the path by names of a leaf, or of an argument of a constructor, with the paths of all that it means."""

    words: Path
    paths: tuple[Path, ...]
    leaf: bool = False


def _named_paths(node: Any) -> Iterator[NamedPaths]:
    """Yield the leaves in their order, with the arguments of each `Partial` by their names.

    The arguments of constructors follow.
    """
    if isinstance(node, Partial):
        known = parameter_names(node)
        words = [known[i] if i < len(known) else str(i) for i in range(len(node.args))]
        places = [("0", str(i)) for i in range(len(node.args))] + [("1", key) for key in sorted(node.keywords)]
        values = [*node.args, *(node.keywords[key] for key in sorted(node.keywords))]
        children = zip([*words, *sorted(node.keywords)], places, values, strict=True)
    else:
        rows = jax.tree_util.tree_leaves_with_path(node, is_leaf=lambda x: x is not node)
        if any(not path for path, _ in rows):
            yield NamedPaths((), ((),), leaf=True)
            return
        children = ((word := part_name(path[0]), (word,), child) for path, child in rows)
    for word, place, child in children:
        for row in _named_paths(child):
            paths = tuple((*place, *path) for path in row.paths)
            yield NamedPaths(argument_path(node, paths[0], (word, *row.words)), paths, row.leaf)
    given = given_names(node)
    for name in dict.fromkeys(name for _, name in given):
        yield NamedPaths((name,), tuple(path for path, other in given if other == name))


def _structure_owner(node: Any, name: str) -> str | None:
    """Return the constructor in `node`, the outermost first, whose argument of this name is structure.

    None without one.
    """
    if name in given_names(node).structure:
        return given_names(node).maker
    fields = dataclasses.fields(node) if dataclasses.is_dataclass(node) else ()
    if any(field.name == name and field.metadata.get("kind") == "static" for field in fields):
        return call_name(type(node))
    owners = (_structure_owner(child, name) for _, child in children(node))
    return next((owner for owner in owners if owner is not None), None)


def _is_whole_array(x: Any) -> bool:
    return isinstance(x, numbers.Integral) or (hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.integer))


def _leaf_paths(value: Any) -> list[Path]:
    return [tuple(part_name(key) for key in path) for path, _ in jax.tree_util.tree_leaves_with_path(value)]


def _is_within(name: str, path: Path) -> bool:
    """Tell whether `name` is some of the parts of `path` in their order, with the last; a part may hold dots itself."""
    for part in path[:-1]:
        name = name.removeprefix(f"{part}.")
    return name == path[-1]


def _hides(path: Path, other: Path) -> bool:
    """Tell whether `other` stands deeper in the part whose own `path` is."""
    return len(other) > len(path) and other[: len(path) - 1] == path[:-1]


def shortest_name(path: Path, paths: Sequence[Path]) -> Path:
    """Return the fewest parts of `path` that no other path has.

    Words go before positions and lists, near parts before far.

    What stands deeper in the same part is no rival: the name of an argument means its own, not one of an inner part.
    """
    if not path:
        return ("value",)
    rivals = [other for other in paths if other != path and not _hides(path, other)]
    for size in range(len(path)):
        found = [
            tuple(path[i] for i in sorted(chosen)) + path[-1:]
            for chosen in itertools.combinations(range(len(path) - 2, -1, -1), size)
        ]
        unique = [name for name in found if not any(_is_within(".".join(name), rival) for rival in rivals)]
        unique = [name for name in unique if not all(part.isdigit() for part in name)]
        if unique:
            return min(unique, key=lambda name: sum(part.isdigit() or part == "transforms" for part in name))
    return path


def each_member(value: Any) -> list[tuple[str, Any]]:
    """List the members of a tuple or a dict, each with how a path names it; else, as of a record, the value alone."""
    if isinstance(value, tuple) and not dataclasses.is_dataclass(value):  # a transform is optax's tuple as well
        return [(f"[{i}]", one) for i, one in enumerate(value)]
    if isinstance(value, dict):
        return [(f"[{key!r}]", one) for key, one in value.items()]
    return [("", value)]


def each_part(value: Any) -> list[tuple[str, Any]]:
    """List the parts of a record, those in a tuple or a dict one by one, each with its path: `.transforms[0]`."""
    return [(f".{name}{key}", one) for name in part_names(value) for key, one in each_member(getattr(value, name))]


def _replace(node: Any, path: Path, new: Any) -> Any:
    """Copy a tree with `new` at a path; what checks its arguments at construction, as records do, checks them again."""
    if not path:
        return new
    key, rest = path[0], path[1:]

    def child(name: Any, old: Any) -> Any:
        return _replace(old, rest, new) if str(name) == key else old

    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return kept(node, dataclasses.replace(node, **{key: _replace(getattr(node, key), rest, new)}))
    if isinstance(node, dict):
        return type(node)((k, child(k, v)) for k, v in node.items())
    replace = getattr(node, "_replace", None)
    if replace is not None:  # a named tuple, or what checks its arguments again, as FromOptax does
        return replace(**{key: _replace(getattr(node, key), rest, new)})
    if isinstance(node, (tuple, list)):
        return type(node)(child(i, item) for i, item in enumerate(node))
    # Any other node, such as a jax.tree_util.Partial: its children are what a flattening of one level gives.
    rows, structure = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)
    return structure.unflatten([child(part_name(row[0]), old) for row, old in rows])


def as_whole(number: Any) -> jax.Array:
    """Return a hyperparameter without a fraction, which is kept as a float, as an i32."""
    return jnp.round(jnp.asarray(number)).astype(jnp.int32)


def at_count(rule: Any, name: str, count: Any) -> Any:
    """Return a record's hyperparameter at the step `count`: a number itself, or the value of a schedule there."""
    value = getattr(rule, name)
    return one_number(f"{type(rule).__name__}({name})", value, count) if callable(value) else value


def one_number(place: str, schedule: Any, count: Any) -> Any:
    """Return the value of a schedule at the step `count`, or the error that it is not one number."""
    value = schedule(count)
    if not isinstance(value, numbers.Real) and getattr(value, "shape", None) != ():
        raise InputError(
            f"{place}: {shown(schedule)} returned {shown(value)} at a step, expected one number; where leaves need "
            "numbers of their own, use jgd.by_path."
        )
    return value
