"""A deep chain that vanishes, one that explodes, and what cures them, measured before and after.

Twenty layers of 32 units. With sigmoids the signal that comes back falls by exp(1.5) a layer, and the loss stays at
0.60; batch normalisation or residuals bring that to exp(0.02) and the loss to 0 or 0.2. ReLUs with small weights
lose exp(0.7) a layer; He's weights, leaky ReLUs and ELUs nothing. Weights a quarter above He's gain exp(0.3): training
is infinite after two steps, and with a clipped gradient ends at 0.05, with a warm-up near 0.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

import jgd

DEPTH, WIDTH, HE = 20, 32, 2**0.5
X = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)


def first(gain, key):
    """Weights of standard deviation gain / sqrt(width)."""
    weights = gain * jax.random.normal(key, (DEPTH, WIDTH, WIDTH)) / jnp.sqrt(WIDTH)
    return {"layers": weights, "head": jax.random.normal(key, (WIDTH,)) / WIDTH}


@functools.cache
def loss_of(activation, form):
    """The loss of the chain, with taps: zeros that are added to its layers."""

    def layer(h, weights_and_tap):
        z = h @ weights_and_tap[0] + weights_and_tap[1]
        if form == "normalised":
            z = (z - z.mean(0, keepdims=True)) / (z.std(0, keepdims=True) + 1e-3)
        return h + activation(z) / DEPTH**0.5 if form == "residual" else activation(z), None

    def loss(params, batch, taps=None):
        taps = jnp.zeros((DEPTH, 1, WIDTH)) if taps is None else taps
        h, _ = jax.lax.scan(layer, batch, (params["layers"], taps))
        return jnp.mean((h @ params["head"] - jnp.sin(2 * batch[:, 0])) ** 2)

    return loss


def slope(task):
    """How much the log of the signal that comes back falls with each layer: positive vanishes, negative explodes."""
    params, taps = task.init(jax.random.key(0)), jnp.zeros((DEPTH, len(X), WIDTH))
    signals = jax.grad(lambda taps: task.loss(params, task.data, taps))(taps)
    rms = jnp.sqrt(jnp.mean(signals**2, axis=(1, 2)))
    return float(np.polyfit(np.arange(DEPTH), np.log(np.maximum(rms, 1e-37)), 1)[0])


def main():
    plain, warm = (jgd.sgd(rate, momentum=0.9) for rate in (0.002, jgd.linear_schedule(0.0, 0.002, 200)))
    cases = {
        "sigmoid": (jax.nn.sigmoid, 1.0, "", plain),
        "  + batch normalisation": (jax.nn.sigmoid, 1.0, "normalised", plain),
        "  + residuals": (jax.nn.sigmoid, 1.0, "residual", plain),
        "ReLU, small weights": (jax.nn.relu, HE / 2, "", plain),
        "  + He's weights": (jax.nn.relu, HE, "", plain),
        "  + leaky ReLU": (jax.nn.leaky_relu, HE, "", plain),
        "  + ELU": (jax.nn.elu, 1.2, "", plain),
        "ReLU, large weights": (jax.nn.relu, 1.8, "", plain),
        "  + clipping": (jax.nn.relu, 1.8, "", jgd.chain(jgd.clip_by_global_norm(1.0), plain)),
        "  + warm-up": (jax.nn.relu, 1.8, "", warm),
    }
    print(f"{'':24s} slope  loss after 300 steps, and the worst finding")
    for name, (activation, gain, form, optimizer) in cases.items():
        task = jgd.Task(jax.tree_util.Partial(first, gain), loss_of(activation, form), X)
        run = jgd.fit(task, optimizer, steps=300, health=True)
        found, last, steep = run.health.findings, run.metrics["loss"][-1], slope(task)
        print(f"{name:24s} {steep:+.2f}  {last:8.1e}  {found[0] if found else 'healthy'}")
        assert found or name.startswith(" ")  # what is sick is told
        assert last < 0.3 or not name.startswith(" ")  # and what is cured learns
        assert abs(steep) > 0.2 if not name.startswith(" ") else abs(steep) < 0.1 or gain == 1.8


if __name__ == "__main__":
    main()
