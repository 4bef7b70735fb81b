"""Batches larger than memory holds at once: the loss and its gradients, averaged over parts of a batch."""

from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import TEXT, Kind, whole_from
from jgd.core.errors import InputError, unknown
from jgd.core.record import hyper, record, static
from jgd.core.tree import global_norm, moment_dtype, widen
from jgd.core.types import Scalar, State
from jgd.transforms.clip import shrink

NORM, CLIPPED = "microbatch_norm", "microbatches_clipped"  # metrics of clipping
SIZE = whole_from(1)
MICROBATCH = Kind(
    "be None, a number of examples, at least 1, or a jgd.Microbatch",
    lambda x: x is None or SIZE.admits(x) or isinstance(x, Microbatch),
)

Part = Callable[[State, Any, jax.Array], tuple[tuple[jax.Array, tuple[State, dict[str, jax.Array]]], Any]]


@record
class Microbatch:
    """Split each batch into parts of `size` examples, and average their losses, metrics and gradients as they come.

    With parts of weights w_i the gradient is sum_i w_i g_i / sum_i w_i, summed in float32 at least and in one place, so
    that the activations of one part alone are held: peak memory is that of a batch of `size`, and one gradient more.

    size        Examples in a part; it divides the batch. Part i has the examples i, i + m, i + 2m, ..., so that each
                part of a batch that is sharded over devices is sharded, too. With `fit(mesh=)` each device takes a part
                at a time, so that size times their number divides the batch.
    weight      The entry of the loss's aux that is a part's weight w_i, such as its number of tokens; the metric of
                that name is their sum. Without it the parts weigh alike. A loss that is a mean over what differs from
                example to example, such as tokens that are no padding, needs it to equal the whole batch's. Where all
                weights are 0 the loss is NaN.
    clip_norm   Each part's gradient is scaled to this norm at most before it is averaged: with `size=1` the clipping of
                DP-SGD (Abadi et al. 2016, arXiv:1607.00133) and of per-example norms, in the memory of one example.
                Metrics `microbatch_norm`, the mean norm before, and `microbatches_clipped`, a share, stand beside the
                loss.

    A key that the loss takes is another in each part, and so are its draws. A model's state passes from part to part;
    batch norm normalises each part by itself, and then a step is not the whole batch's. Costs one pass over the
    gradients for each part.
    """

    size: int = static(expect=SIZE, convert=int)
    weight: str | None = static(default=None, expect=TEXT)
    clip_norm: Scalar | None = hyper(default=None, interval="(0, inf)")

    def curves(self, metrics: Collection[str]) -> tuple[str, ...]:
        """Return the names of what a step records where the loss has these metrics, one of which must be the weight."""
        if self.weight is not None and self.weight not in metrics:
            raise unknown("Microbatch(weight)", self.weight, metrics)
        return (*metrics, *(() if self.clip_norm is None else (NORM, CLIPPED)))

    def averaged(self, part: Part, state: State, batch: Any, key: jax.Array, layout: Any = None) -> Any:
        """Average what `part(state, batch, key) -> ((loss, (state, metrics)), grads)` returns, part after part.

        With a `layout` on a mesh each device takes a part at a time and sums its own, which are added up at the end.
        Where a state passes from part to part, each part is split over the devices instead.
        """
        parts, wide = self._split(batch), 0  # parts that are taken at a time; 0: one, without an axis
        count = jax.tree.leaves(parts)[0].shape[0]
        numbers = jnp.arange(count)
        if layout is not None and jax.tree.leaves(state):
            parts = layout.split(parts, axis=1)
        elif layout is not None:
            wide = layout.devices
            parts, numbers = jax.tree.map(lambda x: x.reshape(-1, wide, *x.shape[1:]), (parts, numbers))
            parts = layout.split(parts, axis=1)

        def weighted(state: State, number: jax.Array, batch: Any) -> Any:
            (value, (state, metrics)), grads = part(state, batch, jax.random.fold_in(key, number))
            metrics, grads = self._clipped(metrics, grads)
            weight = self._weight(metrics)
            return state, jax.tree.map(lambda x: weight * widen(x), (value, metrics, grads)), weight

        def body(carry: Any, x: Any) -> tuple[Any, None]:
            state, sums, total = carry
            step = jax.vmap(weighted, in_axes=(None, 0, 0)) if wide else weighted
            new, more, weight = step(state, *x)
            sums = jax.tree.map(lambda s, x: s + x.astype(s.dtype), (sums, total), (more, weight))
            return (state if wide else new, *(layout.split(sums) if wide and layout else sums)), None

        first = jax.tree.map(lambda x: x[0, 0] if wide else x[0], parts)
        shapes = jax.eval_shape(lambda *args: self._shapes(*part(*args)), state, first, key)
        leading = (wide,) if wide else ()
        zeros = jax.tree.map(lambda x: jnp.zeros((*leading, *x.shape), moment_dtype(x)), shapes)
        carry = (state, zeros, jnp.zeros(leading, jnp.float32))
        (state, *sums), _ = jax.lax.scan(body, carry, (numbers, parts))
        sums, total = jax.tree.map(lambda s: s.sum(0), sums) if wide else sums
        value, metrics, grads = jax.tree.map(lambda s, x: (s / total).astype(_mean_dtype(s, x)), sums, shapes)
        if self.weight is not None:
            metrics[self.weight] = total
        return (value, (state, metrics)), grads

    def check(self, batch: Any) -> None:
        """Refuse a batch that it does not divide."""
        size = jax.tree.leaves(batch)[0].shape[0]
        if size % self.size:
            known = ", ".join(map(str, divisors(size)))
            raise InputError(
                f"Microbatch(size={self.size}): it does not divide the batch of {size}; take one of {known}."
            )

    def _split(self, batch: Any) -> Any:
        self.check(batch)
        return jax.tree.map(lambda x: jnp.swapaxes(x.reshape(self.size, -1, *x.shape[1:]), 0, 1), batch)

    def _weight(self, metrics: dict[str, jax.Array]) -> Any:
        return jnp.float32(1) if self.weight is None else metrics[self.weight].astype(jnp.float32)

    def _clipped(self, metrics: dict[str, jax.Array], grads: Any) -> tuple[dict[str, jax.Array], Any]:
        if self.clip_norm is None or not jax.tree.leaves(grads):
            return metrics, grads
        norm = global_norm(grads)
        factor = shrink(norm, self.clip_norm)
        grads = jax.tree.map(lambda g: (factor * widen(g)).astype(g.dtype), grads)
        return {**metrics, NORM: norm, CLIPPED: norm > self.clip_norm}, grads

    def _shapes(self, value: Any, grads: Any) -> Any:
        loss, (_, metrics) = value
        return (loss, *self._clipped(metrics, grads))


def divisors(size: int) -> list[int]:
    """Return the whole numbers that divide `size`, from 1 on."""
    return [d for d in range(1, size + 1) if size % d == 0]


def as_microbatch(value: Any) -> Microbatch | None:
    """Return a size as the value that it stands for."""
    return value if value is None or isinstance(value, Microbatch) else Microbatch(value)


def _mean_dtype(total: Any, x: Any) -> Any:
    """Give the dtype of a mean: that of the values, unless they are whole numbers or flags; then that of their sum."""
    return x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else total.dtype
