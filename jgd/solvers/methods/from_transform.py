"""Any gradient transformation as a method: every step is accepted, as optimizers take it."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.core.tree import where
from jgd.core.types import State, Transform
from jgd.solvers.methods.method import Iterate, Method, at_start, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.transforms.scale import apply_updates


@record
class FromTransform(Method):
    """x+ = x + u, where u are the updates that the transform makes of the gradient. A step that is not finite ends it.

    The transform gets `value`, `grad` and `value_fn`. Where its state keeps the value and the gradient at the end of
    a line search, they are taken, and the point is not evaluated again.
    """

    transform: Transform = part()

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """The start, and the step from it."""
        return self._step(problem, at_start(point, point.params), self.transform.init(point.params))

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """The step from the new point."""
        fine = is_finite(new)
        found = at_start(where(fine, new, iterate.point), iterate.trial)
        end = jnp.where(fine, status(Status.RUNNING), status(Status.NON_FINITE))
        return self._step(problem, found._replace(status=end), iterate.memory)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """The point that the line search has evaluated, else a new evaluation."""
        searched = _searched(iterate.memory)
        if searched is None:
            return super().evaluate(problem, iterate)
        value, grad, trials = searched
        old = iterate.point
        if old.aux is not None:
            return super().evaluate(problem, iterate)[0], trials + 1
        grad = jax.tree.map(lambda g, like: jnp.conj(g).astype(like.dtype), grad, old.grad)
        return Point(iterate.trial, value.astype(old.value.dtype), grad, old.aux), trials

    def _step(self, problem: Objective, iterate: Iterate, state: State) -> Iterate:
        point = iterate.point
        updates, state = self.transform.update(
            point.grad, state, point.params, value=point.value, grad=point.grad, value_fn=problem.value
        )
        return iterate._replace(trial=apply_updates(point.params, updates), memory=state)


def _searched(state: Any) -> tuple[Any, Any, jax.Array] | None:
    """The value, the gradient and the trials that a line search left, where it is the last of a chain; else None."""
    if type(state) is tuple and state:
        return _searched(state[-1])
    if not {"value", "grad", "info"} <= set(getattr(state, "_fields", ())) or getattr(state, "grad", None) is None:
        return None
    value, grad, info = (getattr(state, name) for name in ("value", "grad", "info"))
    return value, grad, jnp.asarray(info.num_linesearch_steps, jnp.int32)
