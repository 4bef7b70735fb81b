"""Muon: momentum made orthogonal, all matrices of one shape in one batched Newton-Schulz iteration."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import InputError, hyper, record, static
from jgd.core.cost import Cost
from jgd.core.errors import whole
from jgd.core.frozen import dtype_name
from jgd.core.matrices import Cut, MatrixAxes, cut, declared_axes, frozen_axes
from jgd.core.record import hypers
from jgd.core.tree import (
    full_like,
    increment,
    map_unzip,
    name_of,
    one_minus_pow,
    safe_sqrt,
    tree_bytes,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Scalar, State, Updates

NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
"""The quintic's coefficients by Keller Jordan: singular values end between 0.7 and 1.2, not at 1."""
CACHE_BYTES = 1 << 16  # of matrices that a CPU iterates on at a time: more of them leave its cache between products


def _steps(value: Any) -> int:
    return whole("ScaleByMuon", "ns_steps", value, least=0)


class ScaleByMuonState(NamedTuple):
    """Momentum, shaped like the parameters."""

    mu: State


class CorrectedMuonState(NamedTuple):
    """A step counter and momentum, shaped like the parameters."""

    count: jax.Array  # i32[]
    mu: State


@record
class ScaleByMuon:
    """b = beta b + (1-beta) g; u = s O(beta b + (1-beta) g), or s O(b) without `nesterov`; O(UΣV') ≈ UV'.

    (Jordan et al. 2024, github.com/KellerJordan/Muon; `torch.optim.Muon` is the same up to its bfloat16 arithmetic.)
    O takes `ns_steps` steps of X <- a X + (b XX' + c (XX')^2) X from X / (||X|| + eps), with X taken as wide and in
    `ns_dtype`, float32 at least by default. `ns_coeffs` holds (a, b, c), or one such triple after another.

    `weight_dimension_numbers` cuts leaves into matrices of in x out, a tree of `MatrixAxes` or a function of the
    parameters that returns one; without it a leaf is (..., in, out), its leading axes a batch. s is
    sqrt(max(1, out/in)), or `consistent_rms` times sqrt(max(in, out)), which gives Adam's step size at 0.2
    (Liu et al. 2025, arXiv:2502.16982), or 1 with `shape_scaling` off. `bias_correction` divides b by
    1 - beta^(t+1) and g by 1 - beta^t, as `optax.contrib.muon` does, whose first steps differ from torch's.

    State: 4 bytes a parameter. Cost: 5 (4 m² n + 2 m³) FLOP for an m x n matrix with m <= n.
    """

    beta: Scalar = hyper(default=0.95, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    ns_coeffs: tuple[Scalar, ...] = hypers(default=NEWTON_SCHULZ)
    ns_steps: int = static(default=5, convert=_steps)
    nesterov: bool = static(default=True)
    consistent_rms: Scalar | None = hyper(default=None, interval="(0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    ns_dtype: Any = static(default=None, convert=dtype_name)
    weight_dimension_numbers: Any = static(default=None, convert=frozen_axes)
    bias_correction: bool = static(default=False)
    shape_scaling: bool = static(default=True)

    def init(self, params: Params) -> State:
        """Zero momentum."""
        self.cuts(params)
        mu = full_like(params, dtype=self.mu_dtype)
        return CorrectedMuonState(zero_count(), mu) if self.bias_correction else ScaleByMuonState(mu)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The orthogonal matrices nearest to the momentum, scaled."""
        beta = jnp.asarray(self.beta)
        count = increment(state.count) if self.bias_correction else None
        ahead = self._ahead(beta, count)

        def rule(g: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
            b = beta * b + (1 - beta) * g
            return ahead(g, b), b

        # Widened here, so that the look-ahead is not rounded to half precision on its way to the iteration.
        wide = jax.tree.map(widen, grads)
        look, mu = map_unzip(rule, wide, state.mu, place="ScaleByMuon.update")
        leaves, structure = jax.tree.flatten(grads)
        cuts = self.cuts(grads)
        matrices = [one.matrices(x) for one, x in zip(cuts, jax.tree.leaves(look), strict=True)]
        orthogonal = orthogonalize(matrices, self.ns_coeffs, self.ns_steps, self.eps, self.ns_dtype)
        updates = [
            (self._size(one) * one.array(x)).astype(jnp.result_type(g))
            for one, x, g in zip(cuts, orthogonal, leaves, strict=True)
        ]
        state = ScaleByMuonState(mu) if count is None else CorrectedMuonState(count, mu)
        return jax.tree.unflatten(structure, updates), state

    def cost(self, params: Params) -> Cost:
        """The momentum in and out, and 4 m² n + 2 m³ operations for each step on each m x n matrix, m <= n."""
        flops = 0
        for one in self.cuts(params):
            batch, *sides = one.sizes
            m, n = sorted(sides)
            flops += self.ns_steps * batch * (4 * m * m * n + 2 * m**3)
        dtype = self.ns_dtype or jnp.result_type(jnp.float32, *jax.tree.leaves(params))
        return Cost(2 * tree_bytes(jax.eval_shape(self.init, params)), {jnp.dtype(dtype).name: float(flops)})

    def for_params(self, params: Params) -> "ScaleByMuon":
        """The same with the axes fixed that are declared for these parameters; see `jgd.core.matrices.for_params`."""
        if self.weight_dimension_numbers is None:
            return self
        axes = declared_axes("ScaleByMuon", self.weight_dimension_numbers, params)
        return dataclasses.replace(self, weight_dimension_numbers=axes)

    def cuts(self, params: Params) -> list[Cut]:
        """How each leaf is cut into matrices."""
        rows = jax.tree_util.tree_leaves_with_path(params)
        axes: list[Any] = [MatrixAxes(-2, -1)] * len(rows)
        if self.weight_dimension_numbers is not None:
            axes = declared_axes("ScaleByMuon", self.weight_dimension_numbers, params).of(params)
        return [_cut(path, leaf, x) for (path, leaf), x in zip(rows, axes, strict=True)]

    def _ahead(self, beta: jax.Array, count: jax.Array | None) -> Callable[[jax.Array, jax.Array], jax.Array]:
        """Return what is made orthogonal, of a gradient and the momentum that already has it."""
        if count is None:
            return lambda g, b: beta * b + (1 - beta) * g if self.nesterov else b
        now, following = one_minus_pow(beta, count), one_minus_pow(beta, increment(count))
        return lambda g, b: beta * b / following + (1 - beta) * g / now if self.nesterov else b / now

    def _size(self, one: Cut) -> Any:
        _, rows, columns = one.sizes
        if not self.shape_scaling:
            return 1.0
        if self.consistent_rms is not None:
            return self.consistent_rms * max(rows, columns) ** 0.5
        return max(1.0, columns / max(rows, 1)) ** 0.5


def scale_by_muon(
    ns_coeffs: Sequence[Any] = NEWTON_SCHULZ,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    weight_dimension_numbers: Any = None,
    consistent_rms: Scalar | None = None,
    ns_dtype: Any = None,
    bias_correction: bool = False,
    shape_scaling: bool = True,
) -> ScaleByMuon:
    """Replace each matrix by the orthogonal matrix nearest to its momentum; see `ScaleByMuon`.

    `ns_coeffs` is (a, b, c) for all `ns_steps` steps, or one such triple for each step, whose number then counts.
    """
    triples = np.ndim(ns_coeffs) == 2
    flat = [x for row in ns_coeffs for x in row] if triples else ns_coeffs
    if len(flat) % 3 or not len(flat):
        raise InputError(f"scale_by_muon(ns_coeffs={ns_coeffs!r}): expected three numbers, or three for each step.")
    ns_steps = len(flat) // 3 if triples else ns_steps
    return ScaleByMuon(
        beta,
        eps,
        tuple(flat),
        ns_steps,
        nesterov,
        consistent_rms,
        mu_dtype,
        ns_dtype,
        weight_dimension_numbers,
        bias_correction,
        shape_scaling,
    )


def orthogonalize(tree: Any, coefficients: Any, steps: int, eps: Scalar, dtype: Any = None) -> Any:
    """The Newton-Schulz iteration on every matrix of a tree; those of one shape, or its transpose, run as one batch.

    One batch means one compilation and few, large matrix products. On a CPU it runs as many matrices at a time as its
    cache holds, which takes 0.7 of the time of all at once for 48 of 128 x 128.
    """
    leaves, structure = jax.tree.flatten(tree)
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, leaf in enumerate(leaves):
        groups[(*sorted(leaf.shape[-2:]), leaf.dtype)].append(i)
    for (m, n, _), members in groups.items():
        batch = [_wide(leaves[i]).reshape(math.prod(leaves[i].shape[:-2]), m, n) for i in members]
        iterate = partial(_newton_schulz, coefficients=coefficients, steps=steps, eps=eps, dtype=dtype)
        result = jax.lax.platform_dependent(
            jnp.concatenate(batch), cpu=partial(_in_cache, iterate), default=jax.vmap(iterate)
        )
        stops = np.cumsum([len(x) for x in batch])[:-1]
        for i, x in zip(members, jnp.split(result, stops), strict=True):
            leaf = leaves[i]
            leaves[i] = _wide(x.reshape(_wide(leaf).shape), like=leaf)
    return jax.tree.unflatten(structure, leaves)


def _wide(x: jax.Array, like: jax.Array | None = None) -> jax.Array:
    """The matrices of `x` transposed if those of `like` (by default its own) have more rows than columns."""
    rows, columns = (x if like is None else like).shape[-2:]
    return x.mT if rows > columns else x


def _in_cache(iterate: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """`iterate` on each of the matrices f[batch, m, n], as many side by side as fit into a CPU's cache."""
    at_a_time = CACHE_BYTES // max(1, x.dtype.itemsize * math.prod(x.shape[1:]))
    if at_a_time < 2 or len(x) == 1:  # not even in a batch of one, whose products XLA computes more slowly there
        return jax.lax.map(iterate, x)
    return jax.vmap(iterate)(x) if at_a_time >= len(x) else jax.lax.map(iterate, x, batch_size=at_a_time)


def _cut(path: Any, leaf: Any, axes: Any) -> Cut:
    """How one leaf is cut, or the error that it is no matrix."""
    shape = jnp.shape(leaf)
    if len(shape) < 2 or jnp.iscomplexobj(leaf):
        raise InputError(
            f"ScaleByMuon.init: the leaf at {name_of(path)} is {jnp.result_type(leaf)}{list(shape)}, "
            "expected a real matrix (..., in, out); use jgd.muon, which gives other leaves to AdamW."
        )
    if axes is None and len(shape) > 2:
        raise InputError(
            f"ScaleByMuon: the leaf at {name_of(path)} has shape {shape} and no axes declared; declare them as "
            "MatrixAxes(inputs, outputs) in weight_dimension_numbers."
        )
    return cut(f"ScaleByMuon: the leaf at {name_of(path)}", shape, MatrixAxes(-2, -1) if axes is None else axes)


def _newton_schulz(x: jax.Array, coefficients: Any, steps: int, eps: Scalar, dtype: Any) -> jax.Array:
    """`x`: f[m, n] with m <= n."""
    norm = safe_sqrt(jnp.sum(x * x))
    out, x = x.dtype, x / (norm + eps)
    x = x if dtype is None else x.astype(dtype)
    for step in range(steps):
        first = 3 * step % len(coefficients)
        a, b, c = (jnp.asarray(k).astype(x.dtype) for k in coefficients[first : first + 3])
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.astype(out)
