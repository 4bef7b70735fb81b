"""Generalized primal averaging: steps from between the last iterate and an average of them all."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, hyper, part, record
from jgd.core.cost import Cost, cost, total
from jgd.core.pair import Pair
from jgd.core.tree import check_params, copied, map_unzip, tree_bytes, widen
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.as_transform import as_transform


class PrimalAveragingState(NamedTuple):
    """The sequence that the steps move, and the state of the transform."""

    z: Params
    inner_state: State


@record
class PrimalAveraging(Pair):
    """Evaluate the gradient between the fast parameters and their average.

    z = z + u(y); x = mu_x x + (1-mu_x) z; y = mu_y x + (1-mu_y) z, with u(y) the step of `inner`.

    (Defazio et al. 2025, arXiv:2512.17131.) The parameters are y, where gradients are taken; x, the average, is what to
    evaluate: `jgd.eval_params`. It smooths as DiLoCo of one worker does, without its inner loops; `inner` should have
    no momentum of its own. With mu_x = 1 - 1/t, as `scheduled(primal_averaging(inner, mu_x=...))`, it is schedule-free
    learning. Weight decay in `inner` is of y. Computed as y = y + (1-mu_x) (z-y) + (1 - mu_x mu_y) u with the old z,
    which divides by nothing. State: z, in the parameters' dtypes, and that of `inner`.
    """

    inner: Transform = part(convert=as_transform)
    mu_x: Scalar = hyper(default=0.9, interval="[0, 1]")
    mu_y: Scalar = hyper(default=0.8, interval="(0, 1]")

    def init(self, params: Params) -> State:
        """Return z, which begins at the parameters as y and x do, and the state of `inner`."""
        return PrimalAveragingState(copied(params), self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of y; z takes that of `inner`."""
        check_params("PrimalAveraging.update", params)
        steps, inner = self.inner.update(grads, state.inner_state, params, **extra)
        mu_x, mu_y = jnp.asarray(self.mu_x), jnp.asarray(self.mu_y)

        def move(u: jax.Array, z: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
            return (1 - mu_x) * (z - y) + (1 - mu_x * mu_y) * u, z + u

        updates, z = map_unzip(move, steps, state.z, place="PrimalAveraging.update", read=(params,))
        return updates, PrimalAveragingState(z, inner)

    def eval_params(self, state: State, params: Params) -> Params:
        """Return the average x = (y - (1-mu_y) z) / mu_y."""
        mu_y: Any = jnp.asarray(self.mu_y)

        def average(y: Any, z: Any) -> jax.Array:
            return ((widen(y) - (1 - mu_y) * widen(z)) / mu_y).astype(jnp.result_type(y))

        return jax.tree.map(average, params, state.z)

    def cost(self, params: Params) -> Cost:
        """Count the sequence z in and out, and the cost of `inner`."""
        return total([Cost(2 * tree_bytes(params)), cost(self.inner, params)])


primal_averaging = PrimalAveraging
