"""Fixed points by Anderson's mixing of the last few iterates."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import whole_from
from jgd.core.record import hyper, record, static
from jgd.core.status import Status
from jgd.core.types import Scalar
from jgd.solvers.methods.method import Iterate, Method, status
from jgd.solvers.methods.objective import Objective, Point


class Mixed(NamedTuple):
    """The last changes of the point and of the residual; unused rows are 0."""

    steps: jax.Array  # f[m, n]
    changes: jax.Array  # f[m, n]
    count: jax.Array  # i32[]


@record
class Anderson(Method):
    """x+ = x + b r - (S + b Y) c, with c the least squares solution of Y c = r (Anderson 1965; Walker & Ni 2011).

    r = f(x) - x is the residual of the fixed point, the rows of S and Y the last m = `memory_size` changes of x and r,
    b = `mixing`. Where |r| has grown tenfold or is not finite, the memory is emptied and the step is a plain one from
    the best point. `ridge` times the mean square of Y is added to the normal equations. Evaluations need no
    derivatives. Memory: 2 m numbers a parameter.
    """

    memory_size: int = static(default=5, expect=whole_from(1))
    mixing: Scalar = hyper(default=1.0, interval="(0, 1]")
    ridge: Scalar = hyper(default=1e-10, interval="[0, inf)")
    takes = needs = frozenset({"residual"})

    def begin(self, problem: Objective, point: Point) -> Iterate:
        """A plain step."""
        n = point.params.size
        rows = jnp.zeros((self.memory_size, n), point.params.dtype)
        none = Mixed(rows, rows, jnp.zeros((), jnp.int32))
        size = jnp.linalg.norm(point.residual)
        trial = point.params + self.mixing * point.residual
        return Iterate(point, trial, jnp.array(True), size, status(Status.RUNNING), none)

    def evaluate(self, problem: Objective, iterate: Iterate) -> tuple[Point, jax.Array]:
        """The residual alone."""
        residual, aux = problem.fn(iterate.trial)
        value = residual @ residual / 2
        point = iterate.point._replace(params=iterate.trial, value=value, residual=residual, aux=aux)
        return point, jnp.ones((), jnp.int32)

    def advance(self, problem: Objective, iterate: Iterate, new: Point) -> Iterate:
        """Mix, or go back and take a shorter plain step."""
        old, memory = iterate.point, iterate.memory
        size, was = jnp.linalg.norm(new.residual), jnp.linalg.norm(old.residual)
        good = size <= 10 * was  # never holds for NaN
        plain = memory.count == 0
        slot = memory.count % self.memory_size
        steps = memory.steps.at[slot].set(new.params - old.params)
        changes = memory.changes.at[slot].set(new.residual - old.residual)
        gram = changes @ changes.T
        shift = self.ridge * jnp.trace(gram) / self.memory_size + jnp.finfo(gram.dtype).tiny
        weights = jnp.linalg.solve(gram + shift * jnp.eye(self.memory_size, dtype=gram.dtype), changes @ new.residual)
        mixed = new.params + self.mixing * new.residual - weights @ (steps + self.mixing * changes)
        back = old.params + jnp.where(plain, 0.5 * (iterate.trial - old.params), self.mixing * old.residual)
        kept = Mixed(steps, changes, memory.count + 1)
        empty = jax.tree.map(jnp.zeros_like, memory)
        memory = jax.tree.map(lambda a, b: jnp.where(good, a, b), kept, empty)
        point = jax.tree.map(lambda a, b: jnp.where(good, a, b), new, old)
        still = ~good & (jnp.linalg.norm(back - old.params) <= jnp.finfo(back.dtype).eps * jnp.linalg.norm(old.params))
        why = jnp.where(still, status(Status.LINE_SEARCH), status(Status.RUNNING))
        return Iterate(point, jnp.where(good, mixed, back), good, jnp.where(good, size, was), why, memory)


anderson = Anderson
