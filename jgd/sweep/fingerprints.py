"""The code of a study as texts to compare: the programs that its functions trace to, for every choice of parts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.fingerprint import program_fingerprint
from jgd.sweep.engine.black_box import is_black_box, program_text
from jgd.sweep.spaces.distributions import Parts
from jgd.sweep.spaces.space import Origin, Trial, axes, chosen_parts, with_grids
from jgd.sweep.storage.identity import CODE
from jgd.train.loop import first_model, root_key
from jgd.train.task import Task, check_task, init_model, judge_model, loss_and_metrics


def code_texts(train: Any, spaces: Mapping[str, Any]) -> dict[str, str]:
    """Describe what a study computes by its traced programs.

    Of each task those are of `init`, of the loss with its gradient and of `evaluate`; of each optimizer, of its first
    state and its step; or that of the function that owns its loop.

    Numbers and data are arguments there, so only shapes are read. Every option of every choice is traced once; costs a
    trace of each, and compiles nothing.
    """
    texts: dict[str, str] = {}
    tasks: dict[Any, Any] = {}  # the shapes of parameters and state, by structure
    for name, space in spaces.items():
        for label, trial in _variants(name, Origin(with_grids(train), with_grids(space))):
            if is_black_box(train):
                texts[f"{CODE}train for {label}"] = program_text(trial)
                continue
            task, optimizer = jax.tree.map(_shape, trial.problem)
            key = jax.tree.structure(task), tuple(map(str, jax.tree.leaves(task)))
            if key not in tasks:
                check_task(trial.task)
                tasks[key] = jax.eval_shape(first_model, task, root_key(0))
                number = f" {len(tasks)}" if len(tasks) > 1 else ""
                texts |= {f"{CODE}{part}{number}": text for part, text in _task_texts(task, *tasks[key]).items()}
            texts[f"{CODE}space {label}"] = program_fingerprint(_step, optimizer, tasks[key][0])
    return texts


def _variants(name: str, origin: Origin) -> Iterator[tuple[str, Trial]]:
    """Yield a trial for each option of each choice of parts, or one where there is no choice, with a name for it."""
    found, seen = tuple(axes(origin.task, origin.optimizer)), set()
    points = [[0.5] * len(found)]
    for i, axis in enumerate(found):
        if isinstance(axis.distribution, Parts):
            for option in range(len(axis.distribution.options)):
                point = [0.5] * len(found)
                for at, chosen in (*axis.when[0], (i, option)):
                    parent = found[at].distribution
                    assert isinstance(parent, Parts)
                    point[at] = (chosen + 0.5) / len(parent.options)
                points.append(point)
    for point in points:
        trial = Trial(0, name, found, tuple(point), origin)
        if (chosen := chosen_parts(trial)) not in seen:
            seen.add(chosen)
            labels = [f"{found[i].name}={_label(found[i].distribution, option)}" for i, option in chosen]
            yield f"{name}({', '.join(labels)})" if labels else name, trial


def _label(distribution: Any, option: int) -> str:
    return distribution.labels[option]


def _task_texts(task: Task, params: Any, state: Any) -> dict[str, str]:
    """Return the programs of a task's functions."""
    size = task.batch_size

    def loss(task: Task, params: Any, state: Any, batch: Any, key: jax.Array) -> Any:
        return jax.value_and_grad(lambda p: loss_and_metrics(task, p, state, batch, key), has_aux=True)(params)

    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct((size or x.shape[0], *x.shape[1:]), x.dtype), task.data)
    found: dict[str, Callable[[], str]] = {
        "init": lambda: program_fingerprint(init_model, task, root_key(0)),
        "loss": lambda: program_fingerprint(loss, task, params, state, batch, root_key(0)),
        "evaluate": lambda: program_fingerprint(judge_model, task, params, state),
    }
    return {part: text() for part, text in found.items() if getattr(task, part) is not None}


def _step(optimizer: Any, params: Any) -> Any:
    """Return an optimizer's first state and its step; the gradients are as the parameters, and the loss is a number."""
    value = jnp.float32(0)
    extra = {"value": value, "grad": params, "value_fn": lambda _: value}
    extra |= {"outputs_fn": lambda _: value.reshape(1, 1), "loss_fn": jnp.sum}
    return optimizer.update(params, optimizer.init(params), params, **extra)


def _shape(leaf: Any) -> Any:
    """Return the shape of an array; one of Python's numbers stays, as it has a type of its own."""
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else leaf
