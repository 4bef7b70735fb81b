"""Mechanic: any optimizer at a rate that a few bets on its progress find."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, whole_from
from jgd.core.cost import Cost, cost, total
from jgd.core.pair import Pair
from jgd.core.tree import (
    check_params,
    copied,
    global_dot,
    global_norm,
    increment,
    map_unzip,
    ratio,
    safe_sqrt,
    scalar_of,
    tree_bytes,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms import as_transform


@record
class Mechanize(Pair):
    """Learn the scale of another optimizer's steps.

    p = x0 + (s_1 + ... + s_n) D, where D sums the steps of `base_optimizer` and n bettors choose its scale.

    (Cutkosky et al. 2023, arXiv:2306.00144, Alg. 1.) With D = (p - x0) / (sum(s) + eps) and the gradient
    g' = g + wd sum(s) ||g|| p / (||p|| + eps), each bettor has a b of 0.9, 0.99, ... and
    h = -<g', D>; m = max(b m, |h| + eps); v = b^2 v + h^2; r = b r + clip(h, -m, m) s with the old m and s;
    s = (s_init m / n + max(0, r)) / (sqrt(v) + eps). n is `num_betas`. The clip of h is the authors' code's.

    x0 is the parameters at the first step. The base's rate is a multiplier: 1, or a schedule that shrinks it. State: 4
    bytes a parameter, 16 for each bettor, a counter and the base's.
    """

    base_optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    weight_decay: Scalar = hyper(default=1e-2, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    s_init: Scalar = hyper(default=1e-6, interval="(0, inf)")
    num_betas: int = static(default=6, expect=whole_from(1))

    def init(self, params: Params) -> State:
        """Return the first scales, and a copy of the parameters."""
        each = scalar_of(params, 1.0) * jnp.ones(self.num_betas, jnp.float32)
        return optax.contrib.MechanicState(
            base_optimizer_state=self.base_optimizer.init(params),
            count=zero_count(),
            r=0 * each,
            m=0 * each,
            v=0 * each,
            s=(self.s_init * each).astype(each.dtype),
            x0=copied(params),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the base's step from where the old scale's sum stands, at the new scale."""
        check_params("Mechanize.update", params)
        old = jnp.sum(state.s)
        steps, base_state = self.base_optimizer.update(grads, state.base_optimizer_state, params, **extra)

        def begin(g: jax.Array, x: jax.Array, p: jax.Array) -> tuple[jax.Array, jax.Array]:
            return g, jnp.where(state.count == 0, p, x)

        _, x0 = map_unzip(begin, grads, state.x0, place="Mechanize.update", read=(params,))
        away = jax.tree.map(lambda p, x: widen(p) - widen(x), params, x0)
        inverse = ratio(jnp.ones(()), old + self.eps)  # D = inverse away
        decay = self.weight_decay * old * ratio(global_norm(grads), global_norm(params) + self.eps)
        h = -inverse * (global_dot(grads, away) + decay * global_dot(params, away))
        r, m, v, s = self._bet(state, h)
        new = jnp.sum(s)

        def move(u: jax.Array, a: jax.Array, p: jax.Array) -> tuple[jax.Array, ...]:
            return (new * (inverse * a + u) - a,)

        updates = map_unzip(move, steps, place="Mechanize.update", read=(away, params))[0]
        updates = jax.tree.map(lambda u, g, p: u.astype(jnp.result_type(g, p)), updates, grads, params)
        return updates, optax.contrib.MechanicState(base_state, increment(state.count), r, m, v, s, x0)

    def cost(self, params: Params) -> Cost:
        """Count the gradients and the parameters once more for the bets, x0 read, the scales, and the base's cost."""
        scales = 4 * self.num_betas * tree_bytes(jax.eval_shape(scalar_of, params))
        return total([Cost(3 * tree_bytes(params) + 2 * scales), cost(self.base_optimizer, params)])

    def _bet(self, state: State, h: jax.Array) -> tuple[jax.Array, ...]:
        b = 1 - 0.1 ** jnp.arange(1, self.num_betas + 1, dtype=state.s.dtype)
        m = jnp.maximum(b * state.m, jnp.abs(h) + self.eps)
        v = b**2 * state.v + h**2
        r = b * state.r + jnp.clip(h, -state.m, state.m) * state.s
        root = safe_sqrt(v) + self.eps
        s = (self.s_init / self.num_betas * m + jnp.maximum(r, 0.0)) / jnp.where(root == 0, 1.0, root)
        return tuple(new.astype(state.s.dtype) for new in (r, m, v, s))


mechanize = Mechanize
