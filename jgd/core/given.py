"""The names that a constructor gave to what it made: of its numbers, and of its arguments that are structure."""

import inspect
import numbers
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar, get_args

import jax

T = TypeVar("T")
Path = tuple[str, ...]
GIVEN = "_given"  # of every record, its `Names`
_calls = threading.local()
SWEPT = (
    "sweep over it with sweep.choice of whole optimizers or tasks or, where it is a whole number, with "
    "sweep.structural([16, 32])"
)
UNDRAWN = f"be known, as structure that no distribution can stand for; {SWEPT}"


class Names(tuple[tuple[Path, str], ...]):
    """The path and the argument's name of each place of a number that a constructor named.

    They travel with a record's structure and are none of it: values that differ in them alone are of one structure and
    share compiled programs. A record that a program returns has the names of the one that it was traced for.
    """

    maker = ""  # the constructor's name
    structure: tuple[str, ...] = ()  # its arguments that are no numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return 0


UNNAMED = Names()


def taken_numbers(signature: inspect.Signature) -> tuple[str, ...]:
    """Give the parameters that take a number which becomes a leaf, by their annotations: `Scalar`, `Rate`, `Decay`."""
    return tuple(name for name, one in signature.parameters.items() if float in get_args(one.annotation))


class Placeholder:
    """Something that stands where a number will be, such as a distribution in a search space."""

    structural = False  # whether it stands for structure too


def made(make: Callable[..., T], arguments: dict[str, Any], taken: Collection[str]) -> T:
    """Make a value that knows the places of the numbers in the arguments `taken`, which become new floats.

    A number is known by its identity, so each float gets an object of its own; of an array or a schedule that was given
    twice the places are those that placeholders have. What `make` computes of an argument is not its number.
    Constructors inside a constructor name nothing: the outermost is the one that was called.
    """
    if getattr(_calls, "inside", False):
        return make(**arguments)
    owners: dict[int, str] = {}
    stand_ins: dict[str, Any] = {}
    for name in taken:
        value = arguments[name]
        if isinstance(value, float) or (isinstance(value, numbers.Real) and not isinstance(value, bool)):
            value = arguments[name] = float(value) * 1.0  # another object, even for one that occurs twice
        if (other := owners.setdefault(id(value), name)) != name and value is not None:
            stand_ins |= {other: Placeholder(), name: Placeholder()}
    owners.pop(id(None), None)
    _calls.inside = True
    try:
        value = make(**arguments)
        if GIVEN not in getattr(value, "__dict__", ()):
            return value
        owners |= {id(x): name for name, x in stand_ins.items()}
        names = _names(make(**{**arguments, **stand_ins}) if stand_ins else value, owners)
        names.maker = getattr(make, "__name__", "")
        names.structure = tuple(name for name in arguments if name not in taken)
        return _with_names(value, names)
    finally:
        _calls.inside = False


def kept(old: Any, new: T) -> T:
    """Give `new`, which is `old` with other numbers or parts, the names of `old`."""
    return _with_names(new, vars(old)[GIVEN]) if GIVEN in getattr(old, "__dict__", ()) else new


def given_names(node: Any) -> Names:
    """Return the places in a record that its constructor's arguments made, with their names."""
    return getattr(node, GIVEN, UNNAMED)


def argument_path(node: Any, path: Path, words: Path) -> Path:
    """Return a path in `node` with the name of the argument that made a place: that alone, or with the way there."""
    for place, name in given_names(node):
        if path[: len(place)] == place:
            return ((name,) if is_alone(node, name) else (*words[: len(place) - 1], name)) + words[len(place) :]
    return words


def is_alone(node: Any, name: str) -> bool:
    """Tell whether the argument of this name made one place of `node`."""
    return sum(other == name for _, other in given_names(node)) == 1


def node_at(node: Any, path: Path) -> Any:
    """Find the node at a path in a value of records, sequences and dicts."""
    for word in path:
        node = next(child for key, child in children(node) if str(key) == word)
    return node


def part_name(key: Any) -> str:
    """Return a key of a path as a text."""
    for attribute in ("name", "key", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _names(value: Any, owners: dict[int, str]) -> Names:
    """Return the places of arguments that their paths do not name."""
    places, ends = [], Counter[str]()
    _find(value, (), owners, places, ends)
    other = {name for path, name in places if path[-1] != name or ends[name] > 1}
    return Names((path, name) for path, name in places if name in other)


def _find(node: Any, path: Path, owners: dict[int, str], places: list[tuple[Path, str]], ends: Counter[str]) -> None:
    """Add the places of what arguments made below `node`, and count the last words of all paths."""
    for key, child in children(node):
        if (name := owners.get(id(child))) is not None:
            places.append(((*path, str(key)), name))
            ends[str(key)] += 1
        elif isinstance(child, (float, jax.Array)):
            ends[str(key)] += 1
        elif not isinstance(child, (str, int)) and child is not None:
            _find(child, (*path, str(key)), owners, places, ends)


def children(node: Any) -> Iterable[tuple[Any, Any]]:
    """List the children of a record, a dict or a sequence of parts, with their names, keys or positions."""
    if GIVEN in getattr(node, "__dict__", ()):
        return vars(node).items()
    if isinstance(node, dict):
        return node.items()
    return enumerate(node) if type(node) in (tuple, list) else ()


def _with_names(value: T, names: Names) -> T:
    copy: Any = type(value).__new__(type(value))
    copy.__dict__.update(vars(value))
    copy.__dict__[GIVEN] = names
    return copy
