"""Scale updates by a step length that decreases the value enough, found by shrinking."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.forward_mode import forward_mode_only
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, check_inexact, increment, scalar_of, where, widen, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.line_search import NO_SEARCH, RayPoint, no_gradient, ray, scaled_updates

# optax does not export the class of this field.
_INFO = optax.ScaleByBacktrackingLinesearchState.__annotations__["info"]


@record
class ScaleByBacktrackingLinesearch(Pair):
    """Shorten the step until the value falls enough.

    u = t g, with t shrunk until f(p + t g) <= f(p) + c1 t f'(p; g) + rtol |f(p)| + atol (Armijo 1966).

    The first trial is the last rate times `increase_factor`, at most `max_learning_rate`; each further one is
    `decrease_factor` of the one before, up to `max_backtracking_steps` times; the last one is taken, if f is finite
    there (Vaswani et al. 2019, arXiv:1905.09997). `update` needs `value`, `grad` and `value_fn`, as
    `scale_by_zoom_linesearch` does. With `store_grad` the gradient at the step taken is kept for
    `value_and_grad_from_state`, at the cost of one backward pass.

    Unlike optax: after a step of 0 the next search begins at 1 and not at 0, where it would stay, and the state keeps
    the value at the parameters; a relative tolerance widens a negative value as well; for complex parameters `grad` is
    the direction of steepest ascent here too. State: 4 scalars, and the gradient with `store_grad`.
    """

    max_backtracking_steps: Scalar = hyper(interval="[0, inf)", whole=True)
    slope_rtol: Scalar = hyper(default=1e-4, interval="[0, inf)")
    decrease_factor: Scalar = hyper(default=0.8, interval="(0, 1)")
    increase_factor: Scalar = hyper(default=1.5, interval="(0, inf]")
    max_learning_rate: Scalar = hyper(default=1.0, interval="(0, inf]")
    atol: Scalar = hyper(default=0.0, interval="[0, inf)")
    rtol: Scalar = hyper(default=0.0, interval="[0, inf)")
    store_grad: bool = static(default=False)
    verbose: bool = static(default=False)

    def init(self, params: Params) -> State:
        """Return a rate of 1, and a value that is not known yet."""
        check_inexact("ScaleByBacktrackingLinesearch.init", params)
        return optax.ScaleByBacktrackingLinesearchState(
            learning_rate=scalar_of(params, 1.0),
            value=scalar_of(params, jnp.inf),
            grad=no_gradient(params) if self.store_grad else None,
            info=_INFO(zero_count(), scalar_of(params, jnp.inf)),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates times the step length."""
        place = "ScaleByBacktrackingLinesearch.update"
        fn, point, start = ray(place, grads, state.grad if self.store_grad else grads, params, extra)
        rule: Any = jax.tree.map(lambda x: jnp.asarray(x, start.value.dtype), self)
        taken = state.learning_rate
        first = jnp.minimum(jnp.where(taken > 0, rule.increase_factor * taken, 1.0), rule.max_learning_rate)

        def turn(old: tuple[Any, ...]) -> tuple[Any, ...]:
            count, t, *_, grad = old
            t = jnp.where(count == 0, t, rule.decrease_factor * t)
            raw, pullback = jax.vjp(fn, point(t)) if self.store_grad else (fn(point(t)), None)
            value = widen(raw).astype(start.value.dtype)
            most = start.value + rule.rtol * jnp.abs(start.value) + t * rule.slope_rtol * start.slope
            error = jnp.where(jnp.isfinite(value), jnp.maximum(value - most, 0), jnp.inf)
            if pullback is not None:
                ends = (error <= rule.atol) | (count >= rule.max_backtracking_steps)
                grad = jax.lax.cond(ends, lambda: cast_like(pullback(jnp.ones_like(raw))[0], grad), lambda: grad)
            return cast_like((increment(count), t, value, error, grad), old)

        kept = start.aux if self.store_grad else None
        begin = (zero_count(), first, start.value, jnp.full_like(start.value, jnp.inf), kept)
        found = jax.lax.while_loop(
            lambda old: ~(old[3] <= rule.atol) & (old[0] <= rule.max_backtracking_steps), turn, begin
        )
        count, t, value, error, grad = forward_mode_only(place, found, NO_SEARCH)
        fine = jnp.isfinite(error)
        t, value = jnp.where(fine, t, 0.0), jnp.where(fine, value, start.value)
        grad = where(fine, grad, kept)
        if self.verbose:
            _tell(error > rule.atol, start, t, error)
        new = optax.ScaleByBacktrackingLinesearchState(t, value, grad, _INFO(count, error))
        return scaled_updates(place, t, grads), cast_like(new, state)


scale_by_backtracking_linesearch = ScaleByBacktrackingLinesearch


def _tell(failed: jax.Array, start: RayPoint, t: jax.Array, error: jax.Array) -> None:
    """Print that a search failed."""
    numbers: Any = {"value": start.value, "slope": start.slope, "step": t, "error": error}
    jax.lax.cond(
        failed,
        lambda: jax.debug.print(
            "scale_by_backtracking_linesearch: no step with sufficient decrease was found. value {value}, slope "
            "{slope}, step {step}, decrease error {error}",
            ordered=True,
            **numbers,
        ),
        lambda: None,
    )
