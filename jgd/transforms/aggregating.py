"""Gradients of single examples made into one: means over a batch and over several, and their variance.

A transform here that is an `optax.experimental.aggregating.Aggregator` takes gradients with axes for the examples, as
`jax.vmap` of `jax.grad` returns them: f[batch, ...] where the parameter is f[...].
"""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax.experimental import aggregating

from jgd.core import InputError, Transform, hyper, record, static
from jgd.core.arguments import ARRAYS, Kind, checked, whole_from
from jgd.core.errors import ExpectationError
from jgd.core.pair import Pair
from jgd.core.tree import (
    abs_sq,
    check_extra,
    full_like,
    increment,
    map_unzip,
    map_updates,
    one_minus_pow,
    scalar_of,
    where,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.compose import chain

Axes = int | Sequence[int]
EXPECTED = "be an axis of the gradients, or a list of axes"


def _axes(axes: Any) -> int | tuple[int, ...]:
    """Return axes as a hashable value."""
    every = (axes,) if isinstance(axes, numbers.Integral) else axes
    whole = isinstance(every, Sequence) and all(
        isinstance(x, numbers.Integral) and not isinstance(x, bool) for x in every
    )
    if not whole or not every or isinstance(axes, bool):
        raise ExpectationError(f"per_elt_axis={axes!r}", EXPECTED)
    return int(axes) if isinstance(axes, numbers.Integral) else tuple(map(int, axes))


def _is_axes(axes: Any) -> bool:
    try:
        return _axes(axes) is not None
    except ExpectationError:
        return False


AXES = Kind(EXPECTED, _is_axes)
MAYBE_AXES = Kind(f"{AXES.expected}, or None where they are means already", lambda x: x is None or _is_axes(x))
STEPS = whole_from(1)


@record
class AccumulateAvgUpdates(Pair):
    """Collect the gradients of several batches, and pass their mean on once in so many steps.

    u = the mean of the last k gradients in every k-th step, and 0 in the others, k = `accumulation_steps`.

    In `process` the last part waits meanwhile; `multi_steps` does the same around a whole transform. State: 4 bytes a
    parameter, a counter and whether the mean is whole; none for k = 1.
    """

    accumulation_steps: int = static(expect=STEPS)

    def init(self, params: Params) -> State:
        """Return an empty mean."""
        if self.accumulation_steps == 1:
            return optax.EmptyState()
        return aggregating.AccumulateAvgUpdatesState(zero_count(), jnp.array(False), full_like(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the mean after the last gradient of a round, zeros after the others."""
        if self.accumulation_steps == 1:
            return grads, state
        n = increment(state.micro_step)
        ready = n >= self.accumulation_steps

        def add(g: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
            a = a + (g - a) / n
            return jnp.where(ready, a, 0), jnp.where(ready, 0, a)

        updates, means = map_unzip(add, grads, state.avg_grad, place="AccumulateAvgUpdates.update")
        return updates, aggregating.AccumulateAvgUpdatesState(jnp.where(ready, 0, n), ready, means)


accumulate_avg_updates = AccumulateAvgUpdates


@record
class AveragePerElementUpdates(aggregating.Aggregator):
    """Average the gradients of the examples.

    u = the mean of the gradients over the axes of the examples, summed in float32 at least. No state.
    """

    per_elt_axis: Axes = static(default=0, convert=_axes, expect=AXES)

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the means."""
        mean = lambda g: jnp.mean(g, self.per_elt_axis)  # noqa: E731
        return map_updates(mean, grads, place="AveragePerElementUpdates.update"), state


average_per_element_updates = AveragePerElementUpdates


@record
class AverageIncrementallyUpdates(aggregating.Aggregator):
    """u = the mean over the axes of the examples and over k batches, k = `accumulation_steps`; 0 before the last."""

    per_elt_axis: Axes = static(convert=_axes, expect=AXES)
    accumulation_steps: int = static(expect=STEPS)
    called = "average_incrementally_updates"

    def init(self, params: Params) -> State:
        """Return the states of both means."""
        return self._parts().init(params)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the mean after the last batch of a round, zeros after the others."""
        return self._parts().update(grads, state, params)

    def _parts(self) -> Transform:
        return chain(AveragePerElementUpdates(self.per_elt_axis), AccumulateAvgUpdates(self.accumulation_steps))


@checked(per_elt_axis=MAYBE_AXES, accumulation_steps=STEPS)
def average_incrementally_updates(per_elt_axis: Axes | None, accumulation_steps: int) -> Transform:
    """Average over examples and batches; over batches alone where `per_elt_axis` is None."""
    if per_elt_axis is None:
        return AccumulateAvgUpdates(accumulation_steps)
    return AverageIncrementallyUpdates(per_elt_axis, accumulation_steps)


@record
class GetPerElementMeanAndSumSqDiffGrads(aggregating.Aggregator):
    """Return a pair in place of updates: the mean m of the gradients, and what `process` hands to its third part.

    That is `sum_sq_diff_grads`, the sum of |g - m|^2 over the examples, and `sample_size`, their number, both over k =
    `accumulation_steps` batches (Chan et al. 1983); zeros before the last. State: none for k = 1, else 8 bytes a
    parameter, a counter and whether the batches are complete.
    """

    per_elt_axis: Axes = static(default=0, convert=_axes, expect=AXES)
    accumulation_steps: int = static(default=1, expect=STEPS)

    def init(self, params: Params) -> State:
        """Return empty sums."""
        if self.accumulation_steps == 1:
            return optax.EmptyState()
        sums = full_like(params, real=True)
        return aggregating.PerElementMeanAndSumSqDiffGradsState(zero_count(), jnp.array(False), full_like(params), sums)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Any, State]:
        """Return the mean with the sum of squares and the number of examples."""
        size = get_batch_size_from_per_elt_updates(grads, self.per_elt_axis)
        mean = jax.tree.map(lambda g: jnp.mean(widen(g), self.per_elt_axis, keepdims=True), grads)
        squares = jax.tree.map(lambda g, m: jnp.sum(abs_sq(widen(g) - m), self.per_elt_axis), grads, mean)
        mean = jax.tree.map(lambda m: jnp.squeeze(m, self.per_elt_axis), mean)
        if self.accumulation_steps == 1:
            return (_like(mean, grads), {"sum_sq_diff_grads": squares, "sample_size": size}), state
        before, n = state.micro_step, increment(state.micro_step)

        def add(m: jax.Array, s: jax.Array, a: jax.Array, total: jax.Array) -> tuple[jax.Array, ...]:
            delta = m - a
            return m, s, a + delta / n, total + s + abs_sq(delta) * (size * before / n)

        _, _, means, sums = map_unzip(
            add, mean, squares, state.mean_grads, state.sum_sq_diff_grads, place=f"{type(self).__name__}.update"
        )
        ready = n >= self.accumulation_steps
        found = _like(means, grads), {"sum_sq_diff_grads": sums, "sample_size": size * n}
        none = jax.tree.map(jnp.zeros_like, (found, (means, sums)))
        found, kept = where(ready, found, none[0]), where(ready, none[1], (means, sums))
        n = jnp.where(ready, 0, n)
        return found, aggregating.PerElementMeanAndSumSqDiffGradsState(n, ready, *kept)


get_per_element_mean_and_sum_sq_diff_grads = GetPerElementMeanAndSumSqDiffGrads


@record
class TrackPerElementMeanAndVarianceWithEma(Pair):
    """Pass the gradients on, and keep their mean and variance over the examples.

    u = g, with running means of the gradients and of their variance over examples in the state.

    m = d m + (1-d) g, v = d v + (1-d) S / (n-1), where d is `ema_decay`, and S and n are the `sum_sq_diff_grads` and
    `sample_size` that `process` gives to `update`. `get_unbiased_mean_and_variance_ema` reads them. State: 8 bytes a
    parameter, a counter and d.
    """

    ema_decay: Scalar = hyper(default=0.9, interval="[0, 1)")

    def init(self, params: Params) -> State:
        """Return both means at zero."""
        means, variances = full_like(params), full_like(params, real=True)
        return aggregating.PerElementMeanAndVarianceEMAState(
            zero_count(), scalar_of(params, self.ema_decay), means, variances
        )

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        sum_sq_diff_grads: Any = None,
        sample_size: Any = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return the gradients."""
        place, count = "TrackPerElementMeanAndVarianceWithEma.update", state.count
        check_extra(place, "sum_sq_diff_grads", sum_sq_diff_grads)
        check_extra(place, "sample_size", sample_size)
        if isinstance(sample_size, int) and sample_size < 2:
            raise InputError(f"{place}(sample_size={sample_size}): one example has no variance; pass at least two.")
        d = jnp.asarray(self.ema_decay)

        def add(g: jax.Array, m: jax.Array, v: jax.Array, s: jax.Array) -> tuple[jax.Array, ...]:
            return g, d * m + (1 - d) * g, d * v + (1 - d) * s / (sample_size - 1)

        _, means, variances = map_unzip(
            add, grads, state.mean_grads_ema, state.variance_grads_ema, place=place, read=(sum_sq_diff_grads,)
        )
        kept = d.astype(jnp.result_type(state.ema_decay))
        return grads, aggregating.PerElementMeanAndVarianceEMAState(increment(count), kept, means, variances)


track_per_element_mean_and_variance_with_ema = TrackPerElementMeanAndVarianceWithEma


@checked(per_elt_updates=ARRAYS, per_elt_axis=AXES)
def get_batch_size_from_per_elt_updates(per_elt_updates: Updates, per_elt_axis: Axes) -> int:
    """Count the examples: the size of one axis or of several together, the same for all leaves."""
    axes = (per_elt_axis,) if isinstance(per_elt_axis, int) else tuple(per_elt_axis)
    sizes = [math.prod(jnp.shape(u)[axis] for axis in axes) for u in jax.tree.leaves(per_elt_updates)]
    if len(set(sizes)) > 1:
        raise InputError(
            f"get_batch_size_from_per_elt_updates(per_elt_axis={per_elt_axis}): the leaves have {sizes} examples, "
            "expected one number; pass gradients of one batch."
        )
    return sizes[0] if sizes else 0


@checked()
def get_unbiased_mean_and_variance_ema(state: State) -> tuple[Updates, Updates]:
    """Return the means of `track_per_element_mean_and_variance_with_ema` in a state, over 1 - d^t; zeros at first."""
    found = optax.tree.get(state, "PerElementMeanAndVarianceEMAState", None)
    if found is None:
        raise InputError(
            "get_unbiased_mean_and_variance_ema(state): there is no state of "
            "track_per_element_mean_and_variance_with_ema in it; pass that of add_mean_variance_to_opt."
        )
    means: Any = (found.mean_grads_ema, found.variance_grads_ema)
    weight = one_minus_pow(found.ema_decay, jnp.maximum(found.count, 1))
    return jax.tree.map(lambda x: x / weight, means)


def _like(tree: Any, grads: Grads) -> Any:
    return jax.tree.map(lambda x, g: x.astype(jnp.result_type(g)), tree, grads)
