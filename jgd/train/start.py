"""How a run begins: with what `init` makes, or with parameters and states from elsewhere."""

import os
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import storage
from jgd.core.arguments import FOLDER, Kind, admits
from jgd.core.errors import InputError
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.core.tree import name_of
from jgd.core.types import Params, State, Transform
from jgd.train.checkpoint import checkpoint_file
from jgd.train.loop import Carry, first_model
from jgd.train.result import Run
from jgd.train.segments import RunState, status_code
from jgd.train.task import Task, has_state

START = Kind("be a run, or the folder of one", lambda x: isinstance(x, Run) or admits(FOLDER, x))


class Given(NamedTuple):
    """Hold what a run begins with in place of what `init` makes; `None` where nothing is given."""

    params: Params = None
    opt_state: State = None
    model_state: State = None


def given_by(task: Task, key: jax.Array, start: Any, params: Params, opt_state: State, model_state: State) -> Given:
    """Return the arguments of `fit`, checked against the shapes that `init` makes."""
    if all(x is None for x in (start, params, opt_state, model_state)):
        return Given()
    like = Given(*_with_gap(jax.eval_shape(partial(first_model, task), key)))
    if start is not None:
        if params is not None or model_state is not None:
            raise InputError(
                "fit(start=): it brings its own params and model_state; pass start alone, or the others without it."
            )
        params, model_state = _from_run(start, task, key)
    if model_state is not None and not has_state(task):
        raise InputError("fit(model_state=): the task has no state; leave it out, or take a state in the loss.")
    for name, tree, template in (("params", params, like.params), ("model_state", model_state, like.model_state)):
        if tree is not None:
            _check("start" if start is not None else name, tree, template)
    return Given(*(None if x is None else jax.tree.map(_own, x) for x in (params, opt_state, model_state)))


def begin_run(
    task: Task, optimizer: Transform, stop: Stop, key: jax.Array, given: Given, layout: Any = None
) -> RunState:
    """Return the state before the first step, on a mesh where there is a `layout`; see `jgd.train.mesh_layout`.

    `init` runs operation by operation: a program of it is used once, and compiling it takes longer (a small flax CNN:
    21 s against 5 s). Its arrays are copied, because the first segment takes its state's memory over.
    """
    if layout is not None:
        return _begin_on_mesh(task, optimizer, stop, key, given, layout)
    params, model_state = given.params, given.model_state
    if params is None or (model_state is None and has_state(task)):
        made = first_model(task, key)
        params = made[0] if params is None else params
        model_state = made[1] if model_state is None else model_state
    carry = Carry(params, None, model_state, key)
    carry = jax.tree.map(_own, carry)
    # Operation by operation, moments lie as their parameters do; a program would gather them.
    make = _begin if _is_spread(params) else jax.jit(_begin)
    opt_state, watch, status, zero = make(optimizer, carry.params, stop)
    opt_state = jax.tree.map(lambda x: _own(jnp.asarray(x, jnp.result_type(x))), opt_state)
    if given.opt_state is not None:
        _check("opt_state", given.opt_state, opt_state)
        opt_state = jax.tree.map(_own, given.opt_state)
    return RunState(carry._replace(opt_state=opt_state), watch, status, zero)


def run_shapes(task: Task, optimizer: Transform, stop: Stop, key: jax.Array) -> RunState:
    """Return the shapes of what `begin_run` makes where nothing is given."""

    def begin(key: jax.Array) -> RunState:
        params, model_state = first_model(task, key)
        opt_state, watch, status, zero = _begin(optimizer, params, stop)
        return RunState(Carry(params, opt_state, model_state, key), watch, status, zero)

    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), jax.eval_shape(begin, key))


def _begin(optimizer: Transform, params: Params, stop: Stop) -> tuple[State, Any, jax.Array, jax.Array]:
    """Return all that a run begins with beside its model: one program, where each array would be one of its own."""
    return optimizer.init(params), stop.begin(), status_code(Status.RUNNING), jnp.zeros((), jnp.int32)


