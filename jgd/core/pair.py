"""Transforms as optax's class: a pair of `init` and `update` that is unpacked, indexed and asked for by its type."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast, get_args

import jax
import optax

from jgd.core.errors import InputError
from jgd.core.types import Schedule

T = TypeVar("T")
_OBJECT: Any = object


class Pair(optax.GradientTransformationExtraArgs):
    """optax's class with methods in place of functions, which every record with `init` and `update` inherits from.

    Libraries ask `isinstance(x, optax.GradientTransformation)`, and optax's wrappers forward `value=` and the like
    only to members of GradientTransformationExtraArgs. The tuple that optax's class is stays empty, because bound
    methods in it would be circles that only the garbage collector frees; it is read through the methods below.
    """

    def __new__(cls: type[T], *args: Any, **kwargs: Any) -> T:
        """Return a value without contents; `__init__` and JAX fill its attributes."""
        return tuple.__new__(cast(Any, cls))

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        return iter((self.init, self.update))

    def __getitem__(self, index: Any) -> Any:
        return (self.init, self.update)[index]

    def __reversed__(self) -> Iterator[Any]:
        return reversed((self.init, self.update))

    def __contains__(self, function: Any) -> bool:
        return function in (self.init, self.update)

    def __getnewargs__(self) -> tuple[()]:
        """Return nothing: copies and pickles carry the attributes alone."""
        return ()

    def _replace(self, **changes: Any) -> Any:
        """Make optax's plain pair with one function replaced; `jgd.with_hyperparams` replaces numbers."""
        return optax.GradientTransformationExtraArgs(*self)._replace(**changes)

    # Compared and hashed by identity, like all records; a sum or a multiple of a transform means nothing.
    __eq__, __ne__, __hash__ = _OBJECT.__eq__, _OBJECT.__ne__, _OBJECT.__hash__
    __lt__, __le__, __gt__, __ge__ = _OBJECT.__lt__, _OBJECT.__le__, _OBJECT.__gt__, _OBJECT.__ge__
    __add__: Any = None
    __mul__: Any = None
    __rmul__: Any = None


def as_pair(cls: type[T]) -> type[T]:
    """Return a class with `init` and `update` as one that inherits from `Pair` too, under the same name."""
    if issubclass(cls, Pair):
        return cls
    names = ("__module__", "__qualname__", "__doc__")
    bases: Any = (cls, Pair)
    return cast(type[T], type(cls.__name__, bases, {name: getattr(cls, name) for name in names}))


def abstracted(init: Callable[..., Any]) -> Callable[..., Any]:
    """Return `init`, which returns the shapes of a state for the shapes of parameters (`jax.ShapeDtypeStruct`).

    It says so when a schedule stands where it needs a number.
    """

    @functools.wraps(init)
    def call(self: Any, params: Any) -> Any:
        if any(isinstance(x, jax.ShapeDtypeStruct) for x in jax.tree.leaves(params)):
            return jax.eval_shape(lambda p: call(self, p), params)
        try:
            return init(self, params)
        except TypeError:
            _refuse_schedules(self, "init")
            raise

    return call


def explained(update: Callable[..., Any]) -> Callable[..., Any]:
    """Return `update`, which says so when it is called with no state of its, or with a schedule that it does not read.

    optax's `updates=` means its `grads`.
    """

    @functools.wraps(update)
    def call(self: Any, *args: Any, **extra: Any) -> Any:
        if not args and "updates" in extra:
            args = (extra.pop("updates"),)
        try:
            return update(self, *args, **extra)
        except AttributeError as error:
            state = args[1] if len(args) > 1 else extra.get("state")
            # Every tuple has a method `count`, which is no counter.
            if state is None or not (error.obj is state or getattr(error.obj, "__self__", None) is state):
                raise
            raise InputError(
                f"{type(self).__name__}.update: got a {type(state).__name__} for its state; pass the state that its "
                "init returned, as update(grads, state, params)."
            ) from None
        except TypeError:
            _refuse_schedules(self, "update")
            raise

    return call


def _refuse_schedules(transform: Any, method: str) -> None:
    """Raise an error if schedules stand where `jgd.scheduled` alone reads them: in fields of plain numbers."""
    found = []
    for field in dataclasses.fields(transform):
        value = getattr(transform, field.name)
        plain = field.metadata.get("kind") in ("hyper", "hypers") and Schedule not in get_args(field.type)
        if plain and any(map(callable, value if isinstance(value, tuple) else (value,))):
            found.append(field.name)
    if found:
        raise InputError(
            f"{type(transform).__name__}.{method}: a schedule stands for {' and '.join(found)}; wrap the optimizer in "
            "jgd.scheduled(...), which gives every number its value at each step."
        ) from None
