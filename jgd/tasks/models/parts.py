"""The parts that adapters share: a task from a model in one piece, and the answer of a loss taken apart."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import FLAG, TEXT, Kind, function_of
from jgd.core.record import as_function
from jgd.train.calls import OnHost, loss_call
from jgd.train.task import BATCH_SIZE, Task

OPTIONS: dict[str, Kind | None] = {
    "loss": function_of("loss(model, batch) -> scalar"),
    "evaluate": function_of("evaluate(model) -> {name: scalar}"),
    "batch_size": BATCH_SIZE,
    "name": TEXT,
    "allow_nan": FLAG,
}


def task_of(
    init: Callable[..., Any],
    apply: Callable[..., Any],
    judge: Callable[..., Any],
    loss: Callable[..., Any],
    data: Any,
    evaluate: Callable[..., Any] | None,
    validation: Any,
    **options: Any,
) -> Task:
    """Return the task whose loss is `apply(loss, params, state, batch, key)`, and its evaluation `judge(...)`.

    The numbers in the user's functions, and the validation data, are leaves of the task.
    """
    judged = None
    if evaluate is not None:
        kind = OnHost if isinstance(evaluate, OnHost) else lambda fn: fn
        held = None if validation is None else jax.tree.map(jnp.asarray, validation)
        inner = evaluate.fn if isinstance(evaluate, OnHost) else as_function(evaluate)
        judged = kind((partial if isinstance(evaluate, OnHost) else jax.tree_util.Partial)(judge, inner, held))
    return Task(init, jax.tree_util.Partial(apply, as_function(loss)), data, evaluate=judged, **options)


def call_loss(loss: Callable[..., Any], model: Any, batch: Any, key: jax.Array) -> tuple[Any, Any]:
    """Call the user's `loss(model, batch)` or `loss(model, batch, key)`: value and aux, `None` where there is none."""
    out = loss_call(loss, "loss")(loss, model, None, batch, key)
    return out if isinstance(out, tuple) and len(out) == 2 else (out, None)


def call_evaluate(evaluate: Callable[..., Any], model: Any, validation: Any) -> dict[str, Any]:
    """Return the user's `evaluate(model)`, or `evaluate(model, validation)` where there are such data."""
    return evaluate(model) if validation is None else evaluate(model, validation)
