"""State that is split over the devices of a data axis (ZeRO-1), and specs that split parameters alike."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jgd.core import InputError, Transform, part, record, static
from jgd.core.arguments import ARRAYS, TEXT, Kind, checked
from jgd.core.cost import Cost, cost
from jgd.core.errors import unknown
from jgd.core.leaves import fixed_leaves
from jgd.core.mesh import FREE, axes_of_type, mesh_in_type, spec_of
from jgd.core.packed import split_arrays
from jgd.core.pair import Pair
from jgd.core.state_specs import ShardedState, split_spec
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform

MESH = Kind("be a jax.sharding.Mesh, such as jax.make_mesh((8,), ('data',))", lambda x: isinstance(x, (Mesh, OnMesh)))


@dataclass(frozen=True)
class OnMesh:
    """Hold a mesh that prints the same whatever it is, so that a run may be resumed on another."""

    mesh: Mesh

    def __repr__(self) -> str:
        return "mesh"


def as_mesh(mesh: Any) -> OnMesh:
    """Return a mesh as `ShardState` holds it."""
    return mesh if isinstance(mesh, OnMesh) else OnMesh(mesh)


@checked(params=ARRAYS, mesh=MESH, axis=TEXT)
def split_specs(params: Params, mesh: Mesh, axis: str = "data") -> Any:
    """Give specs that split each array along its first axis that the mesh's axis divides; other arrays are whole.

    As `jgd.fit(..., mesh=mesh, specs=functools.partial(jgd.distributed.split_specs, mesh=mesh))` has them: FSDP.
    """
    devices = _length("split_specs", mesh, axis)
    return jax.tree.map(lambda x: split_spec(x.shape, devices, axis, PartitionSpec()), params)


@record
class ShardState(Pair):
    """Split the state of `inner` over an axis of a mesh, along which the parameters are whole: ZeRO-1.

    (Rajbhandari et al. 2020, arXiv:1910.02054.) Each leaf of the state is split along its first axis that the mesh's
    divides, and so are the gradients that `inner` sees and the updates that it returns, which are then put together:
    with N devices each holds 1/N of the state and computes 1/N of the step, for the traffic of one reduction of the
    gradients, in one collective for all updates of one shape. What methods such as SOAP and Muon keep of the matrices
    of one shape is brought to the devices and back in two more, and none runs within their iterations. A leaf that has
    no such axis stays whole. The steps are those of `inner`, to rounding; all is said to the compiler within `jax.jit`.
    `jgd.fit(mesh=)` and `jgd.distributed.state_specs` know how the state lies.
    """

    inner: Transform = part(convert=as_transform)
    mesh: Any = static(convert=as_mesh, expect=MESH)
    axis: str = static(default="data", expect=TEXT)

    def check_fields(self) -> None:
        """Refuse an axis that the mesh has not."""
        _length("ShardState", self.mesh.mesh, self.axis)

    def init(self, params: Params) -> State:
        """Return the inner state, split."""
        state = self.inner.init(params)
        if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(state)):
            state = jax.tree.map(self._split, state)
        return ShardedState(state, self.axis, self._devices)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates, of gradients that are split as the state is."""
        if not isinstance(state, ShardedState):
            raise InputError(
                f"ShardState.update: got a {type(state).__name__} for its state; pass the state that its init "
                "returned, as update(grads, state, params)."
            )
        with split_arrays():
            updates, inner = self.inner.update(jax.tree.map(self._split, grads), state.inner_state, params, **extra)
        updates = self._joined(jax.tree.map(self._split, updates), grads)
        return updates, ShardedState(jax.tree.map(self._split, inner), self.axis, self._devices)

    def fixed(self, params: Params) -> Any:
        """Tell where `inner` never changes the leaves."""
        return fixed_leaves(self.inner, params)

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform on one device; each of several has a part."""
        return cost(self.inner, params)

    @property
    def _devices(self) -> int:
        return self.mesh.mesh.shape[self.axis]

    def _split(self, x: jax.Array) -> jax.Array:
        """Return an array, split over the axis; of what lies along other axes of the mesh nothing changes."""
        spec = split_spec(x.shape, self._devices, self.axis, spec_of(x))
        return x if self.axis not in spec else self._laid(x, spec)

    def _joined(self, tree: Updates, like: Grads) -> Updates:
        """Give arrays that were split, whole along the axis again: those of one shape in one collective, as a stack."""
        leaves, structure = jax.tree.flatten(tree)
        alike: dict[Any, list[int]] = {}
        for i, (x, one) in enumerate(zip(leaves, jax.tree.leaves(like), strict=True)):
            spec = spec_of(one)
            split = split_spec(x.shape, self._devices, self.axis, spec)
            if self.axis in split:
                alike.setdefault((x.shape, x.dtype, spec, split), []).append(i)
        for (_, _, spec, split), places in alike.items():
            stack = self._laid(jnp.stack([leaves[i] for i in places]), PartitionSpec(None, *split))
            whole = self._laid(stack, PartitionSpec(None, *spec), whole=1 + tuple(split).index(self.axis))
            for row, i in enumerate(places):
                leaves[i] = whole[row]
        return structure.unflatten(leaves)

    def _laid(self, x: jax.Array, spec: PartitionSpec, whole: int | None = None) -> jax.Array:
        mesh = self.mesh.mesh
        if self.axis in axes_of_type(AxisType.Explicit, mesh_in_type(x)):
            return jax.reshard(x, NamedSharding(mesh, spec))
        entries = [*spec, *[None] * (x.ndim - len(spec))]
        # What else the compiler has found for the array's other axes, it may keep.
        free = PartitionSpec(*(FREE if e is None and i != whole else e for i, e in enumerate(entries)))
        if axes_of_type(AxisType.Auto):
            return jax.lax.with_sharding_constraint(x, free)
        auto = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))
        return jax.lax.with_sharding_constraint(x, NamedSharding(auto, free))


shard_state = ShardState


def _length(place: str, mesh: Mesh, axis: str) -> int:
    """Return the number of devices along an axis."""
    if axis not in mesh.axis_names:
        raise unknown(f"{place}(axis)", axis, mesh.axis_names)
    return mesh.shape[axis]
