"""The form of every method: from the points evaluated so far, the next one to evaluate."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.status import Status
from jgd.core.tree import cast_like, global_norm
from jgd.core.types import Params
from jgd.solvers.methods.objective import Objective, Point


class Iterate(NamedTuple):
    """A method between two evaluations."""

    point: Point  # the last that was accepted, the start at first
    trial: Params  # to be evaluated next
    accepted: jax.Array  # bool[], whether the newest evaluation moved `point`
    optimality: jax.Array  # f[], the norm that is 0 at a solution: of the gradient, if nothing else is said
    status: jax.Array  # i32[], why the method ends by itself, or `Status.RUNNING`
    memory: Any = ()  # what the method keeps


class Method:
    """A record with `begin` and `advance`: every turn of the loop evaluates the problem once, at `iterate.trial`.

    The start is the trial of the first turn, so that a program holds the user's function once. A method whose first
    step is much like any other writes `turn` in place of `advance`; then of `begin` only the form is used.

    So a line search or a trust region is no loop of its own, and lanes under `vmap` wait for nobody: each decides by
    itself whether its next evaluation is another trial or the first of a new step. A trial that is rejected leaves
    `point` as it is; one that is not finite shortens the step, as one that is too high does.
    """

    takes: ClassVar[frozenset[str]] = frozenset()  # parts of a problem, as named in PARTS, that it can handle
    needs: ClassVar[frozenset[str]] = frozenset()  # those that it makes no sense without

    def evaluate_start(self, problem: Objective, params: Params) -> Point:
        """Return the start, evaluated once: where only its form is wanted."""
        return problem.evaluate(params)

    def before(self, problem: Objective, params: Params) -> Iterate:
        """Return the iterate whose trial is the start, not evaluated yet: zeros in the form of the first iterate."""
        form = jax.eval_shape(lambda: self.begin(problem, self.evaluate_start(problem, params)))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), form)
        return zeros._replace(point=zeros.point._replace(params=params), trial=params)

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return the first iterate, at a start that was evaluated."""
        raise NotImplementedError

    def turn(self, problem: Objective, iterate: Iterate, new: Point, first: jax.Array) -> Iterate:
        """Give the next iterate, given the evaluation of `iterate.trial`, which is the start where `first`, bool[]."""
        return jax.lax.cond(
            first,
            lambda: cast_like(self.begin(problem, new), iterate),
            lambda: cast_like(self.advance(problem, iterate, new), iterate),
        )

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Return the next iterate, given the evaluation of `iterate.trial`."""
        raise NotImplementedError

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the point at `iterate.trial`, and in how many evaluations it was found, i32[]."""
        return problem.evaluate(iterate.trial), jnp.ones((), jnp.int32)


FALLS = 0.9
"""Where values differ by rounding alone, a step must bring the gradient's norm below this much of it."""


def at_start(point: Point, trial: Params, memory: Any = ()) -> Iterate:
    """Return the first iterate of most methods: at the start, with the norm of the gradient as its optimality."""
    return Iterate(point, trial, jnp.array(True), global_norm(point.grad), status(Status.RUNNING), memory)


def status(code: Status) -> jax.Array:
    """Return a status as the scalar that a program computes with, i32[]."""
    return jnp.int32(int(code))


def is_finite(point: Point) -> jax.Array:
    """Tell whether the value, the gradient and the constraints are, bool[]."""
    finite = jnp.isfinite(point.value) & jnp.isfinite(global_norm(point.grad))
    return finite if point.constraint is None else finite & jnp.all(jnp.isfinite(point.constraint))
