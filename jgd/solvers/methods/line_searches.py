"""Line searches of the methods: how far to go along a direction, one evaluation at a time."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import instance_of
from jgd.core.record import hyper, record
from jgd.core.types import Scalar
from jgd.transforms.line_search import RayPoint, StepSearch, begin_search, next_step, receive, wolfe_errors

EPSILONS = 10
"""How many rounding units two values may differ by and still count as equal."""


def equal_rtol(value: jax.Array) -> float:
    """The relative difference up to which two values of this dtype count as equal."""
    return EPSILONS * float(jnp.finfo(value.dtype).eps)


def rounding(value: jax.Array) -> jax.Array:
    """By how much values near this one differ through rounding alone."""
    return equal_rtol(value) * jnp.abs(value)


class LineSearch:
    """A record with three methods, each a formula of scalars; `search.point` is the step to take, when it is over.

    A trial that is not finite shortens the step; the longest that is allowed is taken where longer ones would be lower.
    A search that fails ends at the lowest trial below the start, or at
    the start.
    """

    def begin(self, start: RayPoint) -> Any:
        """Begin a search, before its first trial; `start` is the ray at 0."""
        return begin_search(start)

    def next(self, search: Any, longest: Scalar) -> jax.Array:
        """The step to try next, after the first, at most `longest`."""
        raise NotImplementedError

    def receive(self, search: Any, start: RayPoint, new: RayPoint, longest: Scalar) -> Any:
        """The search after the evaluation of that step."""
        raise NotImplementedError


LINE_SEARCH = instance_of("be a line search, such as jgd.strong_wolfe()", LineSearch)


@record
class StrongWolfe(LineSearch):
    """Search for a step that lowers the value enough and flattens the slope.

    f(x + t d) <= f(x) + c1 t f'(x; d) and |f'(x + t d; d)| <= c2 |f'(x; d)| (Nocedal & Wright 2006, Alg. 3.5, 3.6).

    `slope_rtol` is c1, `curv_rtol` c2. While steps are too short, they grow by 1.1 to `increase_factor` times the last
    growth (Moré & Thuente 1994). Near a minimum, where values differ by rounding, Hager and Zhang's approximate
    form of the first, which looks at slopes, is enough; its `approx_dec_rtol` is by default ten rounding units.
    """

    slope_rtol: Scalar = hyper(default=1e-4, interval="(0, 1)")
    curv_rtol: Scalar = hyper(default=0.9, interval="(0, 1)")
    max_steps: Scalar = hyper(default=20, interval="[1, inf)", whole=True)
    increase_factor: Scalar = hyper(default=4.0, interval="(1.1, inf)")
    approx_dec_rtol: Scalar | None = hyper(default=None, interval="[0, inf)")

    def next(self, search: StepSearch, longest: Scalar) -> jax.Array:
        """Where a line through the last two slopes is 0; once a trial is too long, a step between."""
        last, new = search.low, search.high  # while the steps grow
        span = new.step - last.step
        turn = jnp.where(new.slope > last.slope, span * new.slope / (last.slope - new.slope), jnp.inf)
        grown = new.step + jnp.clip(turn, 1.1 * span, self.increase_factor * span)
        between = next_step(search, 0.0, longest, self.increase_factor)
        return jnp.where(search.bracketed, between, jnp.minimum(grown, longest)).astype(search.trial.step.dtype)

    def receive(self, search: StepSearch, start: RayPoint, new: RayPoint, longest: Scalar) -> StepSearch:
        """Done where both conditions hold."""
        rtol = equal_rtol(start.value) if self.approx_dec_rtol is None else self.approx_dec_rtol
        errors = wolfe_errors(new, start, self.slope_rtol, self.curv_rtol, rtol)
        short = jnp.finfo(start.value.dtype).eps * jnp.abs(search.high.step)
        return receive(search, new, *errors, max_steps=self.max_steps, max_step=longest, precision=short)


strong_wolfe = StrongWolfe


@record
class Armijo(LineSearch):
    """Search for a step that lowers the value enough.

    f(x + t d) <= f(x) + c1 t f'(x; d): the first trial, or one that interpolation finds below it (Armijo 1966).

    `slope_rtol` is c1. Values that differ by rounding count as equal where the slope has fallen.
    """

    slope_rtol: Scalar = hyper(default=1e-4, interval="(0, 1)")
    max_steps: Scalar = hyper(default=20, interval="[1, inf)", whole=True)

    def next(self, search: StepSearch, longest: Scalar) -> jax.Array:
        """The lowest point of a cubic or a parabola."""
        return next_step(search, 0.0, longest, 1.0).astype(search.trial.step.dtype)

    def receive(self, search: StepSearch, start: RayPoint, new: RayPoint, longest: Scalar) -> StepSearch:
        """Done where the value has fallen enough."""
        decrease, _ = wolfe_errors(new, start, self.slope_rtol, jnp.inf, equal_rtol(start.value))
        return receive(search, new, decrease, jnp.where(jnp.isfinite(decrease), 0.0, jnp.inf), max_steps=self.max_steps)


armijo = Armijo
