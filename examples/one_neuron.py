"""One ReLU neuron: forward pass, backward pass, and a start from which nothing can be learned.

y = max(0, theta x), x ~ U(0, 1), y = 2 x + 1 + U(0, 1). As often published, the backward pass forgets the derivative of
the ReLU. jax.grad cannot: at theta < 0 the neuron is dead, its gradient is zero, and the solution shows that.
"""

import jax
import jax.numpy as jnp

import jgd


def forward(theta, x):
    return jax.nn.relu(theta * x)


def loss(theta, x, y):
    return 0.5 * jnp.mean((y - forward(theta, x)) ** 2)


def chain_rule(theta, x, y):
    """Compute dL/dtheta = mean(dL/da * da/dz * dz/dtheta) with z = theta x and a = relu(z)."""
    error, slope = forward(theta, x) - y, jnp.where(theta * x > 0, 1.0, 0.0)
    return jnp.mean(error * slope * x)


def as_published(theta, x, y):
    return jnp.mean((forward(theta, x) - y) * x)


def main():
    key_x, key_y = jax.random.split(jax.random.key(0))
    x = jax.random.uniform(key_x, (100,))
    y = 2 * x + 1 + jax.random.uniform(key_y, (100,))
    answer = x @ y / (x @ x)  # for theta > 0 the neuron is linear on these data

    print("theta   jax.grad  chain rule  published")
    for theta in (-0.5, 0.5, 2.0):
        values = [gradient(theta, x, y) for gradient in (jax.grad(loss), chain_rule, as_published)]
        print(f"{theta:5.1f}  {values[0]:9.4f}  {values[1]:10.4f}  {values[2]:9.4f}")
        assert jnp.allclose(values[0], values[1], rtol=1e-5)  # sums of 100 products, in another order
    assert jax.grad(loss)(-0.5, x, y) == 0
    assert as_published(-0.5, x, y) < -0.5

    descent, stop = jgd.gradient_descent(0.01), jgd.Stop(gradient_norm=2e-5)
    dead = jgd.minimize(loss, descent, -0.5, stop, args=(x, y))
    print(f"\nFrom -0.5, a dead neuron: no step is taken, and the loss stays large.\n{dead}")
    assert int(dead.steps) == 0
    assert dead.value > 1

    starts = jnp.linspace(-2, 2, 5)
    best = jgd.multistart(loss, descent, starts, stop, args=(x, y))
    print(f"\nThe best of the starts {starts}:\n{best}")
    print(f"\nThe closed form is {answer:.6f}, {abs(best.params - answer):.1e} away.")
    assert best.status is jgd.Status.GRADIENT_NORM
    assert abs(best.params - answer) < 1e-4


if __name__ == "__main__":
    main()
