"""Minimize a quadratic model m(d) = g'd + d'Bd/2, whose B may be indefinite, within a radius or with a cubic term."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.eigen import eigh
from jgd.core.types import Scalar

MOST_TURNS = 60  # of Newton's method on a secular equation; three to ten are usual

Product = Callable[[jax.Array], jax.Array]


class Spectrum(NamedTuple):
    """A model in orthonormal directions along which B is diagonal: all of them, or some."""

    basis: jax.Array  # f[n, k]
    values: jax.Array  # f[k], ascending; those that are 0 but for rounding are positive
    grad: jax.Array  # f[k], basis' g

    def decrease(self, h: jax.Array) -> jax.Array:
        """Return m(0) - m(basis h), f[]."""
        return -(self.grad @ h + self.values @ (h * h) / 2)

    def optimality(self, point: Any) -> jax.Array:
        """Return the larger of |g| and -min(0, l_1): a saddle point is no solution. A Hessian of NaN tells nothing."""
        return jnp.fmax(jnp.linalg.norm(point.grad), -self.values[0])


def spectrum(matrix: jax.Array, grad: jax.Array) -> Spectrum:
    """Return the model with this B, f[n, n]. Cost: about 10 n^3."""
    values, basis = eigh(matrix)
    return Spectrum(basis, without_noise(values), basis.T @ grad)


def without_noise(values: jax.Array) -> jax.Array:
    """Return eigenvalues where those that rounding has made are the largest that it makes."""
    noise = 4 * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    return jnp.where(values >= -noise, jnp.maximum(values, 1e-3 * noise), values)


def within_radius(model: Spectrum, radius: jax.Array) -> jax.Array:
    """Give the h of least m with |h| <= radius: (l + lam) h = -a, lam >= max(0, -l_1) (Moré & Sorensen 1983), f[k]."""
    lowest, gaps = model.values[0], model.values - model.values[0]
    first = jnp.max(jnp.abs(model.grad) / radius - gaps)  # no component may be longer than the radius

    def inverse(lam: jax.Array) -> tuple[jax.Array, jax.Array]:
        return 1 / radius, jnp.zeros_like(lam)

    return _secular(model, jnp.maximum(jnp.maximum(lowest, 0.0), first), inverse)


def with_cubic_term(model: Spectrum, sigma: jax.Array) -> jax.Array:
    """Find the h of least m + sigma |h|^3 / 3: (l + lam) h = -a lam = sigma |h| (Cartis, Gould & Toint 2011), f[k]."""
    values, pull = model.values, sigma * jnp.abs(model.grad)
    lowest, gaps = values[0], values - values[0]
    tiny = jnp.finfo(values.dtype).tiny
    root = jnp.sqrt(values**2 + 4 * pull)
    # lam (l + lam) >= sigma |a| for every component; of two equal forms of l + lam the one that does not cancel.
    shifted = jnp.where(values > 0, (values + root) / 2, 2 * pull / jnp.maximum(root - values, tiny))

    def inverse(lam: jax.Array) -> tuple[jax.Array, jax.Array]:
        lam = jnp.maximum(lam, tiny)
        return sigma / lam, -sigma / lam / lam

    return _secular(model, jnp.maximum(jnp.maximum(lowest, 0.0), jnp.max(shifted - gaps)), inverse)


def _secular(model: Spectrum, first: jax.Array, inverse: Callable[[jax.Array], tuple[jax.Array, jax.Array]]) -> Any:
    """Give the h(lam) = -a / (l + lam) with |h| = R(lam), where `inverse` is 1/R with its slope; `first` is l_1 + lam.

    1/|h| - 1/R is concave and grows, so that Newton's method from a lam that is too small never passes the root. Where
    even the least lam makes h too short, the direction of l_1 fills it up (the hard case).
    """
    lowest, gaps = model.values[0], model.values - model.values[0]
    tol = jnp.finfo(gaps.dtype).eps ** 0.5

    def at(shift: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        moved = gaps + shift
        h = jnp.where(moved > 0, -model.grad / jnp.where(moved > 0, moved, 1.0), 0.0)
        return h, jnp.linalg.norm(h), jnp.where(moved > 0, moved, 1.0), inverse(shift - lowest)[0]

    def too_long(carry: Any) -> jax.Array:
        shift, turns = carry
        _, norm, _, short = at(shift)
        return (norm * short > 1 + tol) & (turns < MOST_TURNS)

    def turn(carry: Any) -> Any:
        shift, turns = carry
        h, norm, moved, short = at(shift)
        bend = jnp.sum((h / norm) ** 2 / moved) - norm * inverse(shift - lowest)[1]
        return shift + (norm * short - 1) / bend, turns + 1

    shift, _ = jax.lax.while_loop(too_long, turn, (first, jnp.zeros((), jnp.int32)))
    h, norm, _, short = at(shift)
    missing = jnp.sqrt(jnp.maximum((1 / short - norm) * (1 / short + norm), 0.0))
    return h.at[0].add(jnp.where((shift <= 0) & (lowest < 0), missing, 0.0))


def truncated_cg(
    product: Product,
    grad: jax.Array,
    forcing: Scalar,
    radius: jax.Array | None = None,
    little: jax.Array | float = -1.0,
) -> tuple[jax.Array, jax.Array]:
    """Minimize the model by conjugate gradients until |Bd + g| <= min(forcing, sqrt|g|) |g|: d and m(0) - m(d).

    With a radius (Steihaug 1983, Toint 1981): where the path leaves it, or meets negative curvature, the last step goes
    to the boundary. Without, negative curvature ends the path, whose decrease is then infinite, and gives the length of
    -g where it is met at once. A model that falls by less than `little` is solved until |Bd + g| is rounding, since a
    path meets what is steep first.
    """
    norm = jnp.linalg.norm(grad)
    tol, least = jnp.minimum(forcing, jnp.sqrt(norm)) * norm, 10 * jnp.finfo(grad.dtype).eps * norm

    def fall(d: jax.Array, r: jax.Array) -> jax.Array:
        return -d @ (grad + r) / 2

    def going(carry: Any) -> jax.Array:
        d, r, _, turns, done = carry
        enough = jnp.where(fall(d, r) > little, tol, least)
        return ~done & (jnp.linalg.norm(r) > enough) & (turns < 2 * grad.size)

    def turn(carry: Any) -> Any:
        d, r, p, turns, _ = carry
        Bp, rr = product(p), r @ r
        curvature = p @ Bp
        step = rr / jnp.where(curvature == 0, 1.0, curvature)
        if radius is None:
            leaves = curvature <= 3 * jnp.finfo(grad.dtype).eps * jnp.linalg.norm(p) * jnp.linalg.norm(Bp)
            last = jnp.where(turns == 0, rr / jnp.maximum(jnp.abs(curvature), rr), 0.0)
        else:
            leaves = (curvature <= 0) | (jnp.linalg.norm(d + step * p) >= radius)
            last = to_boundary(d, p, radius)
        step = jnp.where(leaves, last, step)
        new = r + step * Bp
        return d + step * p, new, (new @ new / rr) * p - new, turns + 1, leaves

    start = (jnp.zeros_like(grad), grad, -grad, jnp.zeros((), jnp.int32), jnp.array(False))
    d, r, _, _, left = jax.lax.while_loop(going, turn, start)
    return d, fall(d, r) if radius is not None else jnp.where(left, jnp.inf, fall(d, r))


def to_boundary(d: jax.Array, p: jax.Array, radius: jax.Array) -> jax.Array:
    """Return the t >= 0 with |d + t p| = radius."""
    pp, dp = p @ p, d @ p
    left = jnp.maximum(radius**2 - d @ d, 0.0)
    root = jnp.sqrt(dp**2 + pp * left)
    return jnp.where(dp > 0, left / (dp + root), (root - dp) / jnp.maximum(pp, jnp.finfo(d.dtype).tiny))


class _Lanczos(NamedTuple):
    """A basis of the space of g, Bg, BBg, ..., in which the model is T: orthonormal in its first `count` rows."""

    basis: jax.Array  # f[size, n]
    T: jax.Array  # f[size, size], tridiagonal
    count: jax.Array  # i32[]
    residual: jax.Array  # f[], |Bd + g| at the minimum in the space
    pivot: jax.Array  # f[], of T's factors; with the next, what a further row makes the residual of
    last: jax.Array  # f[], the last component of the solution y of T y = |g| e_1
    beta: jax.Array  # f[], the length of the next row before it is normalised
    ended: jax.Array  # bool[], whether that is rounding


def krylov_spectrum(product: Product, grad: jax.Array, size: int, forcing: Scalar) -> Spectrum:
    """Return the model in the space of g, Bg, BBg, ... (Lanczos 1950), in at most `size` products.

    It is large enough where the unconstrained minimum in it has |Bd + g| <= min(forcing, sqrt|g|) |g|. A gradient of 0
    is replaced by a fixed random direction. Bases are orthogonalised against all earlier vectors, twice.
    """
    found = _lanczos(product, grad, min(size, grad.size), forcing)
    unused = jnp.arange(len(found.basis)) >= found.count
    kept = jnp.where(unused[:, None] | unused[None, :], 0.0, found.T)
    largest = jnp.max(jnp.abs(jnp.diagonal(kept)))
    values, turned = eigh(kept + jnp.diag(jnp.where(unused, largest, 0.0)))
    basis = jnp.where(unused[:, None], 0.0, found.basis).T @ turned
    return Spectrum(basis, without_noise(values), basis.T @ grad)


def _lanczos(product: Product, grad: jax.Array, size: int, forcing: Scalar) -> _Lanczos:
    """Return the basis that the spectrum is made in."""
    norm = jnp.linalg.norm(grad)
    still = norm == 0
    first = jnp.where(still, jax.random.normal(jax.random.key(0), grad.shape, grad.dtype), grad)
    tol = jnp.minimum(forcing, jnp.sqrt(norm)) * norm
    eps = jnp.finfo(grad.dtype).eps

    def going(now: _Lanczos) -> jax.Array:
        return (now.count < size) & ~now.ended & ~(now.residual <= tol)

    def turn(now: _Lanczos) -> _Lanczos:
        j, basis = now.count, now.basis
        q = basis[j]
        Bq = product(q)
        alpha = q @ Bq
        rest = Bq - (basis @ Bq) @ basis
        rest = rest - (basis @ rest) @ basis
        length = jnp.linalg.norm(rest)
        ended = length <= 10 * eps * jnp.linalg.norm(Bq)
        after = jnp.minimum(j + 1, size - 1)
        follows = (j + 1 < size) & ~ended
        basis = basis.at[after].add(jnp.where(follows, rest / jnp.where(ended, 1.0, length), 0.0))
        off = jnp.where(follows, length, 0.0)
        T = now.T.at[j, j].set(alpha).at[j, after].add(off).at[after, j].add(off)
        pivot = alpha - jnp.where(j > 0, now.beta**2 / now.pivot, 0.0)
        last = jnp.where(pivot > 0, jnp.where(j > 0, now.last * now.beta, norm) / pivot, jnp.inf)
        residual = jnp.where(still, jnp.inf, length * last)
        return _Lanczos(basis, T, j + 1, residual, pivot, last, length, ended)

    one, none = jnp.ones((), grad.dtype), jnp.full((), jnp.inf, grad.dtype)
    basis = jnp.zeros((size, grad.size), grad.dtype).at[0].set(first / jnp.linalg.norm(first))
    T, count = jnp.zeros((size, size), grad.dtype), jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(going, turn, _Lanczos(basis, T, count, none, one, one, one, jnp.array(False)))
