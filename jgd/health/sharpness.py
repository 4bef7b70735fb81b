"""Sharpness: the curvature of the loss against that at which the optimizer diverges, and the longest useful step."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jgd.core.tree import widen
from jgd.core.types import Params, Transform
from jgd.optimizers.adam import ScaleByAdam
from jgd.transforms.compose import Links
from jgd.transforms.in_effect import current_hyperparams
from jgd.transforms.momentum import Trace
from jgd.transforms.scale import Identity, Scale, ScaleByLearningRate

ROUNDS = 10  # of Lanczos, which suffice (Cohen et al. 2021 measure with as many)
SGD = (Identity, Links, Scale, ScaleByLearningRate, Trace)  # what SGD is made of
HALVINGS = 5  # after the factor of two is known


class Edge(NamedTuple):
    """Tell when an optimizer diverges on a quadratic: where P^-1/2 H P^-1/2 has an eigenvalue above limit / rate."""

    rate: float
    limit: float  # 2 for gradient descent
    scale: Params | None  # P, the preconditioner in effect; None for the identity


def largest_eigenvalue(
    matvec: Callable[[jax.Array], jax.Array], start: jax.Array, rounds: int = ROUNDS
) -> tuple[jax.Array, jax.Array]:
    """Find the largest eigenvalue of a symmetric operator on vectors by Lanczos' method: it, and a bound of its error.

    Reorthogonalised in full, so that k rounds cost k products and k vectors of memory. Runs under `jit`.
    """
    rounds = min(rounds, start.size)
    basis = jnp.zeros((rounds + 1, start.size), start.dtype).at[0].set(start / jnp.linalg.norm(start))

    def body(basis: jax.Array, i: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        image = matvec(basis[i])
        along = basis @ image
        rest = image - along @ basis
        rest = rest - (basis @ rest) @ basis
        length = jnp.linalg.norm(rest)
        tiny = length <= 1e-6 * jnp.linalg.norm(image)  # an invariant subspace: nothing is left to find
        new = jnp.where(tiny, 0.0, rest / jnp.where(tiny, 1.0, length))
        return basis.at[i + 1].set(new), (along[i], jnp.where(tiny, 0.0, length))

    _, (diagonal, beside) = jax.lax.scan(body, basis, jnp.arange(rounds))
    matrix = jnp.diag(diagonal) + jnp.diag(beside[:-1], 1) + jnp.diag(beside[:-1], -1)
    values, vectors = jnp.linalg.eigh(matrix)
    # Beyond an invariant subspace the matrix has zeros of its own, which belong to nothing.
    own = jnp.sum(jnp.where(jnp.cumprod(jnp.r_[1.0, beside[:-1] > 0])[:, None] > 0, vectors**2, 0.0), 0) > 0.5
    best = jnp.argmax(jnp.where(own, values, -jnp.inf))
    return values[best], beside[-1] * jnp.abs(vectors[-1, best])


def sharpness(loss: Callable[[Params], jax.Array], params: Params, scale: Params | None = None) -> jax.Array:
    """Find the largest eigenvalue of the Hessian of `loss` at `params`, of P^-1/2 H P^-1/2 where P = `scale` is given.

    Ten Hessian-vector products, each two to three gradients; vectors are in float32 at least.
    """
    flat, unravel = ravel_pytree(jax.tree.map(widen, params))

    def own_precision(x: jax.Array) -> Params:
        return jax.tree.map(lambda part, p: part.astype(p.dtype), unravel(x), params)

    root = jnp.ones_like(flat) if scale is None else jax.lax.rsqrt(ravel_pytree(scale)[0].astype(flat.dtype))

    def matvec(v: jax.Array) -> jax.Array:
        grad = lambda x: jax.grad(lambda y: loss(own_precision(y)))(x)  # noqa: E731
        return root * jax.jvp(grad, (flat,), (root * v,))[1]

    start = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    return largest_eigenvalue(matvec, start)[0]


def critical_step(loss: Callable[[Params], jax.Array], params: Params, updates: Params) -> jax.Array:
    """Find the least multiple of `updates` that raises the loss, by doubling or halving and then bisection.

    Its inverse times two is the critical sharpness for a rate of one (Kalra et al. 2026, arXiv:2601.16979); on a
    quadratic, and along the gradient g, that is g'Hg / g'g. Infinite where no multiple up to 2^20 raises it, and zero
    where all down to 2^-20 do. Some ten evaluations of the loss. Runs under `jit`.
    """
    here = loss(params)

    def rises(c: jax.Array) -> jax.Array:
        there = loss(jax.tree.map(lambda p, u: (p + c * u).astype(p.dtype), params, updates))
        return ~(there <= here)

    up = rises(jnp.float32(1))
    factor = jnp.where(up, 0.5, 2.0)
    end = jax.lax.while_loop(lambda c: (rises(c) == up) & (c < 2.0**20) & (c > 2.0**-20), lambda c: c * factor, factor)

    def halve(_: Any, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = (low + high) / 2
        high_now = rises(middle)
        return jnp.where(high_now, low, middle), jnp.where(high_now, middle, high)

    low, high = jnp.where(up, end, end / 2), jnp.where(up, end * 2, end)
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, (low, high))
    found = (low + high) / 2
    return jnp.where(end >= 2.0**20, jnp.inf, jnp.where(end <= 2.0**-20, 0.0, found))


def edge_of(optimizer: Any, opt_state: Any, params: Params) -> Edge | None:
    """Tell when the optimizer diverges on a quadratic, where theory knows: SGD with momentum, and methods like Adam.

    2/rate for gradient descent, 2 (1 + b)/rate with heavy-ball momentum, 2 (1 + b)/((1 + 2 b) rate) with Nesterov's,
    and 2 (1 + b1)/((1 - b1) rate) for Adam, preconditioned (Cohen et al. 2022, arXiv:2207.14484). `None` elsewhere.
    """
    hyper = {name.rpartition(".")[2]: x for name, x in current_hyperparams(optimizer, opt_state).items()}
    known = {name: float(np.asarray(x)) for name, x in hyper.items() if np.ndim(x) == 0}
    records = [node for node in _nodes(optimizer) if isinstance(node, Transform)]
    rate = known.get("learning_rate")
    if rate is None or not rate > 0:
        return None
    moments = [node for node in _nodes(opt_state) if hasattr(node, "nu")]
    if any(isinstance(node, ScaleByAdam) for node in records) and moments and {"b1", "b2"} <= set(known):
        state, b1, b2 = moments[0], known["b1"], known["b2"]
        if jax.tree.structure(state.nu) != jax.tree.structure(params) or int(np.asarray(state.count)) == 0:
            return None
        debias = 1 - b2 ** int(np.asarray(state.count))
        return Edge(rate, 2 * (1 + b1) / (1 - b1), _root(state.nu, debias, known.get("eps", 1e-8)))
    if all(isinstance(node, SGD) for node in records):
        b = known.get("decay", known.get("momentum", 0.0))
        nesterov = any(getattr(node, "nesterov", False) for node in records)
        return Edge(rate, 2 * (1 + b) / (1 + 2 * b if nesterov else 1), None)
    return None


@jax.jit
def _root(nu: Params, debias: Any, eps: Any) -> Params:
    return jax.tree.map(lambda v: jnp.sqrt(v / debias) + eps, nu)


def _nodes(node: Any) -> Iterator[Any]:
    """Walk a tree's nodes, itself first."""
    yield node
    for child in jax.tree.leaves(node, is_leaf=lambda x: x is not node):
        if child is not node and not jax.tree_util.all_leaves([child]):
            yield from _nodes(child)
