"""Derivatives of solutions by a penalty's numbers, and by the data, against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jgd
from jgd import nonsmooth as ns
from jgd.core.stop import Stop
from jgd.solvers import minimize
from tests.tiers import at_once

M, N = 12, 4
RNG = np.random.default_rng(1)
A = RNG.normal(size=(M, N))
B = A @ np.array([1.0, -2.0, 0.0, 0.3]) + 0.1 * RNG.normal(size=M)
TIGHT = Stop(gradient_norm=1e-11, max_steps=5000)
H = 1e-4  # of the differences, whose error is its square
JUMPS = jnp.asarray(np.diff(np.eye(N), axis=0))
LABELS = np.array([0, 0, 1, 1])
PENALTIES = {  # of a number p; each with a point where some entries are held and others are free
    "l1": ("fista", ns.l1, 0.2),
    "elastic net": ("fista", lambda p: ns.elastic_net(0.1, p), 0.3),
    "group": ("fista", lambda p: ns.group_l2(p, LABELS), 0.4),
    "total variation": ("fista", ns.total_variation, 0.3),
    "nuclear": ("fista", ns.nuclear, 0.4),
    "box": ("projected-gradient", lambda p: ns.box(-p, p), 0.5),
    "l1 ball": ("projected-gradient", ns.l1_ball, 1.5),
    "simplex": ("projected-gradient", ns.simplex, 1.2),
    "parts": ("fista", lambda p: ns.by_path({"head": ns.l1(p), "tail": ns.box(-0.2 * p, p)}), 0.4),
    "jumps": ("admm", lambda p: ns.compose(ns.l1(p), JUMPS), 0.1),
    "sparse jumps": ("admm", lambda p: ns.compose(ns.l1(p), jnp.concatenate([jnp.eye(N), 2 * JUMPS])), 0.05),
}


def flat(tree):
    return ravel_pytree(tree)[0]


def loss(x, b):
    return jnp.sum((A @ flat(x) - b) ** 2) / (2 * M)


@pytest.mark.parametrize("name", at_once(("elastic net", "group", "jumps"), PENALTIES.keys()))
def test_a_solution_moves_with_its_penalty_and_its_data(name, x64):
    method, penalty, p = PENALTIES[name]
    start = {"parts": {"head": jnp.zeros(2), "tail": jnp.zeros(2)}, "nuclear": jnp.zeros((2, 2))}
    start = start.get(name, jnp.zeros(N))

    def solution(numbers):
        b = B + numbers[1] * jnp.arange(M)
        found = minimize(loss, method, start, TIGHT, args=(b,), nonsmooth=penalty(numbers[0]))
        return flat(found.params)

    @jax.jit
    def both(numbers):
        return solution(numbers), jax.jacrev(solution)(numbers)

    at = jnp.array([p, 0.01])
    x, slopes = both(at)
    for i, h in enumerate(H * np.eye(2)):
        difference = (both(at + h)[0] - both(at - h)[0]) / (2 * H)
        # h^2 times the third derivative, and the solutions' 1e-11 over the curvature and h.
        np.testing.assert_allclose(slopes[:, i], difference, atol=1e-6)
    assert np.abs(slopes).max() > 1e-2
    assert np.isfinite(x).all()


def test_a_constrained_solution_moves_with_its_limits_and_its_data(x64):
    """A curved limit that is active, a bound, and a limit that is not."""

    def solution(numbers):
        asked = jgd.inequality(lambda x, b: jnp.stack([x @ x, jnp.sum(x)]), upper=jnp.stack([numbers[0], 10.0]))
        args, bounds = (B + numbers[1] * jnp.arange(M),), (-1.0, 1.0)
        return minimize(loss, "sqp", jnp.zeros(N), TIGHT, args=args, constraints=asked, bounds=bounds).params

    @jax.jit
    def both(numbers):
        return solution(numbers), jax.jacfwd(solution)(numbers)

    at = jnp.array([1.15, 0.01])
    x, slopes = both(at)
    np.testing.assert_allclose(x[1], -1.0, atol=1e-9)
    np.testing.assert_allclose(x @ x, 1.15, atol=1e-9)
    for i, h in enumerate(H * np.eye(2)):
        difference = (both(at + h)[0] - both(at - h)[0]) / (2 * H)
        np.testing.assert_allclose(slopes[:, i], difference, atol=1e-5)  # a sixth of h^2 times hundreds
