"""The residuals to first order about a point: the model that least-squares methods minimize."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.shapes import Float
from jgd.core.types import Array, Scalar
from jgd.solvers.methods.objective import Objective, Point

NEWTON_STEPS = 10
"""Enough for a step whose length is right to a percent."""


class LinearModel(NamedTuple):
    """m(z) = |A z + r|^2 / 2 of the step d = scale * z, by the singular values of A.

    Never A'A, whose condition is that of A squared. What lies below the rounding of the largest singular value counts
    as 0, and no step is taken along it.
    """

    scale: jax.Array  # f[n]
    singular: jax.Array  # f[k], k = min(m, n)
    right: jax.Array  # f[k, n]
    along: jax.Array  # f[k], U'r, 0 where the singular value is

    @classmethod
    def of(cls, scale: Float[Array, " n"], matrix: Float[Array, "m n"], residual: Float[Array, " m"]) -> "LinearModel":
        """Return the model for a matrix: a QR factorization of it with its residual, and the SVD of what is left."""
        n = matrix.shape[1]
        triangle = jnp.linalg.qr(jnp.column_stack([matrix, residual]), mode="r")[:n]
        left, singular, right = jnp.linalg.svd(triangle[:, :n], full_matrices=False)
        least = max(matrix.shape) * jnp.finfo(matrix.dtype).eps * singular[0]
        singular, along = (jnp.where(singular > least, x, 0.0) for x in (singular, left.T @ triangle[:, n]))
        return cls(scale, singular, right, along)

    def step(self) -> Float[Array, " n"]:
        """Return the least z that minimizes m(z)."""
        return -self._coordinates(0.0) @ self.right

    def step_norm(self) -> Float[Array, ""]:
        """Return the norm of `step`."""
        return jnp.linalg.norm(self._coordinates(0.0))

    def within(self, radius: Float[Array, ""]) -> tuple[Float[Array, " n"], Float[Array, ""]]:
        """Find the z that minimizes m(z) among |z| <= radius to a percent of it, and its damping (Moré 1978, sec. 5).

        Newton steps from 0 on 1 / |z| - 1 / radius, which is concave in the damping: they never go beyond its root
        (Conn, Gould & Toint 2000, section 7.3.3). One loop holds all of it, the last z too: what a small fit waits for
        is the compiler.
        """

        def turn(_: jax.Array, at: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            damping = at[0]
            z = self._coordinates(damping)
            size = jnp.linalg.norm(z)
            share = z / jnp.where(size > 0, size, 1.0)
            slope = jnp.sum(share**2 / self._squares(damping))
            return jnp.maximum(damping + (size - radius) / radius / slope, 0.0), damping, z

        zero = jnp.zeros_like(radius)
        _, damping, z = jax.lax.fori_loop(0, NEWTON_STEPS + 1, turn, (zero, zero, self.along))
        return -z @ self.right, damping

    def slope(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Return the derivative of m along z, at 0."""
        return (self.singular * self.along) @ (self.right @ z)

    def product(self, z: Float[Array, " n"], w: Float[Array, " n"]) -> Float[Array, ""]:
        """Return z'A'A w."""
        return (self.singular * (self.right @ z)) @ (self.singular * (self.right @ w))

    def change(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Return m(z) - m(0)."""
        return self.slope(z) + self.product(z, z) / 2

    def most(self) -> Float[Array, ""]:
        """Tell by how much m can fall."""
        return self.along @ self.along / 2

    def size(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """Return the norm of the parameters in the model's scale; those that it does not move count for nothing."""
        return jnp.linalg.norm(jnp.where(self.scale > 0, x / self.scale, 0.0))

    def inverse(self, y: Float[Array, " n"], damping: Scalar) -> Float[Array, " n"]:
        """Compute (A'A + damping)^-1 y, along the singular values above 0."""
        return (jnp.where(self.singular > 0, self.right @ y, 0.0) / self._squares(damping)) @ self.right

    def _coordinates(self, damping: Scalar) -> Float[Array, " k"]:
        """Return -V'z of the least z that minimizes m(z) + damping |z|^2 / 2."""
        return self.singular * self.along / self._squares(damping)

    def _squares(self, damping: Scalar) -> Float[Array, " k"]:
        """Return the eigenvalues of A'A + damping, and 1 in place of 0."""
        squares = self.singular**2 + damping
        return jnp.where(squares > 0, squares, 1.0)


def columns_of(jacobian: Float[Array, "m n"]) -> Float[Array, " n"]:
    """Return the norms of its columns, and 1 in place of 0."""
    norms = jnp.linalg.norm(jacobian, axis=0)
    return jnp.where(norms > 0, norms, 1.0)


def scaled_gradient_norm(problem: Objective, point: Point, columns: Float[Array, " n"]) -> Float[Array, ""]:
    """Compute |g_j / |J_j||: the gradient where each parameter's unit moves the residuals by 1, inside the bounds.

    `columns` are the norms of the Jacobian's, as `columns_of` has them. The result is free of the parameters' units, in
    those of the residuals, and 0 at a solution alone.
    """
    step = -point.grad / columns
    if problem.lower is not None:
        step = jnp.clip(step, columns * (problem.lower - point.params), columns * (problem.upper - point.params))
    return jnp.linalg.norm(step)
