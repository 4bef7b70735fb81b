"""The one error for bad input, the nearest known name for a misspelt one, and the check of a whole number."""

import difflib
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

MANY = 50  # names, in which nobody finds the one that was meant


class InputError(ValueError):
    """Refuse what the caller gave; the message names the place, the value and the remedy."""


class CallError(InputError, TypeError):
    """Refuse a call whose arguments do not fit the function, which Python itself calls a TypeError."""


class ExpectationError(InputError):
    """Refuse a value before it is known for which argument it was given; a record adds the argument's name."""

    def __init__(self, value: str, expected: str) -> None:
        super().__init__(f"{value} must {expected}.")
        self.expected = expected


class RefusalError(InputError):
    """Refuse the value of one argument; a function that only passed the value on says so under its own name for it."""

    def __init__(self, place: str, name: str, value: Any, expected: str, shown: Callable[[Any], str]) -> None:
        super().__init__(f"{place}({name}={shown(value)}): {name} must {expected}.")
        self.name, self.value, self.expected, self.shown = name, value, expected, shown

    def renamed(self, place: str, given: Mapping[str, Any]) -> "RefusalError | None":
        """Return the same about the argument of `given` that holds this very value; None where none does."""
        holding = [name for name, value in given.items() if value is self.value]
        name = self.name if self.name in holding else next(iter(holding), None)
        return None if name is None else RefusalError(place, name, self.value, self.expected, self.shown)


def unknown(place: str, name: object, known: Iterable[object]) -> InputError:
    """Return the error for a name that is not among `known`; it suggests the nearest, and lists them where few."""
    names = [str(k) for k in known]
    near = suggestion(name, names)
    listed = "" if near and len(names) > MANY else f" Known: {', '.join(names) or 'none'}."
    return InputError(f"{place}: unknown name {str(name)!r}.{near}{listed}")


def suggestion(name: object, known: Sequence[str]) -> str:
    """Ask, with a space before it, whether the nearest of the known names was meant; nothing where none is near."""
    by_lower = {k.lower(): k for k in known}
    near = [by_lower[k] for k in difflib.get_close_matches(str(name).lower(), by_lower, n=3, cutoff=0.5)]
    return f" Did you mean {' or '.join(near)}?" if near else ""


def whole(place: str, name: str, value: Any, least: int = 1, otherwise: str = "") -> int:
    """Give `value` as an int; refuse all but whole numbers of at least `least`, in words that end with `otherwise`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(f"{place}({name}={value!r}): {name} must be a whole number, at least {least}{otherwise}.")
    return int(value)
