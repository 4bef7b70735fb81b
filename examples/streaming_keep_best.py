"""Data larger than memory, judged on the host, stopped when validation no longer improves, with the best weights kept.

The data are a function `epoch -> iterator of batches`, here of files on disk; `jgd.on_host` runs any Python over any
iterator. The folder holds the last state, from which the run goes on, and the best.
"""

import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np

import jgd

SHARDS, ROWS, BATCH = 4, 32, 16


def write_shards(folder):
    """Write files of noisy measurements, the last one for validation; few enough for a network to learn their noise."""
    rng = np.random.default_rng(3)
    for i in range(SHARDS + 1):
        x = rng.uniform(-2, 2, (ROWS if i < SHARDS else 16 * ROWS, 1)).astype(np.float32)
        np.save(folder / f"{i}.npy", np.hstack([x, np.sin(2 * x) + 0.4 * rng.normal(size=x.shape)]).astype(np.float32))


def batches(path, seed=None):
    """Yield batches of one file, which is mapped and not read; in an order of the seed's."""
    rows = np.load(path, mmap_mode="r")
    order = np.arange(len(rows)) if seed is None else np.random.default_rng(seed).permutation(len(rows))
    for rows_of_batch in order.reshape(-1, BATCH):
        yield rows[rows_of_batch]


def init(key):
    first, second = jax.random.split(key)
    hidden = 3 * jax.random.normal(first, (1, 128)), 3 * jax.random.normal(second, (1, 128))
    return {"w": hidden[0], "b": hidden[1], "v": jnp.zeros(128), "c": jnp.zeros(())}


def loss(params, batch):
    h = jnp.tanh(batch[:, :1] @ params["w"] + params["b"])
    return jnp.mean((h @ params["v"] + params["c"] - batch[:, 1]) ** 2)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_shards(folder)

        def data(epoch):
            for shard in np.random.default_rng(epoch).permutation(SHARDS):
                yield from batches(folder / f"{shard}.npy", seed=(epoch, shard))

        loss_of_batch = jax.jit(loss)

        def validate(params):
            return {"validation_loss": np.mean([loss_of_batch(params, x) for x in batches(folder / f"{SHARDS}.npy")])}

        task = jgd.Task(init, loss, data, evaluate=jgd.on_host(validate))
        stop = jgd.Stop(metric="validation_loss", patience=8)
        options = {"stop": stop, "keep_best": "validation_loss", "eval_every": 32, "dir": folder / "run"}
        run = jgd.fit(task, jgd.adam(0.01), steps=4000, **options)
        print(run)
        assert run.best is not None
        curve = run.evaluations["validation_loss"]
        print("\nValidation loss every fourth time:", curve[::4].round(3))
        print(f"The best, {run.best.value:.4f}, was at step {run.best.step}; the last is {curve[-1]:.4f}.")
        assert run.steps < 4000
        assert run.best.value == curve.min() == validate(run.best.params)["validation_loss"]
        assert run.best.value < curve[-1]

        again = jgd.fit(task, jgd.adam(0.01), steps=4000, **options)
        print(f"The same call reads the folder: {again.steps_here} steps taken.")
        assert again.steps_here == 0


if __name__ == "__main__":
    main()
