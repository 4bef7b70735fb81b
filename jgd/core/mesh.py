"""The mesh in effect (`jax.set_mesh`): batches of matrices spread over its devices, and rules traced with Auto axes."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec

from jgd.core.errors import InputError
from jgd.core.packed import IS_SPLIT, Packed

FREE = PartitionSpec.UNCONSTRAINED


def axes_of_type(kind: AxisType, mesh: Any = None) -> tuple[str, ...]:
    """Return the axes of a mesh, of the one in effect unless given, that are of a type; none without a mesh."""
    mesh = jax.sharding.get_abstract_mesh() if mesh is None else mesh
    return tuple(name for name, x in zip(mesh.axis_names, mesh.axis_types or (), strict=False) if x == kind)


def devices_in_use() -> int:
    """Tell how many devices of the mesh in effect arrays may lie on; one without a mesh, and within `jax.shard_map`."""
    mesh = jax.sharding.get_abstract_mesh()
    return math.prod(mesh.shape[name] for kind in (AxisType.Auto, AxisType.Explicit) for name in axes_of_type(kind))


def mesh_in_type(x: Any) -> Any:
    """Return the mesh in an array's type, which is there where axes are Explicit; `None` without one."""
    return getattr(getattr(jax.typeof(x), "sharding", None), "mesh", None)


def spec_of(x: Any) -> PartitionSpec:
    """Tell how an array lies on the mesh in effect, as far as its type says so: `P()` where axes are Auto."""
    return getattr(getattr(jax.typeof(x), "sharding", None), "spec", None) or PartitionSpec()


def without_mesh_types(update: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `update(self, grads, state, params, **extra)` of a rule that is ambiguous on Explicit axes.

    There it is traced as on Auto axes, unless it says that it is `entrywise`. Its updates lie as the gradients do, and
    the new state as the old.
    """

    @functools.wraps(update)
    def call(self: Any, grads: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        if getattr(self, "entrywise", False):
            return update(self, grads, state, params, **extra)
        check_whole(f"{type(self).__name__}.update", grads)

        def inner(rule: Any, grads: Any, state: Any, params: Any, extra: Any) -> Any:
            return update(rule, grads, state, params, **extra)

        return laid_like(inner, (grads, state), self, grads, state, params, extra)

    return call


def check_whole(place: str, tree: Any) -> None:
    """Refuse arrays of which each device has another within `jax.shard_map`: a norm would be that of a part.

    With `check_vma=False` nothing tells whether they differ, and nothing is refused.
    """
    if not axes_of_type(AxisType.Manual):
        return
    for path, x in jax.tree_util.tree_leaves_with_path(tree):
        if varying := sorted(getattr(getattr(jax.typeof(x), "manual_axis_type", None), "varying", ())):
            raise InputError(
                f"{place}: the array at {jax.tree_util.keystr(path) or 'the root'} varies over the mesh's manual axis "
                f"{varying[0]!r}, so that a norm or product of it would be that of one device's part; take the step "
                "outside of shard_map, under jax.jit, where norms are those of whole arrays."
            )


def laid_like(function: Callable[..., Any], like: Any, *args: Any) -> Any:
    """Compute `function(*args)`, traced with Auto axes where the mesh's are Explicit; its results lie as `like` does.

    `like` is a tree of arrays as the results are, or a prefix of it.
    """
    if not axes_of_type(AxisType.Explicit):
        return function(*args)
    arrays, rebuilt = _arrays_of(args)
    specs = jax.tree.map(spec_of, like)
    return jax.sharding.auto_axes(lambda *x: function(*rebuilt(x)), out_sharding=specs)(*arrays)


def over_devices(work: Callable[..., Any], context: Any, row: Any, *, joined: bool) -> Any:
    """Compute `work(context, first, row)` on batches f[n, ...], the leaves of `row`, spread over the devices.

    Each device gets whole members, of which `first` is the number of its first, so that no collective runs within
    `work`; the batch is filled up with zeros to a multiple of the number of devices. `joined` says that the batch was
    put together of several arrays: then it is brought to the devices and back in one collective each, as the arrays lie
    otherwise; and within `split_arrays` in one for all leaves of `row`, and one for all results. Without a mesh in
    effect, and out of a trace, it is `work(context, 0, row)`.
    """
    axes = axes_of_type(AxisType.Auto)
    devices = math.prod(jax.sharding.get_abstract_mesh().shape[name] for name in axes)
    if devices == 1 or not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves((context, row))):
        return work(context, 0, row)
    count = len(jax.tree.leaves(row)[0])
    held = -(-count // devices)
    whole = joined or held * devices > count
    packs = whole and IS_SPLIT.get()
    arrays, rebuilt = _arrays_of(context)

    def on_device(arrays: Any, row: Any) -> Any:
        found = work(rebuilt(arrays), jax.lax.axis_index(axes) * held, row.tree() if packs else row)
        return Packed.of(found, devices) if packs else found

    def spread(x: jax.Array) -> jax.Array:
        x = _unspread(x) if whole else x
        x = jnp.pad(x, [(0, held * devices - count)] + [(0, 0)] * (x.ndim - 1))
        return jax.lax.with_sharding_constraint(x, PartitionSpec(axes))

    specs = PartitionSpec(), PartitionSpec(axes)
    spread_work = jax.shard_map(
        on_device, in_specs=specs, out_specs=PartitionSpec(axes), axis_names=set(axes), check_vma=False
    )
    found = spread_work(arrays, jax.tree.map(spread, Packed.of(row, devices) if packs else row))
    found = jax.tree.map(lambda x: _unspread(x)[:count], found) if whole else found
    return found.tree() if packs else found


def _unspread(x: jax.Array) -> jax.Array:
    """Return a batch of which every device holds a part of each member, or all of it, as the compiler chooses.

    Said between a spread batch and the arrays that it is made of: else the arrays are moved one by one.
    """
    return jax.lax.with_sharding_constraint(x, PartitionSpec(None, *[FREE] * (x.ndim - 1)))


def _arrays_of(tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """Return the arrays of a tree, and what puts others in their places."""
    leaves, structure = jax.tree.flatten(tree)
    is_array = [isinstance(x, (jax.Array, np.ndarray, np.generic)) for x in leaves]

    def rebuilt(arrays: Any) -> Any:
        rest = iter(arrays)
        return structure.unflatten([next(rest) if mine else x for mine, x in zip(is_array, leaves, strict=True)])

    return [x for mine, x in zip(is_array, leaves, strict=True) if mine], rebuilt
