"""A deep chain that vanishes, one that explodes, and what cures them, measured before and after by a look at layers.
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
    """The loss of the chain, whose layers are passes of a scan."""

    def layer(h, weights):
        z = h @ weights
        if form == "normalised":
            z = (z - z.mean(0, keepdims=True)) / (z.std(0, keepdims=True) + 1e-3)
        return h + activation(z) / DEPTH**0.5 if form == "residual" else activation(z), None

    def loss(params, batch):
        h, _ = jax.lax.scan(layer, batch, params["layers"])
        return jnp.mean((h @ params["head"] - jnp.sin(2 * batch[:, 0])) ** 2)

    return loss


def main():
    import sys
    big=float(sys.argv[1]) if len(sys.argv)>1 else 2.0
    plain, warm = (jgd.sgd(rate, momentum=0.9) for rate in (0.002, jgd.linear_schedule(0.0, 0.002, 200)))
    cases = {
        "sigmoid": (jax.nn.sigmoid, 1.0, "", plain),
        "  + batch normalisation": (jax.nn.sigmoid, 1.0, "normalised", plain),
        "  + residuals": (jax.nn.sigmoid, 1.0, "residual", plain),
        "ReLU, small weights": (jax.nn.relu, HE / 2, "", plain),
        "  + He's weights": (jax.nn.relu, HE, "", plain),
        "  + leaky ReLU": (jax.nn.leaky_relu, HE, "", plain),
        "  + ELU": (jax.nn.elu, 1.2, "", plain),
        "ReLU, large weights": (jax.nn.relu, big, "", plain),
        "  + clipping": (jax.nn.relu, big, "", jgd.chain(jgd.clip_by_global_norm(1.0), plain)),
        "  + warm-up": (jax.nn.relu, big, "", warm),
    }
    for name, (activation, gain, form, optimizer) in cases.items():
        task = jgd.Task(jax.tree_util.Partial(first, gain), loss_of(activation, form), X)
        before = jgd.health.check_layers(task)
        run = jgd.fit(task, optimizer, steps=300)
        after = jgd.health.check_layers(task, run)
        last = run.metrics["loss"][-1]
        print(f"{name:24s} {before.slope:+.2f}  {after.slope:+.2f} {run.metrics['loss'][0]:8.1e} {last:8.1e} {run.steps}")
        print(*before.findings, sep="\n"); print("   after", *after.findings, sep="\n")


if __name__ == "__main__":
    main()
