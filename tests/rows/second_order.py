"""Rows of L-BFGS and of the line searches."""

import jax
import jax.numpy as jnp
import optax

import jgd
from tests import problems
from tests.row import Row


def model(grads, params):
    """The extra arguments of a line search: a quadratic of curvature 4 whose gradient at the parameters is `grads`.

    Its value there is 0, so that float32 loses nothing of small differences.
    """

    def value_fn(p):
        def part(g, x, x0):
            d = (x - x0).astype(jnp.promote_types(x.dtype, jnp.float32))
            return jnp.sum((jnp.conj(g) * d + 2 * d * jnp.conj(d)).real)

        return sum(jax.tree.leaves(jax.tree.map(part, grads, p, params)), start=jnp.zeros(()))

    return {"value": jnp.zeros(()), "grad": grads, "value_fn": value_fn}


SEARCH = {"scalar_bytes": 16, "extra": model, "reverse": False}  # a rate, a value and two errors

OVERRIDES = {"lbfgs": {**SEARCH, "state_bytes": None, "scalar_bytes": 56, "objective": problems.bowl}}

ROWS = [
    Row(
        "lbfgs_without_search",
        lambda: jgd.lbfgs(0.9, 3, True, None),
        lambda: optax.lbfgs(0.9, 3, True, None),
        state_bytes=None,
        scalar_bytes=12,  # a weight for each pair
        objective=problems.bowl,
    ),
    Row(
        "zoom_linesearch",
        lambda: jgd.chain(jgd.sgd(0.01), jgd.scale_by_zoom_linesearch(15, 60.0, 1e-8, 3.0, 1e-3, 0.1)),
        lambda: optax.chain(optax.sgd(0.01), optax.scale_by_zoom_linesearch(15, 60.0, 1e-8, 3.0, 1e-3, 0.1)),
        state_bytes=4,
        **SEARCH,
    ),
    Row(
        "zoom_linesearch_armijo",
        lambda: jgd.chain(
            jgd.sgd(1.0), jgd.scale_by_zoom_linesearch(15, approx_dec_rtol=None, initial_guess_strategy="one")
        ),
        lambda: optax.chain(
            optax.sgd(1.0), optax.scale_by_zoom_linesearch(15, approx_dec_rtol=None, initial_guess_strategy="one")
        ),
        state_bytes=4,
        **SEARCH,
    ),
    Row(
        "backtracking_linesearch",
        lambda: jgd.chain(jgd.sgd(3.0), jgd.scale_by_backtracking_linesearch(15, store_grad=True)),
        lambda: optax.chain(optax.sgd(3.0), optax.scale_by_backtracking_linesearch(15, store_grad=True)),
        state_bytes=4,
        **SEARCH | {"scalar_bytes": 12},
    ),
]
