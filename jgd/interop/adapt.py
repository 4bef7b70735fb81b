"""What stands for optax's names in the drop-in namespace: classes that know jgd's values, functions that take them."""

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import optax

from jgd.interop.convert import is_value, to_optax

# The functions of optax that take transforms, or factories of them, and that jgd has nothing of its own for.
WRAPPERS = (
    "conditionally_mask",
    "conditionally_transform",
    "flatten",
    "galore",
    "inject_hyperparams",
    "inject_stateful_hyperparams",
    "lbfgs",
    "lookahead",
    "mechanize",
    "named_chain",
    "sam",
    "scale_by_galore",
    "schedule_free",
    "selective_transform",
    "split_real_and_imaginary",
    "with_extra_args_support",
)


class _Pair(type):
    """Makes jgd's values instances of optax's two classes, so that `isinstance` checks accept them."""

    def __instancecheck__(cls, instance: Any) -> bool:
        original = cls.__dict__.get("original")
        if original is None:  # somebody's own subclass
            return super().__instancecheck__(instance)
        return isinstance(instance, original) or is_value(instance)


class GradientTransformation(optax.GradientTransformation, metaclass=_Pair):
    """optax's pair of functions; jgd's values count as instances."""

    __slots__ = ()
    original = optax.GradientTransformation


class GradientTransformationExtraArgs(GradientTransformation, optax.GradientTransformationExtraArgs, metaclass=_Pair):
    """optax's pair of functions that takes extra arguments; jgd's values count as instances."""

    __slots__ = ()
    original = optax.GradientTransformationExtraArgs


def replaced(theirs: ModuleType, *sources: ModuleType) -> dict[str, Any]:
    """The names of a module of optax that stand for something else here."""
    named: dict[str, Any] = {}
    for name in dir(theirs):
        alias = "partition" if name == "multi_transform" else name
        ours = next(filter(callable, (getattr(module, alias, None) for module in sources)), None)
        if ours is not None and callable(getattr(theirs, name)):
            named[name] = either(ours, getattr(theirs, name))
        elif name in WRAPPERS:
            named[name] = wrapper(getattr(theirs, name))
    return named


def wrapper(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """A function of optax that takes transforms, or a factory of them as its `inner_factory`."""
    takes_factory = "inner_factory" in inspect.signature(theirs).parameters

    @functools.wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(theirs).bind(*args, **kwargs)
        if takes_factory:
            bound.arguments["inner_factory"] = _factory(bound.arguments["inner_factory"])
        return theirs(*map(_converted, bound.args), **{k: _converted(v) for k, v in bound.kwargs.items()})

    return call


def either(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    """Jgd's function; optax's for a call with a keyword that only optax's has."""
    mine, other = inspect.signature(ours), inspect.signature(theirs)
    extra = [p for name, p in other.parameters.items() if name not in mine.parameters]
    if not extra:
        return ours
    keywords, wrapped = {p.name for p in extra}, wrapper(theirs)

    @functools.wraps(ours)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (wrapped if keywords & kwargs.keys() else ours)(*args, **kwargs)

    call.__signature__ = mine.replace(parameters=[*mine.parameters.values(), *extra])  # type: ignore[attr-defined]
    return call


def _converted(x: Any) -> Any:
    """A transform as optax's class, also within the pairs of `named_chain`."""
    if type(x) is tuple:
        return tuple(map(_converted, x))
    return to_optax(x) if is_value(x) else x


def _factory(make: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(make)(lambda *args, **kwargs: _converted(make(*args, **kwargs)))
