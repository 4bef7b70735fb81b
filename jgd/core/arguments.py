"""Kinds of arguments, one for each name that public functions take, checked where a call enters."""

import functools
import inspect
import math
import numbers
import os
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.core
import numpy as np

from jgd.core.call_arguments import bind_arguments, takes
from jgd.core.errors import InputError, suggestion
from jgd.core.outline import shown as shown
from jgd.core.types import Transform

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # of a store elsewhere; a pathlib.Path has made one slash of two


class Kind(NamedTuple):
    """An expectation of a value: how an error words it, after "must", and whether a value meets it."""

    expected: str
    admits: Callable[[Any], bool]
    names: tuple[str, ...] = ()  # the texts that it admits, where they are few


def whole_from(least: int) -> Kind:
    """Expect a whole number that is at least `least`, known before compilation."""
    return Kind(f"be a whole number, at least {least}", lambda x: _is_whole(x) and x >= least)


def one_of(*known: str) -> Kind:
    """Expect one of a few texts."""
    return Kind(f"be one of {', '.join(map(repr, known))}", lambda x: isinstance(x, str) and x in known, known)


def function_of(signature: str, *counts: int) -> Kind:
    """Expect a function, called as `signature` says; with `counts`, one that takes so many arguments by position."""
    return Kind(
        f"be a function {signature}",
        lambda x: callable(x) and (not counts or any(takes(x, count) for count in counts)),
    )


def listed(what: str, kind: Kind, *, least: int = 0) -> Kind:
    """Expect a list, a tuple or an array of values of a kind, at least so many."""
    few = f", at least {'one' if least == 1 else least}" if least else ""
    return Kind(
        f"be a list of {what}{few}",
        lambda x: (
            isinstance(x, (Sequence, np.ndarray, jax.Array))
            and not isinstance(x, (str, bytes))
            and len(x) >= least
            and all(admits(kind, one) for one in x)
        ),
    )


def instance_of(expected: str, *classes: type) -> Kind:
    """Expect a value of one of these classes, which `expected` tells how to make."""
    return Kind(expected, lambda x: isinstance(x, classes))


FLAG = Kind("be True or False", lambda x: isinstance(x, (bool, np.bool_)))
WHOLE = whole_from(1)
COUNT = whole_from(0)
SEED = Kind("be a whole number from 0 to 2**64 - 1, which a key can hold", lambda x: _is_whole(x) and 0 <= x < 2**64)
FINITE = Kind("be a finite number", lambda x: _is_real(x) and math.isfinite(x))
POSITIVE = Kind("be a positive number", lambda x: _is_real(x) and math.isfinite(x) and x > 0)
SHARE = Kind("be a number between 0 and 1", lambda x: _is_real(x) and 0 < x < 1)
TEXT = Kind("be a name, as a text that is not empty", lambda x: isinstance(x, str) and bool(x))
FOLDER = Kind(
    "be the path of a folder on this machine, as a text or a pathlib.Path; an address is none, so name where the store "
    "is mounted",
    lambda x: _is_path(x) and not ADDRESS.match(os.fspath(x)),
)
FILE = Kind("be the path of a file, as a text or a pathlib.Path", lambda x: _is_path(x))
TRANSFORM = Kind(
    "be a gradient transformation with init and update, such as jgd.adam(1e-3), called and not the function itself",
    lambda x: isinstance(x, Transform) and not isinstance(x, type),
)
DEVICES = Kind(
    "be a list of different devices, such as jax.devices()",
    lambda x: (
        isinstance(x, Iterable)
        and all(hasattr(one, "process_index") for one in x)
        and 0 < len(list(x)) == len({id(one) for one in x})
    ),
)
DTYPE = Kind("be a dtype, such as 'float32'", lambda x: _is_dtype(x))
KEY = Kind("be a seed or a random key, such as jax.random.key(0)", lambda x: x is not None)
ARRAY = Kind("be a number or an array of numbers", lambda x: _is_array(x) and not isinstance(x, bool))
ARRAYS = Kind("be a pytree of arrays or of shapes", lambda x: all(_is_array(leaf) for leaf in jax.tree.leaves(x)))

PATTERN = Kind(
    "be a regular expression that is searched in the leaves' paths, such as 'kernel$'", lambda x: _is_pattern(x)
)
MASK = Kind(
    "be a tree of True and False, the parameters' or a prefix of it, a function of the parameters that returns one, or "
    "a regular expression that is searched in the leaves' paths, such as 'kernel$'",
    lambda x: (
        _is_pattern(x)
        or callable(x)
        or _leaves_are(lambda leaf: getattr(leaf, "dtype", None) == np.bool_ or FLAG.admits(leaf), x)
    ),
)
LABELS = Kind(
    "be a tree of labels, the parameters' or a prefix of it, or a function of the parameters that returns one",
    lambda x: callable(x) or _leaves_are(_is_label, x),
)
BY_LABEL = Kind("be a dict of transforms by label, with at least one", lambda x: isinstance(x, Mapping) and bool(x))

