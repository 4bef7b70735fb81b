"""A network of two layers on random classes, which both sides train."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BATCH, ROWS, HELD = 128, 1438, 359
_draws = np.random.default_rng(0)
X = _draws.standard_normal((ROWS + HELD, 64), np.float32)
Y = np.argmax(X @ _draws.standard_normal((64, 10), np.float32), axis=1).astype(np.int32)
DATA, HELD_OUT = {"x": X[:ROWS], "y": Y[:ROWS]}, {"x": X[ROWS:], "y": Y[ROWS:]}


def init(key: jax.Array) -> Any:
    """Return first parameters: normal weights, biases of zeros."""
    first, second = jax.random.split(key)
    w1, w2 = jax.random.normal(first, (64, 128)) / 8, jax.random.normal(second, (128, 10)) / 11
    return {"w1": w1, "b1": jnp.zeros(128), "w2": w2, "b2": jnp.zeros(10)}


def logits(params: Any, x: jax.Array) -> jax.Array:
    """Return f[batch, 10]."""
    hidden = jax.nn.relu(x @ params["w1"] + params["b1"][None])
    return hidden @ params["w2"] + params["b2"][None]


def loss(params: Any, batch: Any) -> jax.Array:
    """Return the mean cross-entropy."""
    logs = jax.nn.log_softmax(logits(params, batch["x"]))
    return -jnp.mean(jnp.take_along_axis(logs, batch["y"][:, None], axis=1))


def judge(held: Any, params: Any) -> dict[str, jax.Array]:
    """Return loss and accuracy of what was held out."""
    right = jnp.argmax(logits(params, held["x"]), axis=1) == held["y"]
    return {"validation_loss": loss(params, held), "accuracy": jnp.mean(right)}
