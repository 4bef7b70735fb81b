"""The form of every penalty and set: a function of one array and its proximal operator, lifted to trees."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core import InputError
from jgd.core.arguments import Kind
from jgd.core.errors import ExpectationError
from jgd.core.given import GIVEN, Placeholder
from jgd.core.interval import Interval
from jgd.core.leaves import check_real, prefix_mismatch
from jgd.core.tree import cast_like, check_inexact, nth_name, widen
from jgd.core.types import Grads, Params

Shape = tuple[int, ...]
POSITIVE = Interval.parse("(0, inf)")
NONSMOOTH = Kind(
    "be a penalty or a set with value and prox, such as jgd.nonsmooth.l1(0.1)",
    lambda x: callable(getattr(x, "value", None)) and callable(getattr(x, "prox", None)) and not isinstance(x, type),
)


class Nonsmooth:
    """Lift a penalty of one array and its proximal operator to trees; a record inherits from it.

    The record defines `value_of(x, *numbers)`, a scalar, and `prox_of(v, t, *numbers)`, an array like v: the x that
    minimises t h(x) + |x - v|^2 / 2. Both see arrays in float32 at least, and each number as an array of the shape
    `room(shape)`, to which what the user gave must broadcast. The penalty of a tree is the sum over its leaves.
    Leaves that are None are left out; integer leaves are refused, and complex ones where `real` is set.

    `separable`: each entry is on its own, so that a step may be an array like the leaf, a diagonal metric. `is_set`:
    the penalty is 0 inside a convex set and infinite outside.
    """

    separable: ClassVar[bool] = False
    is_set: ClassVar[bool] = False
    real: ClassVar[bool] = False
    value_of: ClassVar[Callable[..., Any]]
    prox_of: ClassVar[Callable[..., Any]]

    def value(self, params: Params) -> jax.Array:
        """Return the penalty of `params`: a scalar in float32 at least."""
        rows, _ = self.rows("value", params)
        parts = [self.value_of(widen(x), *numbers) for x, numbers in rows]
        return sum(parts, start=jnp.zeros((), jnp.float32))

    def prox(self, params: Params, step: Any) -> Params:
        """Give the proximal operator: the x that minimises h(x) + |x - params|^2 / (2 step), in the dtypes of `params`.

        `step` is a positive number for all leaves or a tree of them, the parameters' or a prefix of it; where the
        penalty is `separable` also an array that broadcasts to each leaf.
        """
        place = f"{type(self).__name__}.prox"
        rows, structure = self.rows("prox", params)
        if isinstance(step, (int, float)) and step not in POSITIVE:
            raise InputError(f"{place}(step={step!r}): step must lie in {POSITIVE.text}.")
        steps = for_each_leaf(place, "step", step, params)
        found = []
        for i, ((x, numbers), t) in enumerate(zip(rows, steps, strict=True)):
            room = jnp.shape(x) if self.separable else ()
            t = fitted(place, "step", t, x, room, lambda i=i: nth_name(params, i))
            found.append(cast_like(self.prox_of(widen(x), t, *numbers), x) if jnp.size(x) else x)
        return structure.unflatten(found)

    def room(self, shape: Shape) -> Shape:
        """Give the shape to which each number must broadcast for a leaf of a shape; `lacking` refuses what is none."""
        return shape if self.separable else ()

    def rows(self, method: str, params: Params) -> tuple[list[tuple[Any, list[jax.Array]]], Any]:
        """Return each leaf with its numbers, and the tree's structure."""
        place = f"{type(self).__name__}.{method}"
        check_inexact(place, params)
        if self.real:
            check_real(place, params, "complex ones have no order", "leave it out by jgd.nonsmooth.by_path")
        leaves, structure = jax.tree.flatten(params)
        rooms = []
        for i, x in enumerate(leaves):
            try:
                rooms.append(self.room(jnp.shape(x)))
            except ExpectationError as error:
                raise InputError(f"{place}: the leaf at {nth_name(params, i)} must {error.expected}.") from None
        columns = []
        for field in dataclasses.fields(self):  # pyright: ignore[reportArgumentType]  every record is a dataclass
            if field.metadata.get("kind") == "part":
                column = for_each_leaf(place, field.name, getattr(self, field.name), params)
                names = [lambda i=i: nth_name(params, i) for i in range(len(leaves))]
                every = zip(column, leaves, rooms, names, strict=True)
                columns.append([fitted(place, field.name, *one) for one in every])
        return [(x, [column[i] for column in columns]) for i, x in enumerate(leaves)], structure


