"""The noise of gradients: how large a batch must be before more examples stop helping, with an interval."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.tree import abs_sq, widen
from jgd.core.types import Params, State
from jgd.train.loop import loss_and_metrics
from jgd.train.task import Task

PARTS = 32  # gradients, of as many parts of the examples
FEWEST = 4  # parts for an interval
MOST = 2**28  # entries of all their gradients together
SURE = 1.645  # standard errors: an interval of nine in ten


class Noise(NamedTuple):
    """Hold the gradient noise scale B = tr(Sigma) / |G|^2, Sigma the covariance of one example's gradient.

    A batch of B costs twice the least number of steps and twice the least number of examples (McCandlish et al. 2018,
    arXiv:1812.06162). `low` and `high` hold it nine times in ten; `high` is infinite where the mean gradient is lost
    in the noise. The batch that is suggested is the power of two next to B.
    """

    scale: float
    low: float
    high: float
    signal: float  # |G|^2
    variance: float  # tr(Sigma)
    suggested: int


def gradient_noise(
    task: Task, params: Params, model_state: State, examples: Any, key: jax.Array, size: int | None = None
) -> Noise:
    """Measure the noise scale from the gradients of parts of `size` of the examples.

    With P parts of b, |G|^2 = |mean|^2 - tr(Sigma)/(bP) and tr(Sigma) = b/(P-1) sum |g_i - mean|^2 are unbiased; the
    interval is a jackknife of log B over the parts. Costs P gradients, and their memory.
    """
    count = jax.tree.leaves(examples)[0].shape[0]
    entries = sum(x.size for x in jax.tree.leaves(params))
    parts = min(PARTS, MOST // max(entries, 1))
    size = size or max(1, count // parts)
    parts = min(parts, count // size)
    if parts < FEWEST:
        raise InputError(
            f"gradient_noise(size={size}): {count} examples are {parts} parts of it, expected at least {FEWEST} for an "
            "interval; give more examples, or smaller parts."
        )
    split = jax.tree.map(lambda x: x[: parts * size].reshape(parts, size, *x.shape[1:]), examples)
    return noise_of(np.asarray(_products(task, params, model_state, split, key), np.float64), size, count)


def noise_of(products: np.ndarray, size: int, most: int) -> Noise:
    """Estimate the noise scale from the inner products f[P, P] of the gradients of P parts of `size` examples."""
    signal, variance = _estimate(products, size)
    count, scale = len(products), variance / signal if signal > 0 else float("inf")
    logs = []
    for i in range(count):
        part = np.delete(np.delete(products, i, 0), i, 1)
        left = _estimate(part, size)
        logs.append(np.log(max(left[1], 1e-300) / left[0]) if left[0] > 0 else np.inf)
    if not np.isfinite(scale) or scale <= 0 or not np.all(np.isfinite(logs)):
        low = float(variance / np.mean(products)) if np.mean(products) > 0 else 0.0
        return Noise(scale, low, float("inf"), signal, variance, _power(max(low, 1.0), most))
    error = np.sqrt((count - 1) * np.mean((np.array(logs) - np.mean(logs)) ** 2))
    low, high = scale * np.exp(-SURE * error), scale * np.exp(SURE * error)
    return Noise(scale, float(low), float(high), signal, variance, _power(scale, most))


def _power(scale: float, most: int) -> int:
    """Round to a power of two, at least one and at most the number of examples."""
    return int(2 ** round(np.clip(np.log2(max(scale, 1.0)), 0, np.floor(np.log2(most)))))


def _estimate(products: np.ndarray, size: int) -> tuple[float, float]:
    count, mean = len(products), float(np.mean(products))
    variance = size * (float(np.trace(products)) - count * mean) / (count - 1)
    return mean - variance / (size * count), variance


@jax.jit
def _products(task: Task, params: Params, model_state: State, parts: Any, key: jax.Array) -> jax.Array:
    """The inner products of the parts' gradients."""

    def gradient(x: Any) -> jax.Array:
        batch, number = x
        now = jax.random.fold_in(key, number)
        grads = jax.grad(lambda p: loss_and_metrics(task, p, model_state, batch, now)[0])(params)
        return jnp.concatenate([_real(widen(g)) for g in jax.tree.leaves(grads)])

    count = jax.tree.leaves(parts)[0].shape[0]
    rows = jax.lax.map(gradient, (parts, jnp.arange(count)))
    largest = jnp.maximum(jnp.sqrt(jnp.max(jnp.sum(abs_sq(rows), axis=1))), jnp.finfo(rows.dtype).tiny)
    rows = rows / largest  # the scale has no unit, and squares of large gradients overflow
    return rows @ rows.T


def _real(x: jax.Array) -> jax.Array:
    return jnp.concatenate([x.real.ravel(), x.imag.ravel()]) if jnp.iscomplexobj(x) else x.ravel()
