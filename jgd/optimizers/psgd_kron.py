"""PSGD with a Kronecker-factored preconditioner: whiten the momentum by triangular factors fitted to it."""

from dataclasses import KW_ONLY, replace
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import KEY, one_of, whole_from
from jgd.core.batches import batched, in_any_lane
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import Blocks, blocks, gram, rotated
from jgd.core.frozen import first_key, frozen_key, split_key
from jgd.core.refresh import Turns
from jgd.core.tree import cast_like, one_minus_pow, safe_sqrt, where, zeros
from jgd.core.types import Rate, Scalar
from jgd.core.values import at_count
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain
from jgd.transforms.decay import Decay

MODES = ("one_diag", "smart_one_diag", "all_diag")
BALANCED = 0.01  # the share of the preconditioner's updates before which its factors are given one norm
DAMPING = float(jnp.finfo(jnp.float32).eps) ** 0.5
LARGEST_RMS = 1.1  # of an update, whose entries have the deviation 1 where the preconditioner fits


@record
class ScaleByKron(BlockRule):
    """Whiten gradients by fitted factors of each axis.

    u = Q'Q m / max(1, rms(Q'Q m) / 1.1), Q the Kronecker product of factors of the axes, fitted to make u white.

    m is the mean of gradients, corrected for its bias, and before the step, with the probability
    `preconditioner_update_probability`, a number or a schedule of the number of steps taken before, each factor becomes
    Q - mu triu(A A' - B B') Q / |A A' + B B'|, with A = Q (m + sqrt(eps) mean|m| v), B = Q^-T v and v standard normal
    (Li 2018, arXiv:1512.04202, and the whitening criterion of Pooladzandi & Li 2024, arXiv:2402.04553). The norm is a
    bound of the spectral one. Without a probability it is 1 for 500 steps and falls exponentially to 0.03 at step 4000.
    As in kron-torch, about one update in 100 first scales the factors of a leaf until their largest entries are equal.

    A factor is upper triangular; a diagonal, f[n], along a side of length 1 or above `max_size_triangular`, of leaves
    of fewer than `min_ndim_triangular` axes, and, as `memory_save_mode` says, along the longest axis ("one_diag"),
    along that if it is longer than the others ("smart_one_diag"), or along all ("all_diag"). kron-torch may merge
    three or more axes to two; here each axis has a factor.

    Whether the factors are updated is one draw for all leaves. Under `vmap` lanes share it, unless their probabilities
    differ: then a step costs what the most frequent costs. State: 4 + 4 (m² + n²) / mn bytes a parameter of a matrix.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    _: KW_ONLY
    preconditioner_update_probability: Rate | None = hyper(default=None, interval="[0, 1]")
    max_size_triangular: int = static(default=8192, expect=whole_from(0))
    min_ndim_triangular: int = static(default=2, expect=whole_from(0))
    memory_save_mode: str | None = static(default=None, expect=one_of(*MODES))
    preconditioner_lr: Scalar = hyper(default=0.1, interval="[0, inf)")
    preconditioner_init_scale: Scalar = hyper(default=1.0, interval="(0, inf)")
    key: Any = static(default=0, convert=frozen_key, expect=KEY)
    layout = ("mu", "factors")
    renews_first = True
    stagger = False

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        """Return one block, in which a scalar is a vector of one."""
        return blocks(shape) if shape else replace(blocks((1,)), shape=())

    def is_preconditioned(self, shape: tuple[int, ...]) -> bool:
        return True

    def sides(self, shape: tuple[int, ...]) -> list[bool]:
        return [not diagonal for diagonal in self._diagonal(shape)]

    def slots(self, p: Any) -> tuple[Any, ...]:
        size = jnp.asarray(self.preconditioner_init_scale, p.dtype) ** (1 / len(p.shape))
        sides = zip(p.shape, self._diagonal(p.shape), strict=True)
        return zeros(p), tuple(size * (jnp.ones if diagonal else jnp.eye)(n, dtype=p.dtype) for n, diagonal in sides)

    def _diagonal(self, shape: tuple[int, ...]) -> list[bool]:
        """Tell which axes have diagonal factors."""
        longest = max(range(len(shape)), key=shape.__getitem__)
        saves = self.memory_save_mode == "one_diag" or (
            self.memory_save_mode == "smart_one_diag" and shape.count(shape[longest]) == 1 < len(shape)
        )
        few = self.memory_save_mode == "all_diag" or len(shape) < self.min_ndim_triangular
        return [
            few or n == 1 or n > self.max_size_triangular or (saves and axis == longest) for axis, n in enumerate(shape)
        ]

    def accumulate(self, t: jax.Array, g: jax.Array, m: jax.Array, factors: Any) -> tuple[Any, ...]:
        return self.b1 * m + (1 - self.b1) * g, factors

    def step(self, t: jax.Array, g: jax.Array, m: jax.Array, factors: Any) -> tuple[Any, ...]:
        u = _applied(factors, _applied(factors, m / one_minus_pow(self.b1, t)), turned=True)
        return u * jnp.minimum(1.0, LARGEST_RMS / (safe_sqrt(jnp.mean(u * u)) + 1e-12)), m, factors

    def _renewed(self, rule: Any, t: Any, slots: list[Any], turns: Turns | None) -> list[Any]:
        """Return the slots, the factors fitted if it is time for that."""
        m, factors = slots
        fits, balances, key = rule.draws(t)
        index = (0 if turns is None else turns.start) + jnp.arange(len(m))  # of each block among all

        def fit(m: jax.Array, factors: Any) -> Any:
            def one(m: jax.Array, factors: Any, i: jax.Array) -> Any:
                v = jax.random.normal(jax.random.fold_in(key, i), m.shape, m.dtype)
                even = where(balances, _balanced(factors), factors)
                ready = m / one_minus_pow(rule.b1, t)
                return where(fits, _fitted(ready, v, even, rule.preconditioner_lr), factors)

            return cast_like(batched(one, m, factors, index), factors)

        return [m, jax.lax.cond(in_any_lane(fits), fit, lambda m, factors: factors, m, factors)]

    def draws(self, t: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Tell whether the factors of all leaves are fitted at this step, whether balanced before, and a key for v."""
        n, given = t - 1, self.preconditioner_update_probability
        p = _usual_probability(n) if given is None else at_count(self, "preconditioner_update_probability", n)
        _, (key,) = split_key(self.key, first_key(self.key))
        key = jax.random.fold_in(key, t)
        fits, balances = jax.random.uniform(key, (2,))
        return fits < p, balances < BALANCED, key


