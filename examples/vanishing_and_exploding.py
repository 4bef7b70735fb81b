"""A deep chain that vanishes, one that explodes, and what cures them, measured before and after."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

import jgd

DEPTH, WIDTH = 20, 32
X = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)
Y = np.sin(2 * X[:, 0])


def first(gain, key):
    """Weights of standard deviation gain / sqrt(width)."""
    weights = gain * jax.random.normal(key, (DEPTH, WIDTH, WIDTH)) / jnp.sqrt(WIDTH)
    return {"layers": weights, "head": jax.random.normal(key, (WIDTH,)) / WIDTH}


@functools.cache
def loss_of(activation, normalise=False, residual=False):
    """The loss of the chain, with taps: zeros that are added to its layers."""

    def layer(h, weights_and_tap):
        weights, tap = weights_and_tap
        z = h @ weights + tap
        z = (z - z.mean(0)) / (z.std(0) + 1e-3) if normalise else z
        return h + activation(z) / DEPTH**0.5 if residual else activation(z), None

    def loss(params, batch, taps=None):
        taps = jnp.zeros((DEPTH, 1, WIDTH)) if taps is None else taps
        h, _ = jax.lax.scan(layer, batch[0], (params["layers"], taps))
        return jnp.mean((h @ params["head"] - batch[1]) ** 2)

    return loss


def chain(activation, gain, **form):
    """The chain as a task; the gain is a number of it, so chains that differ in it share their program."""
    return jgd.Task(jax.tree_util.Partial(first, gain), loss_of(activation, **form), (X, Y))


def slope(task):
    """How much the log of the signal that comes back falls with each layer: positive vanishes, negative explodes."""
    params, taps = task.init(jax.random.key(0)), jnp.zeros((DEPTH, len(X), WIDTH))
    signals = jax.grad(lambda taps: task.loss(params, task.data, taps))(taps)
    rms = jnp.sqrt(jnp.mean(signals**2, axis=(1, 2)))
    return float(np.polyfit(np.arange(DEPTH), np.log(np.maximum(rms, 1e-37)), 1)[0])


def main():
    he, rate = np.sqrt(2), 0.002
    plain, warm = (jgd.sgd(r, momentum=0.9) for r in (rate, jgd.linear_schedule(0.0, rate, 200)))
    clip = jgd.chain(jgd.clip_by_global_norm(1.0), plain)
    sigmoid, relu, leaky, elu = jax.nn.sigmoid, jax.nn.relu, jax.nn.leaky_relu, jax.nn.elu
    cases = {
        "sigmoid": (chain(sigmoid, 1.0), plain),
        "  + batch normalisation": (chain(sigmoid, 1.0, normalise=True), plain),
        "  + residuals": (chain(sigmoid, 1.0, residual=True), plain),
        "ReLU, small weights": (chain(relu, 0.7), plain),
        "  + He's weights": (chain(relu, he), plain),
        "  + leaky ReLU": (chain(leaky, he), plain),
        "  + ELU": (chain(elu, 1.2), plain),
        "ReLU, large weights": (chain(relu, 1.8), plain),
        "  + clipping": (chain(relu, 1.8), clip),
        "  + warm-up": (chain(relu, 1.8), warm),
    }
    slopes, last, healthy = {}, {}, {}
    print(f"{'':24s} slope  loss after 300 steps, and the worst finding")
    for name, (task, optimizer) in cases.items():
        run = jgd.fit(task, optimizer, steps=300, health=True, progress=False)
        found = run.health.findings
        slopes[name], last[name], healthy[name] = slope(task), run.metrics["loss"][-1], not found
        print(f"{name:24s} {slopes[name]:+.2f}  {last[name]:8.1e}  {found[0] if found else 'healthy'}")


if __name__ == "__main__":
    main()
