"""Averages of the parameters, which `jgd.eval_params` returns; the steps stay as they are."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, hyper, part, record, static
from jgd.core.arguments import whole_from
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves, moving_leaves, with_moving
from jgd.core.mesh import laid_like
from jgd.core.pair import Pair, abstracted, explained
from jgd.core.tree import (
    check_fits,
    check_params,
    full_like,
    increment,
    one_minus_pow,
    tree_bytes,
    where,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.transforms.as_transform import as_transform


class ParameterAverageState(NamedTuple):
    """The number of steps seen, the average, and the state of the transform."""

    count: jax.Array  # i32[]
    average: Params
    inner_state: State


class ParameterAverage:
    """Lift `kept(t)`, the weight that an average keeps at step t, 1 at first, to a wrapper: a = kept a + (1-kept) p.

    p are the parameters after a step of `inner`, whose updates pass unchanged. Put it around everything that changes
    the updates, and inside what decides whether to step: `multi_steps(ema_params(...))` and
    `apply_if_finite(ema_params(...))` average the steps that were taken, the other order every call.
    """

    inner: Transform
    kept: ClassVar[Callable[..., Any]]

    @abstracted
    def init(self, params: Params) -> State:
        """Return an empty average and the inner state."""
        moving = moving_leaves(self.inner, params, params)
        return ParameterAverageState(zero_count(), full_like(moving), self.inner.init(params))

    @explained
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates; the average moves towards what they lead to."""
        check_params(f"{type(self).__name__}.update", params)
        updates, inner = self.inner.update(grads, state.inner_state, params, **extra)
        check_fits(f"{type(self).__name__}.update", moving_leaves(self.inner, params, updates), state.average)
        count = increment(state.count)
        kept = jnp.asarray(self.kept(count))

        def average(p: jax.Array, a: jax.Array) -> jax.Array:
            return (kept * widen(a) + (1 - kept) * widen(p)).astype(a.dtype)

        mean = jax.tree.map(average, moved(self.inner, params, updates), state.average)
        return updates, ParameterAverageState(count, mean, inner)

    def weight(self, count: jax.Array) -> Any:
        """Return the sum of the weights in the average, by which it is divided."""
        return 1.0

    def started(self, count: jax.Array) -> jax.Array:
        """Tell whether there is something in the average."""
        return count > 0

    def eval_params(self, state: State, params: Params) -> Params:
        """Return the average, in the parameters' dtypes; before its first step, the parameters."""
        weight = self.weight(jnp.maximum(state.count, 1))
        moving = moving_leaves(self.inner, params, params)
        mean = jax.tree.map(lambda a, p: (widen(a) / weight).astype(jnp.result_type(p)), state.average, moving)
        return where(self.started(state.count), with_moving(mean, params), params)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the parameters and the average."""
        average = jax.eval_shape(lambda: full_like(moving_leaves(self.inner, params, params)))
        return total([Cost(tree_bytes(params) + 2 * tree_bytes(average)), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


@record
class EmaParams(ParameterAverage):
    """Keep a = decay a + (1 - decay) p of the parameters p after each step of `inner`, whose updates pass unchanged.

    It begins at the first parameters after a step, as torch's `AveragedModel` with `get_ema_multi_avg_fn` does. With
    `debias` it begins at zero and `eval_params` divides it by 1 - decay^t, as optax's `ema` does. `ParameterAverage`
    tells where it belongs. State: 4 bytes a parameter that `inner` may change, and a counter.
    """

    inner: Transform = part(convert=as_transform)
    decay: Scalar = hyper(default=0.999, interval="[0, 1)")
    debias: bool = static(default=False)

    def kept(self, t: jax.Array) -> Any:
        return self.decay if self.debias else jnp.where(t == 1, 0.0, self.decay)

    def weight(self, count: jax.Array) -> Any:
        """Return the average of ones so far."""
        return one_minus_pow(self.decay, count) if self.debias else 1.0


ema_params = EmaParams


@record
class PolynomialAverage(ParameterAverage):
    """Keep a = a + (gamma+1) / (gamma+t) (p - a) of the parameters p after step t of `inner`, whose updates pass.

    (Shamir & Zhang 2013, arXiv:1212.1824.) Zero weighs all steps alike; the larger gamma, the more the last ones weigh:
    about the last 1 / (gamma+1) of a run, however long it is. DoG's authors evaluate it at 8. `ParameterAverage` tells
    where it belongs. State: 4 bytes a parameter that `inner` may change, and a counter.
    """

    inner: Transform = part(convert=as_transform)
    gamma: Scalar = hyper(default=8.0, interval="[0, inf)")

    def kept(self, t: jax.Array) -> Any:
        return (t - 1) / (jnp.asarray(self.gamma) + t)


polynomial_average = PolynomialAverage


@record
class Swa(ParameterAverage):
    """Keep the plain mean of the parameters after every `period`-th step of `inner` once `start` steps are over.

    (Stochastic weight averaging, Izmailov et al. 2018, arXiv:1803.05407.) The steps counted are start + period,
    start + 2 period and so on, the ends of cycles of the learning rate; the first of them begins the mean, as in
    torch's `AveragedModel`, and before it `eval_params` returns the parameters. `ParameterAverage` tells where it
    belongs. State: 4 bytes a parameter that `inner` may change, and a counter.
    """

    inner: Transform = part(convert=as_transform)
    start: Scalar = hyper(default=0, interval="[0, inf)", whole=True)
    period: Scalar = hyper(default=1, interval="[1, inf)", whole=True)

    def kept(self, t: jax.Array) -> Any:
        n, rest = jnp.divmod(t - as_whole(self.start), as_whole(self.period))
        due = (n > 0) & (rest == 0)
        n = n.astype(jnp.result_type(float))
        return jnp.where(due, (n - 1) / jnp.maximum(n, 1), 1.0)

    def started(self, count: jax.Array) -> jax.Array:
        """Tell whether a first cycle is over."""
        return count - as_whole(self.start) >= as_whole(self.period)


swa = Swa


class LawaState(NamedTuple):
    """The number of steps seen, the last checkpoints by turns, and the state of the transform."""

    count: jax.Array  # i32[]
    window: Params  # f32[window, ...]
    inner_state: State


@record
class Lawa(Pair):
    """Keep the parameters after every `period`-th step of `inner`, the last `window` of them, whose mean to evaluate.

    (Latest weight averaging, Kaddour 2022, arXiv:2209.14981.) The mean is that of those there are so far; before the
    first, `eval_params` returns the parameters. `inner`'s updates pass unchanged; `ParameterAverage` tells where it
    belongs. State: 4 `window` bytes a parameter that `inner` may change, of which a step writes 4, and a counter.
    No reference runs; held to a transcription of the paper.
    """

    inner: Transform = part(convert=as_transform)
    window: int = static(expect=whole_from(1))
    period: Scalar = hyper(interval="[1, inf)", whole=True)

    def init(self, params: Params) -> State:
        """Return a state that has seen no checkpoints."""
        return LawaState(zero_count(), self._empty(params), self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates; what they lead to takes the oldest checkpoint's place when it is due."""
        check_params("Lawa.update", params)
        updates, inner = self.inner.update(grads, state.inner_state, params, **extra)
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), state.window)
        check_fits("Lawa.update", moving_leaves(self.inner, params, updates), shapes)
        count = increment(state.count)
        n, rest = jnp.divmod(count, as_whole(self.period))
        place = jnp.maximum(n - 1, 0) % self.window

        def keep(params: Params, window: Params, place: Any, rest: Any) -> Params:
            def kept(p: jax.Array, old: jax.Array) -> jax.Array:
                return old.at[place].set(jnp.where(rest == 0, p.astype(old.dtype), old[place]))

            return jax.tree.map(kept, params, window)

        window = laid_like(keep, state.window, moved(self.inner, params, updates), state.window, place, rest)
        return updates, LawaState(count, window, inner)

    def eval_params(self, state: State, params: Params) -> Params:
        """Return the mean of the checkpoints, in the parameters' dtypes."""
        there = jnp.minimum(state.count // as_whole(self.period), self.window)
        flags = jnp.arange(self.window) < there

        def mean(kept: jax.Array, p: Any) -> jax.Array:
            sums = jnp.tensordot(flags.astype(kept.dtype), kept, 1)
            return (sums / jnp.maximum(there, 1).astype(kept.dtype)).astype(jnp.result_type(p))

        means = jax.tree.map(mean, state.window, moving_leaves(self.inner, params, params))
        return where(there > 0, with_moving(means, params), params)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the parameters, and one checkpoint read and written."""
        one = tree_bytes(jax.eval_shape(lambda: self._empty(params))) / self.window
        return total([Cost(tree_bytes(params) + 2 * one), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)

    def _empty(self, params: Params) -> Params:
        zeros = full_like(moving_leaves(self.inner, params, params))
        return jax.tree.map(lambda x: jnp.zeros((self.window, *x.shape), x.dtype), zeros)


lawa = Lawa


def moved(inner: Any, params: Params, updates: Updates) -> Params:
    """Return the parameters after the updates, as `apply_updates` makes them, of the leaves that `inner` may change."""
    old, steps = (moving_leaves(inner, params, tree) for tree in (params, updates))
    return jax.tree.map(lambda p, u: (widen(p) + widen(u)).astype(jnp.result_type(p)), old, steps)
