"""The gradient of a validation loss with respect to an optimizer: its learning rate and momentum learn themselves.

Training is a function of the optimizer, an optimizer is a pytree of its hyperparameters, so `jax.grad` of the one with
respect to the other is an optimizer-shaped value, and another optimizer can take steps with it.
"""

import jax
import jax.numpy as jnp

import jgd

STEPS = 40


def squared_error(params, data):
    x, y = data
    return jnp.mean((x @ params - y) ** 2)


def train(optimizer, data):
    """Return the parameters after forty steps."""

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(squared_error)(params, data), state, params)
        return (jgd.apply_updates(params, updates), state), None

    params = jnp.zeros(data[0].shape[1])
    return jax.lax.scan(step, (params, optimizer.init(params)), length=STEPS)[0][0]


def problem():
    """Draw data to train and to validate on: ill-conditioned, so that momentum pays."""
    keys = jax.random.split(jax.random.key(0), 5)
    truth = jax.random.normal(keys[0], (8,))
    scales = jnp.geomspace(0.2, 2.0, 8)

    def draw(key_x, key_noise):
        x = jax.random.normal(key_x, (64, 8)) * scales[None]
        return x, x @ truth + 0.1 * jax.random.normal(key_noise, (64,))

    return draw(keys[1], keys[2]), draw(keys[3], keys[4])


def main():
    training, validation = problem()
    outcome = jax.jit(jax.value_and_grad(lambda optimizer: squared_error(train(optimizer, training), validation)))

    optimizer = jgd.sgd(0.01, momentum=0.5)
    value, gradient = outcome(optimizer)
    print(f"{optimizer}\n  has the validation loss {value:.4f} and the gradient\n{gradient}\n")

    # A central difference in the learning rate agrees with it.
    rate = jgd.hyperparams(optimizer)["learning_rate"]
    above, below = (outcome(jgd.with_hyperparams(optimizer, learning_rate=rate + h))[0] for h in (1e-4, -1e-4))
    assert jnp.allclose(jgd.hyperparams(gradient)["learning_rate"], (above - below) / 2e-4, rtol=1e-2)

    meta = jgd.adam(0.003)
    state, first = meta.init(optimizer), value
    optimizer = jax.tree.map(jnp.asarray, optimizer)
    for i in range(101):
        value, gradient = outcome(optimizer)
        if i % 20 == 0:
            numbers = {name: round(float(x), 4) for name, x in jgd.hyperparams(optimizer).items()}
            print(f"{i:3d} steps on the optimizer: validation loss {value:.4f}  {numbers}")
        updates, state = meta.update(gradient, state, optimizer)
        optimizer = jgd.apply_updates(optimizer, updates)
    assert value < first / 5


if __name__ == "__main__":
    main()
