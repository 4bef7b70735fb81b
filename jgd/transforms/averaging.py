"""Averages of the parameters, and the weights that a method means to be evaluated."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, hyper, part, record, static
from jgd.core.cost import Cost, cost, total
from jgd.core.errors import InputError
from jgd.core.leaves import fixed_leaves, moving_leaves, with_moving
from jgd.core.tree import check_params, full_like, increment, one_minus_pow, tree_bytes, where, widen, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.lookahead import LookaheadSlowState

HELD = {
    "inner": "inner_state",
    "opt": "inner_opt_state",
    "base_optimizer": "base_optimizer_state",
    "optimizer": "opt_state",
    "adv_optimizer": "adv_state",
    "fast_optimizer": "fast_state",
}
"""Where wrappers hold a transform, and where their states hold its state."""


class EmaParamsState(NamedTuple):
    """The number of steps averaged, the average, and the state of the transform."""

    count: jax.Array  # i32[]
    ema: Params
    inner_state: State


@record
class EmaParams:
    """Keeps a = decay a + (1 - decay) p of the parameters p after each step of `inner`, whose updates pass unchanged.

    With `debias` the average begins at zero and `eval_params` divides it by 1 - decay^t, as optax's `ema` does;
    without, it begins at the first parameters after a step, as torch's `AveragedModel` with `get_ema_multi_avg_fn`
    does. Put it around everything that changes the updates, and inside what decides whether to step:
    `multi_steps(ema_params(...))` and `apply_if_finite(ema_params(...))` average the steps that were taken, the
    other order every call.
    State: 4 bytes a parameter that `inner` may change, and a counter.
    """

    inner: Transform = part(convert=as_transform)
    decay: Scalar = hyper(default=0.999, interval="[0, 1)")
    debias: bool = static(default=True)
    called = "ema_params"

    def init(self, params: Params) -> State:
        """An empty average and the inner state."""
        moving = moving_leaves(self.inner, params, params)
        return EmaParamsState(zero_count(), full_like(moving), self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The inner updates; the average moves towards what they lead to."""
        check_params("EmaParams.update", params)
        updates, inner = self.inner.update(grads, state.inner_state, params, **extra)
        kept = jnp.asarray(self.decay) if self.debias else jnp.where(state.count == 0, 0.0, self.decay)

        def average(p: Any, u: Any, a: jax.Array) -> jax.Array:
            new = (widen(p) + widen(u)).astype(jnp.result_type(p))  # what apply_updates makes of it
            return (kept * widen(a) + (1 - kept) * widen(new)).astype(a.dtype)

        moving = (moving_leaves(self.inner, params, tree) for tree in (params, updates))
        ema = jax.tree.map(average, *moving, state.ema)
        return updates, EmaParamsState(increment(state.count), ema, inner)

    def eval_params(self, state: State, params: Params) -> Params:
        """The average, in the parameters' dtypes; before the first step, the parameters."""
        started = state.count > 0
        weight = one_minus_pow(self.decay, jnp.maximum(state.count, 1)) if self.debias else 1.0
        moving = moving_leaves(self.inner, params, params)
        mean = jax.tree.map(lambda a, p: (widen(a) / weight).astype(jnp.result_type(p)), state.ema, moving)
        return where(started, with_moving(mean, params), params)

    def cost(self, params: Params) -> Cost:
        """One more pass over the parameters and the average."""
        average = jax.eval_shape(lambda: full_like(moving_leaves(self.inner, params, params)))
        return total([Cost(tree_bytes(params) + 2 * tree_bytes(average)), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


def ema_params(inner: Any, decay: Scalar = 0.999, debias: bool = True) -> EmaParams:
    """Keep an exponential moving average of the parameters, which `jgd.eval_params` returns."""
    return EmaParams(inner, decay, debias)


def eval_params(optimizer: Any, state: State, params: Params) -> Params:
    """The weights that `optimizer` means to be evaluated, at `state`: an average, slow ones, else `params`.

    A transform says so by a method `eval_params(state, params)`; it is found within chains, masks, partitions,
    accumulation and guards, the outermost first, and so is the state of `schedule_free`, jgd's or optax's own; of
    `lookahead` it is the slow parameters. Under a
    mask or a partition, leaves of others stay `params`.
    Runs under `jit`, `vmap` and `scan`.
    """
    own = getattr(optimizer, "eval_params", None)
    if callable(own):
        return own(state, params)
    if isinstance(state, optax.contrib.ScheduleFreeState):
        return schedule_free_eval_params(state, params)
    if isinstance(state, optax.MaskedState):
        return _masked(getattr(optimizer, "inner", None), state.inner_state, params)
    if isinstance(state, optax.transforms.PartitionState):
        inner = getattr(optimizer, "transforms", {})
        inner_states_of: Any = state.inner_states
        for label, one in inner_states_of.items():
            params = _masked(inner.get(label), one.inner_state, params)
        return params
    for inner, one in inner_states(optimizer, state):
        params = eval_params(inner, one, params)
    return params


def schedule_free_eval_params(state: State, params: Params) -> Params:
    """The average x = (y - (1-b1) z) / b1 that schedule-free training means to be evaluated, of the parameters y.

    `state` is that of `schedule_free` itself; `eval_params` finds it inside a chain, a mask or another wrapper.
    """
    if not isinstance(state, optax.contrib.ScheduleFreeState):
        raise InputError(
            f"schedule_free_eval_params: got a {type(state).__name__} for the state of schedule_free; pass that, or "
            "call jgd.eval_params(optimizer, state, params), which finds it."
        )
    b1: Any = state.b1

    def evaluated(y: Any, z: Any) -> jax.Array:
        x = (widen(y) - (1 - widen(b1)) * widen(z)) / widen(b1)
        return x.astype(jnp.result_type(y))

    return jax.tree.map(evaluated, params, state.z)


def inner_states(optimizer: Any, state: State) -> Iterator[tuple[Any, State]]:
    """The transforms within a wrapper with their states; `None` for a transform that only optax's closures know."""
    links = getattr(optimizer, "transforms", None)
    if isinstance(state, dict):  # of a named chain
        yield from ((links.get(name) if isinstance(links, Mapping) else None, one) for name, one in state.items())
    elif isinstance(state, tuple) and not hasattr(state, "_fields"):
        known = links if isinstance(links, tuple) else (None,) * len(state)
        yield from zip(known, state, strict=True)
    else:
        for field, kept in HELD.items():
            if hasattr(state, kept):
                yield getattr(optimizer, field, None), getattr(state, kept)


def _masked(inner: Any, state: State, params: Params) -> Params:
    """Evaluated where the state has leaves; optax's placeholders, which have none, stand where others are in charge."""
    kept = _placeholders(state, params)
    if kept is None:
        return params
    new = eval_params(inner, state, kept)
    return jax.tree.map(lambda n, p: p if _is_hole(n) else n, new, params, is_leaf=_is_hole)


def _placeholders(state: State, params: Params) -> Params | None:
    """`params` with the placeholders of a masked average in `state`; `None` where there is no such average."""
    averages: dict[type, str] = {
        EmaParamsState: "ema",
        optax.contrib.ScheduleFreeState: "z",
        LookaheadSlowState: "slow",
    }
    for node in jax.tree.leaves(state, is_leaf=lambda x: type(x) in averages):
        if type(node) in averages:
            average = getattr(node, averages[type(node)])
            return jax.tree.map(lambda a, p: a if _is_hole(a) else p, average, params, is_leaf=_is_hole)
    return None


def _is_hole(x: Any) -> bool:
    return isinstance(x, optax.MaskedNode)
