"""Conditional gradients: steps towards the corners of a set and away from them, without a projection."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import WHOLE
from jgd.core.record import record, static
from jgd.core.tree import cast_like, ratio, where
from jgd.solvers.methods.backtracking import Backtracking
from jgd.solvers.methods.objective import Objective, Point


class Mixture(NamedTuple):
    """A point as a mean of points of the set; those of weight 0 are none."""

    atoms: jax.Array  # f[k, n]
    weights: jax.Array  # f[k], which sum to 1

    @property
    def mean(self) -> jax.Array:
        """The point, f[n]."""
        return self.weights @ self.atoms

    def with_atom(self, atom: jax.Array, weight: jax.Array) -> "Mixture":
        """Return the same but for a point more, of this weight; in place of the two of least weight their own mean."""
        atoms, weights = jnp.vstack([self.atoms, atom]), jnp.append(self.weights, weight)
        i, j = jnp.argsort(weights)[:2]
        both = weights[i] + weights[j]
        mean = jnp.where(weights[i] > 0, (weights[i] * atoms[i] + weights[j] * atoms[j]) / both, atoms[j])
        atoms, weights = atoms.at[j].set(mean), weights.at[j].set(both)
        return Mixture(atoms.at[i].set(atoms[-1])[:-1], weights.at[i].set(weights[-1])[:-1])


@record
class FrankWolfe(Backtracking):
    """Step towards the best corner of a set, or between corners that it has met, which needs no projection.

    x+ = x + min(1, t g'(x - s) / |d|^2) d, d = s - x, towards the point s of the set with the least g's (Frank & Wolfe
    1956); or, where it promises more, x+ = x + min(w, t g'd / |d|^2) d, d = b - a, from the worst of the atoms that x
    is a mean of, of weight w, to the best of them (Tsuji, Tanaka & Pokutta 2022, arXiv:2110.12650).

    The second kind leaves atoms behind, which makes it linear on polytopes with strongly convex functions, where the
    first alone falls as 1/k (Lacoste-Julien & Jaggi 2015, arXiv:1511.05932). Its optimality, `gradient_norm` of the
    solution, is the gap g'(x - s), in units of the value: for convex f the value exceeds the least by no more. 1/t is
    the curvature that backtracking finds (Pedregosa et al. 2020). `atoms` are kept at most; beyond that the two of
    least weight become their mean, and with 1 all steps are of the first kind. x is sparse, as a mean of few atoms.
    Needs a bounded set. Memory: 2 `atoms` numbers a parameter.
    """

    atoms: int = static(default=100, expect=WHOLE)
    takes: ClassVar[frozenset[str]] = frozenset({"nonsmooth"})
    needs: ClassVar[frozenset[str]] = takes

    def form(self, point: Point) -> Mixture:
        """Return the start, which is its own atom."""
        size = min(self.atoms, point.params.size + 1)  # more are never needed (Caratheodory)
        none = Mixture(jnp.zeros((size, point.params.size), point.params.dtype), jnp.zeros(size, point.params.dtype))
        return Mixture(none.atoms.at[0].set(point.params), none.weights.at[0].set(1.0))

    def aim(self, problem: Objective, point: Point, here: Mixture, step: jax.Array) -> tuple[jax.Array, Mixture]:
        """Return the trial from a point, and the mixture that it is."""
        there = cast_like(self._mixed(problem, point, here, step), here)
        return there.mean, there

    def residual(self, problem: Objective, point: Point, trial: jax.Array, step: jax.Array) -> jax.Array:
        """Return the gap."""
        return jnp.maximum(point.grad @ (point.params - problem.nonsmooth.lmo(point.grad)), 0.0)

    def _mixed(self, problem: Objective, point: Point, here: Mixture, step: jax.Array) -> Mixture:
        """Return the mixture of the trial."""
        g, corner, among = point.grad, problem.nonsmooth.lmo(point.grad), here.weights > 0
        slopes = here.atoms @ g
        worst = jnp.argmax(jnp.where(among, slopes, -jnp.inf))
        best = jnp.argmin(jnp.where(among, slopes, jnp.inf))
        share = _reach(g, here.atoms[best] - here.atoms[worst], step, here.weights[worst])
        between = here.weights.at[worst].add(-share).at[best].add(share)
        share = _reach(g, corner - point.params, step, 1.0)
        rest, known = (1 - share) * here.weights, among & jnp.all(here.atoms == corner[None], axis=1)
        seen = Mixture(here.atoms, jnp.where(known & (jnp.cumsum(known) == 1), rest + share, rest))
        onwards = where(jnp.any(known), seen, Mixture(here.atoms, rest).with_atom(corner, share))
        local = (slopes[worst] - slopes[best] >= g @ (point.params - corner)) & (worst != best)
        atoms, weights = where(local, Mixture(here.atoms, between), onwards)
        return Mixture(atoms, weights / jnp.sum(weights))  # rounding would add up over thousands of steps


frank_wolfe = FrankWolfe


def _reach(g: jax.Array, d: jax.Array, step: jax.Array, longest: jax.Array | float) -> jax.Array:
    """Return the share of a direction at which g'd + |d|^2 / (2 t) is least, at most the longest."""
    return jnp.clip(ratio(-step * (g @ d), d @ d), 0.0, longest)
