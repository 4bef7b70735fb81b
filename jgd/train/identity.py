"""The identity of a run: its numbers, the programs of its functions, and checksums of its data."""

import dataclasses
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.fingerprint import code_fingerprint, leaf_texts, program_fingerprint, structure_text
from jgd.core.stop import Stop
from jgd.core.types import Transform
from jgd.train.loop import advance, begin, root_key
from jgd.train.task import Task, init_model, is_on_host, is_stream, judge_model, loss_and_metrics

PROGRAMS = ("init", "loss", "evaluate", "data", "step")  # entries that are made by tracing or from bytecode


def run_spec(task: Task, optimizer: Transform, stop: Stop, batch: Any, given: Any, **numbers: Any) -> dict[str, str]:
    """Describe what a run was asked to do, as texts to compare.

    `batch` has the shapes of a batch, and `given` is what the run begins with in place of what `init` returns. How long
    it may take (`max_steps`, `seconds`) is no part of it. Costs a trace of a step.
    """
    stop = dataclasses.replace(stop, seconds=None, max_steps=None)
    spec, step = _programs(task, optimizer, batch)
    for title, value in {"optimizer": optimizer, "stop": stop}.items():
        spec[title] = structure_text(value)
    parts = {"init": task.init, "loss": task.loss, "evaluate": task.evaluate, "data": task.data}
    for title, value in {**parts, "optimizer": optimizer, "stop": stop, "given": given}.items():
        spec |= leaf_texts(title, value)
    modes = {name: getattr(jax.config, name) for name in ("jax_enable_x64", "jax_default_matmul_precision")}
    numbers |= {**modes, "batch_size": task.batch_size}
    if task.microbatch is not None:
        spec |= {"microbatch": structure_text(task.microbatch), **leaf_texts("microbatch", task.microbatch)}
    return spec | {name: repr(value) for name, value in numbers.items()} | step


def comparable(theirs: Mapping[str, str], ours: Mapping[str, str], version: str, place: str) -> dict[str, str]:
    """Return their entries as far as they can be compared: programs only where the same JAX traced them."""
    if version == jax.__version__:
        return dict(theirs)
    warnings.warn(
        f"{place}: it was written with jax {version}, and this is {jax.__version__}; numbers may round otherwise, and "
        "the code of init, loss and evaluate is not compared.",
        stacklevel=4,
    )
    return {**theirs, **{name: ours[name] for name in PROGRAMS if name in theirs and name in ours}}


def _programs(task: Task, optimizer: Transform, batch: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the functions as programs, and beside them a whole step, which has the optimizer's code too.

    The numbers of task and optimizer are arguments of these programs, so they are no part of them.
    """
    key = root_key(0)
    carry = jax.eval_shape(begin, task, optimizer, key)
    number = jax.ShapeDtypeStruct((), jnp.int32)

    def loss(task: Task, params: Any, state: Any, batch: Any, key: Any) -> Any:
        return jax.value_and_grad(partial(loss_and_metrics, task), has_aux=True)(params, state, batch, key)

    found = {
        "init": program_fingerprint(init_model, task, key),
        "loss": program_fingerprint(loss, task, carry.params, carry.model_state, batch, key),
    }
    if is_on_host(task):
        found["evaluate"] = code_fingerprint(task.evaluate)
    elif task.evaluate is not None:
        found["evaluate"] = program_fingerprint(judge_model, task, carry.params, carry.model_state)
    if is_stream(task):
        found["data"] = code_fingerprint(task.data)
    return found, {"step": program_fingerprint(advance, task, optimizer, carry, number, batch)}
