"""Quasi-Newton methods: the inverse Hessian from the steps taken and how the gradient changed along them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.record import part, record
from jgd.solvers.methods.descent import Descent
from jgd.solvers.methods.line_searches import LINE_SEARCH, LineSearch, StrongWolfe
from jgd.solvers.methods.objective import Objective, Point


class InverseHessian(NamedTuple):
    """The matrix that has learned from pairs."""

    matrix: jax.Array  # f[n, n]
    pairs: jax.Array  # i32[], how many pairs it has learned


class QuasiNewton(Descent):
    """d = -H g, where H learns from each pair s = x+ - x, y = g+ - g with y's > eps |s| |y|, so that it stays positive.

    H is the identity at first, and y's / y'y times it before it learns its first pair (Nocedal & Wright 2006, 6.20).
    """

    def update(self, H: jax.Array, s: jax.Array, y: jax.Array, ys: jax.Array) -> jax.Array:
        """Return the formula, for a pair with y's > 0."""
        raise NotImplementedError

    def start(self, problem: Objective, point: Point) -> InverseHessian:
        """Return the identity."""
        return InverseHessian(jnp.eye(point.params.size, dtype=point.grad.dtype), jnp.zeros((), jnp.int32))

    def direction(self, problem: Objective, model: InverseHessian, point: Point) -> jax.Array:
        """Return -H g."""
        return -(model.matrix @ point.grad)

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> InverseHessian:
        """Return H after a pair, or as it was where the curvature along it is not positive."""
        s, y = new.params - old.params, new.grad - old.grad
        ys, yy = y @ s, y @ y
        fine = ys > jnp.finfo(s.dtype).eps * jnp.linalg.norm(s) * jnp.sqrt(yy)
        scale = jnp.where(model.pairs == 0, ys / yy, 1.0)
        H = self.update(scale * model.matrix, s, y, ys)
        return InverseHessian(jnp.where(fine, H, model.matrix), model.pairs + fine)


@record
class BFGS(QuasiNewton):
    """Take quasi-Newton steps by a dense estimate of the inverse Hessian.

    H+ = (I - s y'/y's) H (I - y s'/y's) + s s'/y's (Broyden, Fletcher, Goldfarb & Shanno 1970).

    The general method for smooth functions of up to a few thousand parameters. Memory: 8 bytes a pair of parameters
    in float64, f[n, n].
    """

    line_search: LineSearch = part(default=StrongWolfe(), expect=LINE_SEARCH)

    def update(self, H: jax.Array, s: jax.Array, y: jax.Array, ys: jax.Array) -> jax.Array:
        """Return the formula, multiplied out."""
        Hy = H @ y
        crossed = jnp.outer(Hy, s)
        return H + (1 + y @ Hy / ys) * jnp.outer(s, s) / ys - (crossed + crossed.T) / ys


bfgs = BFGS


@record
class DFP(QuasiNewton):
    """Take quasi-Newton steps by the older update of the inverse Hessian.

    H+ = H + s s'/y's - Hy y'H / y'Hy (Davidon 1959; Fletcher & Powell 1963): the dual of BFGS, and slower to forget.

    Use BFGS unless you compare them. Memory as there.
    """

    line_search: LineSearch = part(default=StrongWolfe(curv_rtol=0.1), expect=LINE_SEARCH)

    def update(self, H: jax.Array, s: jax.Array, y: jax.Array, ys: jax.Array) -> jax.Array:
        """Return the formula."""
        Hy = H @ y
        return H + jnp.outer(s, s) / ys - jnp.outer(Hy, Hy) / (y @ Hy)


dfp = DFP
