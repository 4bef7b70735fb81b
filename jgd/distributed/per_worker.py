"""A task for workers that each have their own parameters and their own part of every batch."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import WHOLE, checked
from jgd.core.errors import InputError
from jgd.core.record import part, record, static
from jgd.core.types import Params
from jgd.train.calls import OnHost, loss_call
from jgd.train.task import TASK, Task, has_state

PLACE = "per_worker(task)"


@checked(task=TASK, workers=WHOLE)
def per_worker(task: Task, workers: int) -> Task:
    """Give each of `workers` its own copy of the parameters, and its own part of each batch, in a task like `task`.

    For `jgd.distributed.local_sgd` and `diloco`: parameters get a leading axis of `workers`, a batch of B examples is
    cut into as many parts of B / workers that follow each other, and the loss is the mean of theirs, whose gradient at
    a worker's parameters is that of its own loss. A loss that takes a key gets another for each worker. `evaluate` is
    called with the mean of their parameters, which is the model wherever they have just met. Batches sharded over a
    mesh axis, and parameters over their first, make workers of its devices. A model with a state is refused.
    """
    if has_state(task):
        raise InputError(
            f"{PLACE}: its model has a state, of which workers would need one each; take a loss without a state."
        )
    evaluate = task.evaluate
    if isinstance(evaluate, OnHost):
        evaluate = OnHost(_WorkersEvaluation(evaluate.fn))
    elif evaluate is not None:
        evaluate = _WorkersEvaluation(evaluate)
    return dataclasses.replace(
        task, init=_WorkersStart(task.init, workers), loss=_WorkersLoss(task.loss, workers), evaluate=evaluate
    )


@checked()
def worker_mean(params: Params) -> Params:
    """Take the mean over the worker axis of parameters, the leading one, in their dtypes."""
    return jax.tree.map(lambda p: jnp.mean(p, axis=0), params)


@record
class _WorkersLoss:
    """The mean of the workers' losses, each at its own parameters, on its part of the batch, with its own key.

    Its derivative is that of their sum: the gradient of each worker's parameters is that of its own loss.
    """

    loss: Callable[..., Any] = part()
    workers: int = static()

    def __call__(self, params: Params, batch: Any, key: jax.Array) -> Any:
        """The loss, as a task calls it."""
        call = loss_call(self.loss, PLACE)
        out = jax.vmap(lambda *args: call(self.loss, args[0], None, *args[1:]))(
            params, jax.tree.map(self._parts, batch), jax.random.split(key, self.workers)
        )
        if not isinstance(out, tuple):
            return _mean(out)
        return _mean(out[0]), jax.tree.map(lambda x: jnp.mean(x, axis=0), out[1])

    def _parts(self, x: jax.Array) -> jax.Array:
        if x.shape[0] % self.workers:
            raise InputError(
                f"per_worker(workers={self.workers}): they do not divide the batch of {x.shape[0]}; take a batch_size "
                "that is a multiple."
            )
        return x.reshape(self.workers, -1, *x.shape[1:])


@record
class _WorkersStart:
    """The same parameters for each worker."""

    start: Callable[..., Any] = part()
    workers: int = static()

    def __call__(self, key: jax.Array) -> Params:
        """The stacked parameters."""
        made = self.start(key)
        return jax.tree.map(lambda p: jnp.repeat(jnp.asarray(p)[None], self.workers, axis=0), made)


@record
class _WorkersEvaluation:
    """The evaluation of the mean of the workers' parameters."""

    evaluate: Callable[..., Any] = part()

    def __call__(self, params: Params) -> Mapping[str, Any]:
        """The evaluation's own answer."""
        return self.evaluate(worker_mean(params))


@jax.custom_jvp
def _mean(losses: jax.Array) -> jax.Array:
    """The mean, with the derivative of the sum."""
    return jnp.mean(losses)


@_mean.defjvp
def _mean_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    return _mean(*primals), jnp.sum(tangents[0])