scale_by_kron = ScaleByKron


def _usual_probability(n: jax.Array) -> jax.Array:
    """Return 1 for 500 steps, then less by a thousandth a step down to 0.03."""
    return jnp.clip(jnp.exp(-0.001 * (n - 500)), 0.03, 1.0)


def _fitted(m: jax.Array, v: jax.Array, factors: Any, step: jax.Array) -> Any:
    """Return the factors after a step towards those that make m white; v is standard normal."""
    a = _applied(factors, m + DAMPING * jnp.mean(jnp.abs(m)) * v)
    b = _solved(factors, v)
    new = []
    for axis, q in enumerate(factors):
        aa, bb = (_squares(x, axis) if q.ndim == 1 else gram(x, axis) for x in (a, b))
        largest = jnp.maximum(jnp.max(jnp.abs(aa + bb)), jnp.finfo(m.dtype).tiny)
        if q.ndim == 1:
            new.append(q - step * (aa - bb) / largest * q)
        else:
            new.append(q - step * jnp.triu(aa - bb) / _spectral_bound(aa + bb, largest) @ q)
    return tuple(new)


def _balanced(factors: Any) -> Any:
    """Return the factors with one largest entry, their geometric mean; Q is the same."""
    if len(factors) == 1:
        return factors
    sizes = jnp.stack([jnp.max(jnp.abs(q)) for q in factors])
    ratios = jnp.exp(jnp.mean(jnp.log(sizes))) / sizes
    return tuple(q * ratio for q, ratio in zip(factors, ratios, strict=True))


def _applied(factors: Any, x: jax.Array, *, turned: bool = False) -> jax.Array:
    """Compute Q x, or Q'x."""
    x = rotated(x, [q if q.ndim == 2 else None for q in factors], back=not turned)
    for axis, q in enumerate(factors):
        x = x * _along(axis, q, x) if q.ndim == 1 else x
    return x


def _solved(factors: Any, x: jax.Array) -> jax.Array:
    """Compute Q^-T x."""
    for axis, q in enumerate(factors):
        if q.ndim == 1:
            x = x / _along(axis, q, x)
        else:
            rows = jnp.moveaxis(x, axis, 0)
            found = jax.scipy.linalg.solve_triangular(q, rows.reshape(len(q), -1), trans=1)
            x = jnp.moveaxis(found.reshape(rows.shape), 0, axis)
    return x


def _spectral_bound(x: jax.Array, largest: jax.Array) -> jax.Array:
    """Return a lower bound of the spectral norm of a symmetric matrix, by a power step from its longest column."""
    x = x / largest
    column = jnp.take(x, jnp.argmax(jnp.sum(x * x, axis=0)), axis=1) @ x
    return largest * jnp.linalg.norm(x @ (column / jnp.linalg.norm(column)))


def _squares(x: jax.Array, axis: int) -> jax.Array:
    """Return the sums of squares along the other axes: the diagonal of `gram`."""
    return jnp.sum(x * x, axis=tuple(i for i in range(x.ndim) if i != axis))


def _along(axis: int, q: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.expand_dims(q, [i for i in range(x.ndim) if i != axis])


@optimizer(rates=(1e-5, 1e-1))
def psgd_kron(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    preconditioner_update_probability: Rate | None = None,
    max_size_triangular: int = 8192,
    min_ndim_triangular: int = 2,
    memory_save_mode: str | None = None,
    preconditioner_lr: Scalar = 0.1,
    preconditioner_init_scale: Scalar = 1.0,
    key: Any = 0,
) -> Chain:
    """PSGD, whose Kronecker factors whiten the momentum (Pooladzandi & Li 2024, arXiv:2402.04553).

    Try a third of Adam's rate, and a fit at every step while that is cheap.
    """
    rule = ScaleByKron(
        b1,
        preconditioner_update_probability=preconditioner_update_probability,
        max_size_triangular=max_size_triangular,
        min_ndim_triangular=min_ndim_triangular,
        memory_save_mode=memory_save_mode,
        preconditioner_lr=preconditioner_lr,
        preconditioner_init_scale=preconditioner_init_scale,
        key=key,
    )
    return descend(rule, learning_rate, weight_decay, mask)
