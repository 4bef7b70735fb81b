"""The callback of a run: what it sees at the end of a segment, and what its answer means."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.call_arguments import takes
from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.core.types import Params, State, Transform
from jgd.core.values import hyperparams
from jgd.transforms.as_transform import as_transform


class Snapshot(NamedTuple):
    """A run at the end of a segment. Its arrays are taken over by the next one: copy those that are to be kept."""

    step: int
    metrics: dict[str, float]  # the latest number of each metric and evaluation
    params: Params
    opt_state: State
    model_state: State
    optimizer: Transform  # in effect


Callback = Callable[..., Any]


class Answer(NamedTuple):
    """Hold what a callback asked for."""

    stop: bool
    optimizer: Transform | None = None  # to go on with
    changes: tuple[str, ...] = ()  # its numbers that are new


def caller(callback: Any) -> Callable[[Snapshot], Any]:
    """Return the callback as a function of a snapshot: it takes that, or `(step, metrics)`."""
    return callback if takes(callback, 1) else lambda snapshot: callback(snapshot.step, snapshot.metrics)


def answer_of(answer: Any, optimizer: Transform) -> Answer:
    """Read the answer of a callback: nothing, a stop, or another optimizer of the same structure."""
    if answer is None or isinstance(answer, (bool, np.bool_)) or getattr(answer, "dtype", None) == jnp.bool_:
        return Answer(bool(answer))
    if not isinstance(answer, Transform):
        raise InputError(
            f"fit(callback=): it returned {shown(answer)}, expected None, True to end the run, or another optimizer."
        )
    new = as_transform(answer)
    ours, theirs = jax.tree.structure(optimizer), jax.tree.structure(new)
    if ours != theirs:
        raise InputError(
            f"fit(callback=): it returned an optimizer of another structure ({theirs} instead of {ours}), whose state "
            "would be another; return one that differs in its numbers, such as jgd.with_hyperparams(optimizer, ...)."
        )
    rows = zip(hyperparams(optimizer), jax.tree.leaves(optimizer), jax.tree.leaves(new), strict=True)
    changes = tuple(f"optimizer.{name}: {_text(x)} -> {_text(y)}" for name, x, y in rows if _text(x) != _text(y))
    return Answer(False, new if changes else None, changes)


def _text(x: Any) -> str:
    return f"{np.asarray(x).tolist()}"
