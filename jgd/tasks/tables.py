"""Tables of numbers as training data: split, standardised, and judged on the rows that were held out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core.arguments import WHOLE, Kind
from jgd.tasks.mlp import InitMlp, Layers, apply_mlp
from jgd.train.task import Task

HELD_OUT = 0.2
Hidden = int | tuple[int, ...]
HIDDEN = Kind(
    "be the width of the hidden layer, a whole number, at least 1, or a tuple of one for each",
    lambda x: all(map(WHOLE.admits, _widths(x))),
)


class Split(NamedTuple):
    """Rows to train on and rows to judge by."""

    x: np.ndarray
    y: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray


def split(x: np.ndarray, y: np.ndarray) -> Split:
    """Hold out a random fifth of the rows, the same one each time.

    Columns are standardised by the mean and deviation of the training rows.

    A column that is constant in training becomes zero there.
    """
    order = np.random.default_rng(0).permutation(len(x))
    held = int(len(x) * HELD_OUT)
    valid, train = order[:held], order[held:]
    mean, std = x[train].mean(axis=0), x[train].std(axis=0)
    x = ((x - mean) / np.where(std > 0, std, 1)).astype(np.float32)
    return Split(x[train], y[train], x[valid], y[valid])


def classification(x: np.ndarray, y: np.ndarray, *, hidden: Hidden, batch_size: int, name: str) -> Task:
    """Train layers and a softmax, judged by `accuracy` and `validation_loss`, its cross-entropy in nats."""
    rows = split(x, np.asarray(y, np.int32))
    return Task(
        init=InitMlp((x.shape[1], *_widths(hidden), int(np.max(y)) + 1)),
        loss=cross_entropy,
        data={"x": rows.x, "y": rows.y},
        batch_size=batch_size,
        evaluate=jax.tree_util.Partial(_judge_classes, jnp.asarray(rows.x_valid), jnp.asarray(rows.y_valid)),
        name=name,
    )


def regression(x: np.ndarray, y: np.ndarray, *, hidden: Hidden, batch_size: int, name: str) -> Task:
    """Train layers on a standardised target, judged by `rmse`, in the target's own unit."""
    rows = split(x, np.asarray(y, np.float32))
    mean, std = rows.y.mean(), rows.y.std()
    valid = ((rows.y_valid - mean) / std)[:, None]
    return Task(
        init=InitMlp((x.shape[1], *_widths(hidden), 1)),
        loss=squared_error,
        data={"x": rows.x, "y": ((rows.y - mean) / std)[:, None]},
        batch_size=batch_size,
        evaluate=jax.tree_util.Partial(_judge_numbers, jnp.asarray(rows.x_valid), jnp.asarray(valid), jnp.asarray(std)),
        name=name,
    )


def _widths(hidden: Any) -> tuple[Any, ...]:
    return tuple(hidden) if isinstance(hidden, tuple | list) else (hidden,)


def cross_entropy(params: Layers, batch: dict[str, jax.Array]) -> jax.Array:
    """Return the mean cross-entropy of a batch `{"x": f[n, inputs], "y": i[n]}`, in nats."""
    logits = apply_mlp(params, batch["x"])
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch["y"]))


def squared_error(params: Layers, batch: dict[str, jax.Array]) -> jax.Array:
    """Return the mean squared error of a batch `{"x": f[n, inputs], "y": f[n, 1]}`."""
    return jnp.mean((apply_mlp(params, batch["x"]) - batch["y"]) ** 2)


def _judge_classes(x: jax.Array, y: jax.Array, params: Layers) -> dict[str, jax.Array]:
    logits = apply_mlp(params, x)
    loss = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y))
    return {"accuracy": jnp.mean(jnp.argmax(logits, axis=-1) == y), "validation_loss": loss}


def _judge_numbers(x: jax.Array, y: jax.Array, std: jax.Array, params: Layers) -> dict[str, jax.Array]:
    return {"rmse": std * jnp.sqrt(squared_error(params, {"x": x, "y": y}))}
