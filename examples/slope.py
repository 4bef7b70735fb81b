"""A slope by gradient descent, and why the gradient should not be written by hand.

y = theta x, half the mean squared error, rate 0.01, theta = 0. As often published, the gradient has x in place of y and
lacks the minus sign. Here the loss is the only formula: jax.grad derives the gradient, and a Status says whether the
steps were enough.
"""

import jax
import jax.numpy as jnp

import jgd


def loss(theta, x, y):
    return 0.5 * jnp.mean((y - theta * x) ** 2)


def gradient_by_hand(theta, x, y):
    return -jnp.mean((y - theta * x) * x)


def gradient_as_published(theta, x, y):
    return jnp.mean((x - theta * x) * x)


def main():
    key_x, key_noise = jax.random.split(jax.random.key(0))
    x = jax.random.normal(key_x, (100,))
    y = 3 * x + jax.random.normal(key_noise, (100,))
    answer = x @ y / (x @ x)

    print("The gradient at theta = 0, 1, 5, three times:")
    thetas = jnp.array([0.0, 1.0, 5.0])
    for name, gradient in [
        ("jax.grad", jax.grad(loss)),
        ("hand", gradient_by_hand),
        ("published", gradient_as_published),
    ]:
        print(f"  {name:10s}", jax.vmap(gradient, (0, None, None))(thetas, x, y))
    derived = jax.vmap(jax.grad(loss), (0, None, None))(thetas, x, y)
    by_hand = jax.vmap(gradient_by_hand, (0, None, None))(thetas, x, y)
    assert jnp.allclose(derived, by_hand, rtol=1e-5)  # sums of 100 products, in another order

    theta = 0.0
    for _ in range(1000):
        theta = theta - 0.01 * gradient_as_published(theta, x, y)
    print(f"\n1000 published steps end at theta = {theta:.4g}; the answer is {answer:.6f}.")
    assert abs(theta) > 1000

    descent = jgd.gradient_descent(0.01)
    few = jgd.minimize(loss, descent, 0.0, jgd.Stop(gradient_norm=2e-5, max_steps=500), args=(x, y))
    print(f"\n500 correct steps are not enough, and the status says so:\n{few}")
    assert few.status is jgd.Status.MAX_STEPS

    # In float32 a step of 0.01 times a gradient below 1e-5 no longer changes a number near 3.
    found = jgd.minimize(loss, descent, 0.0, jgd.Stop(gradient_norm=2e-5, max_steps=1000), args=(x, y))
    print(f"\nThe 1000 steps of the text, checked by a rule:\n{found}")
    print(f"\nThe closed form is {answer:.6f}, {abs(found.params - answer):.1e} away.")
    assert found.status is jgd.Status.GRADIENT_NORM
    assert abs(found.params - answer) < 1e-4


if __name__ == "__main__":
    main()
