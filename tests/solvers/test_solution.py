"""Solution: how many of them are ranked and printed."""

import jax.numpy as jnp
import numpy as np

from jgd.core.status import Status
from jgd.solvers.solution import Solution


def many(value, violation=None, status=Status.GRADIENT_NORM):
    value = jnp.asarray(value)
    codes = jnp.full(value.shape, int(status))
    return Solution({"x": value + 1}, value, jnp.zeros_like(value), jnp.ones_like(codes), codes, violation=violation)


def test_the_best_comes_first_and_what_is_not_finite_last():
    assert many([3.0, jnp.nan, -1.0, jnp.inf]).best_first.tolist()[:2] == [2, 0]


def test_one_that_breaks_its_constraints_comes_after_one_that_obeys():
    found = many([-5.0, 2.0, 1.0], jnp.array([1.0, 0.0, 0.0]), Status.MAX_STEPS)
    assert found.best_first.tolist() == [2, 1, 0]


def test_many_print_the_best_of_them_and_the_median():
    text = str(many([3.0, jnp.nan, -1.0, 0.5, 7.0]))
    assert "5 solutions: the best has value -1, the median 3\n" in text
    assert "the best, at index 2: {'x': 0.0}\n" in text


def test_many_without_a_finite_value_print_no_best():
    assert str(many(np.full(2, np.nan))).splitlines()[0] == "2 solutions"


def test_one_of_a_kind_is_counted_as_one():
    one = jnp.ones((), jnp.int32)
    found = Solution({"x": one}, one, one, one, one * int(Status.MAX_STEPS), evaluations=one)
    assert str(found).startswith("Solution after 1 step and 1 evaluation: value 1,")
    assert str(many([3.0])).startswith("1 solution: the best has value 3")