KINDS: dict[str, Kind] = {
    "batch_size": WHOLE,
    "block_seconds": POSITIVE,
    "blocks": WHOLE,
    "callback": function_of("(snapshot) or (step, metrics)", 1, 2),
    "carry": COUNT,
    "clock": function_of("() -> seconds"),
    "confidence": SHARE,
    "context": WHOLE,
    "devices": DEVICES,
    "dir": FOLDER,
    "dtype": DTYPE,
    "eta": whole_from(2),
    "eval_every": WHOLE,
    "fn": function_of("of its arguments"),
    "hidden": WHOLE,
    "keep_best": TEXT,
    "lanes": WHOLE,
    "max_seconds": POSITIVE,
    "metric": TEXT,
    "min_steps": WHOLE,
    "mode": one_of("min", "max"),
    "num_trials": WHOLE,
    "optimizer": TRANSFORM,
    "own": FLAG,
    "paired": FLAG,
    "params": ARRAYS,
    "path": FILE,
    "progress": FLAG,
    "rounds": WHOLE,
    "seed": SEED,
    "steps": WHOLE,
    "target": FINITE,
    "where": function_of("(params) -> True or False", 1),
    "width": WHOLE,
    "workers": WHOLE,
}
"""The meaning of a name in every public function that takes it; `checked` looks there."""


def checked(**here: Kind | None) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Check a function's arguments by `KINDS`; `here` has the kinds that names have in this function alone.

    A parameter whose default is None admits None. A kind of None leaves a parameter to the function itself.
    """

    def decorate(fn: Callable[Given, Answer]) -> Callable[Given, Answer]:
        signature = inspect.signature(fn)
        needed = {
            name for name, one in signature.parameters.items() if one.default is one.empty and one.kind not in OPEN
        }
        place = fn.__qualname__.removesuffix(".__init__").rpartition("<locals>.")[2]

        @functools.wraps(fn)
        def call(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
            given = bind_arguments(place, signature, args, kwargs, partial=True).arguments
            check_arguments(place, signature, given, here)
            if not needed <= given.keys():
                bind_arguments(place, signature, args, kwargs)  # which says what is missing
            return fn(*args, **kwargs)

        setattr(call, "__kinds__", kinds_by_name(signature, here))  # noqa: B010
        return call

    return decorate


def kinds_by_name(signature: inspect.Signature, here: Mapping[str, Kind | None]) -> dict[str, Kind | None]:
    """Return the kind of each parameter by its name: of `here`, or else of `KINDS`; None where neither knows one."""
    return {name: here[name] if name in here else KINDS.get(name) for name in signature.parameters}


def check_arguments(
    place: str, signature: inspect.Signature, given: Mapping[str, Any], here: Mapping[str, Kind | None]
) -> None:
    """Refuse the first of the `given` arguments that is not of the kind that its name has."""
    for name, value in given.items():
        kind = here[name] if name in here else KINDS.get(name)
        if kind is not None and value is not signature.parameters[name].default and not admits(kind, value):
            hint = suggestion(value, kind.names) if isinstance(value, str) else ""
            raise InputError(f"{place}({name}={shown(value)}): {name} must {kind.expected}.{hint}")


def admits(kind: Kind, value: Any) -> bool:
    """Tell whether a value is of a kind; a value that cannot even be asked is not."""
    try:
        return bool(kind.admits(value))
    except (TypeError, ValueError):
        return False


def _is_whole(x: Any) -> bool:
    return isinstance(x, numbers.Integral) and not isinstance(x, bool)


def _is_real(x: Any) -> bool:
    """Tell whether it is a number that is known, whether Python's, NumPy's or an array's."""
    if isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer) and not x.shape:
        return x.dtype.kind in "iuf"
    return isinstance(x, numbers.Real) and not isinstance(x, (bool, np.bool_))


def _is_path(x: Any) -> bool:
    return isinstance(x, (str, os.PathLike)) and isinstance(os.fspath(x), str) and "\0" not in os.fspath(x) and x != ""


def _is_dtype(x: Any) -> bool:
    return not isinstance(x, (int, float)) and bool(jax.numpy.dtype(x))


def _is_pattern(x: Any) -> bool:
    try:
        return isinstance(x, str) and bool(x) and bool(re.compile(x))
    except re.error:
        return False


def _is_label(x: Any) -> bool:
    return isinstance(x, Hashable) and not isinstance(x, (bool, float, complex))


def _leaves_are(fitting: Callable[[Any], bool], tree: Any) -> bool:
    """Tell whether it is a tree and holds nothing that does not fit."""
    leaves = tree.leaves if hasattr(tree, "leaves") and hasattr(tree, "structure") else jax.tree.leaves(tree)
    return tree is not None and all(map(fitting, leaves))


def _is_array(x: Any) -> bool:
    return isinstance(x, (int, float, complex)) or (hasattr(x, "shape") and hasattr(x, "dtype"))
