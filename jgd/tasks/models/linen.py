"""flax's linen modules as tasks."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import TEXT, checked, listed
from jgd.core.errors import InputError
from jgd.core.optional import require
from jgd.tasks.models.parts import OPTIONS, call_evaluate, call_loss, task_of
from jgd.train.task import Task, batch_shapes


class Applied:
    """A linen module with its variables, called like the module: `model(x, train=True)`.

    It draws a key of its own for each call, and keeps what the call changes in the collections that are `mutable`.
    """

    def __init__(self, module: Any, variables: Any, keys: dict[str, jax.Array], mutable: Sequence[str]) -> None:
        self._module, self._variables, self._keys, self._mutable = module, variables, keys, list(mutable)
        self._calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the module's output."""
        rngs = {name: jax.random.fold_in(key, self._calls) for name, key in self._keys.items()}
        self._calls += 1
        if self._variables is None:
            out, self._variables = self._module.init_with_output(rngs, *args, **kwargs)
            self._mutable = list(self.variables[1])
            return out
        if not self._mutable:
            return self._module.apply(self._variables, *args, rngs=rngs, **kwargs)
        out, changed = self._module.apply(self._variables, *args, rngs=rngs, mutable=self._mutable, **kwargs)
        self._variables = {**self._variables, **changed}
        return out

    @property
    def variables(self) -> tuple[Any, Any]:
        """The parameters, and all other collections."""
        rest = {name: x for name, x in (self._variables or {}).items() if name != "params"}
        return (self._variables or {}).get("params"), rest


@checked(streams=listed("names of random streams", TEXT), **OPTIONS)
def from_linen(
    module: Any,
    loss: Callable[..., Any],
    data: Any,
    *,
    evaluate: Callable[..., Any] | None = None,
    validation: Any = None,
    streams: Sequence[str] = ("dropout",),
    batch_size: int | None = None,
    name: str | None = None,
    allow_nan: bool = False,
) -> Task:
    """Train a linen module: its collection "params" is the parameters, all its other collections the model's state.

    loss      `loss(model, batch)` or `loss(model, batch, key)`, where `model(x, train=True)` calls the module with its
              variables: a scalar or `(scalar, aux)`. The first variables come from calling the loss on zeros.
    evaluate  `evaluate(model)`, or `evaluate(model, validation)` where `validation` is given; there the model changes
              nothing and draws nothing: call it as `model(x, train=False)`, or as your module means it.
    streams   The names of the module's random streams, as in `self.make_rng("dropout")`.
    """
    linen: Any = require("flax.linen", "jgd.tasks.from_linen")
    if not isinstance(module, linen.Module):
        raise InputError(f"from_linen(module={module!r}): module must be a flax.linen.Module.")
    shapes = batch_shapes(Task(lambda key: 0.0, loss, data, batch_size, allow_nan=allow_nan))

    def first(loss: Any, key: jax.Array) -> Any:
        batch = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        keys = {name: jax.random.fold_in(key, i) for i, name in enumerate(("params", *streams))}
        model = Applied(module, None, keys, ())
        call_loss(loss, model, batch, key)
        if model.variables[0] is None:
            raise InputError(f"from_linen: the loss does not call its model, or {module!r} has no parameters.")
        return model.variables

    def init(key: jax.Array) -> Any:
        return first(loss, key)

    def apply(loss: Any, params: Any, state: Any, batch: Any, key: jax.Array) -> Any:
        keys = {name: jax.random.fold_in(key, i) for i, name in enumerate(streams)}
        model = Applied(module, {"params": params, **state}, keys, tuple(state))
        value, aux = call_loss(loss, model, batch, key)
        return value, (model.variables[1], aux)

    def judge(evaluate: Any, validation: Any, params: Any, state: Any) -> Any:
        return call_evaluate(evaluate, Applied(module, {"params": params, **state}, {}, ()), validation)

    options = {"batch_size": batch_size, "name": name, "allow_nan": allow_nan}
    return task_of(init, apply, judge, loss, data, evaluate, validation, **options)
