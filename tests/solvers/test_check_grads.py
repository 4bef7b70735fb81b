"""check_grads passes right gradients of every dtype, and names the worst entry of wrong ones."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError

PARAMS = {"w": np.linspace(-1.0, 2.0, 6).reshape(2, 3), "b": np.array(0.5)}


def smooth(params, scale=1.0):
    return scale * jnp.sum(jnp.sin(params["w"]) ** 2) + jnp.exp(params["b"]) * params["w"][0, 0]


@jax.custom_jvp
def square(x):
    return x**2


@square.defjvp
def _(primals, tangents):
    """Wrong by a hundredth at the last entry."""
    (x,), (t,) = primals, tangents
    factor = jnp.ones_like(x).at[-1, -1].set(1.01)
    return x**2, 2 * factor * x * t


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_gradients_pass(dtype, request):
    if dtype is np.float64:
        request.getfixturevalue("x64")
    params = jax.tree.map(lambda x: x.astype(dtype), PARAMS)
    found = jgd.check_grads(smooth, params, args=(3.0,))
    assert abs(found.gradient - found.difference) <= found.allowed
    # Errors of a central difference are eps^(2/3) of the value's scale, and the bound is a few times that.
    assert found.allowed < 500 * np.finfo(dtype).eps ** (2 / 3)


def test_a_wrong_gradient_names_its_worst_entry(x64):
    params = jax.tree.map(jnp.asarray, PARAMS)
    with pytest.raises(InputError) as error:
        jgd.check_grads(lambda p: jnp.sum(square(p["w"])) + p["b"] ** 3, params)
    message = str(error.value)
    assert "check_grads: the gradient at " in message
    assert "w" in message.split(" is ")[0]
    assert "[1, 2]" in message.split(" is ")[0]
    assert "4.04" in message  # 1.01 times the slope 4 of x^2 at 2
    assert "\n" not in message


def test_what_comes_beside_the_value_is_left_out():
    assert jgd.check_grads(lambda x: (x**2, x), 3.0, has_aux=True).gradient == 6.0


def test_a_wrong_gradient_is_seen_in_float32():
    params = jax.tree.map(lambda x: x.astype(np.float32), PARAMS)
    with pytest.raises(InputError, match=r"\[1, 2\]"):
        jgd.check_grads(lambda p: jnp.sum(square(p["w"])), params)


def test_complex_entries_have_two_parts(x64):
    z = jnp.array([1.0 + 2.0j, -0.5 + 0.1j])
    jgd.check_grads(lambda z: jnp.sum(jnp.abs(z) ** 4), z)
    with pytest.raises(InputError, match=r"\[0\] \(imaginary part\)"):
        jgd.check_grads(lambda z: jnp.sum(jnp.real(z) ** 2 + jax.lax.stop_gradient(jnp.imag(z)) ** 2), z)


def test_a_kink_and_a_value_that_is_not_finite_are_reported(x64):
    with pytest.raises(InputError, match="kink"):
        jgd.check_grads(lambda x: jnp.abs(x - 1e-7) + x, jnp.array(0.0))
    with pytest.raises(InputError, match="not finite nearby"):
        jgd.check_grads(lambda x: jnp.sqrt(x), jnp.array(0.0))


def test_of_a_large_leaf_a_choice_is_compared():
    x = jnp.linspace(0.0, 1.0, 5000)
    found = jgd.check_grads(lambda x: jnp.sum(x**2) / 5000, x)
    assert abs(found.gradient - found.difference) <= found.allowed


def test_a_value_whose_rounding_hides_every_slope_is_told_of(x64):
    """Values of 1e6 in float32 are off by 0.06, and quotients by 390: the wrong gradient passes there."""

    def wrong(x):
        return 1e6 + jnp.sum(jax.lax.stop_gradient(x) ** 2)

    with pytest.warns(UserWarning, match="nothing was checked.* float64"):
        jgd.check_grads(wrong, np.ones(3, np.float32))
    with pytest.raises(InputError):
        jgd.check_grads(wrong, np.ones(3))


def test_a_minimum_whose_curvature_is_seen_is_checked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jgd.check_grads(lambda x: 1 + jnp.sum(x**2), jnp.zeros(3, np.float32))
        jgd.check_grads(lambda x: jnp.sum(x**2), jnp.zeros(3, np.float32))
