"""Rows of L-BFGS, of the line searches and of Sophia."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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


def _bowl(grads, params):
    """Return the objective of a Hessian; of complex parameters, for which none is defined, it is not asked."""
    return {"obj_fn": problems.bowl}


def _outputs(grads, params):
    """Return the parameters as a model's outputs, a row for each, and the bowl of them."""

    def outputs_fn(p):
        return jnp.concatenate([x.reshape(-1, 1) for x in [jnp.zeros(0), *jax.tree.leaves(p)]])

    def loss_fn(z):
        parts = jnp.split(z[:, 0], np.cumsum([x.size for x in jax.tree.leaves(params)])[:-1]) if z.size else []
        return jnp.asarray(problems.bowl(parts), float)

    return {"outputs_fn": outputs_fn, "loss_fn": loss_fn}


SEARCH: dict[str, Any] = {"scalar_bytes": 16, "extra": model, "reverse": False}  # a rate, a value and two errors

OVERRIDES = {"lbfgs": {**SEARCH, "state_bytes": None, "scalar_bytes": 56, "objective": problems.bowl}}

_SOPHIA: dict[
    str, Any
] = {  # the draws do not matter on the bowl, whose Hessian is diagonal; see tests/optimizers/test_sophia.py
    "extra": _bowl,
    "complex": False,
    "state_bytes": None,  # 8, and its key
    "scalar_bytes": 4,  # the second word of that
}
OVERRIDES["sophia"] = {  # optax's form; the paper's is in the test
    **_SOPHIA,
    "make": lambda: jgd.sophia(0.05, gamma=0.8, update_interval=3, hessian_first=False, bias_correction=True),
    "oracle": lambda: optax.contrib.sophia(0.05, gamma=0.8, update_interval=3),
}

_MODEL: dict[str, Any] = {"extra": _outputs, "complex": False, "state_bytes": None, "reverse": False}
OVERRIDES["hessian_free"] = {**_MODEL, "scalar_bytes": 8}  # the damping, and the second word of the key
OVERRIDES["natural_gradient"] = {**_MODEL, "make": lambda: jgd.natural_gradient(0.05, "normal")}  # of a sum, not a mean

ROWS = [
    Row("sophia_paper", lambda: jgd.sophia(0.05, gamma=0.8), **_SOPHIA, reference="pytorch-optimizer:sophia"),
    Row(
        "hutchinson",
        jgd.hutchinson_estimator_diag_hessian,
        optax.contrib.hutchinson_estimator_diag_hessian,
        descends=False,
        guards=True,  # it reads no gradient
        **_SOPHIA,
    ),
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
        **{**SEARCH, "scalar_bytes": 12},
    ),
    Row("natural_gradient_empirical", lambda: jgd.natural_gradient(0.05, "empirical", 0.1), **_MODEL),
    Row(
        "gauss_newton_bartlett",
        lambda: jgd.gauss_newton_bartlett_estimator("normal"),
        descends=False,
        guards=True,  # it reads no gradient
        scalar_bytes=4,
        **{**_MODEL, "reverse": True},
    ),
]
