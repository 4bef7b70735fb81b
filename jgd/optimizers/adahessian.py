"""AdaHessian: Adam whose second moment is of the Hessian's diagonal."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM
from jgd.core.pair import Pair
from jgd.core.tree import (
    abs_sq,
    cast_like,
    check_params,
    full_like,
    increment,
    map_unzip,
    one_minus_pow,
    ratio,
    zero_count,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.curvature import hutchinson_estimator_diag_hessian
from jgd.transforms import Chain, as_transform
from jgd.transforms.decay import Decay

_SIGNS = hutchinson_estimator_diag_hessian()


@record
class ScaleByAdahessian(Pair):
    """Scale by Adam's rule with the Hessian's diagonal for the second moment.

    u = m^ / (v^^(k/2) + eps); m and v are means of g and D^2, D the Hessian's diagonal, k the `hessian_power`.

    `hessian_diagonal_fn` estimates D at every step (Yao et al. 2021, arXiv:2006.00719, Alg. 1), a transform that is
    given what `update` is given; Hutchinson's estimator needs `obj_fn`. With `spatial_average` the moduli of D are
    averaged over the window of a convolution's kernel, the first two axes of a leaf of rank 4, (height, width, in,
    out). State: 8 bytes a parameter, a counter and the estimator's.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-16, interval="[0, inf)")
    hessian_power: Scalar = hyper(default=1.0, interval="[0, 1]")
    spatial_average: bool = static(default=True)
    hessian_diagonal_fn: Transform = part(default=_SIGNS, convert=as_transform, expect=TRANSFORM)

    def init(self, params: Params) -> State:
        """Return a counter and the moments at zero, and the estimator's state."""
        slots = full_like(params), full_like(params)
        return ScaleByAdahessianState(zero_count(), *slots, self.hessian_diagonal_fn.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the quotients."""
        place = "ScaleByAdahessian.update"
        check_params(place, params)
        t, rule = increment(state.count), jax.tree.map(jnp.asarray, self)
        diagonal, hessian_state = self.hessian_diagonal_fn.update(grads, state.hessian_fn_state, params, **extra)

        def step(g: jax.Array, m: jax.Array, v: jax.Array, d: jax.Array) -> tuple[jax.Array, ...]:
            if self.spatial_average and d.ndim == 4:
                d = jnp.mean(jnp.abs(d), (0, 1), keepdims=True)
            m = rule.b1 * m + (1 - rule.b1) * g
            v = rule.b2 * v + (1 - rule.b2) * abs_sq(d)
            known = v > 0
            power = jnp.where(known, v / one_minus_pow(rule.b2, t), 1.0) ** (rule.hessian_power / 2)
            return ratio(m / one_minus_pow(rule.b1, t), jnp.where(known, power, 0.0) + rule.eps), m, v

        updates, mu, nu = map_unzip(step, grads, state.mu, state.nu, place=place, read=(diagonal,))
        # The estimator's dtypes are those of the objective.
        updates = cast_like(updates, grads)
        return updates, ScaleByAdahessianState(t, mu, nu, cast_like(hessian_state, state.hessian_fn_state))


class ScaleByAdahessianState(NamedTuple):
    """The state of AdaHessian."""

    count: jax.Array  # i32[]
    mu: State
    nu: State
    hessian_fn_state: State


scale_by_adahessian = ScaleByAdahessian


@optimizer(rates=(1e-4, 1e0), needs=("obj_fn",))
def adahessian(
    learning_rate: Rate = 0.1,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    hessian_power: Scalar = 1.0,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    spatial_average: bool = True,
    hessian_diagonal_fn: Any = _SIGNS,
) -> Chain:
    """Adam over the Hessian's diagonal in place of the gradient's squares (Yao et al. 2021, arXiv:2006.00719).

    `update` needs the objective as `obj_fn`, a function of the parameters alone; `jgd.fit` and `jgd.minimize` pass it
    as `value_fn`, which serves as well. A step costs about two gradients more.
    """
    rule = ScaleByAdahessian(b1, b2, eps, hessian_power, spatial_average, hessian_diagonal_fn)
    return descend(rule, learning_rate, weight_decay, mask)
