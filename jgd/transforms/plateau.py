"""A scale of the updates that falls when the loss no longer does."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, hyper, record
from jgd.core.arguments import checked
from jgd.core.errors import CallError
from jgd.core.pair import Pair
from jgd.core.tree import check_fits, increment, map_updates, scalar_of, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole


@record
class ReduceOnPlateau(Pair):
    """u = s g, where s falls by `factor` once the loss has not improved `patience` times; it needs `value`, the loss.

    The mean of `accumulation_size` losses is an improvement when it is less than (1 - rtol) best - atol. After a
    reduction, failures are not counted for `cooldown` such means. `min_scale` is the least s. A loss that is not a
    number is no improvement.
    """

    factor: Scalar = hyper(default=0.1, interval="(0, 1)")
    patience: Scalar = hyper(default=10, interval="[0, inf)", whole=True)
    rtol: Scalar = hyper(default=1e-4, interval="[0, 1]")
    atol: Scalar = hyper(default=0.0, interval="[0, inf)")
    cooldown: Scalar = hyper(default=0, interval="[0, inf)", whole=True)
    accumulation_size: Scalar = hyper(default=1, interval="[1, inf)", whole=True)
    min_scale: Scalar = hyper(default=0.0, interval="[0, inf)")
    called = "reduce_on_plateau"

    def init(self, params: Params) -> State:
        """Return a scale of one, and no loss seen."""
        return optax.contrib.ReduceLROnPlateauState(
            scale=scalar_of(params, 1.0),
            best_value=scalar_of(params, jnp.inf),
            plateau_count=zero_count(),
            cooldown_count=zero_count(),
            count=zero_count(),
            avg_value=scalar_of(params),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients, scaled."""
        loss, dtype = extra.get("value"), state.avg_value.dtype
        if loss is None:
            raise CallError(
                "ReduceOnPlateau.update: value is missing; call update(grads, state, params, value=...) with the loss."
            )
        if params is not None:
            check_fits("ReduceOnPlateau.update", grads, params)
        seen = state._asdict()["count"]  # every tuple has a method `count`
        mean = ((seen * state.avg_value + jnp.asarray(loss, dtype)) / (seen + 1)).astype(dtype)
        full = increment(seen) >= as_whole(self.accumulation_size)
        judged = self._judged(state, mean)
        waiting = state._replace(avg_value=mean, count=increment(seen))
        state = jax.tree.map(lambda new, old: jnp.where(full, new, old).astype(old.dtype), judged, waiting)
        return map_updates(lambda g: state.scale * g, grads, place="ReduceOnPlateau.update"), state

    def _judged(self, state: State, mean: jax.Array) -> State:
        """Return the state after a mean of losses."""
        best = state.best_value
        bound = jnp.where(jnp.isinf(best), best, (1 - self.rtol) * best - self.atol)
        better = mean < bound
        failures = jnp.where(better, 0, increment(state.plateau_count))
        cooling = state.cooldown_count > 0
        reduce = ~better & ~cooling & (failures >= as_whole(self.patience))
        scale = jnp.where(reduce, state.scale * self.factor, state.scale)
        return optax.contrib.ReduceLROnPlateauState(
            scale=jnp.where(cooling, state.scale, jnp.maximum(scale, self.min_scale)),
            best_value=jnp.where(better, mean, best),
            plateau_count=jnp.where(cooling | reduce, 0, failures),
            cooldown_count=jnp.where(cooling, state.cooldown_count - 1, jnp.where(reduce, as_whole(self.cooldown), 0)),
            count=zero_count(),
            avg_value=jnp.zeros_like(mean),
        )


@checked()
def reduce_on_plateau(
    factor: Scalar = 0.1,
    patience: Scalar = 10,
    rtol: Scalar = 1e-4,
    atol: Scalar = 0.0,
    cooldown: Scalar = 0,
    accumulation_size: Scalar = 1,
    min_scale: Scalar = 0.0,
) -> ReduceOnPlateau:
    """Scale updates down when the loss, given to `update` as `value=`, no longer falls: the last link of a chain.

    With a patience of 0 every failure reduces, as with 1; optax then reduces at improvements instead.
    """
    if isinstance(rtol, (int, float)) and isinstance(atol, (int, float)) and rtol == atol == 0:
        raise InputError(f"reduce_on_plateau(rtol={rtol}, atol={atol}): rtol or atol must be positive.")
    return ReduceOnPlateau(factor, patience, rtol, atol, cooldown, accumulation_size, min_scale)
