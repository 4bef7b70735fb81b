"""A flax model with dropout and batch normalisation, trained by fit on two moons.

The model's parameters are the pytree that jgd trains; the graph is structure, and what else the model holds (running
statistics) stays as it was made, since training uses the statistics of the batch.
"""

import jax
import jax.numpy as jnp
from flax import nnx

import jgd


class Net(nnx.Module):
    """Two hidden layers."""

    def __init__(self, rngs):
        self.first = nnx.Linear(2, 32, rngs=rngs)
        self.norm = nnx.BatchNorm(32, rngs=rngs)
        self.second = nnx.Linear(32, 32, rngs=rngs)
        self.drop = nnx.Dropout(0.1)
        self.last = nnx.Linear(32, 2, rngs=rngs)

    def __call__(self, x, rngs=None):
        x = nnx.relu(self.norm(self.first(x)))
        x = self.drop(nnx.relu(self.second(x)), deterministic=rngs is None, rngs=rngs)
        return self.last(x)


def build(key):
    """The graph, the parameters and the rest of a fresh model."""
    return nnx.split(Net(nnx.Rngs(params=key)), nnx.Param, ...)


def moons(key, n):
    key_angle, key_noise = jax.random.split(key)
    label = jnp.arange(n) % 2
    angle = jnp.pi * jax.random.uniform(key_angle, (n,))
    upper, lower = (jnp.cos(angle), jnp.sin(angle)), (1 - jnp.cos(angle), 0.5 - jnp.sin(angle))
    x = jnp.where(label == 0, jnp.stack(upper), jnp.stack(lower)).T
    return {"x": x + 0.1 * jax.random.normal(key_noise, x.shape), "label": label}


def main():
    graph, _, rest = build(jax.random.key(0))

    def logits(params, x, key=None):
        return nnx.merge(graph, params, rest, copy=True)(x, None if key is None else nnx.Rngs(dropout=key))

    def loss(params, batch, key):
        scores = logits(params, batch["x"], key)
        labels = jax.nn.one_hot(batch["label"], 2)
        return -jnp.mean(jnp.sum(labels * jax.nn.log_softmax(scores), axis=-1))

    def accuracy(held_out, params):
        return {"accuracy": jnp.mean(jnp.argmax(logits(params, held_out["x"]), axis=-1) == held_out["label"])}

    task = jgd.Task(
        init=lambda key: build(key)[1],
        loss=loss,
        data=moons(jax.random.key(1), 512),
        batch_size=64,
        evaluate=jax.tree_util.Partial(accuracy, moons(jax.random.key(2), 256)),  # its data are leaves
        name="two moons",
    )
    rate = jgd.warmup_cosine_decay_schedule(0.0, 0.01, warmup_steps=20, decay_steps=300)
    run = jgd.fit(task, jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(rate)), steps=300)
    print(run)
    assert run.evaluations["accuracy"][-1] > 0.98


if __name__ == "__main__":
    main()
