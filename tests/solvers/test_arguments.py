"""Bad arguments of the solvers are refused in one sentence where the call enters."""

# Arguments are of a wrong type on purpose:
# pyright: reportArgumentType=false

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from tests.refusal import refused

PARAMS = jnp.ones(2)
SGD = jgd.sgd(0.1)


def square(x):
    return jnp.sum(x**2)


def nothing():
    return 0.0


def on_numpy(x):
    return np.sum(np.square(np.asarray(x)))


BAD = [
    (lambda: jgd.minimize(3, SGD, PARAMS), "minimize(fn=3): fn must be a function (params, *args) -> scalar; a jgd"),
    (lambda: jgd.minimize(square, 3, PARAMS), "minimize(optimizer=3): optimizer must be a gradient transformation"),
    (lambda: jgd.minimize(square, jgd.sgd, PARAMS), "minimize(optimizer=sgd(learning_rate, "),
    (lambda: jgd.minimize(square, SGD, PARAMS, 1e-5), "minimize(stop=1e-05): stop must be a jgd.Stop"),
    (lambda: jgd.minimize(square, SGD, PARAMS, args=3), "minimize(args=3): args must be a tuple"),
    (lambda: jgd.minimize(square, SGD, PARAMS, has_aux="no"), "minimize(has_aux='no'): has_aux must be True or False."),
    (lambda: jgd.minimize(square, SGD, {"x": PARAMS}), "minimize(fn=square): fn(params, *args) failed with TypeError"),
    (lambda: jgd.minimize(nothing, SGD, PARAMS), "minimize(fn=nothing): fn(params, *args) failed with TypeError"),
    (lambda: jgd.minimize(square, "l-bfgs-b", PARAMS, bounds=(jnp.ones(7), None)), "minimize(bounds=): lower: at "),
    (
        lambda: jgd.minimize(square, "SLSQP", PARAMS),
        "minimize(optimizer=): unknown name 'SLSQP'. Did you mean sqp",
    ),
    (lambda: jgd.minimize(square, "LBFGS", PARAMS), "minimize(optimizer=): unknown name 'LBFGS'. Did you mean l-bfgs"),
    (lambda: jgd.multistart(square, SGD, jnp.ones((3, 2)), keep=5), "multistart(keep=5): there are 3 starts; keep at"),
    (lambda: jgd.multistart(3, SGD, PARAMS), "multistart(fn=3): fn must be a function"),
    (lambda: jgd.multistart(square, 3, PARAMS), "multistart(optimizer=3): optimizer must be"),
    (lambda: jgd.masked(3, None), "Masked(inner=3): inner must be a gradient transformation"),
    (lambda: jgd.adam(0.1, mu_dtype="int8"), "adam(mu_dtype='int8'): mu_dtype must be a floating"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_one_sentence(call, message):
    refused(call, message)


def test_functions_of_numpy_are_told_to_be_jax_s():
    with pytest.raises(jgd.InputError, match=r"shape float32\[2\]; write it with jax\.numpy in place of numpy, and"):
        jgd.minimize(on_numpy, "bfgs", PARAMS)


@pytest.mark.parametrize(
    "given",
    [
        {"bounds": [(None, 1), (0, None)]},
        {"bounds": [(None, 1)]},
        {"bounds": scipy.optimize.Bounds(0, 1)},
        {"constraints": {"type": "ineq", "fun": square}},
        {"constraints": scipy.optimize.LinearConstraint([1, 1], 0, 1)},
    ],
)
def test_forms_of_scipy_are_referred_to_the_module_that_takes_them(given):
    with pytest.raises(jgd.InputError, match=r"jgd\.interop\.scipy takes scipy's"):
        jgd.minimize(square, "sqp" if "constraints" in given else "l-bfgs-b", PARAMS, **given)
