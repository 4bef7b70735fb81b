"""equinox modules as tasks."""

from collections.abc import Callable
from typing import Any

import jax

from jgd.core.arguments import checked
from jgd.core.errors import InputError
from jgd.core.optional import require
from jgd.core.outline import shown
from jgd.tasks.models.parts import OPTIONS, task_of
from jgd.train.calls import loss_call, signature_of, takes_state
from jgd.train.task import Task


@checked(**OPTIONS)
def from_equinox(
    model: Any,
    loss: Callable[..., Any],
    data: Any,
    *,
    evaluate: Callable[..., Any] | None = None,
    validation: Any = None,
    batch_size: int | None = None,
    name: str | None = None,
    allow_nan: bool = False,
) -> Task:
    """Train an equinox model: its floating arrays are the parameters, other arrays and `eqx.nn.State` its state.

    model     A function of a key that makes it, such as `lambda key: Net(key)` or `eqx.nn.make_with_state(Net)`; or a
              module, or a pair `(model, state)`, which starts from its own values under every seed.
    loss      `loss(model, batch)` or `loss(model, batch, key)`; of a model with a state `loss(model, state, batch,
              key)`, which returns `(loss, (state, aux))`.
    evaluate  `evaluate(model)`, or of a model with a state `evaluate(model, state)`, in inference mode; where
              `validation` is given, it is the last argument.

    Parameters are a model that has `None` where it has no parameter; `eqx.combine(run.params, model)` puts a run's into
    a model.
    """
    eqx: Any = require("equinox", "jgd.tasks.from_equinox")
    make = _maker(eqx, model)
    call = loss_call(loss, "from_equinox(loss=)")

    def take_apart(made: Any) -> tuple[Any, Any, Any, Any]:
        """Return parameters, other arrays, what is no array, and the state."""
        module, state = made if isinstance(made, tuple) else (made, None)
        params, rest = eqx.partition(module, eqx.is_inexact_array)
        arrays, static = eqx.partition(rest, eqx.is_array)
        return params, arrays, static, state

    _, _, static, made = take_apart(make(jax.random.key(0)))
    if call.state and made is None:
        raise InputError(
            f"from_equinox(model={shown(model)}): the loss takes a state, and the model comes without one; pass "
            "eqx.nn.make_with_state(Net)."
        )

    def init(key: jax.Array) -> tuple[Any, Any]:
        params, arrays, _, state = take_apart(make(key))
        return params, (arrays, state)

    def apply(loss: Any, params: Any, state: Any, batch: Any, key: jax.Array) -> Any:
        arrays, inner = jax.tree.map(lambda x: x, state)  # an object of its own, since eqx.nn.State is used only once
        out = call(loss, eqx.combine(params, arrays, static), inner, batch, key)
        value, rest = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        if not call.state:
            return value, (state, rest)
        if not isinstance(rest, tuple) or len(rest) != 2:
            raise InputError("from_equinox(loss=): a loss with a state must return (loss, (state, aux)).")
        return value, ((arrays, rest[0]), rest[1])

    def judge(evaluate: Any, validation: Any, params: Any, state: Any) -> Any:
        arrays, state = jax.tree.map(lambda x: x, state)
        module = eqx.nn.inference_mode(eqx.combine(params, arrays, static))
        held = () if validation is None else (validation,)
        inner = (state,) if _asks_for_state(evaluate, len(held)) else ()
        return evaluate(module, *inner, *held)

    options = {"batch_size": batch_size, "name": name, "allow_nan": allow_nan}
    return task_of(init, apply, judge, loss, data, evaluate, validation, **options)


def _asks_for_state(evaluate: Callable[..., Any], held: int) -> bool:
    if held == 0:
        return takes_state(evaluate)
    signature = signature_of(evaluate)
    return signature is not None and list(signature.parameters)[1:2] in (["state"], ["model_state"])


def _maker(eqx: Any, model: Any) -> Callable[[jax.Array], Any]:
    """Return a function of a key that makes the model, or the pair with its state."""
    pair = isinstance(model, tuple) and len(model) == 2 and isinstance(model[1], eqx.nn.State)
    if pair or isinstance(model, eqx.Module):
        return lambda key: model
    if not callable(model):
        raise InputError(f"from_equinox(model={model!r}): model must be an eqx.Module, or a function of a key.")
    return model
