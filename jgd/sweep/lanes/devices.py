"""The devices of a sweep in a row, and arrays on them."""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.lane_mesh import LaneMesh
from jgd.sweep.lanes.program import EVERYWHERE, LANES, LaneState, mesh_of
from jgd.train.loop import begin, root_key


class Devices:
    """The devices in a row, and arrays on them. Where each lane has a mesh, its first device stands for all of it."""

    def __init__(self, devices: Sequence[Any], spread: LaneMesh | None = None) -> None:
        self.list = (
            list(devices) if spread is None else list(spread.mesh.devices.reshape(len(spread.mesh.devices), -1)[:, 0])
        )
        self.spread = spread
        self.mesh = mesh_of(self.list) if spread is None else spread.mesh
        self.split_over_lanes = NamedSharding(self.mesh, LANES)
        self.on_every_one = NamedSharding(self.mesh, EVERYWHERE)
        self._copies: dict[int, tuple[Any, jax.Array]] = {}

    def in_effect(self) -> Any:
        """Return a context in which programs are traced: their mesh is the one in effect where each lane has one."""
        return contextlib.nullcontext() if self.spread is None else jax.set_mesh(self.mesh)

    def numbers(self, group: Group) -> list[jax.Array]:
        """Return the leaves that all lanes of a group share, on the devices."""
        if self.spread is None:
            return [self.share(x) for x in group.fixed]
        return [self.share(x, spec) for x, spec in zip(group.fixed, self.spread.of_numbers(group), strict=True)]

    def share(self, x: Any, spec: PartitionSpec = EVERYWHERE) -> jax.Array:
        """Copy an array to the devices, to every one unless `spec` says otherwise, once for all groups."""
        if id(x) not in self._copies:
            # The original is kept beside the copy, so that nothing else can take its id.
            where = NamedSharding(self.mesh, spec)
            array = (jnp if isinstance(x, jax.Array) else np).asarray(
                x, jnp.result_type(x)
            )  # a number needs no program
            self._copies[id(x)] = x, jax.device_put(array, where)
        return self._copies[id(x)][1]

    def scalar(self, x: int) -> jax.Array:
        """Return a whole number on every device."""
        return jax.device_put(np.int32(x), self.on_every_one)

    def of_states(self, group: Group) -> Any:
        """Return the sharding of the states of a group's lanes, or of each of their leaves."""
        if self.spread is None:
            return self.split_over_lanes
        task, optimizer = group.trials[0].problem
        carry = jax.eval_shape(begin, task, optimizer, root_key(0))
        places = self.spread.places(optimizer, carry)
        state = LaneState(places.params, places.opt_state, places.model_state, EVERYWHERE)
        return jax.tree.map(
            lambda spec: NamedSharding(self.mesh, PartitionSpec(*LANES, *spec)),
            state,
            is_leaf=lambda x: isinstance(x, PartitionSpec),
        )

    def state_shapes(self, lanes: int, state: Any, where: Any) -> Any:
        """Return the shapes of the states of so many lanes, from those of one and what `of_states` says."""

        def lying(place: Any, part: Any) -> Any:
            return jax.tree.map(lambda x: jax.ShapeDtypeStruct((lanes, *x.shape), x.dtype, sharding=place), part)

        return jax.tree.map(lying, where, state)

    def split(self, lanes: Any) -> Any:
        """Return arrays with a leading axis of lanes, split over the devices."""
        return jax.device_put(lanes, self.split_over_lanes)
