"""How the leaves of an optimizer's state lie on a mesh, from how its parameters do."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from jgd.core.arguments import ARRAYS, PATTERN, TRANSFORM, Kind, checked
from jgd.core.errors import InputError
from jgd.core.leaves import check_patterns, fits, prefix_mismatch
from jgd.core.quantized import LowBitArray, is_quantized
from jgd.core.record import part, record, static
from jgd.core.tree import name_of, path_names
from jgd.core.types import Params, State, Transform

SPECS = Kind(
    "be a jax.sharding.PartitionSpec, a tree of them with None for what is whole, or a function of the parameters",
    lambda x: callable(x) or all(map(_is_spec, jax.tree.leaves(x, is_leaf=_is_spec))),
)
BY_PATH = Kind(
    "be a mapping from regular expressions, which are searched in the paths of the state's leaves, to PartitionSpecs",
    lambda x: isinstance(x, Mapping) and all(PATTERN.admits(k) and _is_spec(v) for k, v in x.items()),
)


@record
class ShardedState:
    """Hold the state of a transform whose leaves are split over an axis of a mesh; see `jgd.distributed.shard_state`.

    `devices` is the length of the axis.
    """

    inner_state: State = part()
    axis: str = static()
    devices: int = static()


@checked(optimizer=TRANSFORM, params=ARRAYS, specs=SPECS, by_path=BY_PATH)
def state_specs(optimizer: Transform, params: Params, specs: Any, by_path: Mapping[str, Any] | None = None) -> State:
    """Give a `PartitionSpec` for each leaf of `optimizer.init(params)`, from those of the parameters.

    `specs` is a tree of `PartitionSpec` like `params`, a prefix of it, with `None` for what is replicated, or a
    function of the parameters that returns one. `params` may be shapes.

    A leaf of the state belongs to the parameter whose path is part of its own. One of the parameter's shape lies as it
    does, under further leading axes too, as a history has them; one of as many axes is split along those of equal
    length; of one that lacks some of its axes, such as a row's mean, the others are as they were. All else is
    replicated, and so is what fits in two ways that differ, such as the mean of a square matrix's rows or columns;
    `fit(mesh=)` names these in `run.notes`. Codes of `jgd.low_bit` lie as their parameter does, and their scales where
    each device has whole blocks, which the mesh in effect or that of a `NamedSharding` in `specs` tells. `by_path` says
    how a leaf lies: `{"v_row/w$": P("data")}`, the first pattern that is found in its path, names with slashes, holds.

    `jax.jit(optimizer.init, out_shardings=...)(params)` then makes a state that no device ever holds whole.
    """
    meshes = [x.mesh for x in jax.tree.leaves(specs, is_leaf=_is_spec) if isinstance(x, NamedSharding)]
    axes = (meshes or [jax.sharding.get_abstract_mesh()])[0].shape
    rows = param_specs("state_specs", params, specs)
    return laid_state("state_specs(by_path)", optimizer, params, rows, by_path, axes)[0]


def laid_state(
    place: str,
    optimizer: Transform,
    params: Params,
    specs: Any,
    by_path: Mapping[str, Any] | None,
    axes: Mapping[str, int],
) -> tuple[State, list[str]]:
    """Return `state_specs`, with the paths of leaves that are whole because their shapes do not say how to lie.

    `axes` are the lengths of the mesh's.
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), params)
    rows = jax.tree.leaves(specs, is_leaf=_is_spec)
    known = {
        path: (x.shape, spec) for (path, x), spec in zip(jax.tree_util.tree_leaves_with_path(shapes), rows, strict=True)
    }
    unclear, patterns = list[str](), dict(by_path or {})
    state = jax.eval_shape(optimizer.init, shapes)
    check_patterns(place, patterns, state)

    def owner_of(path: tuple[Any, ...]) -> Any:
        return next((known[x] for x in _parts_of(path) if x in known), None)

    def of_leaf(path: tuple[Any, ...], leaf: Any, usual: PartitionSpec | None = None) -> PartitionSpec:
        name = "/".join(path_names(path))
        for pattern, spec in patterns.items():
            if fits(pattern, name):
                return _of_length(place, name, leaf.shape, _as_spec(place, spec))
        owner = owner_of(path)
        if usual is not None or owner is None or not leaf.shape:
            return usual or PartitionSpec()
        found = _fitting(leaf.shape, *owner)
        if len(found) != 1 and leaf.size > 1 and any(x is not None for x in owner[1]):
            unclear.append(name)
        return found[0] if len(found) == 1 else PartitionSpec()

    def of_node(path: tuple[Any, ...], node: Any) -> Any:
        if is_quantized(node):
            return jax.tree_util.tree_map_with_path(
                lambda p, x, usual: of_leaf((*path, *p), x, usual), node, _of_low_bit(node, owner_of(path), axes)
            )
        if not isinstance(node, ShardedState):
            return of_leaf(path, node)
        inner = jax.tree_util.tree_map_with_path(
            lambda p, x: of_node((*path, *p), x), node.inner_state, is_leaf=is_quantized
        )
        split = jax.tree.map(
            lambda x, spec: split_spec(x.shape, node.devices, node.axis, spec), node.inner_state, inner
        )
        return ShardedState(split, node.axis, node.devices)

    found = jax.tree_util.tree_map_with_path(
        of_node, state, is_leaf=lambda x: isinstance(x, (ShardedState, LowBitArray))
    )
    return found, unclear


