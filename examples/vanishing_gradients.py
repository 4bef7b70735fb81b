"""Vanishing and exploding gradients, layer by layer, and their remedies.

A sigmoid's derivative is at most 1/4, so twelve layers of them leave next to nothing for the first; too large weights
do the opposite. Remedies: other activations, batch normalisation, clipping. (Dropout is in flax_model.py.)
"""

import jax
import jax.numpy as jnp
from flax import nnx

import jgd

DEPTH, WIDTH = 12, 32


class Deep(nnx.Module):
    def __init__(self, activation, scale, normalise=False):
        rngs, init = nnx.Rngs(0), jax.nn.initializers.variance_scaling(scale, "fan_in", "normal")
        self.layers = nnx.List([nnx.Linear(WIDTH, WIDTH, kernel_init=init, rngs=rngs) for _ in range(DEPTH)])
        self.norms = nnx.List([nnx.BatchNorm(WIDTH, rngs=rngs) for _ in range(DEPTH if normalise else 0)])
        self.last = nnx.Linear(WIDTH, 1, rngs=rngs)
        self.activation = activation

    def __call__(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            x = self.activation(self.norms[i](x) if self.norms else x)
        return self.last(x)[:, 0]


def problem(model):
    """Return the model as a task, on 64 examples."""
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    x = jax.random.normal(jax.random.key(1), (64, WIDTH))

    def loss(params, batch):
        x, y = batch
        return 0.5 * jnp.mean((nnx.merge(graph, params, rest, copy=True)(x) - y) ** 2)

    return jgd.Task(lambda key: params, loss, (x, jnp.sin(x[:, 0])))


def layer_norms(task):
    """Return the gradient's norm in each layer's matrix, first layer first."""
    grads = jax.grad(lambda params: task.loss(params, task.data))(task.init(jax.random.key(0)))
    return jnp.array([jnp.linalg.norm(grads["layers"][i]["kernel"][...]) for i in range(DEPTH)])


def main():
    cases = {
        "sigmoid": Deep(jax.nn.sigmoid, 1.0),
        "tanh": Deep(jnp.tanh, 1.0),
        "relu": Deep(jax.nn.relu, 2.0),
        "leaky relu": Deep(jax.nn.leaky_relu, 2.0),
        "elu": Deep(jax.nn.elu, 1.5),
        "sigmoid, batch norm": Deep(jax.nn.sigmoid, 1.0, normalise=True),
        "relu, weights too large": Deep(jax.nn.relu, 8.0),
    }
    print("Gradient norms, first layer to last, and the share of the last layer's that reaches the first:")
    shares = {}
    for name, model in cases.items():
        norms = layer_norms(problem(model))
        shares[name] = float(norms[0] / norms[-1])
        print(f"  {name:24s} {' '.join(f'{x:8.1e}' for x in norms[::3])} {norms[-1]:8.1e}  share {shares[name]:7.1e}")
    assert shares["sigmoid"] < 1e-5
    assert all(shares[name] > 0.1 for name in ("tanh", "relu", "leaky relu", "elu"))
    assert shares["sigmoid, batch norm"] > 100 * shares["sigmoid"]

    exploding = problem(cases["relu, weights too large"])
    print("\nTraining with weights that are too large, 100 steps:")
    plain = jgd.fit(exploding, jgd.sgd(0.01), steps=100)
    clipped = jgd.fit(exploding, jgd.chain(jgd.clip_by_global_norm(1.0), jgd.sgd(0.01)), steps=100)
    for name, run in [("plain", plain), ("clipped", clipped)]:
        print(f"  {name}: loss {run.metrics['loss'][0]:.3g} to {run.metrics['loss'][-1]:.3g}\n    {run.status}")
    assert plain.status is jgd.Status.NON_FINITE
    assert clipped.metrics["loss"][-1] < clipped.metrics["loss"][0] / 5


if __name__ == "__main__":
    main()
