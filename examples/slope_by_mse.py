"""One slope, ten methods: momentum, clipping, both, and the adaptive ones, each stopped by a rule.

x ~ U(0, 1), y = 3 x + U(0, 1), y = theta x, rate 0.01. As often published, 1000 steps are taken and nothing says that
they have not converged. Here the optimizer is a value, so trying another one is one word, and the status tells.
"""

import jax
import jax.numpy as jnp

import jgd

RATE = 0.01
METHODS = {
    "gradient descent": jgd.gradient_descent(RATE),
    "momentum": jgd.heavy_ball(RATE, 0.9),
    "Nesterov": jgd.nesterov(RATE, 0.9),
    "clipping": jgd.chain(jgd.clip_by_global_norm(0.2), jgd.gradient_descent(RATE)),
    "momentum with clipping": jgd.chain(jgd.clip_by_global_norm(0.2), jgd.heavy_ball(RATE, 0.9)),
    "a decaying rate": jgd.gradient_descent(jgd.exponential_decay(1.0, 100, 0.5)),
    "AdaGrad": jgd.adagrad(1.0),
    "RMSProp": jgd.rmsprop(jgd.exponential_decay(0.1, 100, 0.5)),
    "Adam": jgd.adam(RATE),
    "AdamW without decay": jgd.adamw(RATE, weight_decay=0.0),
}


def loss(theta, x, y):
    return 0.5 * jnp.mean((y - theta * x) ** 2)


def main():
    key_x, key_y, key_theta = jax.random.split(jax.random.key(0), 3)
    x = jax.random.uniform(key_x, (100,))
    y = 3 * x + jax.random.uniform(key_y, (100,))
    start = jax.random.uniform(key_theta)
    answer = x @ y / (x @ x)

    published = jgd.minimize(loss, METHODS["gradient descent"], start, jgd.Stop(max_steps=1000), args=(x, y))
    print(f"1000 steps of gradient descent at {RATE} end {abs(published.params - answer):.3f} from {answer:.6f}:")
    print(f"  {published.status}\n")
    assert published.status is jgd.Status.MAX_STEPS
    assert abs(published.params - answer) > 0.01

    print(f"{'method':24s}{'steps':>6s}  {'theta':>9s}  {'error':>7s}  status")
    for name, optimizer in METHODS.items():
        found = jgd.minimize(loss, optimizer, start, jgd.Stop(gradient_norm=2e-5), args=(x, y))
        error = abs(found.params - answer)
        print(f"{name:24s}{int(found.steps):6d}  {found.params:9.6f}  {error:7.1e}  {found.status.name.lower()}")
        assert found.status is jgd.Status.GRADIENT_NORM
        assert error < 1e-4


if __name__ == "__main__":
    main()
