"""The data of a check-up: how large their numbers are, how many examples differ, and which are labels of classes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.tree import name_of
from jgd.health.layers import Looked, batch_loss
from jgd.health.measured import ClassLabels
from jgd.train.loop import Carry
from jgd.train.task import Task


def measure_data(task: Task, carry: Carry, batch: Any, key: jax.Array) -> tuple[dict[str, float], tuple[int, int]]:
    """Measure the floating arrays of a batch by their root mean squares, and count its examples and those that differ.

    Where all are alike and the loss does not depend on them, they stand in for data that it draws itself: then nothing
    is measured of them. Costs two losses there.
    """
    count, distinct = count_distinct(batch)
    if count > distinct == 1:
        loss, both = jax.jit(batch_loss), (batch, jax.tree.map(_other, batch))
        losses = [loss(carry.params, task, carry.model_state, one, key) for one in both]
        if bool(losses[0] == losses[1]):
            return {}, (count, count)
    rows = jax.tree_util.tree_leaves_with_path(batch)
    floating = [(path, np.asarray(x, np.float64)) for path, x in rows if jnp.issubdtype(x.dtype, jnp.floating)]
    return {_data_name(path): float(np.sqrt(np.nanmean(x**2))) for path, x in floating}, (count, distinct)


def count_distinct(batch: Any) -> tuple[int, int]:
    """Count the examples of a batch, and those that differ."""
    count = jax.tree.leaves(batch)[0].shape[0]
    plain = [
        jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(batch)
    ]
    columns = [np.ascontiguousarray(x).reshape(count, -1).view(np.uint8) for x in plain if x.size]
    return count, len({row.tobytes() for row in np.concatenate(columns, axis=1)})


def labels_of(looked: Looked, batch: Any) -> ClassLabels | None:
    """Find the whole numbers of the data that are labels of the loss's softmax: by their shape, or the only ones."""
    made = looked.logits[-1].tap if looked.logits else None
    if made is None or made.units != (len(made.shape) - 1,):
        return None
    rows = jax.tree_util.tree_leaves_with_path(batch)
    whole = [(path, x) for path, x in rows if jnp.issubdtype(x.dtype, jnp.integer) and x.size]
    some = [(path, x) for path, x in whole if x.shape == made.shape[:-1]] or whole
    rows = [(path, np.asarray(x)) for path, x in some]
    found = [ClassLabels(_data_name(path), int(x.min()), int(x.max()), made.shape[-1]) for path, x in rows]
    return found[0] if len(found) == 1 else None


def _data_name(path: Any) -> str:
    return f"data{name_of(path) if path else ''}"


def _other(x: jax.Array) -> jax.Array:
    return x + jnp.ones_like(x) if jnp.issubdtype(x.dtype, jnp.number) else x
