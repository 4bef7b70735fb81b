"""The CNN's sweep by hand: Sobol points, a jitted scan over lanes that carry their statistics, and a table."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import qmc
from sklearn.datasets import load_digits

from examples.cnn_batch_norm_sweep import Net


def points(count: int) -> np.ndarray:
    """Draw learning rates from 1e-4 to 0.1."""
    return 1e-4 * 1000 ** qmc.Sobol(1, rng=0).random(count)[:, 0]


def batches(count: int, size: int, steps: int, seed: int) -> np.ndarray:
    """Return the rows of each step's batch, i[steps, size]."""
    rng, whole = np.random.default_rng(seed), count // size
    epochs = [rng.permutation(count)[: whole * size].reshape(whole, size) for _ in range(-(-steps // whole))]
    return np.concatenate(epochs)[:steps]


def sweep(rates: Any = None, starts: Any = None, rows: Any = None, seeds: int = 2, steps: int = 80) -> Any:
    """Return the accuracies of all trials under all seeds at each evaluation, f[trials, seeds, evaluations]."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype(np.float32)
    image, label, held_out, held_out_label = images[:1200], labels[:1200], images[1200:], labels[1200:]
    net = Net()
    rates = points(4) if rates is None else rates
    rows = np.stack([batches(len(image), 32, steps, seed) for seed in range(seeds)]) if rows is None else rows
    keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
    if starts is None:
        made = jax.vmap(lambda key: net.init({"params": key, "dropout": key}, image[:1], train=True))(keys)
        starts = made["params"], made["batch_stats"]

    def loss(params: Any, statistics: Any, x: Any, y: Any, key: Any) -> Any:
        variables = {"params": params, "batch_stats": statistics}
        logits, changed = net.apply(variables, x, train=True, rngs={"dropout": key}, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), changed["batch_stats"]

    def segment(rate: Any, carry: Any, rows: Any, key: Any) -> Any:
        tx = optax.adam(rate)

        def step(carry: Any, rows_and_key: Any) -> Any:
            params, statistics, state = carry
            rows, key = rows_and_key
            x, y = jnp.asarray(image)[rows], jnp.asarray(label)[rows]
            grads, statistics = jax.grad(loss, has_aux=True)(params, statistics, x, y, key)
            updates, state = tx.update(grads, state, params)
            return (optax.apply_updates(params, updates), statistics, state), None

        carry, _ = jax.lax.scan(step, carry, (rows, jax.random.split(key, len(rows))))
        logits: Any = net.apply({"params": carry[0], "batch_stats": carry[1]}, held_out, train=False)
        return carry, jnp.mean(logits.argmax(-1) == held_out_label)

    lanes = jax.jit(jax.vmap(jax.vmap(segment, (None, 0, 0, 0)), (0, 0, None, None)))
    carry = *starts, jax.vmap(optax.adam(0.1).init)(starts[0])
    carry = jax.tree.map(lambda x: jnp.repeat(x[None], len(rates), 0), carry)
    found = []
    for i, part in enumerate(np.split(rows, 2, axis=1)):
        part_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, i)
        carry, accuracy = lanes(jnp.asarray(rates, jnp.float32), carry, part, part_keys)
        found.append(accuracy)
    values = np.stack(found, axis=-1)
    middle = np.median(np.where(np.isfinite(values[:, :, -1]), values[:, :, -1], -np.inf), axis=1)
    for i in np.argsort(-middle):
        print(f"learning_rate {rates[i]:.4g}: accuracy {middle[i]:.3f}, over seeds {values[i, :, -1]}")
    return values
