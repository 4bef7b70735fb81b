"""Stand-ins for optax's names in the drop-in namespace: jgd's functions of the same names."""

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any


def replaced(theirs: ModuleType, *sources: ModuleType) -> dict[str, Any]:
    """Return the names of a module of optax that stand for something else here."""
    named: dict[str, Any] = {}
    for name in dir(theirs):
        alias = "partition" if name == "multi_transform" else name
        ours = next(filter(callable, (getattr(module, alias, None) for module in sources)), None)
        if ours is not None and callable(getattr(theirs, name)):
            named[name] = either(ours, getattr(theirs, name))
    return named


def either(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Return jgd's function; in its place acts optax's for a call with a keyword that only optax's has."""
    mine, other = inspect.signature(ours), inspect.signature(theirs)
    extra = [p for name, p in other.parameters.items() if name not in mine.parameters]
    if not extra:
        return ours
    keywords = {p.name for p in extra}

    @functools.wraps(ours)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (theirs if keywords & kwargs.keys() else ours)(*args, **kwargs)

    call.__signature__ = mine.replace(parameters=[*mine.parameters.values(), *extra])  # type: ignore[attr-defined]
    return call
