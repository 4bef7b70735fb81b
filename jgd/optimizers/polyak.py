"""Polyak's step: the gap to the least value over the squared norm of the gradient."""

from typing import Any

import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.arguments import one_of
from jgd.core.cost import Cost
from jgd.core.pair import Pair
from jgd.core.tree import check_extra, global_dot, map_unzip, map_updates, ratio, tree_bytes
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, scale_by_learning_rate

VARIANTS = one_of("sps", "sps+")


@record
class ScaleByPolyak(Pair):
    """Scale by Polyak's step length.

    u = g min((f - f_min) / (||g||^2 + eps), max_learning_rate), the norm taken over all leaves.

    (Loizou et al. 2021, arXiv:2002.10542.) `update` needs the loss as `value`. With the variant `sps+` a negative gap
    counts as zero (Garrigos et al. 2023, arXiv:2307.14528). Only a zero gradient has no step; optax takes none below a
    squared norm of 2e-16 either.
    """

    f_min: Scalar = hyper(default=0.0)
    max_learning_rate: Scalar = hyper(default=1.0, interval="[0, inf]")
    eps: Scalar = hyper(default=0.0, interval="[0, inf)")
    variant: str = static(default="sps", expect=VARIANTS)

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(
        self, grads: Grads, state: State, params: Params = None, *, value: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Return the scaled gradients."""
        place = "ScaleByPolyak.update"
        check_extra(place, "value", value)
        if params is not None:
            map_unzip(lambda g, p: (g,), grads, place=place, read=(params,))  # checks that they fit
        squares = global_dot(grads, grads)
        gap = jnp.asarray(value).astype(squares.dtype) - self.f_min
        gap = jnp.maximum(gap, 0.0) if self.variant == "sps+" else gap
        rate = jnp.minimum(ratio(gap, squares + self.eps), self.max_learning_rate)
        return map_updates(lambda g: rate * g, grads, place=place), state

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients: none may be scaled before all have been seen."""
        return Cost(tree_bytes(params))


scale_by_polyak = ScaleByPolyak


@optimizer(rates=None, needs=("value",))
def polyak_sgd(
    max_learning_rate: Scalar = 1.0,
    scaling: Rate = 1.0,
    f_min: Scalar = 0.0,
    eps: Scalar = 0.0,
    variant: str = "sps",
    *,
    scaling_first: bool = False,
) -> Chain:
    """Gradient descent by Polyak's rate: s min((f - f_min) / (||g||^2 + eps), max_learning_rate).

    (Loizou et al. 2021, arXiv:2002.10542.) `update` needs the loss as `value`. `scaling_first` multiplies the gradient
    by s before its norm is taken, as optax does: there the rate is s min((f - f_min) / (s^2 ||g||^2 + eps), ...), which
    falls where s rises.
    """
    rule, scale = ScaleByPolyak(f_min, max_learning_rate, eps, variant), scale_by_learning_rate(scaling)
    return chain(scale, rule) if scaling_first else chain(rule, scale)
