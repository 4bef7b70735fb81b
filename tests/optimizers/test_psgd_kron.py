"""PSGD-Kron by its properties; kron-torch is its oracle in tests/rows/kron.py, under the same draws."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd


def _factors(state):
    return jax.tree.leaves(state.slots["factors"])


def _unconditional(jaxpr):
    """Return the primitives outside of branches."""
    found = set()
    for equation in jaxpr.eqns:
        found.add(equation.primitive.name)
        inner = [getattr(x, "jaxpr", None) for x in equation.params.values()]
        for one in [] if equation.primitive.name == "cond" else [x for x in inner if x is not None]:
            found |= _unconditional(one)
    return found


def test_the_update_of_correlated_gradients_is_white():
    """Of independent gradients A Z B' the covariance becomes the identity, but for the bound of the update's size."""
    a, b = jnp.array([[3.0, 0.0], [1.0, 0.2]]), jnp.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.0, 0.0, 0.1]])
    opt = jgd.scale_by_kron(0.0, preconditioner_update_probability=1.0)

    def step(state, key):
        update, state = opt.update(a @ jax.random.normal(key, (2, 3)) @ b.T, state)
        return state, update.ravel()

    keys = jax.random.split(jax.random.key(0), 3000)
    state, updates = jax.jit(lambda keys: jax.lax.scan(step, opt.init(jnp.zeros((2, 3))), keys))(keys)
    covariance = np.cov(np.asarray(updates[1000:]).T)
    assert np.linalg.cond(np.kron(a @ a.T, b @ b.T)) > 1e4
    np.testing.assert_allclose(covariance, np.eye(6), atol=0.35)
    assert all(np.array_equal(q[0], np.triu(q[0])) for q in _factors(state))


def test_a_zero_gradient_leaves_the_factors_finite():
    opt, params = jgd.scale_by_kron(preconditioner_update_probability=1.0), jnp.ones((4, 3))
    state = opt.init(params)
    for _ in range(3):
        updates, state = opt.update(jnp.zeros_like(params), state)
        assert not updates.any()
    assert all(jnp.all(jnp.isfinite(q)) for q in _factors(state))


def test_factors_are_diagonal_where_it_is_asked_for():
    def shapes(shape, **options):
        return [q.shape[1:] for q in _factors(jgd.scale_by_kron(**options).init(jnp.ones(shape)))]

    assert shapes((4, 3)) == [(4, 4), (3, 3)]
    assert shapes((4, 3), max_size_triangular=3) == [(4,), (3, 3)]
    assert shapes((4, 3), memory_save_mode="one_diag") == [(4,), (3, 3)]
    assert shapes((4, 4), memory_save_mode="smart_one_diag") == [(4, 4), (4, 4)]
    assert shapes((4, 3), memory_save_mode="all_diag") == [(4,), (3,)]
    assert shapes((4,)) == [(4,)]
    assert shapes((4,), min_ndim_triangular=1) == [(4, 4)]
    assert shapes(()) == [(1,)]


def test_lanes_share_the_draw_that_decides_whether_to_fit():
    """Under vmap the fit stays in a branch that is not entered where no lane fits."""

    def step(b1):
        opt = jgd.scale_by_kron(b1, preconditioner_update_probability=0.0)
        return opt.update(jnp.ones((4, 3)), opt.init(jnp.ones((4, 3))))

    lanes = jax.make_jaxpr(jax.vmap(step))(jnp.array([0.8, 0.9])).jaxpr
    assert "triangular_solve" in str(lanes)
    assert "triangular_solve" not in _unconditional(lanes)
    for q in _factors(jax.vmap(step)(jnp.array([0.8, 0.9]))[1]):
        np.testing.assert_array_equal(q, jnp.broadcast_to(jnp.eye(q.shape[-1]), q.shape))


def test_without_a_probability_fits_become_rare():
    rule = jgd.scale_by_kron()
    fits = jax.vmap(lambda t: rule.draws(t)[0])(jnp.arange(1, 6001))
    assert fits[:501].all()
    assert 0.3 < fits[1500:1800].mean() < 0.4
    assert 0.015 < fits[4000:].mean() < 0.045
