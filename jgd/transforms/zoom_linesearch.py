"""Scale updates by a step length that meets the strong Wolfe conditions."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.arguments import one_of
from jgd.core.forward_mode import forward_mode_only
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, global_dot, scalar_of, widen, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.line_search import (
    NO_SEARCH,
    RayPoint,
    StepSearch,
    no_gradient,
    ray,
    scaled_updates,
    wolfe_errors,
    zoom_search,
)


@record
class ScaleByZoomLinesearch(Pair):
    """Search for a step that lowers the value enough and flattens the slope.

    u = t g, with t > 0 that decreases f enough and where its slope is small (strong Wolfe conditions).

    f(p + t g) <= f(p) + c1 t f'(p; g) and |f'(p + t g; g)| <= c2 |f'(p; g)|, with c1 = `slope_rtol` and c2 =
    `curv_rtol`; with `approx_dec_rtol` also Hager and Zhang's approximate form of the first. `zoom_search` is the
    search itself. `update` needs `value`, `grad` and `value_fn` at the parameters, and hands `value_fn` those further
    extra arguments that it takes by name. Each trial costs a value and a gradient, at most `max_linesearch_steps` of
    them; those at the step taken are kept in the state: see `value_and_grad_from_state`. `grad` is the direction of
    steepest ascent, for complex parameters the conjugate of what JAX returns; the state keeps what JAX returns.
    Derivatives of a step are forward-mode ones (`jax.jvp`, `jax.jacfwd`); others are refused.

    Unlike optax: a search that fails steps to the lowest trial below the start, or not at all, never up; after a step
    of 0 the next search begins at 1 and not at 0, where it would stay; scalars are float32 at least; extra arguments
    that `value_fn` does not take are ignored. State: the gradient, 4 bytes a parameter, and 5 scalars.
    """

    max_linesearch_steps: Scalar = hyper(interval="[1, inf)", whole=True)
    max_learning_rate: Scalar | None = hyper(default=None, interval="(0, inf]")
    tol: Scalar = hyper(default=0.0, interval="[0, inf)")
    increase_factor: Scalar = hyper(default=2.0, interval="[1, inf)")
    slope_rtol: Scalar = hyper(default=1e-4, interval="[0, 1]")
    curv_rtol: Scalar = hyper(default=0.9, interval="[0, inf]")
    approx_dec_rtol: Scalar | None = hyper(default=1e-6, interval="[0, inf)", optional=True)
    stepsize_precision: Scalar = hyper(default=1e-5, interval="[0, inf)")
    initial_guess_strategy: str = static(default="keep", expect=one_of("keep", "one"))
    verbose: bool = static(default=False)

    def init(self, params: Params) -> State:
        """Return a rate of 1, and a value that is not known yet."""
        unknown = scalar_of(params, jnp.inf)
        info = optax.ZoomLinesearchInfo(zero_count(), unknown, scalar_of(params, jnp.inf))
        return optax.ScaleByZoomLinesearchState(
            scalar_of(params, 1.0), scalar_of(params, jnp.inf), no_gradient(params), info
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates times the step length."""
        place = "ScaleByZoomLinesearch.update"
        fn, point, start = ray(place, grads, state.grad, params, extra)
        rule: Any = jax.tree.map(lambda x: jnp.asarray(x, start.value.dtype), self)
        taken = state.learning_rate
        first = jnp.where(taken > 0, taken, 1.0) if self.initial_guess_strategy == "keep" else 1.0

        def phi(t: jax.Array) -> RayPoint:
            value, grad = jax.value_and_grad(fn)(point(t))
            slope = global_dot(jax.tree.map(jnp.conj, grad), grads)
            return cast_like(RayPoint(t, widen(value), slope, grad), start)

        found = zoom_search(
            phi,
            start,
            first,
            lambda new: wolfe_errors(new, start, rule.slope_rtol, rule.curv_rtol, rule.approx_dec_rtol),
            max_steps=rule.max_linesearch_steps,
            max_step=rule.max_learning_rate,
            increase_factor=rule.increase_factor,
            precision=rule.stepsize_precision,
            tol=rule.tol,
        )
        found = forward_mode_only(place, found, NO_SEARCH)
        if self.verbose:
            _tell(found, start, rule.stepsize_precision)
        end = found.point
        info = optax.ZoomLinesearchInfo(found.count, found.decrease_error, found.curvature_error)
        new = optax.ScaleByZoomLinesearchState(end.step, end.value, end.aux, info)
        return scaled_updates(place, end.step, grads), cast_like(new, state)


scale_by_zoom_linesearch = ScaleByZoomLinesearch


def _tell(found: StepSearch, start: RayPoint, precision: Scalar) -> None:
    """Print why a search did not meet both conditions, in optax's words; nothing if it did."""
    limited = found.done & (found.curvature_error > 0) & ~found.bracketed
    unsafe = found.failed & ~found.decreases
    reasons = {
        "No interval satisfying curvature condition. Consider increasing maximal possible stepsize of the "
        "linesearch.": limited,
        "Length of searched interval has been reduced below threshold.": found.failed & (found.width <= precision),
        "Returning stepsize with sufficient decrease but curvature condition not satisfied.": limited
        | (found.failed & found.decreases),
        "Linesearch failed, no stepsize satisfying sufficient decrease found.": unsafe,
        "The linesearch failed because the provided direction is not a descent direction. ": unsafe
        & (start.slope >= 0),
    }
    numbers: Any = {
        "value": start.value,
        "slope": start.slope,
        "step": found.point.step,
        "decrease_error": found.decrease_error,
        "curvature_error": found.curvature_error,
    }
    for reason, holds in reasons.items():
        jax.lax.cond(
            holds,
            lambda reason=reason: jax.debug.print(
                "scale_by_zoom_linesearch: " + reason + " value {value}, slope {slope}, step {step}, decrease error "
                "{decrease_error}, curvature error {curvature_error}",
                ordered=True,
                **numbers,
            ),
            lambda: None,
        )
