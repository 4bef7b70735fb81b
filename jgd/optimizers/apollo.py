"""APOLLO: gradients that are scaled as Adam scales a random projection of them."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import KEY, one_of
from jgd.core.frozen import FrozenKey, first_key, frozen_key
from jgd.core.rule import RuleState
from jgd.core.tree import abs_sq, moment_dtype, safe_sqrt
from jgd.core.types import Params, Rate, Scalar, State
from jgd.optimizers.catalogue import descend_then_decay, optimizer
from jgd.optimizers.fira import TINY, limited_growth, scaling
from jgd.optimizers.low_rank import Projection, ScaleByLowRankAdam
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByApollo(ScaleByLowRankAdam):
    """Scale the channels of each matrix as Adam scales a projection of them.

    u = c sqrt(scale) h G f, f = |n| / (|P'G| + 1e-8) for each column of these, or of them as a whole.

    (Zhu et al. 2024, arXiv:2412.05270.) `scale_type` "channel" is the former, for each row if G is tall, and "tensor"
    the latter. h limits the norm of G f as in Fira, before the factor `scale`; see `ScaleByLowRankAdam` for c and n.
    With `projection` "random" the entries of P are normal with variance 1 / rank, drawn anew for every leaf and for
    each `update_proj_gap` steps from a key that is folded with the leaf's number, and then with the projection's;
    nothing of P is kept. With "svd" P is GaLore's. State: 8 rank longer bytes and a key for a matrix, or GaLore's; and
    a number.
    """

    scale: Scalar = hyper(default=1.0, interval="[0, inf)")
    _: KW_ONLY
    projection: str = static(default="random", expect=one_of("random", "svd"))
    scale_type: str = static(default="channel", expect=one_of("channel", "tensor"))
    key: Any = static(default=0, convert=frozen_key, expect=KEY)
    layout = ("m", "v", "projector", "norm")

    def init(self, params: Params) -> State:
        """Return the moments at zero, and a key for each leaf if projections are random."""
        state = super().init(params)
        if self.projection == "svd":
            return state
        structure = jax.tree.structure(params)
        key = jax.random.wrap_key_data(first_key(self.key), impl=self._impl)
        keys = [jax.random.key_data(jax.random.fold_in(key, i)) for i in range(structure.num_leaves)]
        return RuleState(state.count, {**state.slots, "projector": structure.unflatten(keys)})

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return *super().slots(p), jnp.zeros((), moment_dtype(p, real=True))

    def renewed(self, shared: Any, one: Projection, g: jax.Array, *kept: jax.Array) -> tuple[jax.Array, ...]:
        if self.projection == "svd":
            return super().renewed(shared, one, g, *kept)
        key = jax.random.fold_in(jax.random.wrap_key_data(kept[0], impl=self._impl), shared[1])
        return jax.random.normal(key, one.shape, g.dtype) / one.rank**0.5, *kept

    def whole(self, t: jax.Array, one: Projection, found: Any, *kept: jax.Array) -> tuple[jax.Array, ...]:
        g, low, n, _ = found
        if self.scale_type == "tensor":
            top, bottom = (safe_sqrt(jnp.sum(abs_sq(x))) for x in (n, low))
            f = top / (bottom + TINY)
        else:
            f = scaling(one, n, low)
        u, norm = limited_growth(t, g * f, kept[-1])
        return safe_sqrt(self.scale) * u, *kept[:-1], norm

    @property
    def _impl(self) -> str | None:
        """The generator of the key."""
        return self.key.impl if isinstance(self.key, FrozenKey) else None


scale_by_apollo = ScaleByApollo


@optimizer(rates=(1e-4, 1e0))
def apollo(
    learning_rate: Rate,
    rank: int = 128,
    update_proj_gap: Scalar = 200,
    scale: Scalar = 1.0,
    projection: str = "random",
    scale_type: str = "channel",
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    key: Any = 0,
) -> Chain:
    """Gradients scaled by channel as Adam scales a projection of them (Zhu et al. 2024, arXiv:2412.05270).

    APOLLO-Mini is `apollo(lr, rank=1, scale=128.0, scale_type="tensor")`: about the memory of SGD. Decay comes after
    the step: p <- (p - lr u)(1 - lr wd). What is no matrix gets Adam.
    """
    rule = ScaleByApollo(
        rank, update_proj_gap, scale, b1, b2, eps, projection=projection, scale_type=scale_type, key=key
    )
    return descend_then_decay(rule, learning_rate, weight_decay, mask)
