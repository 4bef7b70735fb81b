"""The tiny GPT by hand: optax.contrib.muon over declared dimensions, averages, evaluation, and a folder to resume."""

import os
import pickle
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from optax.contrib import MuonDimensionNumbers, muon

import jgd
from examples.nano_gpt import CONTEXT, GPT, bits, loss


def dimensions(params: Any) -> Any:
    """Tell which axes of which leaves are a matrix: attention's have three axes.

    Embeddings, biases and the head none.
    """

    def of_leaf(path: Any, leaf: Any) -> Any:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if not name.endswith("kernel") or name.startswith("head"):
            return None
        if leaf.ndim == 3:
            return MuonDimensionNumbers((0, 1), 2) if "/out/" in name else MuonDimensionNumbers(0, (1, 2))
        return MuonDimensionNumbers()

    return jax.tree_util.tree_map_with_path(of_leaf, params)


def batches(count: int, size: int, epoch: int) -> Iterator[np.ndarray]:
    """Yield the rows of an epoch's batches, the same for the same epoch."""
    order = np.random.default_rng(epoch).permutation(count)
    yield from order[: count // size * size].reshape(-1, size)


def train(folder: str, steps: int = 320, every: int = 80, start: Any = None, rows: Any = None, until: int = 0) -> Any:
    """Train, from the folder's checkpoint where there is one; `until` ends early, as Ctrl-C would."""
    text = np.asarray(jgd.tasks.text(context=CONTEXT).data)
    windows, held_out = text[:-64], text[-64:]
    model = GPT(nnx.Rngs(0))
    if start is not None:
        nnx.update(model, start)
    graph, variables, rest = nnx.split(model, nnx.Param, ...)
    params = nnx.to_pure_dict(variables)
    rate = optax.warmup_cosine_decay_schedule(0.0, 0.02, 10, 80)
    optimizer = muon(rate, consistent_rms=0.2, weight_decay=0.01, muon_weight_dimension_numbers=dimensions)
    tx = optax.MultiSteps(optax.chain(optax.clip_by_global_norm(1.0), optimizer), 4)
    state, average, first, curve = tx.init(params), params, 0, []
    path = os.path.join(folder, "checkpoint.pickle")
    if os.path.exists(path):
        with open(path, "rb") as file:
            params, state, average, first, curve = pickle.load(file)

    def built(params: Any) -> GPT:
        filled = jax.tree.map(lambda x: x, variables)
        nnx.replace_by_pure_dict(filled, params)
        return nnx.merge(graph, filled, rest, copy=True)

    @jax.jit
    def step(params: Any, state: Any, average: Any, batch: Any) -> Any:
        value, grads = jax.value_and_grad(lambda p: loss(built(p), batch))(params)
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        moved = tx.has_updated(state)
        average = jax.tree.map(lambda a, p: jax.numpy.where(moved, 0.9 * a + 0.1 * p, a), average, params)
        return params, state, average, value

    evaluate = jax.jit(lambda params: bits(built(params), held_out))
    in_epoch = len(windows) // 8
    for number in range(first, steps):
        if rows is None and (number == first or number % in_epoch == 0):
            order = list(batches(len(windows), 8, number // in_epoch))
        batch = windows[rows[number] if rows is not None else order[number % in_epoch]]
        params, state, average, value = step(params, state, average, batch)
        if (number + 1) % every == 0:
            curve.append({"step": number + 1, "loss": float(value), **jax.device_get(evaluate(average))})
            print(curve[-1])
            os.makedirs(folder, exist_ok=True)
            with open(path + ".new", "wb") as file:
                pickle.dump((*jax.device_get((params, state, average)), number + 1, curve), file)
            os.replace(path + ".new", path)
        if number + 1 == until:
            break
    return params, average, curve
