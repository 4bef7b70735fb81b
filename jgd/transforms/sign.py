"""Steps of one size in every direction: the sign of the gradient or of its momentum."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import full_like, increment, map_unzip, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class ScaleByLion:
    """u = sign(b1 m + (1-b1) g); m = b2 m + (1-b2) g (Chen et al. 2023, arXiv:2302.06675).

    Computed as u = sign(b1 m' + (b2-b1) g) from the new m', which is the old formula times b2: the old m need not
    outlive the step, so a donated one is overwritten in place. b2 is therefore not 0. A sign may differ from the
    formula's where b1 m + (1-b1) g is within rounding, 1e-7 (|m| + |g|) / b2, of zero.
    State: 4 bytes a parameter and a counter.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="(0, 1)")
    mu_dtype: Any = static(default=None, convert=dtype_name)

    def init(self, params: Params) -> State:
        """Zero momentum; the counter is optax's, so that its checkpoints fit."""
        return optax.ScaleByLionState(zero_count(), full_like(params, dtype=self.mu_dtype))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The sign of the interpolated momentum."""
        b1, b2 = jnp.asarray(self.b1), jnp.asarray(self.b2)

        def rule(g: jax.Array, m: jax.Array) -> tuple[jax.Array, jax.Array]:
            m = b2 * m + (1 - b2) * g
            return jnp.sign(b1 * m + (b2 - b1) * g), m

        updates, mu = map_unzip(rule, grads, state.mu, place="ScaleByLion.update")
        return updates, optax.ScaleByLionState(increment(state.count), mu)


def scale_by_lion(b1: Scalar = 0.9, b2: Scalar = 0.99, mu_dtype: Any = None) -> ScaleByLion:
    """Replace the gradient by the sign of its momentum."""
    return ScaleByLion(b1, b2, mu_dtype)
