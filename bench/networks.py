"""Sweeps of networks whose steps are larger than a perceptron's, against the same jitted scan written by hand.

Lanes side by side can lose for such networks, so the claim is about the lanes that jgd chose: never slower.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.baseline_jax import scan
from bench.rows import Claim, Yields, alone
from bench.workload import Work, batches_of, compared, fixed_start, with_jgd

Layers = dict[str, jax.Array]


def conv(quick: bool = False, trials: int = 16, steps: int = 40, repeats: int = 4) -> Yields:
    """Make two strided 3x3 convolutions and a head of 10 on 28x28 images of MNIST-5k, batches of 64."""
    yield from _against_scan(convolution(jgd.tasks.mnist5k(), 28), *((4, 10, 2) if quick else (trials, steps, repeats)))


def transformer(quick: bool = False, trials: int = 16, steps: int = 40, repeats: int = 4) -> Yields:
    """Train one block of width 32 on 64 characters of English, batches of 8."""
    yield from _against_scan(jgd.tasks.text(), *((4, 10, 2) if quick else (trials, steps, repeats)))


def tiny() -> jgd.Task:
    """Return a regression of 64 examples by 4-4-1 neurons, the full batch."""
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    layers = {"first": (5, 4), "second": (5, 1)}

    def init(key: jax.Array) -> dict[str, jax.Array]:
        return {name: jax.random.normal(jax.random.fold_in(key, shape[1]), shape) for name, shape in layers.items()}

    def loss(params: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
        first, second = params["first"], params["second"]
        hidden = jnp.tanh(batch["x"] @ first[:4] + first[4:])
        return jnp.mean((hidden @ second[:4] + second[4:] - batch["y"]) ** 2)

    return jgd.Task(init, loss, {"x": x, "y": np.sin(x.sum(axis=1, keepdims=True))})


def convolution(flat: jgd.Task, side: int, batch_size: int = 64) -> jgd.Task:
    """Return a task of flat images, each `side` pixels square, with a convolutional network.

    Minimise `validation_loss`.
    """
    x_valid, y_valid = jax.tree.leaves(flat.evaluate)
    data = {"x": flat.data["x"].reshape(-1, side, side, 1), "y": flat.data["y"]}
    judge = jax.tree_util.Partial(_judge, x_valid[:500].reshape(-1, side, side, 1), y_valid[:500])
    return jgd.Task(partial(_init, side), _loss, data, batch_size, judge, "conv")


NETWORKS: dict[str, Callable[[], jgd.Task]] = {
    "tiny": tiny,
    "digits": jgd.tasks.digits,
    "convolution": lambda: convolution(jgd.tasks.digits(), 8),
    "transformer": jgd.tasks.text,
}


def _init(side: int, key: jax.Array) -> Layers:
    keys = jax.random.split(key, 3)
    shapes = {"first": (3, 3, 1, 8), "second": (3, 3, 8, 16), "head": ((side // 4) ** 2 * 16, 10)}
    scales = {name: (2 / np.prod(shape[:-1])) ** 0.5 for name, shape in shapes.items()}
    return {name: scales[name] * jax.random.normal(k, shapes[name]) for name, k in zip(shapes, keys, strict=True)}


def _loss(params: Layers, batch: dict[str, jax.Array]) -> jax.Array:
    x = batch["x"]
    for name in ("first", "second"):
        x = jax.lax.conv_general_dilated(x, params[name], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x)
    logits = x.reshape(len(x), -1) @ params["head"]
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch["y"]))


def _judge(x: jax.Array, y: jax.Array, params: Layers) -> dict[str, jax.Array]:
    return {"validation_loss": _loss(params, {"x": x, "y": y})}


def _against_scan(task: jgd.Task, trials: int, steps: int, repeats: int) -> Yields:
    task = fixed_start(task)
    judge: Any = task.evaluate
    metric = next(iter(jax.eval_shape(judge, task.init(jax.random.key(0)))))
    work = Work(task, np.geomspace(1e-4, 1e-2, trials), 1, steps, steps, metric)
    sides = {"jgd": partial(with_jgd, work), "jitted scan": scan(work, [batches_of(task, steps, 0)])}
    rows = yield from compared(work, sides, repeats)
    yield Claim("against the jitted scan, with the lanes that jgd chose", rows["jitted scan"]["ratio"], 1.0)


if __name__ == "__main__":
    alone(conv, transformer)