def _begin_on_mesh(task: Task, optimizer: Transform, stop: Stop, key: jax.Array, given: Given, layout: Any) -> RunState:
    """Return the state before the first step, made where it lies: no device ever holds more of it than its part."""
    shapes = run_shapes(task, optimizer, stop, key)
    where = layout.where(shapes)
    if given.opt_state is not None:
        _check("opt_state", given.opt_state, shapes.carry.opt_state)
    places = Given(where.carry.params, where.carry.opt_state, where.carry.model_state)
    given = Given(
        *(
            None if x is None else jax.device_put(x, place, may_alias=False)
            for x, place in zip(given, places, strict=True)
        )
    )

    def begin(optimizer: Transform, stop: Stop, key: jax.Array, given: Given) -> RunState:
        params, model_state = first_model(task, key)
        params = params if given.params is None else given.params
        model_state = model_state if given.model_state is None else given.model_state
        opt_state, watch, status, zero = _begin(optimizer, params, stop)
        opt_state = opt_state if given.opt_state is None else given.opt_state
        made = RunState(Carry(params, opt_state, model_state, key), watch, status, zero)
        return jax.tree.map(lambda x: jnp.asarray(x, x.dtype), made)

    return jax.jit(begin, out_shardings=where)(optimizer, stop, key, given)


def put_like(tree: Any, like: Any) -> Any:
    """Return the arrays of a tree where those of `like` lie, on however many devices."""

    def put(x: Any, y: Any) -> Any:
        if len(y.sharding.device_set) == 1 or x.sharding.is_equivalent_to(y.sharding, x.ndim):
            return x
        return jax.device_put(x, y.sharding)

    return jax.tree.map(put, tree, like)


def _with_gap(model: tuple[Any, Any]) -> tuple[Any, None, Any]:
    return model[0], None, model[1]


def _own(x: Any) -> Any:
    """Return a copy, so that donating it takes nothing from anybody.

    Without a program for each shape, as `x.copy()` has.
    """
    arrays = (jax.Array, np.ndarray)
    return jax.device_put(x, may_alias=False) if isinstance(x, arrays) else jnp.array(x, jnp.result_type(x))


def _is_spread(tree: Any) -> bool:
    return any(isinstance(x, jax.Array) and len(x.sharding.device_set) > 1 for x in jax.tree.leaves(tree))


def _from_run(start: Any, task: Task, key: jax.Array) -> tuple[Params, State]:
    """Return the last parameters and the model's state of a run, or of the checkpoint in a run's folder."""
    if isinstance(start, Run):
        return start.params, start.model_state
    place, folder = f"fit(start={os.fspath(start)!r})", storage.folder_path("fit", start, "start")
    arrays, _ = storage.load_arrays(checkpoint_file(place, folder))
    params, model_state = first_model(task, key)
    params = storage.fill(params, arrays, "state.carry.params", place=place)
    return params, storage.fill(model_state, arrays, "state.carry.model_state", place=place)


def _check(name: str, tree: Any, like: Any) -> None:
    """Refuse what has not the paths, shapes and dtypes that the run needs, and name the first that differs."""
    theirs, ours = ({name_of(p): _kind(x) for p, x in jax.tree_util.tree_leaves_with_path(t)} for t in (tree, like))
    for path in {**ours, **theirs}:
        if theirs.get(path) != ours.get(path):
            raise InputError(
                f"fit({name}=): it has {theirs.get(path, 'nothing')} at {path}, expected {ours.get(path, 'nothing')}; "
                "pass what belongs to this task and optimizer."
            )
    if jax.tree.structure(tree) != jax.tree.structure(like):
        raise InputError(
            f"fit({name}=): it is {jax.tree.structure(tree)}, expected {jax.tree.structure(like)}; pass what belongs "
            "to this task and optimizer."
        )


def _kind(x: Any) -> str:
    return f"{x.dtype if storage.is_key(x) else jnp.result_type(x)}{list(jnp.shape(x))}"
