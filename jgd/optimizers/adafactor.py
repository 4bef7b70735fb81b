"""Adafactor: RMSProp whose mean of squares is kept as its rows and columns alone."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.arguments import function_of, whole_from
from jgd.core.tree import abs_sq, filled, ratio, safe_sqrt
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import (
    Chain,
    add_decayed_weights,
    chain,
    clip_by_block_rms,
    ema,
    negate,
    scale_by_learning_rate,
    scale_by_param_block_rms,
)

DECAY = function_of("(steps taken before, decay_rate) -> decay", 2)


@record
class ScaleByFactoredRms(Rule):
    """Scale by second moments of the rows and columns.

    u = g / sqrt(v), v = b v + (1-b) (|g|^2 + eps), b = 1 - t^-d (Shazeer & Stern 2018, arXiv:1804.04235, Alg. 4).

    Where a leaf's two largest axes have at least `min_dim_size_to_factor` entries, v is r c / mean(r), and only its
    means r over the largest and c over the second largest are kept: 4 (m + n) bytes for m x n parameters. Steps are
    counted from `step_offset`, and those before it as the first. `decay_rate_fn(i, decay_rate)` replaces b, of the
    number i of steps before. A leaf's slots that are not used have shape (1,), as in optax; moments are in float32 at
    least, where optax's are in the parameters' dtype.
    """

    factored: bool = static(default=True)
    decay_rate: Scalar = hyper(default=0.8, interval="[0, inf)")
    step_offset: Scalar = hyper(default=0.0)
    min_dim_size_to_factor: int = static(default=128, expect=whole_from(0))
    epsilon: Scalar = hyper(default=1e-30, interval="[0, inf)")
    decay_rate_fn: Callable[[Any, Any], Any] | None = static(default=None, expect=DECAY)
    layout = optax.FactoredState
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        none, axes = jax.ShapeDtypeStruct((1,), jnp.result_type(p)), self._axes(jnp.shape(p))
        if axes is None:
            return tuple(filled(x, real=True) for x in (none, none, p))
        means = (jax.eval_shape(lambda x, axis=axis: jnp.sum(x, axis), p) for axis in reversed(axes))
        return tuple(filled(x, real=True) for x in (*means, none))

    def shared(self, t: Any) -> Any:
        """Return 1 - b, the weight of the present gradient."""
        first = 1.0 + self.step_offset
        t = jnp.where(t > first, t - self.step_offset, 1.0)
        return t**-self.decay_rate if self.decay_rate_fn is None else 1 - self.decay_rate_fn(t - 1, self.decay_rate)

    def step(self, weight: Any, g: jax.Array, rows: Any, columns: Any, v: Any, *, p: Any) -> tuple[jax.Array, ...]:
        axes, squares = self._axes(p.shape), abs_sq(g) + self.epsilon
        if axes is None:
            v = (1 - weight) * v + weight * squares
            return ratio(g, safe_sqrt(v)), rows, columns, v
        second, largest = axes
        rows = (1 - weight) * rows + weight * jnp.mean(squares, largest)
        columns = (1 - weight) * columns + weight * jnp.mean(squares, second)
        mean = jnp.mean(rows, second - (second > largest), keepdims=True)
        # Roots before quotients: the square of a reciprocal of eps leaves float32, here or in a derivative.
        along = jnp.expand_dims(ratio(safe_sqrt(mean), safe_sqrt(rows)), largest)
        return ratio(g * along, jnp.expand_dims(safe_sqrt(columns), second)), rows, columns, v

    def _axes(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the second largest axis and the largest, or none where v is kept in full."""
        if not self.factored or len(shape) < 2:
            return None
        *_, second, largest = (int(axis) for axis in np.argsort(shape, kind="stable"))
        return None if shape[second] < max(self.min_dim_size_to_factor, 1) else (second, largest)


scale_by_factored_rms = ScaleByFactoredRms


@optimizer(rates=(1e-4, 1.0))
def adafactor(
    learning_rate: Rate | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Scalar = 0.8,
    decay_offset: Scalar = 0.0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Scalar | None = 1.0,
    momentum: Scalar | None = None,
    dtype_momentum: Any = "float32",
    weight_decay_rate: Rate | None = None,
    eps: Scalar = 1e-30,
    factored: bool = True,
    weight_decay_mask: Any = None,
) -> Chain:
    """Adafactor: steps relative to the parameters, with next to no state (Shazeer & Stern 2018, arXiv:1804.04235).

    Without a learning rate each step is at most as long as the parameters, or 0.001; the paper's is
    min(0.01, 1/sqrt(t)). The momentum, a running mean, and the decay, p <- p - wd p, come after the learning rate, as
    in optax.
    """
    return chain(
        ScaleByFactoredRms(factored, decay_rate, decay_offset, min_dim_size_to_factor, eps),
        *([] if clipping_threshold is None else [clip_by_block_rms(clipping_threshold)]),
        *([] if learning_rate is None else [scale_by_learning_rate(learning_rate, flip_sign=False)]),
        *([scale_by_param_block_rms()] if multiply_by_parameter_scale else []),
        *([] if momentum is None else [ema(momentum, False, dtype_momentum)]),
        *([] if weight_decay_rate is None else [add_decayed_weights(weight_decay_rate, weight_decay_mask)]),
        negate(),
    )
