"""A task for workers that each have their own parameters and their own part of every batch."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import WHOLE, checked
from jgd.core.errors import InputError
from jgd.core.record import part, record, static
from jgd.core.storage import is_key
from jgd.core.types import Params, State
from jgd.train.calls import OnHost, loss_call, takes_state
from jgd.train.task import TASK, Task, has_state

PLACE = "per_worker(task)"


@checked(task=TASK, workers=WHOLE)
def per_worker(task: Task, workers: int) -> Task:
    """Give each of `workers` its own copy of the parameters, and its own part of each batch, in a task like `task`.

    For `jgd.distributed.local_sgd` and `diloco`: parameters get a leading axis of `workers`, a batch of B examples is
    cut into as many parts of B / workers that follow each other, and the loss is the mean of theirs, whose gradient at
    a worker's parameters is that of its own loss. A loss that takes a key gets another for each worker. `evaluate` is
    called with the mean of their parameters, which is the model wherever they have just met. Batches sharded over a
    mesh axis, and parameters over their first, make workers of its devices.

    A model's state, such as running statistics, is each worker's own, with the same leading axis, and never averaged in
    training; random keys in it are split. `evaluate` gets the mean of their states too: of whole numbers, flags and
    keys the first worker's.
    """
    evaluate = task.evaluate
    if evaluate is not None:
        judge = _WorkersStateEvaluation if takes_state(evaluate) else _WorkersEvaluation
        evaluate = OnHost(judge(evaluate.fn)) if isinstance(evaluate, OnHost) else judge(evaluate)
    loss = (_WorkersStateLoss if has_state(task) else _WorkersLoss)(task.loss, workers)
    return dataclasses.replace(task, init=_WorkersStart(task.init, workers), loss=loss, evaluate=evaluate)


@checked()
def worker_mean(params: Params) -> Params:
    """Take the mean over the worker axis of parameters, the leading one, in their dtypes.

    Of what is no floating or complex array, such as a counter in a model's state, it is the first worker's.
    """
    return jax.tree.map(lambda p: jnp.mean(p, axis=0) if jnp.issubdtype(p.dtype, jnp.inexact) else p[0], params)


@record
class _WorkersLoss:
    """The mean of the workers' losses, each at its own parameters, on its part of the batch, with its own key.

    Its derivative is that of their sum: the gradient of each worker's parameters is that of its own loss.
    """

    loss: Callable[..., Any] = part()
    workers: int = static()

    def __call__(self, params: Params, batch: Any, key: jax.Array) -> Any:
        """Return the loss, as a task calls it."""
        out = _each(self, params, None, batch, key)
        if not isinstance(out, tuple):
            return _mean(out)
        return _mean(out[0]), _means(out[1])


@record
class _WorkersStateLoss:
    """The same of a model with a state: each worker has its own."""

    loss: Callable[..., Any] = part()
    workers: int = static()

    def __call__(self, params: Params, state: State, batch: Any, key: jax.Array) -> Any:
        """Return the loss, as a task calls it."""
        out = _each(self, params, state, batch, key)
        if not isinstance(out, tuple) or len(out) != 2 or not isinstance(out[1], tuple) or len(out[1]) != 2:
            return jax.tree.map(lambda x: x[0], out)  # one worker's, which the task refuses
        return _mean(out[0]), (out[1][0], _means(out[1][1]))


@record
class _WorkersStart:
    """The same parameters for each worker."""

    start: Callable[..., Any] = part()
    workers: int = static()

    def __call__(self, key: jax.Array) -> Any:
        """Return the stacked parameters, and the stacked state of a model that has one."""
        return jax.tree.map(self._stacked, self.start(key))

    def _stacked(self, x: Any) -> jax.Array:
        if is_key(x):
            split = jax.vmap(lambda k: jax.random.split(k, self.workers), out_axes=1)(x.reshape(-1))
            return split.reshape(self.workers, *x.shape)
        return jnp.repeat(jnp.asarray(x)[None], self.workers, axis=0)


@record
class _WorkersEvaluation:
    """The evaluation of the mean of the workers' parameters."""

    evaluate: Callable[..., Any] = part()

    def __call__(self, params: Params) -> Mapping[str, Any]:
        """Return the evaluation's own answer."""
        return self.evaluate(worker_mean(params))


@record
class _WorkersStateEvaluation:
    """The evaluation of the mean of the workers' parameters and of their states."""

    evaluate: Callable[..., Any] = part()

    def __call__(self, params: Params, state: State) -> Mapping[str, Any]:
        """Return the evaluation's own answer."""
        return self.evaluate(worker_mean(params), worker_mean(state))


def _each(wrapper: Any, params: Params, state: State, batch: Any, key: jax.Array) -> Any:
    """Return the answer of the loss to each worker."""
    call, workers = loss_call(wrapper.loss, PLACE), wrapper.workers

    def parts(x: jax.Array) -> jax.Array:
        if x.shape[0] % workers:
            raise InputError(
                f"per_worker(workers={workers}): they do not divide the batch of {x.shape[0]}; take a batch_size that "
                "is a multiple."
            )
        return x.reshape(workers, -1, *x.shape[1:])

    split = jax.tree.map(parts, batch), jax.random.split(key, workers)
    return jax.vmap(lambda *args: call(wrapper.loss, *args))(params, state, *split)


def _means(aux: Any) -> Any:
    return jax.tree.map(lambda x: jnp.mean(x, axis=0), aux)


@jax.custom_jvp
def _mean(losses: jax.Array) -> jax.Array:
    """Return the mean, with the derivative of the sum."""
    return jnp.mean(losses)


@_mean.defjvp
def _mean_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    return _mean(*primals), jnp.sum(tangents[0])
