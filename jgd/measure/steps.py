"""Steps of an optimizer as programs, on random parameters and gradients."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import ARRAYS, checked
from jgd.core.tree import check_inexact, tree_bytes
from jgd.core.types import Grads, Params, State
from jgd.measure.program import Program
from jgd.transforms import apply_updates

LARGE = 1 << 26  # numbers of a leaf from which on it is filled on its device
PERIOD = 1_000_003  # random numbers that large arrays repeat; prime, so that no row equals another


@checked()
def step_program(optimizer: Any, params: Params) -> Program:
    """Make `p, s = step(p, s, g)`: an update and its application, for one gradient and parameters like `params`.

    Values are random, not those of `params`, which may be shapes. The step closes over the optimizer, as a closure
    over optax's does; whatever it contains (clipping, decay, schedules) is in it.
    """

    def step(params: Params, state: State, grads: Grads) -> tuple[Params, State]:
        updates, state = optimizer.update(grads, state, params)
        return apply_updates(params, updates), state

    values = random_like(params, 0)
    return Program(step, values, optimizer.init(values), random_like(params, 1), carry=2)


@checked(tree=ARRAYS)
def random_like(tree: Any, seed: int) -> Any:
    """Draw normal numbers in the shapes, dtypes and shardings of a tree; large arrays repeat them."""
    check_inexact("random_like", tree)
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal(PERIOD, np.float32)

    def draw(leaf: Any) -> jax.Array:
        dtype = jnp.result_type(leaf)
        offset, size = rng.integers(PERIOD), math.prod(jnp.shape(leaf))
        rolled, sharding = np.roll(numbers, offset), getattr(leaf, "sharding", None)
        whole = sharding is None or len(sharding.device_set) == 1
        real = _repeated(jnp.asarray(rolled), size) if whole and size >= LARGE else np.resize(rolled, size)
        real = real.reshape(jnp.shape(leaf))
        values = real * (1 + 1j) if jnp.issubdtype(dtype, jnp.complexfloating) else real
        free = not getattr(leaf, "committed", True)  # a program for it would be another for what is bound to a device
        return jax.device_put(values.astype(dtype), None if free else sharding)

    return jax.tree.map(draw, tree)


@partial(jax.jit, static_argnums=1)
def _repeated(numbers: jax.Array, size: int) -> jax.Array:
    """Repeat f32[n] to a size on its device, as `np.resize` does: gigabytes would take seconds to get there."""
    return numbers[jax.lax.iota(jnp.uint32, size) % len(numbers)]


@checked()
def state_bytes(optimizer: Any, params: Params) -> int:
    """Count the bytes of the optimizer's state for parameters of these shapes; nothing is computed."""
    return tree_bytes(jax.eval_shape(optimizer.init, params))


def num_parameters(params: Params) -> int:
    """Count the entries of all leaves."""
    return sum(math.prod(jnp.shape(x)) for x in jax.tree.leaves(params))
