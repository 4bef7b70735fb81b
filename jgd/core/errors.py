"""The one error for bad input, and the nearest known name for a misspelt one."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What the caller gave cannot be used; the message names the place, the value and the remedy."""


def unknown(place: str, name: object, known: Iterable[object]) -> InputError:
    """The error for a name that is not among `known`; it suggests the nearest and lists them all."""
    names = [str(k) for k in known]
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return InputError(f"{place}: unknown name {str(name)!r}.{hint} Known: {', '.join(names) or 'none'}.")
