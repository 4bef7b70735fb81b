"""The Hessian that a user passes: trees as jax.hessian returns them, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.solvers.methods.vector import Vector

START = {"a": jnp.array([[1.0, -2.0]]), "b": jnp.float32(0.5)}
SPECTRUM = jnp.array([1.0, 10.0, 100.0])


def fn(p):
    x = jnp.append(p["a"], p["b"])
    return jnp.sum(SPECTRUM * (x - 1) ** 2) / 2 + jnp.prod(x)


def test_a_tree_of_trees_is_the_matrix_of_the_vector():
    form = Vector.like(START)
    packed = form.pack_matrix(jax.hessian(fn)(START))
    np.testing.assert_allclose(packed, jax.hessian(form.over(fn))(form.pack(START)), rtol=1e-6)


def test_a_method_takes_the_hessian_of_a_tree():
    asked = []

    def hess(p):
        asked.append(1)
        return jax.hessian(fn)(p)

    given, derived = (jgd.minimize(fn, "trust-exact", START, hess=h) for h in (hess, None))
    assert asked
    assert given.evaluations == derived.evaluations
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), given.params, derived.params)


def test_a_hessian_that_is_not_finite_hides_no_stationary_point():
    found = jgd.minimize(lambda p: jnp.sum(p**2), "newton", jnp.zeros(1), hess=lambda p: jnp.full((1, 1), jnp.nan))
    assert (found.status, found.gradient_norm) == (Status.GRADIENT_NORM, 0)


def rows(p):
    return jnp.zeros((2, 3))


BAD = {
    "no tree of trees": ("newton", rows, START, "it must return what jax.hessian does, a tree of trees"),
    "shape": ("newton", rows, jnp.zeros(2), "it has shape (2, 3); return (2, 2), as jax.hessian does"),
    "complex": (
        "newton",
        rows,
        jnp.zeros(2, complex),
        "is complex64, expected real numbers, for a Hessian is a matrix of real numbers; leave hess out.",
    ),
    "method": ("bfgs", rows, START, "it does not take hess=; those that do are"),
}


@pytest.mark.parametrize(("method", "hess", "start", "words"), BAD.values(), ids=BAD)
def test_bad_hessians_are_refused_in_one_sentence(method, hess, start, words):
    with pytest.raises(InputError) as error:
        jgd.minimize(lambda p: jnp.float32(0.0), method, start, hess=hess)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