class ConvexSet(Nonsmooth):
    """Bind parameters to a set, 0 inside and infinite outside: its prox is the projection whatever the step.

    The record defines `holds(x, slack, *numbers)`, whether x lies inside but for rounding by the relative `slack`, the
    eps of the leaf's dtype; `project(v, *numbers)`; and, where the set is bounded, `vertex(g, *numbers)`.
    """

    is_set = True
    holds: ClassVar[Callable[..., Any]]
    project: ClassVar[Callable[..., Any]]
    vertex: ClassVar[Callable[..., Any]]

    def value(self, params: Params) -> jax.Array:
        """Return 0 inside the set and infinity outside; inside it is what misses it by a few units of rounding."""
        rows, _ = self.rows("value", params)
        inside = [
            self.holds(widen(x), float(jnp.finfo(jnp.result_type(x)).eps), *numbers)
            for x, numbers in rows
            if jnp.size(x)
        ]
        dtype = jnp.finfo(jnp.result_type(jnp.float32, *jax.tree.leaves(params))).dtype
        whole = jnp.all(jnp.stack(inside)) if inside else jnp.array(True)
        return jnp.where(whole, 0.0, math.inf).astype(dtype)

    def prox_of(self, v: jax.Array, t: jax.Array, *numbers: jax.Array) -> jax.Array:
        """Return the projection."""
        return self.project(v, *numbers)

    def lmo(self, grads: Grads) -> Params:
        """Return the linear minimisation oracle: the point s of the set with the least inner product <s, grads>.

        It is a vertex, where the set has some. The leaves have the dtypes of `grads`.
        """
        if not hasattr(self, "vertex"):
            raise InputError(f"{type(self).__name__}.lmo: the set is not bounded; pass a bounded one, such as a box.")
        rows, structure = self.rows("lmo", grads)
        return structure.unflatten(
            [cast_like(self.vertex(widen(g), *numbers), g) if jnp.size(g) else g for g, numbers in rows]
        )


def number(interval: str, *, absent: float | None = None) -> Callable[[Any], Any]:
    """Give a converter of a penalty's number, an array of them or a tree of both, whose leaves are the record's leaves.

    What is known is checked against the interval. None means `absent`, where that is given.
    """
    limits = Interval.parse(interval)

    def convert(value: Any) -> Any:
        if value is None and absent is not None:
            return absent
        if not jax.tree.leaves(value, is_leaf=_is_whole):  # None, or an empty tree
            raise ExpectationError(repr(value), f"be a number in {interval}, an array or a tree of them")
        return jax.tree.map(lambda x: _as_number(x, limits), value, is_leaf=_is_whole)

    return convert


def for_each_leaf(place: str, name: str, value: Any, params: Params) -> list[Any]:
    """List a value for each leaf of `params`: the same for all, or of a tree, the parameters' or a prefix of it."""
    if jax.tree_util.all_leaves([value]):
        return [value] * len(jax.tree.leaves(params))
    try:
        return jax.tree.leaves(jax.tree.broadcast(value, params))
    except (ValueError, TypeError, KeyError):
        why = prefix_mismatch(value, params) or f"it is {jax.tree.structure(value)}"
        raise InputError(
            f"{place}: the tree of {name} must have the parameters' structure or be a prefix of it, but {why}."
        ) from None


