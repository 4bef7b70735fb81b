"""The devices of a sweep in a row, and arrays on them."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from jgd.sweep.lanes.program import EVERYWHERE, LANES, mesh_of


class Devices:
    """The devices in a row, and arrays on them."""

    def __init__(self, devices: Sequence[Any]) -> None:
        self.list = list(devices)
        self.mesh = mesh_of(self.list)
        self.split_over_lanes = NamedSharding(self.mesh, LANES)
        self.on_every_one = NamedSharding(self.mesh, EVERYWHERE)
        self._copies: dict[int, tuple[Any, jax.Array]] = {}

    def share(self, x: Any) -> jax.Array:
        """A copy of an array on every device, made once for all groups."""
        if id(x) not in self._copies:
            # The original is kept beside the copy, so that nothing else can take its id.
            self._copies[id(x)] = x, jax.device_put(jnp.asarray(x, jnp.result_type(x)), self.on_every_one)
        return self._copies[id(x)][1]

    def scalar(self, x: int) -> jax.Array:
        """A whole number on every device."""
        return jax.device_put(np.int32(x), self.on_every_one)

    def split(self, lanes: Any) -> Any:
        """Arrays with a leading axis of lanes, split over the devices."""
        return jax.device_put(lanes, self.split_over_lanes)
