"""How a run lies on a mesh of devices: batches split over an axis, parameters and state as specs say."""

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jgd.core.arguments import Kind
from jgd.core.errors import InputError, unknown
from jgd.core.processes import same_in_all
from jgd.core.state_specs import laid_state, names_in, param_specs
from jgd.core.stop import Stop
from jgd.core.tree import name_of
from jgd.core.types import Transform
from jgd.train.loop import Carry, root_key
from jgd.train.segments import RunState
from jgd.train.start import run_shapes
from jgd.train.task import Task, batch_shapes, has_state, is_stream

MESH = Kind("be a jax.sharding.Mesh, such as jax.make_mesh((8,), ('data',)), or None", lambda x: isinstance(x, Mesh))
DATA_AXIS = Kind("be the name of an axis of the mesh, or None for its first", lambda x: isinstance(x, str))


@dataclasses.dataclass(frozen=True)
class MeshLayout:
    """Say how a run lies on a mesh; it is a static argument of the run's programs.

    They are traced with Auto axes, so that the compiler chooses how to multiply what lies in parts; `outer` is the mesh
    as it was given. `state` has a spec for each leaf of the run's state, in order.
    """

    mesh: Mesh
    outer: Mesh
    axis: str
    state: tuple[PartitionSpec, ...]
    unclear: tuple[str, ...] = ()  # leaves of the optimizer's state whose shapes do not say how to lie

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what a run is to tell of how it lies."""
        return tuple(f"mesh: {text}" for text in whole_leaves(self.unclear))

    @property
    def devices(self) -> int:
        """The number of parts of a batch."""
        return self.mesh.shape[self.axis]

    def split(self, tree: Any, axis: int = 0) -> Any:
        """Split the arrays of a batch along this axis of theirs over the mesh's, within a program."""
        where = self.over_axis(axis)
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, where), tree)

    def whole(self, tree: Any) -> Any:
        """Return arrays that every device, and every process, has whole, within a program."""
        everywhere = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, everywhere), tree)

    def over_axis(self, axis: int = 0) -> NamedSharding:
        """Tell where arrays lie that are split along this axis of theirs."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, self.axis))

    def placed(self, batches: Any, place: str) -> Any:
        """Return the batches of a segment, which each process has whole, each device with its parts of them."""
        where = self.over_axis(1)
        if jax.process_count() == 1:
            return jax.device_put(batches, where)
        arrays = jax.tree.map(np.asarray, batches)
        if not same_in_all(arrays):
            raise InputError(
                f"{place}: it differs from process to process; under jax.distributed data(epoch) must yield the whole "
                "batch in each of them, of which fit takes each device's part."
            )
        return jax.tree.map(lambda x: jax.make_array_from_callback(x.shape, where, x.__getitem__), arrays)

    def kept(self, state: RunState) -> RunState:
        """Return the run's state, lying as it did, within a program, so that its memory can be used again."""
        return jax.tree.map(jax.lax.with_sharding_constraint, state, self.where(state))

    def where(self, state: RunState) -> Any:
        """Return the sharding of each leaf of the run's state."""
        places = [NamedSharding(self.mesh, spec) for spec in self.state]
        return jax.tree.structure(state).unflatten(places)

    def handed_out(self, tree: Any) -> Any:
        """Return arrays of the run on the mesh as it was given."""
        if self.mesh == self.outer:
            return tree
        return jax.tree.map(lambda x: jax.device_put(x, NamedSharding(self.outer, x.sharding.spec)), tree)


def whole_leaves(unclear: Sequence[str]) -> tuple[str, ...]:
    """Tell of leaves of a state that every device has whole, as `laid_state` names them."""
    if not unclear:
        return ()
    more = f" and {len(unclear) - 3} more" if len(unclear) > 3 else ""
    return (
        f"every device has all of the state's {', '.join(unclear[:3])}{more}, since their shapes fit their parameters' "
        "specs in two ways or none; say how they lie with state_specs={pattern: spec}",
    )


def in_effect(layout: MeshLayout | None) -> Any:
    """Return the mesh of a layout as the one that programs are traced under, if there is one."""
    return contextlib.nullcontext() if layout is None else jax.set_mesh(layout.mesh)


def mesh_layout(
    task: Task, optimizer: Transform, stop: Stop, mesh: Mesh | None, data_axis: str | None, specs: Any, of_state: Any
) -> MeshLayout | None:
    """Check the arguments of `fit` that say where a run lies, and the layout they give; `None` without a mesh."""
    if mesh is None:
        for name, value in (("data_axis", data_axis), ("specs", specs), ("state_specs", of_state)):
            if value is not None:
                raise InputError(f"fit({name}={value!r}): it says how a run lies on a mesh; pass mesh too.")
        return None
    axis = mesh.axis_names[0] if data_axis is None else data_axis
    if axis not in mesh.axis_names:
        raise unknown("fit(data_axis)", axis, mesh.axis_names)
    check_batch("fit", task, mesh, axis)
    key = root_key(0)
    shapes = run_shapes(task, optimizer, stop, key)
    carry, unclear = carry_specs(mesh, "fit", optimizer, shapes.carry, specs, of_state)
    everywhere = jax.tree.map(lambda _: PartitionSpec(), shapes)
    flat = jax.tree.leaves(everywhere._replace(carry=carry), is_leaf=_is_spec)
    auto = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))
    return MeshLayout(auto, mesh, axis, tuple(flat), tuple(unclear))


