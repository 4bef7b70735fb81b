"""Laws: known ones are found again from noisy studies, and the optimizer that they make is ready to use."""

import dataclasses
import functools
import pickle

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.law import Estimate, fit
from jgd.sweep import grid, run, uniform

RATES = np.geomspace(3e-3, 1.0, 15)


@functools.cache
def template():
    """A sweep over the rates, whose curves are then replaced."""
    space = jgd.adam(grid(list(RATES)))
    return run(lambda opt, key: {"loss": 1.0}, space, sampler="grid", num_trials=len(RATES), seeds=4, progress=False)


def study(width, batch=1.0, noise=0.01):
    """Loss 1 + 4 width^-0.5 + 2 batch^-1 at the rate 2 width^-0.7 batch^0.5, parabolic in its log, under four seeds."""
    z = np.log(RATES / (2 * width**-0.7 * batch**0.5))[:, None, None]
    seeds = np.exp(noise * np.random.default_rng(int(width)).normal(size=(1, 4, 1)))
    losses = (1 + 4 * width**-0.5 + 2 / batch) * np.exp(0.1 * z**2) * seeds
    return dataclasses.replace(template(), curves={"loss": losses})


@pytest.fixture(scope="module")
def law():
    return fit([({"width": w}, study(w)) for w in (16.0, 32.0, 64.0, 128.0, 256.0)])


def test_the_best_rate_at_a_size_that_was_not_seen(law):
    rate = jgd.hyperparams(law.at(width=1024))["learning_rate"]
    assert isinstance(rate, Estimate)
    # The seeds' noise is common to all rates of a study, so the vertex is exact to float32.
    np.testing.assert_allclose(rate, 2 * 1024**-0.7, rtol=1e-3)
    assert rate.low <= rate <= rate.high
    np.testing.assert_allclose(law.numbers(width=64)["learning_rate"], 2 * 64**-0.7, rtol=1e-3)


def test_the_loss_at_a_size_that_was_not_seen(law):
    loss = law.predict(width=512)
    true = 1 + 4 * 512**-0.5 + 2
    np.testing.assert_allclose(loss, true, rtol=0.01)  # the means of four seeds vary by 0.5 %
    assert loss.low < true < loss.high


def test_it_prints_powers_and_draws_studies(law):
    assert "learning_rate" in str(law)
    assert "-0.70" in str(law)
    assert "<table>" in law._repr_html_()
    assert len(law.plot().axes) == 2


def test_two_sizes_together():
    sizes = [(w, b) for w in (16.0, 64.0, 256.0) for b in (1.0, 4.0, 16.0)]
    law = fit([({"width": w, "batch": b}, study(w, b, noise=0.0)) for w, b in sizes], resamples=20)
    np.testing.assert_allclose(law.exponents[0, 0, 1:], [-0.7, 0.5], atol=0.02)  # rates at the grid's ends are cut
    # A floor and two powers from nine exact losses: what float32 leaves of a flat valley of least squares.
    np.testing.assert_allclose(law.predict(width=512, batch=32), 1 + 4 * 512**-0.5 + 2 / 32, rtol=0.02)


def test_the_optimizer_trains_as_with_plain_numbers(law):
    task = jgd.Task(lambda key: jnp.ones(2), lambda p, x: jnp.sum(p**2), np.ones((4, 1)))
    made = law.at(width=64)
    plain = jgd.with_hyperparams(made, learning_rate=float(law.numbers(width=64)["learning_rate"]))
    a, b = (jgd.fit(task, one, steps=3, progress=False).params for one in (made, plain))
    assert jnp.all(a == b)


def test_an_estimate_is_a_number_that_can_be_pickled():
    x = Estimate(0.1, 0.05, 0.2)
    again = pickle.loads(pickle.dumps(x))
    assert (again, again.low, again.high) == (0.1, 0.05, 0.2)
    assert repr(x) == "0.1 [0.05, 0.2]"
    assert type(x + 1) is float


def other_space():
    def train(optimizer, key):
        return {"loss": 1.0 + jgd.hyperparams(optimizer)["b1"]}

    return run(train, jgd.adam(0.1, b1=uniform(0.1, 0.9)), num_trials=3, progress=False)


@pytest.mark.parametrize(
    ("studies", "words"),
    [
        (lambda: [({"width": 16}, study(16.0))], "fit(studies="),
        (
            lambda: [({"width": w}, study(16.0)) for w in (16, 16, 32)],
            "law.fit(studies): width has fewer than three values",
        ),
        (
            lambda: [({"width": w, "steps": w}, study(16.0)) for w in (16, 32, 64, 128)],
            "law.fit(studies): some sizes change only together",
        ),
        (
            lambda: [({"width": w}, study(16.0)) for w in (16, 32)] + [({"steps": 2}, study(16.0))],
            "law.fit(studies): study 0 has the sizes",
        ),
        (
            lambda: [({"width": w}, study(16.0)) for w in (16, 32)] + [({"width": 64}, other_space())],
            "law.fit(studies): the studies sweep different numbers",
        ),
    ],
)
def test_bad_studies_are_one_sentence(studies, words):
    with pytest.raises(InputError) as error:
        fit(studies())
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_other_sizes_than_those_of_the_studies_are_refused(law):
    with pytest.raises(InputError, match=r"Law.predict\(steps=3\): expected positive width; give each of them"):
        law.predict(steps=3)
