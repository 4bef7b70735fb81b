"""Small parameters, random gradients and a smooth problem, shared by the tests."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

SHAPES = {"w": (4, 3), "rest": [(3,), ()]}
FEW = {"w": (3, 2), "rest": [(2,)]}  # compiles sooner
MATRICES = {"w": (4, 3), "rest": [(3, 4), (2, 5)]}
STEPS = 100  # of a trajectory that is compared with an oracle
KEPT = [*range(20), *range(29, STEPS, 10)]  # the steps of them that are recorded, from 0: a deviation stays


def params(shapes=SHAPES, dtype=None, seed=0):
    """Random parameters in the shapes of a tree."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda shape: jnp.asarray(rng.normal(size=shape), dtype or float),
        shapes,
        is_leaf=lambda x: isinstance(x, tuple),
    )


def gradients(steps, like, seed=1):
    """Return one tree of random gradients for each step, over four orders of magnitude, as numpy arrays."""
    rng = np.random.default_rng(seed)

    def draw(size):
        return jax.tree.map(lambda p: np.asarray(size * rng.normal(size=np.shape(p)), jnp.result_type(p)), like)

    return [draw(size) for size in 10.0 ** rng.uniform(-3, 1, size=steps)]


def trajectory(opt, start, grads, extra=None, objective=None):
    """Return the parameters after each step, stacked: what two implementations must agree on.

    `extra` makes the extra arguments of a step from its gradients and parameters. With an objective the gradients are
    its own, as many as are given.
    """

    def step(carry, g):
        p, state = carry
        more = extra(g, p) if extra else {}
        if objective:
            value, g = jax.value_and_grad(objective)(p)
            more = {"value": value, "grad": g, "value_fn": objective} if extra else {}
        updates, state = opt.update(g, state, p, **more)
        p = jax.tree.map(lambda x, u: (x + u).astype(x.dtype), p, updates)
        return (p, state), p

    stacked = jax.tree.map(lambda *g: np.stack(g), *grads)  # on the host, as the gradients are
    return jax.jit(lambda: jax.lax.scan(step, (start, opt.init(start)), stacked)[1])()


def bowl(p):
    """Return a quadratic with curvatures 1 to 4, zero at ones."""
    leaves = jax.tree.leaves(p)
    return sum(jnp.sum((1 + 3 * i / len(leaves)) * (x - 1) ** 2) for i, x in enumerate(leaves)) / 2


def close(a, b, rtol, atol=0.0):
    """Assert that two trees agree leaf by leaf."""
    chex.assert_trees_all_close(a, b, rtol=rtol, atol=atol)


def programs_of(jitted):
    """Count the programs that a jitted function has compiled."""
    return jitted._cache_size()
