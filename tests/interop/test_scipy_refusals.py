"""jgd.interop.scipy refuses in one sentence what has no counterpart."""

import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd.interop import scipy as ours
from tests.interop.test_scipy import START, T, Y, decay, equations, rosenbrock, shifted


def on_numpy(x):
    return np.sum(np.asarray(x) ** 2)


class Unhashable:
    __hash__ = None  # pyright: ignore  as a dataclass with eq has it

    def __call__(self, x):
        return x @ x


REFUSED = [
    (lambda: ours.minimize(on_numpy, [1.0]), "minimize(fun=on_numpy): it must be traceable by JAX, and raised Tracer"),
    (lambda: ours.minimize(Unhashable(), [1.0]), "minimize(fun=Unhashable): it has no hash, by which"),
    (lambda: ours.minimize(rosenbrock, START, method="COBYLA"), "minimize(method='COBYLA'): jgd has no such method"),
    (lambda: ours.minimize(rosenbrock, START, method="Powell"), "minimize(method='Powell'): jgd has no such method"),
    (
        lambda: ours.minimize(rosenbrock, START, method="BFGSS"),
        "minimize(method='BFGSS'): jgd has no such method; the nearest is 'bfgs'.",
    ),
    (lambda: ours.minimize(rosenbrock, START, options={"eps": 1e-8}), "minimize(options={'eps': 1e-08}): it would"),
    (lambda: ours.minimize(rosenbrock, START, hessp=3), "minimize(hessp=3): pass a function (x, p, *args) -> vector"),
    (lambda: ours.minimize(rosenbrock, START, constraints={"type": "eq"}), "minimize: constraint 0: there is no 'fun'"),
    (lambda: ours.minimize(rosenbrock, START, constraints={"fun": sum}), "minimize: constraint 0(type=None): type"),
    (lambda: ours.minimize(rosenbrock, START, constraints=[3]), "minimize: constraint 0: it is 3; pass scipy's"),
    (
        lambda: ours.minimize(rosenbrock, START, constraints={"type": "eq", "fun": on_numpy}),
        "minimize: constraint 0(fun=on_numpy): it must be traceable by JAX",
    ),
    (
        lambda: ours.minimize(rosenbrock, START, constraints=scipy.optimize.LinearConstraint(np.ones((1, 3)), 0, 1)),
        "minimize: constraint 0(A): it has shape (1, 3), and there are 2 variables.",
    ),
    (lambda: ours.minimize(rosenbrock, START, bounds=[(0, 1)]), "minimize(bounds): there must be a pair"),
    (lambda: ours.minimize(shifted, START, "a"), "minimize(args): there is a str in it; pass numbers and arrays"),
    (lambda: ours.minimize(rosenbrock, [START]), "minimize(x0): it has shape (1, 2); pass a vector."),
    (lambda: ours.least_squares(decay, START, method="dogbox"), "least_squares(method='dogbox'): jgd has no such"),
    (lambda: ours.least_squares(decay, START, x_scale=2.0), "least_squares(x_scale=2.0): parameters are scaled"),
    (lambda: ours.least_squares(decay, START, diff_step=1e-3), "least_squares(diff_step=): it would have no effect"),
    (lambda: ours.curve_fit(lambda x, *p: x, T, Y), "curve_fit(p0=None): f's signature does not say"),
    (lambda: ours.root(equations, START, method="krylov"), "root(method='krylov'): jgd has no such method; the"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refusals_are_one_sentence(call, message):
    with pytest.raises(jgd.InputError) as error:
        call()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
