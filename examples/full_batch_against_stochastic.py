"""Full batch, mini-batch and single examples: one task, one line each.

x ~ 2 U(0, 1), y = 4 + 3 x + N(0, 1). As often published, x and y are drawn with different indices, and the gradient has
the wrong shape. A Task draws all its arrays with one index, and a gradient of another shape is an error.
"""

import dataclasses

import jax
import jax.numpy as jnp

import jgd


def init(key):
    return jnp.zeros(2)


def loss(theta, batch):
    x, y = batch
    return 0.5 * jnp.mean((y - theta[0] - theta[1] * x) ** 2)


def refused(call):
    """Print the sentence in which a mistake is refused."""
    try:
        call()
    except jgd.InputError as error:
        print(f"  {error}")
    else:
        raise AssertionError("this should have been refused")


def main():
    key_x, key_y = jax.random.split(jax.random.key(0))
    x = 2 * jax.random.uniform(key_x, (100,))
    y = 4 + 3 * x + jax.random.normal(key_y, (100,))
    answer = jnp.linalg.lstsq(jnp.stack([jnp.ones_like(x), x], axis=1), y)[0]
    task = jgd.Task(init, loss, (x, y))

    print("Mistakes that are refused:")
    refused(lambda: jgd.fit(jgd.Task(init, loss, (x[:50], y)), jgd.sgd(0.01), steps=1))
    refused(lambda: jgd.apply_updates(jnp.zeros(2), jnp.zeros((2, 1))))

    print(f"\nThe closed form is {answer}. 1000 steps at 0.01 end at:")
    for size in (None, 10, 1):
        run = jgd.fit(dataclasses.replace(task, batch_size=size), jgd.sgd(0.01), steps=1000)
        error = jnp.max(jnp.abs(run.params - answer))
        print(f"  {size or 'all':>3} examples a step: {run.params}, {error:.0e} away, {run.status.name.lower()}")
        assert error > 1e-4

    # A full gradient vanishes at the answer. That of one example does not: a constant rate keeps stirring, so it must
    # decay, and slowly enough to get there. Each epoch uses every example once, which helps the noise cancel.
    print("\nWith rates that fit the gradients:")
    plans = [
        (None, 1000, jgd.sgd(0.5), jgd.Stop(gradient_norm=1e-5)),
        (None, 1000, jgd.sgd(0.1, momentum=0.9), jgd.Stop(gradient_norm=1e-5)),
        (10, 20_000, jgd.sgd(jgd.exponential_decay(0.05, 2000, 0.33)), None),
        (1, 100_000, jgd.sgd(jgd.exponential_decay(0.05, 10_000, 0.33)), None),
    ]
    for size, steps, optimizer, stop in plans:
        task = dataclasses.replace(task, batch_size=size)
        run = jgd.fit(task, optimizer, steps=steps, stop=stop, eval_every=1000)
        error = jnp.max(jnp.abs(run.params - answer))
        print(
            f"  {size or 'all':>3} examples a step: {run.steps:6d} steps, {error:.0e} away, {run.status.name.lower()}"
        )
        assert error < 1e-4


if __name__ == "__main__":
    main()
