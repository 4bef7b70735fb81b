"""Any gradient transformation as a method: every step is accepted, as optimizers take it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.core.tree import cast_like, where
from jgd.core.types import Params, State, Transform
from jgd.solvers.methods.method import Iterate, Method, at_start, is_finite, status
from jgd.solvers.methods.objective import Objective, Point
from jgd.transforms.scale import apply_updates


class TransformMemory(NamedTuple):
    """The state of a transform, which has seen gradients or not."""

    state: State
    begun: jax.Array  # bool[]


@record
class FromTransform(Method):
    """x+ = x + u, where u are the updates that the transform makes of the gradient. A step that is not finite ends it.

    The transform gets `value`, `grad` and `value_fn`. Where its state keeps the value and the gradient at the end of
    a line search, they are taken, and the point is not evaluated again.
    """

    transform: Transform = part()

    def before(self, problem: Objective, params: Params) -> Iterate:
        """Return the start, and the transform's first state."""
        iterate = super().before(problem, params)
        return iterate._replace(memory=TransformMemory(self.transform.init(params), jnp.array(False)))

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the form alone."""
        return at_start(point, point.params)

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Return the step from the new point."""
        fine = is_finite(new) | first
        found = at_start(where(fine, new, iterate.point), iterate.trial)
        end = jnp.where(fine, status(Status.RUNNING), status(Status.NON_FINITE))
        return self._step(problem, found._replace(status=end), iterate.memory.state)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the point that the line search has evaluated, else a new evaluation."""
        searched = _searched(iterate.memory.state)
        if searched is None:
            return super().evaluate(problem, iterate)
        value, grad, trials = searched
        old = iterate.point
        if old.aux is not None:
            return super().evaluate(problem, iterate)[0], trials + 1
        grad = jax.tree.map(lambda g: jnp.conj(g), grad)
        known = cast_like(Point(iterate.trial, value, grad), old), trials
        one = jnp.ones((), jnp.int32)
        return jax.lax.cond(
            iterate.memory.begun, lambda: known, lambda: (cast_like(problem.evaluate(iterate.trial), old), one)
        )

    def _step(self, problem: Objective, iterate: Iterate, state: State) -> Iterate:
        point = iterate.point
        updates, state = self.transform.update(
            point.grad, state, point.params, value=point.value, grad=point.grad, value_fn=problem.value
        )
        return iterate._replace(
            trial=apply_updates(point.params, updates), memory=TransformMemory(state, jnp.array(True))
        )


def _searched(state: Any) -> tuple[Any, Any, jax.Array] | None:
    """Return the value, the gradient and the trials that a line search left, where it is the last of a chain.

    Else None.
    """
    if type(state) is tuple and state:
        return _searched(state[-1])
    if not {"value", "grad", "info"} <= set(getattr(state, "_fields", ())) or getattr(state, "grad", None) is None:
        return None
    value, grad, info = (getattr(state, name) for name in ("value", "grad", "info"))
    return value, grad, jnp.asarray(info.num_linesearch_steps, jnp.int32)
