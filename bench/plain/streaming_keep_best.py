"""The stream by hand: a loop over iterators, validation, patience, the best and the last on disk, and going on."""

import os
import pathlib
import pickle
from typing import Any

import jax
import numpy as np
import optax

from examples.streaming_keep_best import SHARDS, batches, init, loss


def save(path: pathlib.Path, value: Any) -> None:
    """Write a value so that a kill leaves the old file or the new one."""
    new = path.with_suffix(".new")
    with open(new, "wb") as file:
        pickle.dump(jax.device_get(value), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def load(path: pathlib.Path) -> Any:
    """Read what was written, or None."""
    if not path.exists():
        return None
    with open(path, "rb") as file:
        return pickle.load(file)


def train(
    folder: pathlib.Path, run: pathlib.Path, start: Any = None, steps: int = 4000, every: int = 32, patience: int = 8
) -> Any:
    """Return the validation losses, the best `(value, step, params)`, and how many steps were taken here."""

    def stream(taken: int) -> Any:
        epoch = 0
        while True:  # what an interrupted run has seen is read again and left out
            for shard in np.random.default_rng(epoch).permutation(SHARDS):
                for batch in batches(folder / f"{shard}.npy", seed=(epoch, shard)):
                    if taken == 0:
                        yield batch
                    taken = max(0, taken - 1)
            epoch += 1

    loss_of_batch = jax.jit(loss)
    tx = optax.adam(0.01)

    @jax.jit
    def step(params: Any, state: Any, batch: Any) -> Any:
        updates, state = tx.update(jax.grad(loss)(params, batch), state, params)
        return optax.apply_updates(params, updates), state

    run.mkdir(exist_ok=True)
    params = init(jax.random.key(0)) if start is None else start
    state, first, curve, ended = tx.init(params), 0, [], False
    if last := load(run / "last.pickle"):
        params, state, first, curve, ended = last
    best = load(run / "best.pickle")
    number = first
    if ended:
        return np.array(curve), best, 0
    for batch in stream(first):
        params, state = step(params, state, batch)
        number += 1
        if number % every == 0:
            value = float(np.mean([loss_of_batch(params, x) for x in batches(folder / f"{SHARDS}.npy")]))
            curve.append(value)
            if best is None or value < best[0]:
                best = value, number, params
                save(run / "best.pickle", best)
            ended = number - best[1] >= patience * every or number >= steps
            save(run / "last.pickle", (params, state, number, curve, ended))
            if ended:
                break
    print(f"stopped at step {number}; the best, {best[0]:.4f}, was at step {best[1]}; the last is {curve[-1]:.4f}")
    return np.array(curve), best, number - first
