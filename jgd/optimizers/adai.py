"""Adai: momentum whose decay, and not whose rate, is each entry's own."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import hyper, record
from jgd.core.pair import Pair, abstracted, explained
from jgd.core.tree import abs_sq, full_like, map_unzip, ratio, widen
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain


class AdaiState(NamedTuple):
    """The two moments, and the products of the decays so far."""

    m: State
    v: State
    product: State


@record
class ScaleByAdai(Pair):
    """Average gradients with a decay of each entry's own.

    u = m / (1 - product of d), m = d m + (1-d) g, d = clip(1 - b1 v / mean(v), 0, 1 - eps).

    v is the mean of |g|^2 with decay b2, and mean(v) that of all entries of all leaves together (Xie et al. 2022,
    arXiv:2006.15815): where gradients are large, inertia is small. v's bias cancels. pytorch-optimizer holds mean(v)
    above eps, where small gradients would all get one decay; the paper does not. State: 12 bytes a parameter.
    """

    b1: Scalar = hyper(default=0.1, interval="[0, inf)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-3, interval="[0, 1]")

    @abstracted
    def init(self, params: Params) -> State:
        """Return moments at zero and products at one."""
        return AdaiState(full_like(params), full_like(params, real=True), full_like(params, 1.0, real=True))

    @explained
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the momentum without its bias, and the next state."""
        place, rule = "ScaleByAdai.update", jax.tree.map(jnp.asarray, self)
        _, v = map_unzip(lambda g, v: (g, rule.b2 * v + (1 - rule.b2) * abs_sq(g)), grads, state.v, place=place)
        leaves = jax.tree.leaves(v)
        total = sum((jnp.sum(widen(x)) for x in leaves), start=jnp.zeros((), jnp.float32))
        mean = total / max(1, sum(x.size for x in leaves))

        def step(g: Any, m: Any, v: Any, product: Any) -> tuple[Any, ...]:
            d = jnp.clip(1 - rule.b1 * ratio(v, mean), 0.0, 1 - rule.eps)
            m, product = d * m + (1 - d) * g, product * d
            return ratio(m, 1 - product), m, v, product

        updates, *moments = map_unzip(step, grads, state.m, v, state.product, place=place)
        return updates, AdaiState(*moments)


scale_by_adai = ScaleByAdai


@optimizer(rates=(1e-3, 1e1))
def adai(learning_rate: Rate, b1: Scalar = 0.1, b2: Scalar = 0.99, eps: Scalar = 1e-3) -> Chain:
    """Adai: momentum whose decay is smaller where gradients are larger (Xie et al. 2022, arXiv:2006.15815).

    State: 12 bytes a parameter.
    """
    return descend(ScaleByAdai(b1, b2, eps), learning_rate)