def fitted(place: str, field: str, value: Any, leaf: Any, room: Shape, name: Callable[[], str]) -> jax.Array:
    """Return a number as a real array of the shape `room`, in the dtype in which its leaf is computed."""
    dtype = jnp.finfo(widen(leaf).dtype).dtype
    shape = jnp.shape(value)
    if not broadcasts(shape, room):
        raise InputError(
            f"{place}: {field} has shape {shape} for the leaf at {name()}, which needs one that broadcasts to {room}; "
            "pass a number, or a tree with an array for each leaf."
        )
    return jnp.broadcast_to(jnp.asarray(value).astype(dtype), room)


def broadcasts(shape: Shape, room: Shape) -> bool:
    """Tell whether an array of a shape broadcasts to another."""
    try:
        return np.broadcast_shapes(shape, room) == tuple(room)
    except ValueError:
        return False


def vectors(shape: Shape, axis: int | None) -> Shape:
    """Give the shape of a batch of vectors that lie along an axis; () where axis is None and the whole array is one."""
    if axis is None:
        return ()
    if not -len(shape) <= axis < len(shape):
        lacking(f"have an axis {axis}, where its shape is {shape}")
    return shape[: axis % len(shape)] + shape[axis % len(shape) + 1 :]


def along(rule: Callable[..., jax.Array], axis: int | None, x: jax.Array, *numbers: jax.Array) -> jax.Array:
    """Apply `rule(vector, *numbers)` to each vector along an axis with its own numbers, or to the whole as one.

    The answer has the shape of `x`, or that of the batch of vectors where the rule returns scalars.
    """
    if axis is None:
        found = rule(x.reshape(-1), *numbers)
        return found.reshape(x.shape) if found.ndim else found
    moved = jnp.moveaxis(x, axis, -1)
    flat = moved.reshape(-1, moved.shape[-1])
    batch = [n.reshape(flat.shape[0], *n.shape[moved.ndim - 1 :]) for n in numbers]
    one = flat.shape[0] == 1  # where a loop that is not batched is several times as fast
    found = rule(flat[0], *(n[0] for n in batch))[None] if one else jax.vmap(rule)(flat, *batch)
    if found.ndim == 1:
        return found.reshape(moved.shape[:-1])
    return jnp.moveaxis(found.reshape(moved.shape), -1, axis)


def lacking(expected: str) -> NoReturn:
    """Refuse a leaf, whose path is known only where the tree is."""
    raise ExpectationError("leaf", f"{expected}; leave it out by jgd.nonsmooth.by_path")


def _is_whole(x: Any) -> bool:
    """Tell whether a value is no tree to look into, though JAX may know its parts."""
    return isinstance(x, (Placeholder, str)) or (callable(x) and GIVEN in getattr(x, "__dict__", ()))  # a schedule


def _as_number(x: Any, limits: Interval) -> Any:
    if isinstance(x, Placeholder):
        return x
    dtype: Any = getattr(x, "dtype", None)
    refused = isinstance(x, (bool, complex, str, bytes)) or (dtype is not None and jnp.dtype(dtype).kind in "bcOSU")
    if refused or not (isinstance(x, (int, float)) or dtype is not None):
        schedule = ", and no schedule" if callable(x) else ""
        raise ExpectationError(repr(x), f"be a number in {limits.text}, an array or a tree of them{schedule}")
    if not isinstance(x, jax.core.Tracer) and not _all_in(x, limits):
        raise ExpectationError(repr(x), f"lie in {limits.text}")
    if isinstance(x, (int, float)):
        return float(x)
    return x if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else jnp.asarray(x).astype(jnp.float32)


def _all_in(x: Any, limits: Interval) -> bool:
    values = np.asarray(x, np.float64).reshape(-1)
    return all(float(value) in limits for value in (values.min(), values.max())) if values.size else True
