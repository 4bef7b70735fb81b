"""Lanes that have several devices each: a mesh along whose axis "lanes" they lie, and how each lies on the others."""

import dataclasses
import warnings
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec

from jgd.core.errors import InputError, unknown
from jgd.core.types import Transform
from jgd.sweep.lanes.group import Group
from jgd.train.loop import Carry, begin, root_key
from jgd.train.mesh_layout import carry_specs, check_batch, data_specs, whole_leaves
from jgd.train.task import Task

LANE_AXIS = "lanes"


@dataclasses.dataclass(frozen=True)
class LaneMesh:
    """Say how each lane lies on the axes of a mesh beside "lanes", which is its first; all axes are Auto.

    Within a program it stands for the layout of `jgd.train.loop.advance`: specs are of the mesh in effect, of which
    `jax.shard_map` has made the axis of lanes Manual.
    """

    mesh: Mesh
    axis: str  # along which batches are split
    specs: Any  # of the parameters
    state_specs: Any = None  # of leaves of the optimizer's state, by patterns over their paths

    @property
    def devices(self) -> int:
        """The number of parts of a batch."""
        return self.mesh.shape[self.axis]

    def split(self, tree: Any, axis: int = 0) -> Any:
        """Split the arrays of a batch along this axis of theirs, within a program."""
        spec = PartitionSpec(*[None] * axis, self.axis)
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, spec), tree)

    def kept(self, optimizer: Transform, carry: Carry) -> Carry:
        """Let parameters and states lie as the specs say, within a program."""
        return jax.tree.map(jax.lax.with_sharding_constraint, carry, self.places(optimizer, carry))

    def places(self, optimizer: Transform, carry: Carry) -> Carry:
        """Return a `PartitionSpec` for each leaf of a lane's parameters and states."""
        return carry_specs(self.mesh, "run", optimizer, carry, self.specs, self.state_specs)[0]

    def of_numbers(self, group: Group) -> list[PartitionSpec]:
        """Return a `PartitionSpec` for each leaf that a group's lanes share: of the data as `fit` places them."""
        task = group.trials[0].task
        of_data = zip(jax.tree.leaves(task.data), jax.tree.leaves(data_specs(task, self.mesh, self.axis)), strict=True)
        places = {id(x): spec for x, spec in of_data}
        return [places.get(id(x), PartitionSpec()) for x in group.fixed]

    def check(self, task: Task, optimizer: Transform) -> None:
        """Refuse a task that the devices of a lane do not divide; warn of leaves of the state that each has whole."""
        check_batch("run", task, self.mesh, self.axis)
        carry = jax.eval_shape(begin, task, optimizer, root_key(0))
        _, unclear = carry_specs(self.mesh, "run", optimizer, carry, self.specs, self.state_specs)
        for text in whole_leaves(unclear):
            warnings.warn(f"run(mesh=): {text}.", stacklevel=2)


def lane_mesh(mesh: Mesh | None, data_axis: str | None, specs: Any, of_state: Any, devices: Any) -> LaneMesh | None:
    """Check the arguments of `run` that give each lane several devices; `None` without a mesh."""
    if mesh is None:
        for name, value in (("data_axis", data_axis), ("specs", specs), ("state_specs", of_state)):
            if value is not None:
                raise InputError(f"run({name}={value!r}): it says how a lane lies on a mesh; pass mesh too.")
        return None
    if devices is not None:
        raise InputError("run(devices=, mesh=): the mesh has its devices; pass one of them.")
    others = [name for name in mesh.axis_names if name != LANE_AXIS]
    if not others:
        raise InputError(
            "run(mesh=): it has the axis 'lanes' alone, so that each lane has one device; pass devices= for that, or a "
            "mesh with an axis more, such as jax.make_mesh((2, 4), ('lanes', 'data'))."
        )
    axis = others[0] if data_axis is None else data_axis
    if axis not in others:
        raise unknown("run(data_axis)", axis, others)
    at = mesh.axis_names.index(LANE_AXIS) if LANE_AXIS in mesh.axis_names else None
    rows = mesh.devices[None] if at is None else np.moveaxis(mesh.devices, at, 0)
    return LaneMesh(Mesh(rows, (LANE_AXIS, *others), axis_types=(AxisType.Auto,) * rows.ndim), axis, specs, of_state)