def on_mesh(task: Task, layout: MeshLayout) -> Task:
    """Give the task with its data on the mesh: a batch of all of them split over it, else every example on each device.

    Data that lie on the mesh already stay as they are.
    """
    if is_stream(task):
        return task

    def put(x: Any, spec: PartitionSpec) -> Any:
        x = x if _lies_on(layout.mesh, x) or jax.process_count() == 1 else np.asarray(x)  # the same in every process
        return jax.device_put(x, NamedSharding(layout.mesh, spec))

    return dataclasses.replace(task, data=jax.tree.map(put, task.data, data_specs(task, layout.mesh, layout.axis)))


def data_specs(task: Task, mesh: Mesh, axis: str) -> Any:
    """Return the `PartitionSpec` of each array of a task's data on a mesh, as `on_mesh` places them."""
    batch_is_all = task.batch_size in (None, jax.tree.leaves(task.data)[0].shape[0]) and task.microbatch is None
    usual = PartitionSpec(axis) if batch_is_all else PartitionSpec()
    return jax.tree.map(lambda x: x.sharding.spec if _lies_on(mesh, x) else usual, task.data)


def _lies_on(mesh: Mesh, x: Any) -> bool:
    """Tell whether an array lies on the devices of a mesh already, along axes that it has."""
    where = getattr(x, "sharding", None)
    if not isinstance(where, NamedSharding) or where.device_set != set(mesh.devices.flat):
        return False
    return all(mesh.shape.get(name) == where.mesh.shape[name] for entry in where.spec for name in names_in(entry))


def carry_specs(
    mesh: Mesh, place: str, optimizer: Transform, carry: Carry, specs: Any, of_state: Any
) -> tuple[Carry, list[str]]:
    """Return the `PartitionSpec` of each leaf of a run's carry; one that the mesh does not divide is an error.

    With it the paths of leaves of the optimizer's state whose shapes do not say how to lie.
    """
    params = param_specs(place, carry.params, specs)
    state, unclear = laid_state(f"{place}(state_specs)", optimizer, carry.params, params, of_state, mesh.shape)
    _check_divides(mesh, f"{place}(specs)", "parameter", carry.params, params)
    _check_divides(mesh, f"{place}(state_specs)", "optimizer's state", carry.opt_state, state)
    whole = jax.tree.map(lambda _: PartitionSpec(), carry)
    return whole._replace(params=params, opt_state=state), unclear


def check_batch(place: str, task: Task, mesh: Mesh, axis: str) -> None:
    """Refuse a batch, or parts of one, that the devices along an axis of the mesh do not divide."""
    size, devices = jax.tree.leaves(batch_shapes(task))[0].shape[0], mesh.shape[axis]
    if size % devices:
        raise InputError(
            f"{place}(mesh=): its axis {axis!r} has {devices} devices, which do not divide the batch of {size}; take a "
            f"batch_size that is a multiple of {devices}."
        )
    part = task.microbatch.size if task.microbatch else 0
    micro = f"fit(microbatch={part})" if place == "fit" else f"Task(microbatch={part})"
    if not part or size % part:
        return  # which its own check refuses
    if has_state(task) and part % devices:
        raise InputError(
            f"{micro}: its parts are split over the {devices} devices of the mesh's axis {axis!r}, as a "
            f"state passes from one to the next; take a multiple of {devices}."
        )
    if not has_state(task) and size % (part * devices):
        raise InputError(
            f"{micro}: each of the {devices} devices of the mesh's axis {axis!r} takes parts of this "
            f"size, and {part * devices} examples do not divide the batch of {size}; take a smaller part."
        )


def _check_divides(mesh: Mesh, place: str, kind: str, tree: Any, specs: Any) -> None:
    """Refuse a spec of which the mesh has not the axes, or whose parts do not divide the array."""
    rows = jax.tree.leaves(specs, is_leaf=_is_spec)
    for (path, x), spec in zip(jax.tree_util.tree_leaves_with_path(tree), rows, strict=True):
        for n, entry in zip(x.shape, spec, strict=False):
            for axis in names_in(entry):
                if axis not in mesh.axis_names:
                    raise unknown(f"{place}, at {name_of(path)}, axis", axis, mesh.axis_names)
            devices = math.prod(mesh.shape[axis] for axis in names_in(entry))
            if n % devices:
                raise InputError(
                    f"{place}: {spec} splits an axis of {n} of the {kind} at {name_of(path)}, of shape {x.shape}, into "
                    f"{devices} parts, which do not divide it; leave that axis whole with None."
                )


def _is_spec(x: Any) -> bool:
    return isinstance(x, PartitionSpec)
