"""Starting: the model and the data that a look at a task begins with."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import ARRAYS, Kind, admits
from jgd.core.errors import InputError
from jgd.core.tree import name_of
from jgd.core.types import Params, State
from jgd.train.loop import first_model, root_key
from jgd.train.result import Run
from jgd.train.stream import Feed, Position
from jgd.train.task import Task, has_state, is_stream

EXAMPLES = 1024  # that are looked at together
BATCHES = 64  # that are taken of a stream
STARTING = Kind(
    "be parameters of the task, or a run of it",
    lambda x: isinstance(x, Run) or (bool(jax.tree.leaves(x)) and admits(ARRAYS, x)),
)


def model_of(place: str, task: Task, params: Params | Run, model_state: State, seed: int) -> tuple[Params, State]:
    """Give the parameters and the model's state: of a run, or those given, and what is not given as `init` makes it."""
    if isinstance(params, Run):
        params, model_state = params.params, params.model_state if model_state is None else model_state
    make = partial(first_model, task, root_key(seed))
    given = params is not None and (model_state is not None or not has_state(task))
    made, state = jax.eval_shape(make) if given else make()
    return (
        made if params is None else _like(f"{place}(params=)", made, params),
        state if model_state is None else _like(f"{place}(model_state=)", state, model_state),
    )


@jax.jit
def data_rows(data: Any, rows: Any) -> Any:
    """Take rows of every array, in one program: indexing alone compiles eight."""
    return jax.tree.map(lambda x: x[rows], data)


def without_stream(task: Task) -> Task:
    """Return the task with data on the device: of a stream, its first batches."""
    if not is_stream(task):
        return task
    batches: Any = Feed(task.data, Position(0, 0)).take(BATCHES)
    size = jax.tree.leaves(batches)[0].shape[1]
    data = jax.tree.map(lambda x: jnp.asarray(x).reshape(-1, *x.shape[2:]), batches)
    return dataclasses.replace(task, data=data, batch_size=size)


def _like(place: str, made: Any, given: Any) -> Any:
    """Make arrays of what is given, or refuse it where it differs in structure or shapes from what `init` makes."""
    if jax.tree.structure(given) != jax.tree.structure(made):
        raise InputError(
            f"{place}: it is {jax.tree.structure(given)}, but the task's init makes {jax.tree.structure(made)}; pass "
            "what belongs to this task."
        )
    for (path, one), x in zip(jax.tree_util.tree_leaves_with_path(made), jax.tree.leaves(given), strict=True):
        if jnp.shape(x) != one.shape:
            raise InputError(
                f"{place}: the leaf at {name_of(path)} has shape {jnp.shape(x)}, but the task's init makes "
                f"{one.shape}; pass what belongs to this task."
            )
    return jax.tree.map(jnp.asarray, given)
