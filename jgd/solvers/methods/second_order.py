"""Trust regions and cubic regularization with the Hessian: dense, in a Krylov space, or by products alone."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import WHOLE
from jgd.core.record import hyper, record, static
from jgd.core.types import Scalar
from jgd.solvers.methods.objective import Objective, Point
from jgd.solvers.methods.precision import unseen
from jgd.solvers.methods.subproblem import (
    Spectrum,
    krylov_spectrum,
    spectrum,
    to_boundary,
    truncated_cg,
    with_cubic_term,
    within_radius,
)
from jgd.solvers.methods.trust_region import Region, TrustRegion


class _OnSpectrum(TrustRegion):
    """Methods whose model is diagonal; a saddle point is no solution to them."""

    def model(self, problem: Objective, point: Point) -> Spectrum:
        """Return the Hessian's eigenvalues and eigenvectors."""
        return spectrum(problem.hessian(point.params), point.grad)

    def optimality(self, model: Spectrum, point: Point) -> jax.Array:
        """Return the larger of |g| and of what curvature is negative."""
        return model.optimality(point)

    def along(self, problem: Objective, model: Spectrum, point: Point, direction: jax.Array) -> jax.Array:
        """Compute it by the eigenvalues."""
        return model.values @ (model.basis.T @ direction) ** 2


@record
class TrustExact(_OnSpectrum):
    """Minimize the model within a trust region exactly.

    The exact minimum of the model within the radius, by the Hessian's eigenvalues (Moré & Sorensen 1983).

    For up to some hundred parameters: an accepted step costs n products with the Hessian and about 10 n^3, a rejected
    one n^2; under `vmap` both cost the first. It leaves saddle points, the hard case included: the optimality is the
    larger of |g| and of minus the least eigenvalue. Memory: n^2.
    """

    def solve(self, problem: Objective, model: Spectrum, point: Point, radius: jax.Array) -> tuple[Any, Any]:
        """Solve a secular equation."""
        h = within_radius(model, radius)
        return model.basis @ h, model.decrease(h)


trust_exact = TrustExact


@record
class TrustKrylov(TrustExact):
    """Minimize the model within a trust region in a Krylov space.

    The minimum of the model within the radius in a Krylov space (Gould, Lucidi, Roma & Toint 1999, GLTR).

    For many parameters: an accepted step costs up to `krylov_size` products with the Hessian, a rejected one none.
    Memory: `krylov_size` n. `forcing` is how small |Bd + g| / |g| must be for the space to be large enough.
    """

    krylov_size: int = static(default=64, expect=WHOLE)
    forcing: Scalar = hyper(default=0.01, interval="(0, 1)")

    def model(self, problem: Objective, point: Point) -> Spectrum:
        """Return Ritz values and vectors."""
        return krylov_spectrum(problem.curvature(point.params), point.grad, self.krylov_size, self.forcing)


trust_krylov = TrustKrylov


@record
class Dogleg(_OnSpectrum):
    """Go from x to the minimum along -g, and on to Newton's point, as far as the radius allows (Powell 1970).

    Where the Hessian is not positive definite, the path is that of its eigenvalues' absolute values; the step is along
    the eigenvector of the least one instead, where that lowers the model more. Saddle points are left. Cost and memory
    as `trust_exact`'s.
    """

    def solve(self, problem: Objective, model: Spectrum, point: Point, radius: jax.Array) -> tuple[Any, Any]:
        """Return the better of the path and of the direction of negative curvature."""
        a, sizes, tiny = model.grad, jnp.abs(model.values), jnp.finfo(point.value.dtype).tiny
        newton = -a / jnp.maximum(sizes, tiny)
        bend = a @ (sizes * a)
        cauchy = -a * (a @ a) / jnp.maximum(bend, tiny)
        length = jnp.linalg.norm(cauchy)
        short = jnp.minimum(1.0, radius / jnp.maximum(length, tiny)) * cauchy
        leg = newton - cauchy
        part = jnp.minimum(1.0, to_boundary(cauchy, leg, radius))
        path = jnp.where(length < radius, cauchy + part * leg, short)
        down = jnp.zeros_like(a).at[0].set(jnp.where(a[0] > 0, -radius, radius))
        best = (model.values[0] < 0) & (model.decrease(down) > model.decrease(path))
        h = jnp.where(best, down, path)
        return model.basis @ h, model.decrease(h)


dogleg = Dogleg


@record
class CubicNewton(_OnSpectrum):
    """Take Newton steps with a cubic penalty on their length.

    x+ = x + d, d of least m(d) + sigma |d|^3 / 3 (Nesterov & Polyak 2006; Cartis, Gould & Toint 2011, ARC).

    `radius` is sqrt(|g| / sigma) at the start: the length of the step where B is 0. Sigma is divided by `grow`^2 where
    the ratio is above 3/4, and grows where it is below 1/4, so that the step shrinks to a part of at least `shrink`. It
    leaves saddle points. Cost and memory as `trust_exact`'s.
    """

    def first_radius(self, problem: Objective, model: Spectrum, point: Point) -> jax.Array:
        """Return 1 / sigma."""
        norm = jnp.linalg.norm(point.grad)
        return super().first_radius(problem, model, point) ** 2 / jnp.where(norm > 0, norm, 1.0)

    def resized(self, region: Region, ratio: jax.Array, length: jax.Array, shorter: jax.Array) -> jax.Array:
        """Return the next 1 / sigma."""
        curved = length**3 / (2 * region.predicted)  # where B dominates, a sigma without weight must gain some first
        less = jnp.minimum(shorter**2 * region.radius, curved)
        more = self.grow**2 * region.radius
        return jnp.where(ratio < 0.25, less, jnp.where(ratio > 0.75, more, region.radius))

    def solve(self, problem: Objective, model: Spectrum, point: Point, radius: jax.Array) -> tuple[Any, Any]:
        """Solve a secular equation."""
        h = with_cubic_term(model, 1 / radius)
        return model.basis @ h, model.decrease(h) - jnp.linalg.norm(h) ** 3 / radius / 3


cubic_newton = CubicNewton


@record
class TrustNCG(TrustRegion):
    """Minimize the model within a trust region by conjugate gradients.

    The model's minimum by conjugate gradients, which end at the boundary (Steihaug 1983, Toint 1981).

    For many parameters: a step costs up to 2 n products with the Hessian, most often far fewer, and memory for a few
    vectors. `forcing` is how small |Bd + g| / |g| must get, if not smaller than sqrt|g|; where the model then falls by
    less than eps^(2/3) |f|, it is solved to rounding.
    """

    forcing: Scalar = hyper(default=0.01, interval="(0, 1)")

    def model(self, problem: Objective, point: Point) -> tuple[()]:
        """Return nothing: products are computed when they are needed."""
        return ()

    def solve(self, problem: Objective, model: Any, point: Point, radius: jax.Array) -> tuple[Any, Any]:
        """Solve it by conjugate gradients."""
        return truncated_cg(problem.curvature(point.params), point.grad, self.forcing, radius, unseen(point.value))


trust_ncg = TrustNCG
