"""Dynamic loss scaling: gradients of a scaled loss keep what float16 would round to zero."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, hyper, part, record
from jgd.core.arguments import TRANSFORM, checked
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import all_finite, increment, tree_bytes, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.transforms.as_transform import as_transform
from jgd.transforms.wrappers import step_if


class LossScaleState(NamedTuple):
    """The factor of the loss, the finite gradients since it changed, all that were not finite, the inner state."""

    scale: jax.Array  # f32[]
    finite_steps: jax.Array  # i32[]
    skipped: jax.Array  # i32[]
    inner_state: State


@record
class DynamicLossScale(Pair):
    """Let `inner` step with gradients of a loss that was scaled by a factor which follows what the dtype can hold.

    Backpropagation in float16 rounds gradients below 6e-8 to zero. So the loss is multiplied by s, at first
    `init_scale`, and its gradients are divided by s in float32. Where one of them is not finite, s was too large: the
    step is skipped, its update zero, and s becomes s `backoff_factor`; after `growth_interval` finite gradients in a
    row s becomes s `growth_factor` (Micikevicius et al. 2018, arXiv:1710.03740; the numbers of torch's GradScaler but
    for its first scale, 2^16, which is infinite in float16). bfloat16 needs no scale.

    `jgd.fit` and sweeps multiply and divide by themselves where an optimizer's state holds a scale: losses, metrics,
    norms and clips are those of the loss itself, and checkpoints have the scale. In a loop of one's own the gradients
    that `update` is given are those of `jgd.loss_scale(state) * loss`, divided by that scale. Scales that are powers of
    two change no bit of finite float32 training. At `min_scale` there is no remedy left: what is not finite goes to
    `inner`, so that a run whose loss is NaN ends. State: three scalars and the inner state.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    init_scale: Scalar = hyper(default=2.0**15, interval="(0, inf)")
    growth_factor: Scalar = hyper(default=2.0, interval="[1, inf)")
    backoff_factor: Scalar = hyper(default=0.5, interval="(0, 1)")
    growth_interval: Scalar = hyper(default=2000, interval="[1, inf)", whole=True)
    min_scale: Scalar = hyper(default=1.0, interval="(0, inf)")

    def init(self, params: Params) -> State:
        """Return the first scale, and the inner state."""
        scale = jnp.asarray(self.init_scale, jnp.float32)
        return LossScaleState(scale, zero_count(), zero_count(), self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates at gradients of the loss itself, or zeros, and the next scale."""
        finite = all_finite(grads)
        step = finite | (state.scale <= self.min_scale)
        updates, inner = step_if(step, self.inner, grads, state.inner_state, params, **extra)
        row = jnp.where(finite, increment(state.finite_steps), 0)
        grows = row >= as_whole(self.growth_interval)
        larger = state.scale * self.growth_factor
        larger = jnp.where(grows & jnp.isfinite(larger), larger, state.scale)
        smaller = jnp.maximum(state.scale * self.backoff_factor, self.min_scale)
        return updates, LossScaleState(
            scale=jnp.where(finite, larger, smaller).astype(jnp.float32),
            finite_steps=jnp.where(grows, 0, row),
            skipped=jnp.where(finite, state.skipped, increment(state.skipped)),
            inner_state=inner,
        )

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients, before anything is written, and the inner transform's cost."""
        return total([Cost(tree_bytes(params)), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


dynamic_loss_scale = DynamicLossScale


@checked()
def loss_scale(state: State) -> jax.Array | None:
    """Find the factor of the loss in an optimizer's state, the outermost; `None` where there is none."""
    if isinstance(state, LossScaleState):
        return state.scale
    children = jax.tree.leaves(state, is_leaf=lambda node: node is not state)
    found = (loss_scale(child) for child in children if child is not state)
    return next((scale for scale in found if scale is not None), None)