def split_spec(shape: tuple[int, ...], devices: int, axis: str, given: PartitionSpec) -> PartitionSpec:
    """Give `given`, and the first axis of an array that it leaves whole and `devices` divides split over a mesh's axis.

    Where that axis of the mesh is taken, or no axis of the array fits, it is `given`.
    """
    axes = list(_full(shape, given))
    if axis in itertools.chain.from_iterable(map(names_in, axes)):
        return given
    for i, n in enumerate(shape):
        if axes[i] is None and n and n % devices == 0:
            axes[i] = axis
            return PartitionSpec(*axes)
    return given


def param_specs(place: str, params: Params, specs: Any) -> Any:
    """Give the `PartitionSpec` of each parameter, by a tree of them, a prefix of it, or a function that makes one."""
    if callable(specs) and not _is_spec(specs):
        specs = specs(params)

    def below(spec: Any, tree: Any) -> Any:
        return jax.tree.map(lambda _: _as_spec(place, spec), tree)

    try:
        found = jax.tree.map(below, specs, params, is_leaf=_is_spec)
    except (ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{place}(specs): the tree of specs must have the parameters' structure {jax.tree.structure(params)} or be "
            f"a prefix of it: {prefix_mismatch(specs, params, _is_spec) or str(error).splitlines()[0]}."
        ) from None
    for (path, x), spec in zip(
        jax.tree_util.tree_leaves_with_path(params), jax.tree.leaves(found, is_leaf=_is_spec), strict=True
    ):
        _of_length(f"{place}(specs)", f"the parameter at {name_of(path)}", jnp.shape(x), spec)
    return found


def names_in(entry: Any) -> tuple[str, ...]:
    """Return the axes of the mesh in an entry of a spec."""
    return () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)


def _is_spec(x: Any) -> bool:
    return x is None or isinstance(x, (PartitionSpec, NamedSharding))


def _as_spec(place: str, x: Any) -> PartitionSpec:
    if not _is_spec(x):
        raise InputError(f"{place}(specs): found {x!r}, expected a jax.sharding.PartitionSpec, or None; pass one.")
    return PartitionSpec() if x is None else x.spec if isinstance(x, NamedSharding) else x


def _of_length(place: str, name: str, shape: tuple[int, ...], spec: PartitionSpec) -> PartitionSpec:
    if len(spec) > len(shape):
        raise InputError(
            f"{place}: {name} has {len(shape)} axes and the spec {spec}; give a spec with an entry for each axis at "
            "most."
        )
    return spec


def _parts_of(path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the parts of a path without gaps, the longest first, of equal ones the last."""
    for length in range(len(path), -1, -1):
        for start in range(len(path) - length, -1, -1):
            yield path[start : start + length]


def _full(shape: tuple[int, ...], spec: PartitionSpec) -> tuple[Any, ...]:
    """Return an entry for each axis."""
    return *spec, *[None] * (len(shape) - len(spec))


def _of_low_bit(x: LowBitArray, owner: Any, axes: Mapping[str, int]) -> Any:
    """Give the specs of an array in few bits: codes as its parameter, scales so where devices have whole blocks."""
    shape = x.codes.shape
    halved = owner is not None and math.prod(shape) < math.prod(owner[0])
    found = [] if owner is None else _fitting((*shape[:-1], (1 + halved) * shape[-1]), *owner)
    if len(found) != 1:
        return jax.tree.map(lambda _: PartitionSpec(), x)
    *leading, last = _full(shape, found[0])
    lead, count = x.scale.ndim - 1, x.scale.shape[-1]
    own, *within = [*leading, last][lead:]
    even = not any(within) and math.prod(shape[lead:]) % count == 0
    specs: list[Any] = [
        PartitionSpec(*leading, _dividing(last, shape[-1], axes) if halved else last),
        PartitionSpec(*leading[:lead], _dividing(own, count, axes) if even else None),
    ]
    return LowBitArray(*specs)


def _dividing(entry: Any, n: int, axes: Mapping[str, int]) -> Any:
    """Give an entry of a spec for an axis of n, or `None` where the mesh's axes do not divide it, or are not known."""
    parts = math.prod(axes.get(name, 0) for name in names_in(entry))
    return entry if parts and n % parts == 0 else None


def _fitting(shape: tuple[int, ...], whole: tuple[int, ...], spec: PartitionSpec) -> list[PartitionSpec]:
    """Return the specs that a leaf of the state may have whose parameter has the shape `whole` and this spec."""
    entries, more = _full(whole, spec), len(shape) - len(whole)
    if more >= 0 and shape[more:] == whole:
        return [PartitionSpec(*[None] * more, *entries)]
    if more == 0:
        return [PartitionSpec(*(x if a == b else None for x, a, b in zip(entries, shape, whole, strict=True)))]
    found = {
        tuple(entries[i] for i in axes)
        for axes in itertools.combinations(range(len(whole)), len(shape))
        if tuple(whole[i] for i in axes) == shape
    }
    return [PartitionSpec(*x) for x in found]
