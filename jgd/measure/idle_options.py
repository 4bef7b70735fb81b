"""Options of an optimizer that act on nothing here: masks that leave nothing, labels without a leaf, idle flags."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from jgd.core import Transform
from jgd.core.finding import Finding
from jgd.core.types import Params
from jgd.core.values import each_member
from jgd.measure.program import shapes_and_dtypes
from jgd.transforms import ByPath, Masked, Partition
from jgd.transforms.inner_transforms import inner_transforms

ACTS = "it acts on no parameter here"


def idle_options(step: Callable[..., Any], args: tuple[Any, ...]) -> tuple[list[Finding], list[str]]:
    """Find idle options of the optimizers in the arguments and the step's closure, and what could not be looked at."""
    found, notes = [], []
    for name, optimizer in optimizers(step, args).items():
        params = parameters_of(optimizer, args)
        if params is None:
            notes.append(f"options of {name}, as no argument holds the parameters whose state another one holds")
            continue
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), params)
        empty = list(without_leaves(optimizer, shapes, ""))
        found += [finding for _, finding in empty if finding is not None]
        try:
            known = _program(optimizer, shapes)
        except Exception as error:  # it needs more than gradients, such as a value
            said = (str(error).splitlines() or [type(error).__name__])[0]
            notes.append(f"numbers and flags of {name}, whose update asks for more: {said}")
            continue
        found += idle_numbers(optimizer, known, [path for path, _ in empty])
        found += idle_flags(optimizer, known, shapes)
    return found, notes


def optimizers(step: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
    """Return the optimizers of jgd among the arguments, in the function's closure and the globals that it reads."""
    inner: Any = inspect.unwrap(step) if callable(step) else step
    try:
        free = inspect.getclosurevars(inner)
        seen: Mapping[str, Any] = {**free.globals, **free.nonlocals}
    except TypeError:  # no Python function
        seen = {}
    named = {**seen, **{f"argument {i}": x for i, x in enumerate(args)}}
    return {name: x for name, x in named.items() if is_optimizer(x)}


def is_optimizer(x: Any) -> bool:
    """Tell whether it is a record with optax's two methods."""
    return dataclasses.is_dataclass(x) and not isinstance(x, type) and isinstance(x, Transform)


def parameters_of(optimizer: Any, args: tuple[Any, ...]) -> Params | None:
    """Return the argument of whose structure the optimizer makes the state that another argument is."""
    for params in args:
        leaves = jax.tree.leaves(params)
        if is_optimizer(params) or not leaves or not all(hasattr(x, "shape") for x in leaves):
            continue
        try:
            state = jax.eval_shape(optimizer.init, params)
        except Exception:  # these are no parameters of its
            continue
        if any(shapes_and_dtypes(state) == shapes_and_dtypes(other) for other in args if other is not params):
            return params
    return None


def without_leaves(value: Any, params: Params, path: str) -> Iterator[tuple[str, Finding | None]]:
    """Find parts that no leaf of the parameters reaches, by path; no finding for groups that jgd itself has made."""
    for inner in inner_transforms(value, params):
        at = f"{path}{inner.path}"
        if not isinstance(value, (Masked, Partition, ByPath)) or jax.tree.leaves(inner.params):
            yield from without_leaves(inner.transform, inner.params, at)
        elif isinstance(value, Masked):
            yield path, Finding(
                2, path.lstrip(".") or "the optimizer", "leaves that the mask keeps", 0, "at least 1", ACTS,
                "give a mask that is true somewhere, or leave the part out",
            )  # fmt: skip
        else:
            finding = Finding(
                2, at.lstrip("."), "leaves with this label", 0, "at least 1", ACTS,
                "name a label that some leaf has, or leave the part out",
            )  # fmt: skip
            labels = value.partition(params).param_labels if isinstance(value, ByPath) else value.param_labels
            own = callable(labels) and str(getattr(labels, "__module__", "")).startswith("jgd.")
            yield at, None if own else finding


def idle_numbers(optimizer: Any, jaxpr: Any, empty: list[str]) -> Iterator[Finding]:
    """Find numbers that differ from their default, and that neither updates nor state are made of."""
    used = _used(jaxpr.jaxpr)
    defaults = dict(_defaults(optimizer, ""))
    leaves = jax.tree_util.tree_leaves_with_path(optimizer)
    for (key, value), variable in zip(leaves, jaxpr.jaxpr.invars, strict=False):
        path = jax.tree_util.keystr(key)
        if variable in used or any(path.startswith(part) for part in empty) or defaults.get(path) == value:
            continue
        yield Finding(
            1, path.lstrip("."), "its effect", f"none at {value}", "some", "neither updates nor state depend on it",
            "leave it at its default, or give what makes it act",
        )  # fmt: skip


def idle_flags(optimizer: Any, jaxpr: Any, params: Params) -> Iterator[Finding]:
    """Find flags that are set, against their default, and without which the program is the same."""
    text = str(jaxpr)
    for path, other in _other_flags(optimizer, ""):
        try:
            same = str(_program(other, params)) == text
        except Exception:  # the default does not go with the other fields
            continue
        if same:
            yield Finding(
                1, path.lstrip("."), "its effect", "none", "some", "the program is the same at its default",
                "leave it at its default, or give what makes it act",
            )  # fmt: skip


def _program(optimizer: Any, params: Params) -> Any:
    """Return a first state, and an update."""
    state = jax.eval_shape(optimizer.init, params)
    both = jax.make_jaxpr(lambda opt, g, s, p: (opt.init(p), opt.update(g, s, p)))
    return both(optimizer, params, state, params)


def _used(jaxpr: Any) -> set[Any]:
    """Return the variables that results are made of; a call is made of all that it is given."""
    used = {x for x in jaxpr.outvars if not hasattr(x, "val")}
    for eqn in reversed(jaxpr.eqns):
        if used.intersection(eqn.outvars):
            used.update(x for x in eqn.invars if not hasattr(x, "val"))
    return used


def _defaults(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the default of each number of a record and its parts, by path."""
    for field in dataclasses.fields(value) if is_optimizer(value) else ():
        if field.metadata.get("kind") == "hyper" and field.default is not dataclasses.MISSING:
            yield f"{path}.{field.name}", field.default
        for key, one in each_member(getattr(value, field.name)):
            yield from _defaults(one, f"{path}.{field.name}{key}")


def _other_flags(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the record with one flag put back to its default, for each flag that is set, in it and in its parts.

    Of one that is not set nothing is said, whatever its default: a recipe may have another than its rule.
    """
    for field in dataclasses.fields(value) if is_optimizer(value) else ():
        now = getattr(value, field.name)
        if now is True and field.default is False:
            yield f"{path}.{field.name}", dataclasses.replace(value, **{field.name: False})
        for key, one in each_member(now):
            for at, other in _other_flags(one, f"{path}.{field.name}{key}"):
                yield at, dataclasses.replace(value, **{field.name: _with(now, one, other)})


def _with(value: Any, old: Any, new: Any) -> Any:
    """Return a tuple or a dict with `new` in the place of `old`; else, as of a record, `new`."""
    if isinstance(value, tuple) and not dataclasses.is_dataclass(value):
        return tuple(new if one is old else one for one in value)
    if isinstance(value, dict):
        return {key: new if one is old else one for key, one in value.items()}
    return new
