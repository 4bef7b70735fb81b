"""A line with an intercept, a stopping rule, and a loss that has no gradient at its minimum.

x ~ U(0, 1), y = 3 x + 2 + 0.5 U(0, 1). As often published, shapes (100, 1) and (100,) broadcast to (100, 100), the
intercept is missing, and the loop has no stopping rule although the text asks for one.
"""

import jax
import jax.numpy as jnp

import jgd


def summed_loss(theta, x, y):
    return 0.5 * jnp.sum((y - theta["slope"] * x - theta["intercept"]) ** 2)


def absolute_loss(centre, y):
    return jnp.mean(jnp.abs(y - centre))


def shapes_that_broadcast(x, y):
    """Make the mistake: no error, and a mean over 10,000 numbers of which 9,900 pair the wrong points."""
    with jax.numpy_rank_promotion("allow"):
        wrong = x[:, None] - y
    print(f"(100, 1) - (100,) is {wrong.shape}, silently. With jax.numpy_rank_promotion('raise'):")
    try:
        with jax.numpy_rank_promotion("raise"):
            wrong = x[:, None] - y
    except ValueError as error:
        print(f"  {error}".splitlines()[0])
    else:
        raise AssertionError("the shapes should not have broadcast")


def main():
    key_x, key_y = jax.random.split(jax.random.key(0))
    x = jax.random.uniform(key_x, (101,))
    y = 3 * x + 2 + 0.5 * jax.random.uniform(key_y, (101,))
    shapes_that_broadcast(x[:100], y[:100])

    start = {"slope": jnp.zeros(()), "intercept": jnp.zeros(())}
    rule = jgd.Stop(gradient_norm=1e-4, max_steps=1000)
    found = jgd.minimize(summed_loss, jgd.gradient_descent(0.01), start, rule, args=(x, y))
    slope, intercept = jnp.linalg.lstsq(jnp.stack([x, jnp.ones_like(x)], axis=1), y)[0]
    print(f"\n0.01 times the summed gradient, until its norm is 1e-4:\n{found}")
    print(f"The closed form is {slope:.6f} and {intercept:.6f}.")
    assert found.status is jgd.Status.GRADIENT_NORM
    assert abs(found.params["slope"] - slope) < 1e-4
    assert abs(found.params["intercept"] - intercept) < 1e-4

    # The mean absolute deviation has a kink at its minimum, the median. A subgradient does not shrink on the way there,
    # so the steps must: with a constant rate the iterates jump about the median for ever.
    median = jnp.median(y)
    constant = jgd.minimize(absolute_loss, jgd.gradient_descent(0.5), 0.0, jgd.Stop(max_steps=1000), args=(y,))
    shrinking = jgd.gradient_descent(jgd.exponential_decay(0.5, 20, 0.8))
    settled = jgd.minimize(absolute_loss, shrinking, 0.0, jgd.Stop(step_norm=1e-9), args=(y,))
    print(
        f"\nThe median is {median:.6f}. A constant rate ends {abs(constant.params - median):.1e} away, a shrinking one:"
    )
    print(settled)
    assert abs(constant.params - median) > 1e-4
    assert abs(settled.params - median) < 1e-4


if __name__ == "__main__":
    main()
