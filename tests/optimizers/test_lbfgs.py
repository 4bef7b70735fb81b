"""L-BFGS against optax, live, on its own gradients, and against scipy; and where it is not optax's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

import jgd
from tests import problems

START = jnp.array([-1.2, 1.0, -1.2, 1.0])


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def path(opt, fn, start, steps=25):
    """Return the points after each step, and the evaluations that the line searches made."""

    def step(carry, _):
        x, state = carry
        value, grad = jax.value_and_grad(fn)(x)
        updates, state = opt.update(grad, state, x, value=value, grad=grad, value_fn=fn)
        x = jax.tree.map(jnp.add, x, updates)
        return (x, state), (x, optax.tree.get(state, "num_linesearch_steps", 0))

    points, counts = jax.jit(lambda: jax.lax.scan(step, (start, opt.init(start)), length=steps)[1])()
    return points, int(np.sum(counts))


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.lbfgs(),
        lambda m: m.lbfgs(0.5, 3, False, m.scale_by_zoom_linesearch(15, 2.0, curv_rtol=0.1, approx_dec_rtol=None)),
        lambda m: m.lbfgs(linesearch=m.scale_by_backtracking_linesearch(15)),
        lambda m: m.chain(m.sgd(1.0), m.scale_by_zoom_linesearch(20)),
    ],
    ids=["default", "options", "backtracking", "descent"],
)
def test_points_and_evaluations_are_optax_s_on_rosenbrock(make, x64):
    start = jnp.asarray(START, float)
    (ours, count), (theirs, most) = (path(make(m), rosenbrock, start) for m in (jgd, optax))
    # The valley amplifies rounding of 1e-16 a thousandfold in 25 steps.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)
    assert count <= most


@pytest.mark.parametrize("scaled", [True, False])
def test_without_a_search_it_is_optax_s(scaled, x64):
    start = problems.params()
    ours, theirs = (path(m.lbfgs(0.1, 5, scaled, None), problems.bowl, start)[0] for m in (jgd, optax))
    problems.close(ours, theirs, rtol=1e-9, atol=1e-10)  # unscaled, it amplifies rounding by 1e4


def test_over_random_gradients_it_is_optax_s_where_all_pairs_are_learned(x64):
    """Half of the pairs have y's < 0: what optax learns of them, and jgd leaves out, is the whole difference."""
    start, grads = jnp.zeros(4), jnp.asarray(np.random.default_rng(0).normal(size=(8, 4)))

    def points(opt):
        def step(carry, g):
            updates, state = opt.update(g, carry[1], carry[0])
            return (carry[0] + updates, state), carry[0] + updates

        return jax.jit(lambda: jax.lax.scan(step, (start, opt.init(start)), grads)[1])()

    theirs = points(optax.lbfgs(0.1, 5, linesearch=None))
    np.testing.assert_allclose(points(jgd.lbfgs(0.1, 5, linesearch=None, curvature_rtol=-2.0)), theirs, rtol=1e-9)
    ours = points(jgd.lbfgs(0.1, 5, linesearch=None))
    uphill = [(b - a) @ (h - g) < 0 for a, b, g, h in zip([start, *ours], ours, grads, grads[1:], strict=False)]
    first = uphill.index(True) + 1
    np.testing.assert_allclose(ours[:first], theirs[:first], rtol=1e-9)
    assert not np.allclose(ours[first], theirs[first], rtol=1e-3)


def test_it_finds_scipy_s_optimum(x64):
    start = jnp.asarray(START, float)
    found = jgd.minimize(rosenbrock, jgd.lbfgs(), start, jgd.Stop(gradient_norm=1e-9, max_steps=100))
    theirs = scipy.optimize.minimize(jax.value_and_grad(rosenbrock), start, jac=True, method="L-BFGS-B", tol=1e-14)
    assert found.status is jgd.Status.GRADIENT_NORM
    np.testing.assert_allclose(found.params, theirs.x, atol=1e-6)


OURS, LOOSE, THEIRS = jgd.scale_by_lbfgs(), jgd.scale_by_lbfgs(curvature_rtol=-2.0), optax.scale_by_lbfgs()


