"""A multilayer perceptron as plain functions of a dict of arrays."""

import jax
import jax.numpy as jnp

from jgd.core.record import record, static
from jgd.tasks.draws import normal_draws

Layers = dict[str, dict[str, jax.Array]]


@record
class InitMlp:
    """First parameters for layers of these sizes: weights normal with variance 2/inputs (He et al. 2015), biases zero.

    The last layer is called `head`, with variance 1/inputs; optimizers for hidden matrices leave heads alone.
    """

    sizes: tuple[int, ...] = static(convert=tuple)

    def __call__(self, key: jax.Array) -> Layers:
        """Return `{"hidden0": {"kernel": f32[inputs, outputs], "bias": f32[outputs]}, ..., "head": ...}`."""
        layers = {}
        keys = jax.random.split(key, len(self.sizes) - 1)
        for i, (inputs, outputs) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            last = i == len(self.sizes) - 2
            kernel = normal_draws(keys[i], (inputs, outputs)) * ((1 if last else 2) / inputs) ** 0.5
            layers["head" if last else f"hidden{i}"] = {"kernel": kernel, "bias": jnp.zeros(outputs)}
        return layers


def apply_mlp(params: Layers, x: jax.Array) -> jax.Array:
    """Return the outputs of the head, f[batch, outputs], with ReLU between layers."""
    for name in sorted(params.keys() - {"head"}):
        x = jax.nn.relu(_dense(params[name], x))
    return _dense(params["head"], x)


def _dense(layer: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    return x @ layer["kernel"] + layer["bias"][None]
