"""Line searches: the conditions, searches that fail, trials that are not finite, and what is handed over."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.transforms.line_search import RayPoint, wolfe_errors, zoom_search


def square(x):
    return jnp.sum(x**2)


def step(opt, fn, x, direction, state=None, **extra) -> Any:
    """Return the state after one search along a direction."""
    value, grad = jax.value_and_grad(fn)(x)
    state = opt.init(x) if state is None else state
    return opt.update(direction, state, x, value=value, grad=grad, value_fn=fn, **extra)


def test_zoom_takes_any_function_of_one_variable():
    def phi(t):
        value, slope = jax.value_and_grad(lambda t: (t - 3.0) ** 4 + jnp.sin(3 * t))(t)
        return RayPoint(t, value, slope, {"twice": 2 * t})

    start = phi(jnp.array(0.0))
    found = zoom_search(phi, start, 0.1, lambda new: wolfe_errors(new, start, 1e-4, 0.05, None), max_steps=30)
    t, value, slope, aux = found.point
    assert found.done
    assert t > 0
    assert value <= start.value + 1e-4 * t * start.slope
    assert abs(slope) <= 0.05 * abs(start.slope)
    assert aux["twice"] == 2 * t


def test_on_a_quadratic_the_interpolation_is_exact():
    opt = jgd.scale_by_zoom_linesearch(20, curv_rtol=1e-3)
    x = jnp.array([3.0, -1.0])
    lengths = jnp.array([2.2, 3.0, 12.0, 40.0])
    updates, state = jax.jit(jax.vmap(lambda length: step(opt, square, x, -length * x)))(lengths)
    assert np.all(state.info.num_linesearch_steps <= 5)  # a half, until a parabola's minimum is well inside
    np.testing.assert_allclose(x[None] + updates, jnp.zeros((4, 2)), atol=1e-3)


def test_a_search_that_fails_never_goes_up_and_the_next_is_not_stuck():
    x = jnp.array([60.0, 0.0])
    opt = jgd.scale_by_zoom_linesearch(8)
    updates, state = step(opt, square, x, x)  # uphill
    np.testing.assert_array_equal(updates, 0.0)
    assert state.learning_rate == 0
    assert state.info.decrease_error > 0
    np.testing.assert_allclose(state.value, square(x))
    np.testing.assert_allclose(state.grad, 2 * x)
    assert np.any(step(optax.scale_by_zoom_linesearch(8), square, x, x)[0])  # optax's goes up
    updates, _ = step(opt, square, x, -x, state)
    np.testing.assert_allclose(updates, -x)
    shrinking = jgd.scale_by_backtracking_linesearch(5)
    state = shrinking.init(x)._replace(learning_rate=jnp.array(0.0))
    np.testing.assert_allclose(step(shrinking, square, x, -x, state)[0], -x)


@pytest.mark.parametrize(
    "opt",
    [
        jgd.scale_by_zoom_linesearch(20),
        jgd.scale_by_backtracking_linesearch(20),
        jgd.scale_by_backtracking_linesearch(20, store_grad=True),
    ],
)
def test_trials_outside_of_the_domain_shrink_the_step(opt):
    def fn(x):
        return jnp.sum(x - jnp.log(x))  # nan below zero, minus infinity is no better

    x = jnp.array([4.0])
    updates, state = step(opt, fn, x, jnp.array([-16.0]))
    assert fn(x + updates) < fn(x)
    np.testing.assert_allclose(state.value, fn(x + updates), rtol=1e-6)
    _, stuck = step(opt, lambda x: jnp.where(x == 4.0, 1.0, jnp.nan).sum(), x, jnp.array([-16.0]))
    assert stuck.learning_rate == 0
    assert stuck.value == 1.0


def test_a_relative_tolerance_is_wide_for_negative_values_too():
    opt = jgd.scale_by_backtracking_linesearch(5, rtol=0.1)
    _, state = step(opt, lambda x: jnp.sum(x) - 10.0, jnp.zeros(1), jnp.ones(1))  # up by a tenth
    assert state.learning_rate == 1


@pytest.mark.parametrize("opt", [jgd.scale_by_zoom_linesearch(9), jgd.scale_by_backtracking_linesearch(9)])
def test_the_function_gets_the_arguments_that_it_names(opt):
    def fn(x, scale, *, shift=0.0):
        return scale * jnp.sum((x - shift) ** 2)

    x = jnp.array([2.0])
    more = {"scale": 3.0, "shift": 1.0}
    value, grad = jax.value_and_grad(fn)(x, **more)
    updates, state = opt.update(-grad, opt.init(x), x, value=value, grad=grad, value_fn=fn, **more, key=object())
    np.testing.assert_allclose(state.value, fn(x + updates, **more), rtol=1e-6)
    assert state.value < value


def test_verbose_says_why_a_search_failed(capfd):
    x = jnp.array([60.0])
    step(jgd.scale_by_zoom_linesearch(5, verbose=True), square, x, x)
    step(jgd.scale_by_backtracking_linesearch(3, verbose=True), square, x, x)
    jax.effects_barrier()
    out = capfd.readouterr().out
    assert "scale_by_zoom_linesearch: The linesearch failed because the provided direction is not a descent" in out
    assert "scale_by_backtracking_linesearch: no step with sufficient decrease was found" in out


def loss(x, y):
    return jnp.sum((x["w"] - y) ** 2), {"y": y}


def test_value_and_gradient_come_from_the_state_or_from_the_function():
    x, y = {"w": jnp.array([1.0, 2.0])}, jnp.array([0.5, -1.0])
    opt = jgd.lbfgs()
    state = opt.init(x)
    both = jgd.value_and_grad_from_state(loss, has_aux=True)
    (value, aux), grad = both(x, y, state=state)  # nothing known yet
    np.testing.assert_allclose(value, loss(x, y)[0])
    updates, state = opt.update(grad, state, x, value=value, grad=grad, value_fn=lambda x: loss(x, y)[0])
    x = jgd.apply_updates(x, updates)
    (value, aux), grad = jax.jit(both)(x, y, state=state)
    np.testing.assert_allclose(value, loss(x, y)[0], rtol=1e-6)
    np.testing.assert_array_equal(aux["y"], y)
    np.testing.assert_allclose(grad["w"], 2 * (x["w"] - y), rtol=1e-6)
    swapped = jgd.value_and_grad_from_state(lambda y, x: -loss(x, y)[0], argnums=1)  # what is known is not this
    np.testing.assert_allclose(swapped(y, x, state=state)[0], value)
    with pytest.raises(jgd.InputError, match=r"argnums=0\): the gradient in the state"):
        jgd.value_and_grad_from_state(lambda y, x: loss(x, y)[0])(y, x, state=state)


@pytest.mark.parametrize("opt", [jgd.adam(0.1), jgd.scale_by_backtracking_linesearch(3)])
def test_a_state_without_a_gradient_is_refused(opt):
    x = jnp.ones(2)
    with pytest.raises(jgd.InputError, match=r"value_and_grad_from_state\(state\): it holds no value"):
        jgd.value_and_grad_from_state(square)(x, state=opt.init(x))


def test_a_state_with_two_gradients_is_refused():
    x, search = jnp.ones(2), jgd.scale_by_zoom_linesearch(3)
    with pytest.raises(KeyError, match="it holds 2 values with gradients"):
        jgd.value_and_grad_from_state(square)(x, state=jgd.chain(search, search).init(x))
