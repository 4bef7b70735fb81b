"""A search that its caller watches: callbacks, seconds, the history, and what a Solution says in scipy's words."""

import dataclasses
import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.solvers import watched
from jgd.solvers.minimize import minimize

START = jnp.array([3.0, -1.0])
CENTRE = jnp.array([1.0, 2.0])
SGD = jgd.sgd(0.2)
STOP = Stop(gradient_norm=1e-4, max_steps=100)


def bowl(params):
    return jnp.sum((params - CENTRE) ** 2)


def waves(params):
    return jnp.sum(jnp.cos(params))


def by_hand(steps):
    """x_k = c + (1 - 2 r)^k (x_0 - c)."""
    return CENTRE + 0.6**steps * (START - CENTRE)


def test_a_callback_sees_every_step_and_changes_nothing():
    seen = []
    found = minimize(bowl, SGD, START, STOP, callback=seen.append, history=True)
    plain = minimize(bowl, SGD, START, STOP)
    np.testing.assert_allclose(found.params, plain.params, rtol=1e-6)  # the same steps in another program
    assert (found.status, int(found.steps)) == (Status.GRADIENT_NORM, int(plain.steps))
    assert [int(one.steps) for one in seen] == list(range(1, int(found.steps) + 1))
    assert [one.status for one in seen] == [Status.RUNNING] * (len(seen) - 1) + [found.status]
    assert [one.history.value.size for one in seen] == [int(one.evaluations) for one in seen]
    for k in (1, 5):
        np.testing.assert_allclose(seen[k - 1].params, by_hand(k), rtol=1e-5)  # five steps of float32
        assert seen[k - 1].value == bowl(seen[k - 1].params)


@pytest.mark.parametrize("answer", [True, np.bool_(True), np.array(True), jnp.array(True), StopIteration])
def test_a_callback_ends_the_search(answer):
    calls = []

    def third(solution):
        calls.append(solution)
        if len(calls) < 3:
            return [None, False, np.bool_(False)][len(calls)]
        if answer is StopIteration:
            raise StopIteration
        return answer

    found = minimize(bowl, SGD, START, STOP, callback=third)
    assert (found.status, int(found.steps), len(calls)) == (Status.CALLBACK, 3, 3)
    np.testing.assert_allclose(found.params, by_hand(3), rtol=1e-5)


def test_a_rule_that_holds_goes_before_the_callback():
    found = minimize(bowl, SGD, START, Stop(max_steps=1), callback=lambda solution: True)
    assert found.status is Status.MAX_STEPS


@pytest.mark.parametrize("answer", [1, "yes", 0.5, np.array([True, False]), [True]])
def test_another_answer_is_refused(answer):
    with pytest.raises(InputError, match="return True to end the search, False or None to go on") as error:
        minimize(bowl, SGD, START, STOP, callback=lambda solution: answer)
    assert "\n" not in str(error.value)


def test_an_error_in_the_callback_is_the_callers():
    def broken(solution):
        raise ZeroDivisionError("theirs")

    with pytest.raises(ZeroDivisionError, match="theirs"):
        minimize(bowl, SGD, START, STOP, callback=broken)


def test_seconds_end_a_search_that_would_go_on(monkeypatch):
    looks = itertools.count()
    monkeypatch.setattr(watched, "time", SimpleNamespace(monotonic=lambda: next(looks) / 64))  # at each look a 64th
    forever = Stop(gradient_norm=0.0, seconds=0.2, max_steps=10**9, max_evaluations=10**9)
    found = minimize(waves, jgd.sgd(1e-9), START, forever)
    assert found.status is Status.TIME
    assert next(looks) / 64 > 0.2
    assert found.steps > 10  # segments grow; a step each would be a round trip each


def test_seconds_are_not_waited_for():
    assert minimize(bowl, SGD, START, Stop(gradient_norm=1e-4, seconds=1000.0)).status is Status.GRADIENT_NORM


@pytest.mark.parametrize(
    ("keywords", "name"),
    [({"callback": print}, "callback"), ({"stop": Stop(max_steps=9, seconds=1.0)}, "seconds")],
    ids=["callback", "seconds"],
)
def test_under_transformations_nobody_watches(keywords, name):
    with pytest.raises(InputError, match=f"{name}.*cannot act under jit, vmap or a derivative"):
        jax.jit(lambda start: minimize(bowl, SGD, start, **keywords).value)(START)


def test_the_history_holds_every_evaluation():
    found = minimize(bowl, SGD, START, STOP, history=True)
    count = int(found.evaluations)
    assert [x.shape for x in found.history] == [(count,)] * 3
    points = jnp.stack([by_hand(k) for k in range(count)])
    values = jax.vmap(bowl)(points)
    np.testing.assert_allclose(found.history.value[:8], values[:8], rtol=1e-4)  # eight steps of float32
    np.testing.assert_allclose(found.history.gradient_norm[:8], 2 * jnp.sqrt(values[:8]), rtol=1e-4)
    assert found.history.accepted.all()
    assert found.history.value[-1] == found.value
    watched = minimize(bowl, SGD, START, STOP, history=True, callback=lambda solution: None)
    np.testing.assert_allclose(watched.history.value, found.history.value, rtol=1e-4, atol=1e-9)


def test_the_history_of_a_line_search_has_its_trials():
    """A method's trials are turns of the loop; those of an optimizer's own line search are counted, but not known."""
    found = minimize(lambda x: jnp.sum((x - CENTRE) ** 4), "bfgs", START, Stop(max_steps=6), history=True)
    accepted = np.asarray(found.history.accepted)
    assert accepted.sum() == int(found.steps) + 1  # the start is a point as well
    assert np.isfinite(found.history.value).all()
    assert (np.diff(np.asarray(found.history.value)[accepted]) < 0).all()
    own = minimize(lambda x: jnp.sum((x - CENTRE) ** 4), "l-bfgs", START, Stop(max_steps=6), history=True)
    known = np.isfinite(own.history.value)
    assert len(known) == int(own.evaluations)
    assert known.sum() == int(own.steps) + 1
    assert own.history.value[-1] == own.value


def test_a_solution_speaks_scipys_words():
    found = minimize(bowl, SGD, START, STOP)
    assert found.x is found.params
    assert found.fun is found.value
    assert (found.nit, found.nfev) == (found.steps, found.evaluations)
    assert found.success is True
    assert jax.jit(lambda start: minimize(bowl, SGD, start, STOP).success)(START)
    for word in ("x", "fun", "nit", "nfev", "success", "message"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"Solution.{word} is made of its fields"):
            setattr(found, word, 1.0)
    assert found.message == str(Status.GRADIENT_NORM)
    assert minimize(bowl, SGD, START, Stop(max_steps=2)).success is False
    both = jax.vmap(lambda least: minimize(bowl, SGD, START, Stop(gradient_norm=least, max_steps=40)))(
        jnp.array([1e-4, 0.0])
    )
    np.testing.assert_array_equal(both.success, [True, False])
    assert both.message[1] == str(Status.MAX_STEPS)
