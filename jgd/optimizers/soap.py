"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import whole_from
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import Blocks, blocks
from jgd.core.eigen import eigh
from jgd.core.tree import abs_sq, one_minus_pow, zeros
from jgd.core.types import Scalar


@record
class ScaleBySoap(BlockRule):
    """m = EMA of g; v = EMA of (Q'g)²; u = Q (Q'm / (sqrt(v) + eps)), Q the eigenbasis of EMAs of GG' and G'G."""

    b1: Scalar = hyper(default=0.95, interval="[0, 1)")
    b2: Scalar = hyper(default=0.95, interval="[0, 1)")
    shampoo_beta: Scalar | None = hyper(default=None, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    _: KW_ONLY
    precondition_frequency: int = static(default=10, expect=whole_from(1))
    max_precondition_dim: int = static(default=10000, expect=whole_from(1))
    merge_dims: bool = static(default=False)
    precondition_1d: bool = static(default=False)
    normalize_grads: bool = static(default=False)
    bias_correction: bool = static(default=True)
    stagger: bool = static(default=True)
    layout = ("mu", "nu", "factors", "bases")
    renews = ("nu", "bases")

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        return blocks(shape, merge=self.max_precondition_dim if self.merge_dims else None)

    def is_preconditioned(self, shape: tuple[int, ...]) -> bool:
        return any(self._sides(shape))

    def _sides(self, shape: tuple[int, ...]) -> list[bool]:
        """Which axes are rotated."""
        return [n <= self.max_precondition_dim and (len(shape) > 1 or self.precondition_1d) for n in shape]

    def slots(self, p: Any) -> tuple[Any, ...]:
        sides = zip(p.shape, self._sides(p.shape), strict=True)
        factors = tuple(jnp.zeros((n, n), p.dtype) if rotated else None for n, rotated in sides)
        return zeros(p), zeros(p), factors, factors

    def shared(self, t: jax.Array) -> Any:
        """The step's number, counted from the second call, and the bias corrections."""
        s = jnp.maximum(t - 1, 1)
        corrected = self.bias_correction
        return t, one_minus_pow(self.b1, s) if corrected else 1.0, one_minus_pow(self.b2, s) if corrected else 1.0

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any) -> tuple[Any, ...]:
        t, c1, c2 = shared
        beta = self.b2 if self.shampoo_beta is None else self.shampoo_beta
        steps = t > 1
        m = jnp.where(steps, self.b1 * m + (1 - self.b1) * g, m)
        v = jnp.where(steps, self.b2 * v + (1 - self.b2) * abs_sq(rotated(g, bases)), v)
        u = rotated(rotated(m / c1, bases) / (jnp.sqrt(v / c2) + self.eps / jnp.sqrt(c2)), bases, back=True)
        factors = tuple(None if x is None else beta * x + (1 - beta) * gram(g, axis) for axis, x in enumerate(factors))
        return jnp.where(steps, u, 0.0), m, v, factors, bases

    def begin(self, m: Any, v: Any, factors: Any, bases: Any) -> tuple[Any, ...]:
        return v, jax.tree.map(lambda x: eigh(x)[1][:, ::-1], factors)

    def refresh(self, m: Any, v: Any, factors: Any, bases: Any) -> tuple[Any, ...]:
        fresh = []
        for axis, (x, q) in enumerate(zip(factors, bases, strict=True)):
            if x is None:
                fresh.append(None)
                continue
            x, q = jax.lax.stop_gradient((x, q))
            power = x @ q
            order = jnp.argsort(-jnp.sum(q * power, axis=0))
            v = jnp.take(v, order, axis)
            fresh.append(jnp.linalg.qr(power[:, order])[0])
        return v, tuple(fresh)


def gram(x: jax.Array, axis: int) -> jax.Array:
    """X x' along one axis, summed over the others: f[n, n]."""
    rest = [i for i in range(x.ndim) if i != axis]
    return jnp.tensordot(x, x, (rest, rest))


def rotated(x: jax.Array, bases: Any, *, back: bool = False) -> jax.Array:
    """X in the bases of its axes, q' x along each; `back` undoes it; `None` leaves an axis alone."""
    for axis, q in enumerate(bases):
        if q is not None:
            x = jnp.moveaxis(jnp.tensordot(x, q, (axis, 1 if back else 0)), -1, axis)
    return x


scale_by_soap = ScaleBySoap
