"""Properties of all penalties and sets: what every proximal operator must satisfy, whatever its formula."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize as scipy_minimize

from jgd import nonsmooth as ns
from tests.tiers import at_once

LABELS = {"a": np.array([0, 1, 1, -1]), "b": np.array([[0, 2], [2, 2], [1, 0]]), "none": None}
WEIGHTS = {"a": np.array([0.1, 0.5, 0.0, 0.3]), "b": 0.2, "none": None}


@dataclasses.dataclass(frozen=True)
class Case:
    """A penalty, and whether its leaves must be matrices, and may be complex."""

    penalty: Any
    matrices: bool = False
    complex: bool = False


CASES = {
    "l1": Case(ns.l1(0.3), complex=True),
    "l1 of weights": Case(ns.l1(WEIGHTS), complex=True),
    "elastic_net": Case(ns.elastic_net(0.2, 0.4), complex=True),
    "squared_l2": Case(ns.squared_l2(0.7), complex=True),
    "huber": Case(ns.huber(0.8, 0.5), complex=True),
    "group_l2 of leaves": Case(ns.group_l2(0.6), complex=True),
    "group_l2 of rows": Case(ns.group_l2(0.4, 0), complex=True),
    "group_l2 of labels": Case(ns.group_l2(0.4, LABELS), complex=True),
    "total_variation": Case(ns.total_variation(0.3)),
    "total_variation of columns": Case(ns.total_variation(0.3, axis=0)),
    "nuclear": Case(ns.nuclear(0.5), matrices=True, complex=True),
    "box": Case(ns.box(-0.5, {"a": np.array([0.1, 0.2, 0.0, 0.4]), "b": 0.3, "none": None})),
    "non_negative": Case(ns.non_negative()),
    "simplex": Case(ns.simplex(1.5)),
    "simplex of rows": Case(ns.simplex(axis=-1)),
    "l1_ball": Case(ns.l1_ball(1.2), complex=True),
    "l1_ball of columns": Case(ns.l1_ball(0.6, axis=0), complex=True),
    "l2_ball": Case(ns.l2_ball(0.9), complex=True),
    "by_path": Case(ns.by_path({"^b": ns.group_l2(0.3, 0)}, default=ns.l1(WEIGHTS))),
    "by_path, the rest free": Case(ns.by_path({"^b": ns.box(-0.2, 0.2)})),
}
# What compiles for long runs for a penalty of each form at once, and for all others among the slow tests.
FORMS = ["l1 of weights", "group_l2 of rows", "total_variation", "nuclear", "simplex", "by_path"]
EACH_COSTLY = pytest.mark.parametrize("case", at_once(FORMS, CASES))
REAL = {name: (case, np.float64) for name, case in CASES.items()}
COMPLEX = {f"{name}, complex": (case, np.complex128) for name, case in CASES.items() if case.complex}
EACH_DTYPE = pytest.mark.parametrize(
    "pair", at_once([*REAL, *(f"{name}, complex" for name in FORMS if CASES[name].complex)], REAL | COMPLEX)
)
SETS = {name: case for name, case in CASES.items() if case.penalty.is_set}
EXACT = 1e-10  # of float64 in sums of a dozen terms of order 1, with room for a factorization


def points(case, count, seed=0, dtype: Any = np.float64):
    """Random trees with a leading axis, of order 1."""
    rng = np.random.default_rng(seed)
    shapes = {"a": (2, 2) if case.matrices else (4,), "b": (3, 2)}
    found = {name: rng.normal(size=(count, *shape)) for name, shape in shapes.items()}
    if np.issubdtype(dtype, np.complexfloating):
        found = {name: x + 1j * rng.normal(size=x.shape) for name, x in found.items()}
    return {**{name: jnp.asarray(x.astype(dtype)) for name, x in found.items()}, "none": None}


def dot(x, y):
    return sum(jnp.sum((x[name].conj() * y[name]).real) for name in ("a", "b"))


def less(x, y):
    return jax.tree.map(lambda a, b: a - b, x, y)


@functools.cache
def inequalities(case, dtype):
    """Return the gaps of all inequalities and identities at 64 pairs of points, by name: one program."""
    penalty, step = case.penalty, 0.7

    @jax.jit
    @jax.vmap
    def gaps(v, w):
        x, y = penalty.prox(v, step), penalty.prox(w, step)
        u = jax.tree.map(lambda a, b: (a - b) / step, v, x)

        def tangent(z):
            return penalty.value(z) - penalty.value(x) - dot(u, less(z, x))

        def returned(t):
            return less(penalty.prox(jax.tree.map(lambda a, b: a + t * b, x, u), t), x)

        return {
            "firm": dot(less(x, y), less(v, w)) - dot(less(x, y), less(x, y)),
            "tangent": tangent(y),
            "tangent nearby": tangent(jax.tree.map(lambda a, b: 0.98 * a + 0.02 * b, x, y)),
            "conjugate": [jax.vmap(returned)(jnp.array([0.1, 3.0]))],
            "small step": less(penalty.prox(x, 1e-12), x),
            "value": penalty.value(x),
        }

    return jax.tree.map(np.asarray, gaps(points(case, 64, 1, dtype), points(case, 64, 2, dtype)))


@EACH_DTYPE
def test_firmly_nonexpansive(pair, x64):
    # |x - y|^2 <= <x - y, v - w> for x = prox(v), y = prox(w).
    assert np.min(inequalities(*pair)["firm"]) >= -EXACT


@EACH_DTYPE
def test_nothing_is_better_than_the_answer(pair, x64):
    # h(z) >= h(x) + <v - x, z - x> / t for all z, far and near, which says that x minimises.
    found = inequalities(*pair)
    assert np.all(np.isfinite(found["value"]))
    assert np.min(found["tangent"]) >= -EXACT
    assert np.min(found["tangent nearby"]) >= -EXACT
    assert np.max(found["tangent"]) > 1e-3  # the inequality is not empty


@EACH_DTYPE
def test_conjugate_splits_the_point(pair, x64):
    # Moreau: v = x + t u with u a subgradient at x, so that x = prox_sh(x + s u) for every other step s as well.
    for x in jax.tree.leaves(inequalities(*pair)["conjugate"]):
        np.testing.assert_allclose(x, 0, atol=EXACT)


@EACH_DTYPE
def test_a_small_step_moves_nothing_in_the_domain(pair, x64):
    for x in jax.tree.leaves(inequalities(*pair)["small step"]):
        np.testing.assert_allclose(x, 0, atol=1e-11)  # the step times a slope of order 1


@EACH_COSTLY
def test_derivatives_are_finite_differences(case, x64):
    v, direction = (jax.tree.map(lambda x: x[0], points(case, 1, seed)) for seed in (3, 4))
    weights = jax.tree.map(lambda x: x[0], points(case, 1, 5))

    def answer(penalty, v, step):
        return dot(weights, penalty.prox(v, step))

    point = (case.penalty, v, 0.7)
    numbers = jax.tree.map(lambda x: 0.3 * jnp.ones_like(x), case.penalty)
    change = (numbers, direction, 0.2)
    ends = [jax.tree.map(lambda x, dx, e=e: x + e * dx, point, change) for e in (1e-6, -1e-6)]

    @jax.jit
    def program(point, change, ends):
        slope = jax.jvp(answer, point, change)[1]
        grads = jax.grad(answer, (0, 1, 2))(*point)
        reverse = sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(grads), jax.tree.leaves(change), strict=True))
        return slope, reverse, *[answer(*end) for end in ends]

    slope, reverse, ahead, behind = program(point, jax.tree.map(jnp.asarray, change), ends)
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, atol=1e-7)  # rounding 1e-16 over the distance 1e-6
    np.testing.assert_allclose(reverse, slope, atol=EXACT)


@EACH_COSTLY
def test_derivatives_are_finite_at_kinks(case, x64):
    kinks = jax.tree.map(lambda x: jnp.stack([jnp.zeros_like(x[0]), jnp.full_like(x[0], 0.3), x[0]]), points(case, 1))

    @jax.jit
    @jax.vmap
    def slopes(v):
        def answer(penalty, v, step):
            return sum(jnp.sum(x) for x in jax.tree.leaves(penalty.prox(v, step)))

        def penalty_there(penalty, v):
            return penalty.value(v)

        on_edge = case.penalty.prox(v, 1.0)
        return [jax.grad(answer, (0, 1, 2))(case.penalty, x, 1.0) for x in (v, on_edge)], [
            jax.grad(penalty_there, (0, 1))(case.penalty, x) for x in (v, on_edge)
        ]

    assert all(jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(slopes(kinks)))


@EACH_COSTLY
def test_jit_is_eager_and_vmap_is_the_loop(case, x64):
    batch = points(case, 2)
    together = jax.jit(jax.vmap(lambda v: (case.penalty.prox(v, 0.7), case.penalty.value(v))))(batch)
    for i in range(2):
        v = jax.tree.map(lambda x, i=i: x[i], batch)
        alone = case.penalty.prox(v, 0.7), case.penalty.value(v)
        for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(b[i], a, atol=EXACT)
        assert jax.tree.structure(alone[0]) == jax.tree.structure(v)


@EACH_COSTLY
def test_dtypes_stay_and_half_precision_is_computed_in_float32(case):
    v = jax.tree.map(lambda x: x[0], points(case, 1, dtype=np.float32))
    rounded = [jax.tree.map(lambda x, d=d: x.astype(d), v) for d in ("float16", "bfloat16")]

    @jax.jit
    def program(rounded):
        found = [case.penalty.prox(x, 0.7) for x in rounded]
        both = jax.tree.map(lambda *x: jnp.stack([jnp.float32(one) for one in x]), *rounded)
        return found, jax.vmap(lambda x: case.penalty.prox(x, 0.7))(both), [case.penalty.value(x) for x in found]

    found, both, values = program(rounded)
    wide = [jax.tree.map(lambda x, i=i: x[i], both) for i in range(2)]
    for a, b, given in zip(*map(jax.tree.leaves, (found, wide, rounded)), strict=True):
        assert a.dtype == given.dtype
        unit = float(jnp.finfo(given.dtype).eps)  # float32 that is fused otherwise may round to the other neighbour
        np.testing.assert_allclose(np.asarray(a, np.float32), b, rtol=unit, atol=1e-6)
    for value in values:
        assert value.dtype == jnp.float32
        assert np.isfinite(value)  # a projection, rounded, is still inside


@pytest.mark.parametrize("case", SETS.values(), ids=SETS)
def test_outside_is_infinite_and_the_step_has_no_effect(case):
    v = jax.tree.map(lambda x: 9 + x[0], points(case, 1, dtype=np.float32))
    value, prox = jax.jit(case.penalty.value), jax.jit(case.penalty.prox)
    if not isinstance(case.penalty, ns.NonNegative):
        assert np.isinf(value(v))
    assert np.isinf(value(jax.tree.map(lambda x: -x, v)))
    first, second = (prox(v, step) for step in (0.1, 10.0))
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "case", [case for name, case in SETS.items() if "free" not in name and name != "non_negative"], ids=lambda _: ""
)
def test_the_linear_oracle_is_least_over_the_set(case, x64):
    for dtype in (np.float64, np.complex128)[: 1 + case.complex]:
        grads, others = points(case, 32, 6, dtype), points(case, 32, 7, dtype)

        def gap(g, v):
            s = case.penalty.lmo(g)
            return dot(case.penalty.prox(v, 1.0), g) - dot(s, g), case.penalty.value(s)

        gaps, values = jax.jit(jax.vmap(gap))(grads, others)
        assert np.min(gaps) >= -EXACT
        assert np.all(values == 0)
        zero = jax.tree.map(lambda x: jnp.zeros_like(x[0]), grads)
        assert jax.jit(lambda g: case.penalty.value(case.penalty.lmo(g)))(zero) == 0


PENALTIES = {name: case for name, case in CASES.items() if not case.penalty.is_set}


@pytest.mark.parametrize("case", PENALTIES.values(), ids=PENALTIES)
def test_nothing_that_scipy_finds_is_better(case, x64):
    v = jax.tree.map(lambda x: x[0], points(case, 1, 8))
    flat, unravel = ravel_pytree(v)
    total = jax.jit(lambda x: case.penalty.value(unravel(x)) + jnp.sum((x - flat) ** 2) / (2 * 0.7))
    ours = jax.jit(lambda v: ravel_pytree(case.penalty.prox(v, 0.7))[0])(v)
    near = scipy_minimize(
        lambda x: float(total(x)), ours, method="Powell", options={"xtol": 1e-10, "ftol": 1e-14, "maxfev": 1000}
    )
    assert total(ours) <= near.fun + EXACT
    np.testing.assert_allclose(near.x, ours, atol=1e-5)  # the root of Powell's tolerance
