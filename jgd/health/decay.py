"""Weight decay: the share of each leaf that a step of any optimizer takes away, by what the step does."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.tree import widen
from jgd.core.types import Params, Transform
from jgd.health.trials import one_step
from jgd.train.loop import Carry, root_key
from jgd.train.task import Task
from jgd.transforms.in_effect import current_hyperparams

FILLING = 0.1  # of leaves that are zero, of which nothing could be taken


def decays_of(optimizer: Transform, params: Params, grads: Params) -> list[float] | None:
    """Measure the share of each leaf that the optimizer's first step takes away; `None` without a decay.

    It is the smaller of two: the share with a gradient of zero, to which a rule that normalises makes a decay within
    the gradient as large as a step; and the share by which an update of `grads` changes as the leaf does, which is 1
    where a projection holds its norm. Costs three updates, in one program.
    """
    known = jax.eval_shape(current_hyperparams, optimizer, jax.eval_shape(optimizer.init, params))
    if not any(name.rpartition(".")[2] == "weight_decay" for name in known):
        return None
    held = jax.tree.map(lambda p: jnp.where(jnp.any(p != 0), p, jnp.asarray(FILLING, p.dtype)), params)
    task = Task(init=_nothing, loss=_linear, data=jnp.zeros(2))
    state = jax.jit(optimizer.init)(held)

    def update(params: Params, grads: Params) -> Params:
        return one_step(task, optimizer, Carry(params, state, None, root_key(0)), 0, grads)[2]

    idle = update(held, jax.tree.map(jnp.zeros_like, grads))
    here, there = update(held, grads), update(jax.tree.map(lambda p: p + p, held), grads)
    found = jax.device_get(_shares(held, idle, jax.tree.map(jnp.subtract, there, here)))
    return [float(np.minimum(*pair)) for pair in found]


def _nothing(key: jax.Array) -> Params:
    return jnp.zeros(())


def _linear(params: Params, grads: Any) -> jax.Array:
    """Return a loss whose gradient is `grads`."""
    pairs = zip(jax.tree.leaves(params), jax.tree.leaves(grads), strict=True)
    return sum((jnp.sum(jnp.real(widen(p) * widen(g))) for p, g in pairs), jnp.zeros(()))


@jax.jit
def _shares(params: Params, *updates: Params) -> list[tuple[jax.Array, ...]]:
    """Return the shares of each leaf that updates take away."""

    def share(p: jax.Array, u: jax.Array) -> jax.Array:
        p, u = widen(p), widen(u)
        return -jnp.sum(jnp.real(jnp.conj(p) * u)) / jnp.sum(jnp.abs(p) ** 2)

    rows = zip(*map(jax.tree.leaves, (params, *updates)), strict=True)
    return [tuple(share(p, u) for u in some) for p, *some in rows]
