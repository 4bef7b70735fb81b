"""Arithmetic on pytrees: rules lifted from one array to a tree, moments, norms and casts."""

import math
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jgd.core.errors import CallError, InputError
from jgd.core.mesh import check_whole
from jgd.core.types import Grads, Params, Scalar, State, Updates


def map_unzip(
    rule: Callable[..., tuple[Any, ...]],
    grads: Grads,
    *slots: State,
    place: str,
    read: tuple[Any, ...] = (),
    what: str = "gradient",
    entrywise: bool = True,
    integers: bool = False,
) -> tuple[Any, ...]:
    """Lift `rule(g, *slots, *read) -> (update, *new_slots)` from one array to trees of them.

    The rule computes in float32 at least; the update is cast to the gradient's dtype, or to what that and the trees in
    `read` promote to (a bfloat16 update would swallow a decay of float32 parameters), and each slot to its own, so
    nothing drifts from step to step. Returns a tree of updates and one tree for each slot. A tree whose
    structure or shapes do not fit the gradient's is an error that names the first path that differs; `what` is what
    it calls the gradient. Where a rule is not `entrywise`, a leaf's slot may be of any shape, or a tree of arrays. Of
    `integers`, which are refused unless that is set, a rule makes float updates.
    """
    leaves, structure = jax.tree.flatten(grads)
    shaped = [entrywise] * len(slots) + [True] * len(read)
    columns = [
        column_of(place, what, grads, structure, tree, same) for tree, same in zip((*slots, *read), shaped, strict=True)
    ]
    check_inexact(place, grads, integers=integers)

    def lifted(g: Any, *rest: Any) -> tuple[Any, ...]:
        update, *new = rule(widen(g), *jax.tree.map(widen, rest))
        kept = [cast_like(n, s) for n, s in zip(new, rest, strict=False)]
        dtype = jnp.result_type(g, *rest[len(slots) :])
        dtype = dtype if jnp.issubdtype(dtype, jnp.inexact) else jnp.promote_types(dtype, jnp.float32)
        return jnp.asarray(update).astype(dtype), *kept

    # Within a trace, a rule is traced once for each shape, not for each leaf; op by op it would be compiled each time.
    traced = any(isinstance(x, jax.core.Tracer) for x in leaves)
    step = jax.jit(lifted) if traced and len(leaves) > 1 else lifted
    rows = [step(*row) for row in zip(leaves, *columns, strict=True)]
    width = 1 + len(slots)
    return tuple(jax.tree.unflatten(structure, [row[i] for row in rows]) for i in range(width))


def map_updates(rule: Callable[..., Any], grads: Grads, *read: Any, place: str, integers: bool = False) -> Updates:
    """Lift `rule(g, *read) -> update`, a rule without a state; see `map_unzip`."""
    return map_unzip(lambda *args: (rule(*args),), grads, place=place, read=read, integers=integers)[0]


