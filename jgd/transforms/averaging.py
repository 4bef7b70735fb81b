"""The weights that a method means to be evaluated: averages, slow ones, or the parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core.errors import InputError
from jgd.core.leaves import is_hidden
from jgd.core.tree import widen
from jgd.core.types import Params, State
from jgd.transforms.lookahead import LookaheadSlowState
from jgd.transforms.parameter_averages import LawaState, ParameterAverageState
from jgd.transforms.primal_averaging import PrimalAveragingState

HELD = {
    "inner": "inner_state",
    "opt": "inner_opt_state",
    "base_optimizer": "base_optimizer_state",
    "optimizer": "opt_state",
    "adv_optimizer": "adv_state",
    "fast_optimizer": "fast_state",
}
"""Where wrappers hold a transform, and where their states hold its state."""


def eval_params(optimizer: Any, state: State, params: Params) -> Params:
    """Return the weights that `optimizer` means to be evaluated, at `state`: an average, slow ones, else `params`.

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
    """Return the average x = (y - (1-b1) z) / b1 that schedule-free training of the parameters y evaluates.

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
    """Yield the transforms within a wrapper with their states; `None` for one that only optax's closures know."""
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
    """Evaluate where the state has leaves; optax's placeholders, which have none, stand where others are in charge."""
    kept = _placeholders(state, params)
    if kept is None:
        return params
    new = eval_params(inner, state, kept)
    return jax.tree.map(lambda n, p: p if is_hidden(n) else n, new, params, is_leaf=is_hidden)


def _placeholders(state: State, params: Params) -> Params | None:
    """Return `params` with the placeholders of a masked average in `state`; `None` where there is no such average."""
    averages: dict[type, str] = {
        ParameterAverageState: "average",
        LawaState: "window",
        PrimalAveragingState: "z",
        optax.contrib.ScheduleFreeState: "z",
        LookaheadSlowState: "slow",
    }
    for node in jax.tree.leaves(state, is_leaf=lambda x: type(x) in averages):
        if type(node) in averages:
            average = getattr(node, averages[type(node)])
            return jax.tree.map(lambda a, p: a if is_hidden(a) else p, average, params, is_leaf=is_hidden)
    return None