@functools.partial(jax.jit, static_argnums=0)
def two_steps(rule, y):
    """The direction one step s = e1 away from the start, where the gradient has changed by y, and that gradient."""
    first, second = jnp.array([0.0, 1.0, 0.0]), jnp.array([0.0, 1.0, 0.0]) + y
    _, state = rule.update(first, rule.init(jnp.zeros(3)), jnp.zeros(3))
    direction, state = rule.update(second, state, jnp.array([1.0, 0.0, 0.0]))
    return direction, second, state


def test_pairs_without_curvature_are_left_out_and_the_direction_stays_downhill():
    negative, orthogonal, positive = jnp.array([[-0.5, 0, 0], [1e-8, 1, 0], [0.5, 0, 0]])
    for y in (negative, orthogonal):  # y's is -0.5, and 1e-8, which is zero to rounding
        direction, grad, state = two_steps(OURS, y)
        assert int(state.count) == 1
        assert not np.any(state.weights_memory)
        np.testing.assert_allclose(direction, grad / jnp.linalg.norm(grad), rtol=1e-6)
    uphill, grad, _ = two_steps(THEIRS, negative)
    assert uphill @ grad < 0
    np.testing.assert_allclose(two_steps(LOOSE, negative)[0], uphill, rtol=1e-6)
    direction, _, state = two_steps(OURS, positive)
    assert int(state.count) == 2
    np.testing.assert_allclose(direction, two_steps(THEIRS, positive)[0], rtol=1e-6)


def test_a_left_out_pair_costs_no_memory():
    rule = jgd.scale_by_lbfgs(2)
    state = rule.init(jnp.zeros(2))
    points = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    grads = [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [3.0, 2.0]]  # curvature 1, 1 and -1
    for x, g in zip(points, grads, strict=True):
        _, state = rule.update(jnp.array(g), state, jnp.array(x))
    np.testing.assert_array_equal(state.weights_memory, [1, 1])
    np.testing.assert_array_equal(state.diff_params_memory, [[1, 0], [0, 1]])


def test_half_precision_parameters_keep_a_wide_memory_and_arrive():
    params, target = jnp.zeros(3, jnp.bfloat16), jnp.arange(1.0, 4)

    def fn(p):
        return jnp.sum(target * (p.astype(jnp.float32) - target) ** 2)

    state = jgd.lbfgs().init(params)[0]
    assert state.params.dtype == jnp.bfloat16
    assert state.updates.dtype == state.diff_params_memory.dtype == state.weights_memory.dtype == jnp.float32
    found = jgd.minimize(fn, jgd.lbfgs(), params, jgd.Stop(max_steps=10))
    np.testing.assert_allclose(found.params.astype(float), target, rtol=0.02)  # bfloat16 has three digits


@pytest.mark.parametrize(
    "search", [jgd.scale_by_zoom_linesearch(20), jgd.scale_by_backtracking_linesearch(20)], ids=["zoom", "backtracking"]
)
def test_complex_parameters_move_like_pairs_of_real_ones(search):
    mat = jnp.array([[1, -2], [3, 4], [-4 + 2j, 5 - 3j]])

    def fn(z):
        return jnp.sum(jnp.abs(mat @ z) ** 1.5)

    z = jnp.array([1 - 1j, 0 + 1j])
    opt, stop = jgd.lbfgs(linesearch=search), jgd.Stop(max_steps=4)
    found = jgd.minimize(fn, opt, z, stop)
    parts = jgd.minimize(lambda x: fn(x[0] + 1j * x[1]), opt, jnp.stack([z.real, z.imag]), stop)
    np.testing.assert_allclose(found.params, parts.params[0] + 1j * parts.params[1], rtol=1e-4, atol=1e-5)
    assert found.value < 0.5 * fn(z)


def test_a_missing_argument_is_one_sentence():
    opt, params = jgd.lbfgs(), {"w": jnp.ones(2)}
    state = opt.init(params)
    with pytest.raises(jgd.InputError, match=r"ScaleByZoomLinesearch\.update: value and grad and value_fn missing"):
        jax.eval_shape(opt.update, params, state, params)
    with pytest.raises(jgd.InputError, match=r"ScaleByLBFGS\.update: params is missing"):
        jax.eval_shape(opt.update, params, state)
    with pytest.raises(jgd.InputError, match=r"value is float32\[2\], expected a real scalar"):
        jax.eval_shape(lambda: opt.update(params, state, params, value=jnp.ones(2), grad=params, value_fn=len))
