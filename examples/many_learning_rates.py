"""Sixty-four learning rates in one compiled program: an optimizer is a value, so a sweep is `jax.vmap` over it."""

import jax
import jax.numpy as jnp

import jgd


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def main():
    rates = jnp.geomspace(1e-4, 1.0, 64)
    found = jax.vmap(lambda rate: jgd.minimize(rosenbrock, jgd.adam(rate), jnp.zeros(2), jgd.Stop(value=1e-6)))(rates)
    for rate, steps, code in list(zip(rates, found.steps, found.status, strict=True))[::6]:
        print(f"{rate:8.5f}  {int(steps):5d} steps  {jgd.Status.of(code).name.lower()}")
    fastest = jnp.argmin(jnp.where(found.status == jgd.Status.VALUE, found.steps, jnp.inf))
    print(f"The fastest learning rate is {rates[fastest]:.4f}, with {found.steps[fastest]} steps.")
    assert jnp.allclose(found.params[fastest], 1.0, atol=0.01)  # a value of 1e-6 is within 0.003 of the minimum


if __name__ == "__main__":
    main()
