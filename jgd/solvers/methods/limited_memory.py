"""L-BFGS-B: the Hessian from the last few steps, inside bounds or without any."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve

from jgd.core.arguments import whole_from
from jgd.core.record import part, record, static
from jgd.core.tree import where
from jgd.solvers.methods.descent import Descent
from jgd.solvers.methods.line_searches import LINE_SEARCH, LineSearch, StrongWolfe
from jgd.solvers.methods.objective import Objective, Point


class Pairs(NamedTuple):
    """The last m pairs (s, y), the oldest first, each divided by sqrt(y's); zeros where there is none yet."""

    S: jax.Array  # f[m, n]
    Y: jax.Array  # f[m, n]
    SS: jax.Array  # f[m, m], the products of the rows
    SY: jax.Array
    YY: jax.Array
    theta: jax.Array  # f[], y'y / y's of the newest

    @classmethod
    def none(cls, m: int, x: jax.Array) -> "Pairs":
        """Return no pairs: the identity."""
        rows, square = jnp.zeros((m, x.size), x.dtype), jnp.zeros((m, m), x.dtype)
        return cls(rows, rows, square, square, square, jnp.ones((), x.dtype))

    def learned(self, s: jax.Array, y: jax.Array) -> "Pairs":
        """Return the pairs with this one for the oldest; as they were where the curvature along s is not positive."""
        ys, yy = y @ s, y @ y
        fine = ys > jnp.finfo(s.dtype).eps * jnp.linalg.norm(s) * jnp.sqrt(yy)
        s, y = s / jnp.sqrt(ys), y / jnp.sqrt(ys)
        S, Y = (jnp.concatenate([rows[1:], row[None]]) for rows, row in ((self.S, s), (self.Y, y)))
        Ss, Yy = S @ s, Y @ y
        SS, SY, YY = _bordered(self.SS, Ss, Ss), _bordered(self.SY, Y @ s, S @ y), _bordered(self.YY, Yy, Yy)
        return where(fine, Pairs(S, Y, SS, SY, YY, yy / ys), self)


def _bordered(products: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
    """Move the products up by one pair, and set those with the newest."""
    above = jnp.concatenate([products[1:, 1:], column[:-1, None]], 1)
    return jnp.concatenate([above, row[None]])


@record
class LBFGSB(Descent):
    """Take quasi-Newton steps of little memory inside bounds.

    BFGS from theta I and the last m = `memory_size` pairs, inside bounds (Byrd, Lu, Nocedal & Zhu 1995).

    B = theta I - W' M W with W = [Y; theta S] (Byrd, Nocedal & Schnabel 1994). A step goes to the first minimum of the
    model along the projected gradient path, and from there to the minimum over the parameters that are not at a bound,
    projected or, where that does not descend, cut off at the bounds (Morales & Nocedal 2011). Every evaluated point
    obeys the bounds. The optimality is the norm of P(x - g) - x. Without bounds it is L-BFGS (Liu & Nocedal 1989).
    Memory: 16 m bytes a parameter in float64. Time a step, besides an evaluation: products of m vectors, and with
    bounds a loop of m^2 operations over the bounds that the path reaches.
    """

    takes = frozenset({"bounds"})
    memory_size: int = static(default=10, expect=whole_from(1))
    line_search: LineSearch = part(default=StrongWolfe(), expect=LINE_SEARCH)

    def start(self, problem: Objective, point: Point) -> Pairs:
        """Return the identity."""
        return Pairs.none(self.memory_size, point.grad)

    def learn(self, problem: Objective, model: Any, old: Point, new: Point) -> Pairs:
        """Return the pair of the step."""
        return model.learned(new.params - old.params, new.grad - old.grad)

    def direction(self, problem: Objective, model: Pairs, point: Point) -> jax.Array:
        """Return the way to the minimum of the model, as far as the bounds allow."""
        if problem.lower is None:
            return -_inverse_times(model, point.grad)
        return _to_minimum(problem, model, point)


lbfgsb = LBFGSB


def _inverse_times(pairs: Pairs, g: jax.Array) -> jax.Array:
    """Compute H g, where R is the upper triangle of S Y', its diagonal 1 (Byrd, Nocedal & Schnabel 1994, 3.1)."""
    S, Y, gamma = pairs.S, pairs.Y, 1 / pairs.theta
    N = jnp.triu(pairs.SY, 1)
    p = _unit_solved(N, S @ g, reverse=True)
    q = _unit_solved(N.T, p + gamma * (pairs.YY @ p - Y @ g))
    return gamma * (g - p @ Y) + q @ S


def _unit_solved(N: jax.Array, b: jax.Array, reverse: bool = False) -> jax.Array:
    """Return the x with (I + N) x = b, row by row, where N is strictly lower triangular; in `reverse` for an upper one.

    A loop, and no call of LAPACK: XLA compiles a search as one function, much faster, only where it calls none.
    """
    rows = N, jnp.eye(len(b), dtype=b.dtype)
    return jax.lax.scan(lambda x, row: (x - row[1] * (row[0] @ x), None), b, rows, reverse=reverse)[0]


def _to_minimum(problem: Objective, pairs: Pairs, point: Point) -> jax.Array:
    """Return the step to the minimum of the model over the parameters that are free at the Cauchy point."""
    x, g, theta = point.params, point.grad, pairs.theta
    S, Y, m = pairs.S, pairs.Y, len(pairs.S)
    W, eye = jnp.concatenate([Y, theta * S]), jnp.eye(m, dtype=S.dtype)
    empty = jnp.diag(jnp.where(jnp.diag(pairs.SS) > 0, 0.0, 1.0).astype(S.dtype))
    L, square = jnp.tril(pairs.SY, -1), theta * pairs.SS + empty
    inverse = cho_solve(cho_factor(square + L @ L.T), jnp.concatenate([L, eye], 1))
    M = jnp.concatenate([L.T @ inverse, inverse]) - jnp.diag(jnp.repeat(jnp.array([1.0, 0.0], S.dtype), m))
    cauchy, free = _cauchy_point(problem, point, W, M, theta)
    step = cauchy - x
    r = jnp.where(free, g + theta * step - (M @ (W @ step)) @ W, 0.0)
    free_W = jnp.where(free[None], W, 0.0)
    K = jnp.block([[-eye, L.T], [L, square]]) - free_W @ free_W.T / theta
    inner = -(r + jnp.linalg.solve(K, free_W @ r) @ free_W / theta) / theta
    projected = problem.inside(cauchy + inner) - x
    room = jnp.where(inner < 0, problem.lower, problem.upper) - cauchy
    moves = inner != 0
    share = jnp.min(jnp.where(moves, room / jnp.where(moves, inner, 1.0), 1.0), initial=1.0)
    return jnp.where(projected @ g < 0, projected, problem.inside(cauchy + share * inner) - x)


def _cauchy_point(
    problem: Objective, point: Point, W: jax.Array, M: jax.Array, theta: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the first minimum of the model along P(x - t g), Alg. CP, and which parameters are inside the bounds."""
    x, g = point.params, point.grad
    bound = jnp.where(g > 0, problem.lower, problem.upper)
    reached = jnp.where(g == 0, jnp.inf, (x - bound) / jnp.where(g == 0, 1.0, g))  # at which t each meets its bound
    order = jnp.argsort(reached)
    d = jnp.where(reached > 0, -g, 0.0)
    p, slope = W @ d, -(d @ d)
    curvature = -theta * slope - p @ (M @ p)
    limits = jnp.finfo(x.dtype)
    least = jnp.maximum(limits.eps * curvature, limits.tiny)

    def further(state: Any) -> jax.Array:
        i, t, slope, curvature, _, _ = state
        return (i < x.size) & (t - slope / curvature >= reached[order[jnp.minimum(i, x.size - 1)]])

    def past_bound(state: Any) -> Any:
        i, t, slope, curvature, p, c = state
        j = order[i]
        gap, own = reached[j] - t, jnp.where(reached[j] > 0, g[j], 0.0)
        w, c = W[:, j], c + gap * p
        Mw = M @ w
        slope = slope + gap * curvature + own * (own + theta * (bound[j] - x[j]) - Mw @ c)
        curvature = curvature - own * (theta * own + 2 * (Mw @ p) + own * (Mw @ w))
        return i + 1, reached[j], slope, jnp.maximum(curvature, least), p + own * w, c

    first = (
        jnp.zeros((), jnp.int32),
        jnp.zeros((), x.dtype),
        slope,
        jnp.maximum(curvature, least),
        p,
        jnp.zeros_like(p),
    )
    _, t, slope, curvature, _, _ = jax.lax.while_loop(further, past_bound, first)
    t = t + jnp.maximum(-slope / curvature, 0.0)
    met = reached <= t
    cauchy = jnp.where(met, bound, problem.inside(x - t * g))
    return cauchy, ~met & (cauchy > problem.lower) & (cauchy < problem.upper)
