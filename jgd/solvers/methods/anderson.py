"""Fixed points by Anderson's mixing of the last few iterates."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import whole_from
from jgd.core.record import hyper, record, static
from jgd.core.status import Status
from jgd.core.tree import where
from jgd.core.types import Scalar
from jgd.solvers.methods.method import Iterate, Method, status
from jgd.solvers.methods.mixing import Mixing
from jgd.solvers.methods.objective import Objective, Point


class Mixed(NamedTuple):
    """The memory of the method."""

    mixing: Mixing
    share: jax.Array  # f[], of the plain step, which a rejected trial halves


@record
class Anderson(Method):
    """Extrapolate from the last residuals of a fixed-point iteration.

    x+ = x + b r - (S + b Y) c, with c the least squares solution of Y c = r (Anderson 1965; Walker & Ni 2011).

    r = f(x) - x is the residual of the fixed point, or F(x) of equations; the columns of S and Y are the last m =
    `memory_size` changes of x and r, and b = `mixing`. `memory_size=0` is the plain iteration x+ = x + b r. Where |r|
    has grown more than tenfold or is not finite, the trial is rejected: the memory is emptied, and plain steps from the
    last point are tried, half as long each time. Evaluations need no derivatives. Memory: 2 m numbers a parameter.
    """

    memory_size: int = static(default=5, expect=whole_from(0))
    mixing: Scalar = hyper(default=1.0, interval="(0, 1]")
    takes = needs = frozenset({"equations"})

    def evaluate_start(self, problem: Objective, params: jax.Array) -> Point:
        """Return the residual alone; the gradient stays 0."""
        zeros = jnp.zeros_like(params)
        return problem.evaluate_residual_alone(params, Point(params, jnp.zeros((), params.dtype), zeros))

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """Return a plain step."""
        none = Mixed(Mixing.none(self.memory_size, point.params), jnp.ones_like(point.value))
        size = jnp.linalg.norm(point.residual)
        trial = point.params + self.mixing * point.residual
        return Iterate(point, trial, jnp.array(True), size, status(Status.RUNNING), none)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """Return the residual alone."""
        return problem.evaluate_residual_alone(iterate.trial, iterate.point), jnp.ones((), jnp.int32)

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Mix, or go back to a shorter plain step."""
        old, memory = iterate.point, iterate.memory
        size, was = jnp.linalg.norm(new.residual), jnp.linalg.norm(old.residual)
        good = size <= 10 * was  # never holds for NaN
        kept, mixed = memory.mixing, new.params + self.mixing * new.residual
        if self.memory_size:
            kept = kept.after(new.params - old.params, new.residual - old.residual)
            mixed = mixed - kept.correction(new.residual, self.mixing)
        # After a mixed step the first plain one is whole; what failed as a plain one is halved.
        share = jnp.where(memory.mixing.count > 0, 1.0, memory.share / 2)
        empty = Mixed(jax.tree.map(jnp.zeros_like, kept), share)
        memory = where(good, Mixed(kept, jnp.ones_like(share)), empty)
        back = old.params + share * self.mixing * old.residual
        point = where(good, new, old)
        still = ~good & (jnp.linalg.norm(back - old.params) <= jnp.finfo(back.dtype).eps * jnp.linalg.norm(old.params))
        why = jnp.where(still, status(Status.LINE_SEARCH), status(Status.RUNNING))
        return Iterate(point, jnp.where(good, mixed, back), good, jnp.where(good, size, was), why, memory)


anderson = Anderson
