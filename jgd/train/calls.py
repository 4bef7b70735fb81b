"""How the functions of a task are called, as their signatures ask: with a model's state, with a key, or without."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.core

from jgd.core.arguments import function_of
from jgd.core.call_arguments import binds
from jgd.core.errors import InputError
from jgd.core.record import Function, record, static

KEYS = ("key", "rng", "rngs", "prng", "rng_key", "prng_key", "random_key")  # names of a loss's argument for a key
STATES = ("state", "model_state")  # names of a second argument for a model's state
LOSS = "(params, batch), (params, batch, key), (params, state, batch) or (params, state, batch, key)"
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@record
class OnHost:
    """Run an evaluation in Python: over an iterator larger than memory, with any library.

    `Task(..., evaluate=on_host(evaluate))` calls `evaluate(params)` or `evaluate(params, state)` with real arrays; it
    returns a dict of numbers. For `fit` alone: a sweep evaluates its lanes within compiled programs.
    """

    fn: Callable[..., Any] = static(expect=function_of("evaluate(params) -> {name: scalar}"))

    def __call__(self, *args: Any) -> Any:
        """Return the function's own answer, to real arrays."""
        if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(args)):
            raise InputError(
                "Task(evaluate=on_host(...)): only jgd.fit evaluates on the host; pass a function that can be traced, "
                "without on_host, where it is compiled, as in a sweep."
            )
        return self.fn(*args)


on_host = OnHost


class LossCall(NamedTuple):
    """Say what a loss takes beside parameters and a batch."""

    state: bool  # a model's state, before the batch
    key: str | int | None  # a key by this name, or at this position, or none

    def __call__(self, loss: Callable[..., Any], params: Any, state: Any, batch: Any, key: Any) -> Any:
        """Return the loss's own answer."""
        args = (params, state, batch) if self.state else (params, batch)
        if isinstance(self.key, str):
            return loss(*args, **{self.key: key})
        return loss(*args) if self.key is None else loss(*args, key)


def loss_call(loss: Callable[..., Any], place: str) -> LossCall:
    """Read from a loss's signature how it is called, or say how it should be.

    It has a state where its second argument is called `state` or `model_state` and a batch follows, or where it has
    four arguments without defaults. It has a key where an argument after the batch has one of the names in `KEYS` or no
    default.
    """
    signature = signature_of(loss)
    if signature is None:  # a builtin tells nothing about its arguments
        return LossCall(False, None)
    positional = [x for x in signature.parameters.values() if x.kind in POSITIONAL]
    required = [x for x in positional if x.default is inspect.Parameter.empty]
    named = len(positional) > 2 and positional[1].name in STATES and positional[2].name not in KEYS
    state = named or len(required) == 4
    count = 3 if state else 2
    if by_name := [name for name in signature.parameters if name in KEYS and name not in _names(positional[:count])]:
        return LossCall(state, by_name[0])
    if binds(signature, count):
        return LossCall(state, None)
    if binds(signature, count + 1):
        return LossCall(state, count)
    raise InputError(f"{place}: the loss takes {signature}, expected {LOSS}.")


def takes_state(evaluate: Callable[..., Any]) -> bool:
    """Tell whether an evaluation asks for the model's state: by a second argument without a default, or by its name."""
    signature = signature_of(evaluate)
    if signature is None:
        return False
    positional = [x for x in signature.parameters.values() if x.kind in POSITIONAL]
    return not binds(signature, 1) or (len(positional) > 1 and positional[1].name in STATES)


def signature_of(fn: Callable[..., Any]) -> inspect.Signature | None:
    """Tell how a function, or a record that is called like one, is called; `None` where Python does not know."""
    fn = fn.fn if isinstance(fn, (Function, OnHost)) else fn
    try:
        # Of a record, signature tells how its class is called.
        return inspect.signature(cast(Any, fn).__call__ if dataclasses.is_dataclass(fn) else fn)
    except (TypeError, ValueError):
        return None


def _names(parameters: list[inspect.Parameter]) -> list[str]:
    return [parameter.name for parameter in parameters]
