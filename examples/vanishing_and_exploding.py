"""Deep chains whose signal vanishes or explodes, and what cures them, measured by jgd.health.check_layers.

Twenty layers of 32 units, before and after 300 steps. With sigmoids the signal that comes back falls by exp(1.4) a
layer, and the loss stays at 0.60; with batch normalisation or residuals it stays within exp(0.07), and the loss ends
near 0 or at 0.2. ReLUs with small weights lose exp(0.6) a layer; He's weights, leaky ReLUs and ELUs exp(0.07) at most,
and learn. ELUs with large weights gain exp(0.34) a layer, and the loss is not finite after two steps; clipped or warmed
up it ends below 0.05, and the trained chain changes the signal by exp(0.05) a layer at most.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

import jgd

DEPTH, WIDTH, HE = 20, 32, 2**0.5
X = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)


def first(gain, key):
    """Draw weights of standard deviation gain / sqrt(width)."""
    weights = gain * jax.random.normal(key, (DEPTH, WIDTH, WIDTH)) / jnp.sqrt(WIDTH)
    return {"layers": weights, "head": jax.random.normal(key, (WIDTH, WIDTH)) / jnp.sqrt(WIDTH)}


@functools.cache
def loss_of(activation, form):
    """Return the loss of a chain, whose layers are the passes of a scan."""

    def layer(h, weights):
        z = h @ weights
        if form == "normalised":
            z = (z - z.mean(0, keepdims=True)) / (z.std(0, keepdims=True) + 1e-3)
        return h + activation(z) / DEPTH**0.5 if form == "residual" else activation(z), None

    def loss(params, batch):
        h, _ = jax.lax.scan(layer, batch, params["layers"])
        return jnp.mean((h @ params["head"] - jnp.sin(2 * batch[:, :1])) ** 2)

    return loss


def main():
    slow_start = jgd.exponential_decay(1e-7, 200, 4e4, end_value=4e-3)  # a warm-up from 1e-7 to 4e-3
    plain, warm = (jgd.sgd(rate, momentum=0.9) for rate in (0.02, slow_start))
    cases = {
        "sigmoid": (jax.nn.sigmoid, 1.0, "", plain),
        "  + batch normalisation": (jax.nn.sigmoid, 1.0, "normalised", plain),
        "  + residuals": (jax.nn.sigmoid, 1.0, "residual", plain),
        "ReLU, small weights": (jax.nn.relu, HE / 2, "", plain),
        "  + He's weights": (jax.nn.relu, HE, "", plain),
        "  + leaky ReLU": (jax.nn.leaky_relu, HE, "", plain),
        "  + ELU": (jax.nn.elu, 1.2, "", plain),
        "ELU, large weights": (jax.nn.elu, 1.85, "", plain),
        "  + clipping": (jax.nn.elu, 1.85, "", jgd.chain(jgd.clip_by_global_norm(1.0), plain)),
        "  + warm-up": (jax.nn.elu, 1.85, "", warm),
    }
    print(f"{'':23s} slope before, after, and the loss after 300 steps")
    for name, (activation, gain, form, optimizer) in cases.items():
        task = jgd.Task(jax.tree_util.Partial(first, gain), loss_of(activation, form), X)
        run = jgd.fit(task, optimizer, steps=300, seed=1)
        before, after = (jgd.health.check_layers(task, params, seed=1) for params in (None, run))
        last = run.metrics["loss"][-1]
        print(f"{name:23s} {before.slope:+12.2f} {after.slope:+6.2f} {last:9.1e}")
        if name.startswith(" "):  # what is cured learns
            assert last < 0.3
            assert abs(after.slope) < 0.2
        else:  # and what is sick is told
            print(f"  {before.findings[0]}")
            assert not last < 0.5


if __name__ == "__main__":
    main()
