"""L-BFGS: the inverse Hessian from the last few steps."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.arguments import TRANSFORM, Kind, admits, checked, whole_from
from jgd.core.pair import Pair
from jgd.core.tree import (
    cast_like,
    check_inexact,
    check_params,
    copied,
    global_dot,
    global_norm,
    increment,
    map_unzip,
    scalar_of,
    widen,
    zero_count,
    zeros,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import optimizer
from jgd.transforms import Chain, chain, identity, scale_by_learning_rate, scale_by_zoom_linesearch


@record
class ScaleByLBFGS(Pair):
    """Multiply the gradient by an inverse Hessian from the last few steps.

    u = H g, where H is the inverse Hessian that BFGS makes of gamma I and the last m = `memory_size` pairs (s, y).

    H <- (I - rho s y') H (I - rho y s') + rho s s', from the oldest pair to the newest, s = x+ - x, y = g+ - g,
    rho = 1 / y's; gamma = y's / y'y of the newest pair, or 1 without `scale_init_precond`; before there is a pair,
    min(1, 1 / |g|) (Liu & Nocedal 1989; Nocedal & Wright 2006, Alg. 7.4). Inner products run over all leaves together,
    real for complex parameters; the gradient of such is the direction of steepest ascent.

    A pair is learned if y's >= `curvature_rtol` |s| |y|, by default the rounding unit of the dtype, so that H stays
    positive definite; else it is left out, and `count`, which is 1 plus the pairs learned, does not move. optax learns
    any pair but one with y's = 0, so that H may point uphill after a step without a line search: `curvature_rtol=-2`,
    with which the two are alike over any gradients, and without it up to the first pair that has y's < 0.
    State: the last parameters, and gradients and pairs in float32 or wider: 8 (m + 1) bytes a parameter.
    """

    memory_size: int = static(default=10, expect=whole_from(1))
    scale_init_precond: bool = static(default=True)
    _: KW_ONLY
    curvature_rtol: Scalar | None = hyper(default=None, interval="(-inf, 1)")

    def init(self, params: Params) -> State:
        """Return a state that has learned nothing."""
        check_inexact("ScaleByLBFGS.init", params)
        m = self.memory_size

        def pairs() -> State:
            return jax.tree.map(lambda p: jnp.broadcast_to(zeros(p), (m, *jnp.shape(p))), params)

        return optax.ScaleByLBFGSState(
            count=zero_count(),
            params=jax.tree.map(lambda p: jnp.zeros_like(p, dtype=jnp.result_type(p)), params),
            updates=jax.tree.map(zeros, params),
            diff_params_memory=pairs(),
            diff_updates_memory=pairs(),
            weights_memory=jnp.zeros(m, scalar_of(params).dtype),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Learn a pair from the step since the last call, and multiply the gradient by H."""
        place = "ScaleByLBFGS.update"
        check_params(place, params)
        _, kept, last = map_unzip(
            lambda g, x, u, p: (g, p, g), grads, state.params, state.updates, place=place, read=(params,)
        )
        s = jax.tree.map(lambda p, x: widen(p) - widen(x), params, state.params)
        y = jax.tree.map(lambda g, u: widen(g) - u, grads, state.updates)
        rho = self._weight(s, y)
        learn = (state.count > 0) & (rho != 0)
        slot = (state.count - 1) % self.memory_size

        def put(memory: jax.Array, new: jax.Array) -> jax.Array:
            return memory.at[slot].set(jnp.where(learn, new, memory[slot]).astype(memory.dtype))

        new = optax.ScaleByLBFGSState(
            count=jnp.where(learn | (state.count == 0), increment(state.count), state.count),
            params=copied(kept),
            updates=copied(last),
            diff_params_memory=jax.tree.map(put, state.diff_params_memory, s),
            diff_updates_memory=jax.tree.map(put, state.diff_updates_memory, y),
            weights_memory=put(state.weights_memory, rho),
        )
        newest = jnp.where(learn, slot, (slot - 1) % self.memory_size)
        return self._product(grads, new, newest), new

    def _weight(self, s: Any, y: Any) -> jax.Array:
        """Return 1 / y's, or 0 for a pair that is not to be learned."""
        ys, lengths = global_dot(y, s), global_norm(s) * global_norm(y)
        limits = jnp.finfo(ys.dtype)
        least = limits.eps if self.curvature_rtol is None else self.curvature_rtol
        fine = (ys >= least * lengths) & (jnp.abs(ys) > limits.tiny)  # the inverse is finite
        return jnp.where(fine, 1 / jnp.where(fine, ys, 1.0), 0.0)

    def _product(self, grads: Grads, state: Any, newest: jax.Array) -> Updates:
        """Compute H g by two loops over the pairs: back from the newest, and forth from the oldest."""
        pairs = (state.diff_params_memory, state.diff_updates_memory)
        rhos = state.weights_memory
        order = (newest + 1 + jnp.arange(self.memory_size)) % self.memory_size

        def pair(i: jax.Array) -> tuple[Any, Any]:
            return jax.tree.map(lambda x: x[i], pairs)

        def added(direction: Any, factor: jax.Array, other: Any) -> Any:
            return cast_like(jax.tree.map(lambda d, x: d + factor * x, direction, other), direction)

        def back(direction: Any, i: jax.Array) -> tuple[Any, jax.Array]:
            s, y = pair(i)
            alpha = (rhos[i] * global_dot(s, direction)).astype(rhos.dtype)
            return added(direction, -alpha, y), alpha

        def forth(direction: Any, row: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            i, alpha = row
            s, y = pair(i)
            return added(direction, alpha - rhos[i] * global_dot(y, direction), s), None

        direction, alphas = jax.lax.scan(back, jax.tree.map(widen, grads), order, reverse=True)
        if self.scale_init_precond:
            gamma = self._gamma(grads, rhos[newest], pair(newest)[1])
            direction = cast_like(jax.tree.map(lambda d: gamma * d, direction), direction)
        direction, _ = jax.lax.scan(forth, direction, (order, alphas))
        return cast_like(direction, grads)

    def _gamma(self, grads: Grads, rho: jax.Array, y: Any) -> jax.Array:
        """Give the scale of the first H: y's / y'y of the newest pair, or without one so that the step is 1 at most."""
        norm, learned = global_norm(grads), rho != 0
        scaled = rho * global_dot(y, y)
        first = 1 / jnp.where(norm > 1, norm, 1.0)
        return jnp.where(learned, 1 / jnp.where(learned, scaled, 1.0), first)


scale_by_lbfgs = ScaleByLBFGS
LINE_SEARCH = Kind(f"{TRANSFORM.expected}, or None", lambda x: x is None or admits(TRANSFORM, x))
WOLFE = scale_by_zoom_linesearch(max_linesearch_steps=20, initial_guess_strategy="one")


@optimizer(rates=None, needs=("value", "grad", "value_fn"))
@checked(linesearch=LINE_SEARCH)
def lbfgs(
    learning_rate: Rate | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: Any = WOLFE,
    *,
    curvature_rtol: Scalar | None = None,
) -> Chain:
    """Descend by L-BFGS, with a step length that a line search finds (Liu & Nocedal 1989).

    For deterministic functions of up to about a million parameters. `update` needs `value`, `grad` and `value_fn`,
    which `jgd.minimize` and `jgd.fit` pass; without a line search (`linesearch=None`) it needs none of them, but a
    small learning rate.
    """
    return chain(
        ScaleByLBFGS(memory_size, scale_init_precond, curvature_rtol=curvature_rtol),
        scale_by_learning_rate(1.0 if learning_rate is None else learning_rate),
        identity() if linesearch is None else linesearch,
    )
