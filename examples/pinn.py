"""A physics-informed network: -u'' = f on [0, 1] with u = 0 at both ends, by Adam and then by L-BFGS.

The data of the task are collocation points, the loss is the residual of the equation at them. The second phase starts
from the first one's run, and its optimizer searches along lines: `fit` gives every optimizer what it asks for.
"""

import jax
import jax.numpy as jnp

import jgd


def solution(x):
    """Return the function whose equation is to be solved."""
    return jnp.sin(jnp.pi * x) + 0.3 * jnp.sin(3 * jnp.pi * x)


def second_derivative(u):
    return jax.grad(jax.grad(u))


def init(key):
    keys = jax.random.split(key, 3)
    sizes = [(1, 16), (16, 16), (16, 1)]
    return [
        {"w": jax.random.normal(k, size) / jnp.sqrt(size[0]), "b": jnp.zeros(size[1])}
        for k, size in zip(keys, sizes, strict=True)
    ]


def u(params, x):
    """Return the network at a point; the factor in front keeps the ends at zero."""
    *hidden, last = params
    h = x[None]
    for layer in hidden:
        h = jnp.sin(h @ layer["w"] + layer["b"])
    return x * (1 - x) * (h @ last["w"] + last["b"])[0]


def residual(params, points):
    at = jax.vmap(lambda x: second_derivative(lambda x: u(params, x))(x) - second_derivative(solution)(x))
    return jnp.mean(at(points) ** 2)


def error(params):
    """Tell how far the network is from the solution, between the collocation points."""
    x = jnp.linspace(0.0, 1.0, 333)
    return {"error": jnp.max(jnp.abs(jax.vmap(lambda x: u(params, x))(x) - solution(x)))}


def main():
    task = jgd.Task(init, residual, data=jax.random.uniform(jax.random.key(7), (64,)), evaluate=error)
    first = jgd.fit(task, jgd.adam(jgd.cosine_decay_schedule(1e-2, 500)), steps=500, eval_every=50)
    print(f"Adam:\n{first}\n")

    stop = jgd.Stop(metric="error", value=1e-4)
    second = jgd.fit(task, jgd.lbfgs(), steps=300, eval_every=50, start=first, stop=stop)
    print(f"L-BFGS from there:\n{second}\n")
    for x in (0.1, 0.3, 0.5, 0.9):
        print(f"u({x}) = {u(second.params, jnp.asarray(x)):.5f}, exactly {solution(x):.5f}")
    assert second.evaluations["error"][-1] < min(1e-3, first.evaluations["error"][-1])


if __name__ == "__main__":
    main()