def where_both(rule: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    """Give `rule(first, second)`, a tree like `first`, which passes unchanged where either of the two has a `None`."""
    if jax.tree.structure(first) == jax.tree.structure(second):
        return rule(first, second)

    def pick(choose: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        return jax.tree.map(choose, a, b, is_leaf=lambda x: x is None)

    try:
        kept = pick(lambda a, b: None if b is None else a, first, second)
        other = pick(lambda a, b: None if a is None else b, first, second)
    except (ValueError, TypeError, KeyError):
        return rule(first, second)  # which says how they differ
    return pick(lambda a, new: a if new is None else new, first, rule(kept, other))


def cast_like(new: Any, old: Any) -> Any:
    """Return a slot of a leaf, an array or a tree of them, in the dtypes that it had."""
    return jax.tree.map(lambda n, o: jnp.asarray(n).astype(jnp.result_type(o)), new, old)


def widen(x: Any) -> jax.Array:
    """Return `x` in float32 at least: half-precision arrays are widened, everything else is unchanged."""
    dtype = jnp.result_type(x)
    if jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32:
        return jnp.asarray(x).astype(jnp.float32)
    return jnp.asarray(x)


def moment_dtype(x: Any, dtype: str | None = None, *, real: bool = False) -> Any:
    """Give the dtype of an accumulator for `x`: as asked for, else float32 or wider, and real where `real` says so."""
    wide = jnp.promote_types(jnp.result_type(x), jnp.float32)
    if dtype is not None:
        keep = jnp.iscomplexobj(x) and not real
        return jnp.promote_types(dtype, jnp.complex64) if keep else jnp.dtype(dtype)
    return jnp.finfo(wide).dtype if real else wide


def full_like(params: Params, value: Scalar = 0.0, dtype: str | None = None, *, real: bool = False) -> State:
    """Return a tree of accumulators filled with `value`, as `moment_dtype` has it; shardings follow the parameters'."""
    check_inexact("init", params)
    return jax.tree.map(lambda p: filled(p, value, dtype, real=real), params)


def filled(p: Any, value: Scalar = 0.0, dtype: str | None = None, *, real: bool = False) -> jax.Array:
    """Return an accumulator for one array, filled with `value`, as `moment_dtype` has it; it lies as the array lies."""
    return jnp.full_like(p if hasattr(p, "shape") else jnp.asarray(p), value, moment_dtype(p, dtype, real=real))


def zeros(p: Any, dtype: str | None = None, *, real: bool = False) -> jax.Array:
    """Make an accumulator for one array, at zero."""
    return filled(p, 0.0, dtype, real=real)


def copied(params: Params, dtype: Any = None) -> State:
    """Return a copy of the parameters, which a state may keep while they are donated; in `dtype` if one is given."""
    check_inexact("init", params)
    return jax.tree.map(lambda p: jnp.array(p, dtype or jnp.result_type(p), copy=True), params)


def scalar_of(params: Params, value: Scalar = 0.0) -> jax.Array:
    """Return a real scalar of a state, in float32 or, with wider parameters, in theirs."""
    return jnp.array(value, jnp.finfo(jnp.result_type(jnp.float32, *jax.tree.leaves(params))).dtype, copy=True)


def tree_bytes(tree: Any) -> int:
    """Return the bytes of the arrays of a tree, or of their shapes."""
    return sum(math.prod(jnp.shape(x)) * jnp.result_type(x).itemsize for x in jax.tree.leaves(tree))


def abs_sq(x: jax.Array) -> jax.Array:
    """Compute |x|^2, real for complex arrays as well."""
    return (x * x.conj()).real if jnp.iscomplexobj(x) else x * x


def one_minus_pow(decay: Scalar, count: jax.Array) -> jax.Array:
    """Compute 1 - decay^count without cancellation: the sum of the weights of an exponential moving average.

    In float32 the naive form is off by 1e-5 for a decay of 0.999, which an optimizer then sees in its first steps.
    """
    decay = widen(decay)
    positive = decay > 0
    log = jnp.log(jnp.where(positive, decay, 0.5))
    return jnp.where(positive, -jnp.expm1(count * log), 1 - decay**count)


def global_norm(tree: Any) -> jax.Array:
    """Take the Euclidean norm of all leaves together, accumulated in float32 at least; its gradient at zero is zero."""
    leaves = jax.tree.leaves(tree)
    for i, x in enumerate(leaves):
        if not hasattr(x, "dtype") and not isinstance(x, (int, float, complex)):
            path, _ = jax.tree_util.tree_leaves_with_path(tree)[i]
            raise InputError(
                f"global_norm(tree): the leaf at {name_of(path)} is {x!r}, expected an array; leave it out."
            )
    check_whole("global_norm(tree)", tree)
    squares = [jnp.sum(abs_sq(widen(x))) for x in leaves]
    return safe_sqrt(sum(squares, start=jnp.zeros((), jnp.float32)))


def global_dot(a: Any, b: Any) -> jax.Array:
    """Return the real inner product of two trees of one structure, accumulated in float32 at least."""
    check_whole("global_dot", a)
    parts = jax.tree.map(lambda x, y: jnp.sum((widen(x).conj() * widen(y)).real), a, b)
    return sum(jax.tree.leaves(parts), start=jnp.zeros((), jnp.float32))


def ratio(top: jax.Array | Scalar, bottom: jax.Array) -> jax.Array:
    """Compute top / bottom, and zero with zero slopes where the bottom is zero or negative; a NaN is passed on."""
    none = bottom <= 0
    return jnp.where(none, 0.0, top / jnp.where(none, 1.0, bottom))


@jax.custom_jvp
def safe_sqrt(x: jax.Array) -> jax.Array:
    """Return the square root, with derivative zero at zero instead of infinity."""
    return jnp.sqrt(x)


@safe_sqrt.defjvp
def _safe_sqrt_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    root = safe_sqrt(*primals)
    zero = root == 0
    return root, jnp.where(zero, 0.0, tangents[0] / (2 * jnp.where(zero, 1.0, root)))


def all_finite(tree: Any) -> jax.Array:
    """Tell whether every entry of every leaf is finite, a bool scalar."""
    flags = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(flags)) if flags else jnp.array(True)


def where(condition: jax.Array, a: Any, b: Any) -> Any:
    """Take `a` where the scalar `condition` holds, else `b`, leaf by leaf, so that a NaN in the other has no effect."""
    return jax.tree.map(lambda x, y: x if x is y else jnp.where(condition, x, y), a, b)


def increment(count: jax.Array) -> jax.Array:
    """Return `count + 1`, saturating at the largest integer instead of wrapping round."""
    largest = jnp.iinfo(count.dtype).max
    return jnp.where(count < largest, count + 1, largest).astype(count.dtype)


def zero_count() -> jax.Array:
    """Return a step counter at zero, an i32 scalar."""
    return jnp.zeros((), jnp.int32)


def check_inexact(place: str, tree: Any, *, integers: bool = False) -> None:
    """Refuse booleans, integers unless they are allowed, and leaves that are no arrays."""
    for i, leaf in enumerate(jax.tree.leaves(tree)):
        try:
            dtype = jnp.result_type(leaf)
        except TypeError:
            raise InputError(
                f"{place}: the leaf at {nth_name(tree, i)} is {leaf!r}, expected an array; keep it out of the "
                "parameters, as equinox.filter and flax's split do."
            ) from None
        if not jnp.issubdtype(dtype, jnp.number if integers else jnp.inexact):
            raise InputError(
                f"{place}: the leaf at {nth_name(tree, i)} has dtype {dtype}, expected a floating or complex one; "
                "convert it, or keep it out of the parameters."
            )


def name_of(path: Any) -> str:
    """Return a path in a tree as a person writes it: `['layers'][0].kernel`, or `the root`."""
    return jax.tree_util.keystr(path) or "the root"


def path_names(path: Any) -> tuple[str, ...]:
    """Return the names along a path, paths among them taken apart, as `layers.0.weight` and `mlp/~/linear`."""
    keys = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", None))) for key in path]
    if keys and isinstance(path[-1], jax.tree_util.GetAttrKey) and keys[-1] in ("value", "raw_value"):
        keys = keys[:-1]  # of flax.nnx's variables
    return tuple(name for key in keys for name in re.split(r"[./]", str(key)) if name not in ("", "~"))


def check_fits(place: str, grads: Grads, tree: Any, *, shaped: bool = True) -> list[Any]:
    """Return the leaves of `tree`; refuse the first path where the gradients' structure, or shapes, are others."""
    return column_of(place, "gradient", grads, jax.tree.structure(grads), tree, shaped)


def check_params(place: str, params: Params) -> None:
    """Refuse a missing `params`."""
    if params is None:
        raise CallError(f"{place}: params is missing; call update(grads, state, params).")


def check_extra(place: str, name: str, value: Any) -> None:
    """Refuse a missing extra argument."""
    if value is None:
        raise CallError(f"{place}: {name} is missing; call update(grads, state, params, {name}=...).")


def nth_name(tree: Any, index: int) -> str:
    """Return the path of a leaf by its number, for an error: paths of many leaves cost more than a check of them."""
    return name_of(jax.tree_util.tree_leaves_with_path(tree)[index][0])


def column_of(place: str, what: str, grads: Grads, structure: Any, tree: Any, shaped: bool) -> list[Any]:
    """Give the leaves of `tree` in the order of the gradient's, or an error that names the first path that differs."""
    try:
        column = structure.flatten_up_to(tree)
    except (ValueError, TypeError, KeyError):
        raise _mismatch(place, what, grads, tree) from None
    if not shaped:
        return column
    for i, (g, x) in enumerate(zip(jax.tree.leaves(grads), column, strict=True)):
        if not jax.tree_util.all_leaves([x]):
            raise _mismatch(place, what, grads, tree)
        if jnp.shape(g) != jnp.shape(x):
            raise InputError(
                f"{place}: the {what} at {nth_name(grads, i)} has shape {jnp.shape(g)}, but the state or the "
                f"parameters there have {jnp.shape(x)}; pass what belongs to the parameters that init was called with."
            )
    return column


def _mismatch(place: str, what: str, grads: Grads, tree: Any) -> InputError:
    ours, theirs = ([path for path, _ in jax.tree_util.tree_leaves_with_path(t)] for t in (grads, tree))
    # A state may have a tree where the gradient has a leaf.
    for path in theirs:
        if not any(path[: len(leaf)] == leaf for leaf in ours):
            return InputError(
                f"{place}: the {what} has nothing at {name_of(path)}, where the state or the parameters have a leaf; "
                "pass what belongs to the parameters that init was called with."
            )
    for path in ours:
        if not any(deeper[: len(path)] == path for deeper in theirs):
            return InputError(
                f"{place}: the {what} has a leaf at {name_of(path)}, where the state or the parameters have none; "
                "pass what belongs to the parameters that init was called with."
            )
    return InputError(
        f"{place}: the {what} is {jax.tree.structure(grads)}, but the state or the parameters are "
        f"{jax.tree.structure(tree)}; they must have one structure."
    )
