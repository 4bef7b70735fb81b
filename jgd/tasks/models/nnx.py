"""flax's nnx modules as tasks."""

from collections.abc import Callable
from typing import Any

import jax

from jgd.core.arguments import checked
from jgd.core.errors import InputError
from jgd.core.optional import require
from jgd.core.storage import is_key
from jgd.tasks.models.parts import OPTIONS, call_evaluate, call_loss, task_of
from jgd.train.task import Task


@checked(**OPTIONS)
def from_nnx(
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
    """Train an nnx model: its `nnx.Param`s are the parameters, all its other variables the model's state.

    model     A class or function of `rngs`, such as `Net` or `lambda rngs: Net(64, rngs=rngs)`, called with
              `nnx.Rngs(key)` under each seed; or a module, which starts from its own values under every seed, with
              random streams of the seed's own.
    loss      `loss(model, batch)` or `loss(model, batch, key)`, as nnx users write it: a scalar or `(scalar, aux)`. The
              model is in training mode (`model.train()`), so batch norm and dropout do what they do then.
    evaluate  `evaluate(model)`, or `evaluate(model, validation)` where `validation` is given, in evaluation mode.

    Parameters are a dict of arrays (`{"conv": {"kernel": ...}}`); `nnx.update(model, run.params, run.model_state)` puts
    a run's into a module.
    """
    nnx: Any = require("flax.nnx", "jgd.tasks.from_nnx")
    make = _maker(nnx, model)
    graph, template, _ = nnx.split(nnx.eval_shape(lambda: make(jax.random.key(0))), nnx.Param, ...)

    def init(key: jax.Array) -> tuple[Any, Any]:
        _, params, state = nnx.split(make(key), nnx.Param, ...)
        return nnx.to_pure_dict(params), state

    def build(params: Any, state: Any) -> Any:
        variables = jax.tree.map(lambda x: x, template)
        nnx.replace_by_pure_dict(variables, params)
        return nnx.merge(graph, variables, state, copy=True)

    def apply(loss: Any, params: Any, state: Any, batch: Any, key: jax.Array) -> Any:
        module = build(params, state)
        module.train()
        value, aux = call_loss(loss, module, batch, key)
        return value, (nnx.split(module, nnx.Param, ...)[2], aux)

    def judge(evaluate: Any, validation: Any, params: Any, state: Any) -> Any:
        module = build(params, state)
        module.eval()
        return call_evaluate(evaluate, module, validation)

    options = {"batch_size": batch_size, "name": name, "allow_nan": allow_nan}
    return task_of(init, apply, judge, loss, data, evaluate, validation, **options)


def _maker(nnx: Any, model: Any) -> Callable[[jax.Array], Any]:
    """Return a function of a key that makes the module."""
    if not isinstance(model, nnx.Module):
        if not callable(model):
            raise InputError(
                f"from_nnx(model={model!r}): model must be an nnx.Module, or a function of rngs that makes one."
            )
        return lambda key: model(rngs=nnx.Rngs(key)) if isinstance(model, type) else model(nnx.Rngs(key))
    graph, held = nnx.split(model)

    def make(key: jax.Array) -> Any:
        bits = jax.random.bits(key)
        own = jax.tree.map(lambda x: jax.random.fold_in(x, bits) if is_key(x) else x, held)
        return nnx.merge(graph, own, copy=True)

    return make
