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
from jgd.law.optimum import Trials, optimum
from jgd.law.regression import of_loss, of_number
from jgd.sweep import grid, run, uniform
from tests.refusal import refused

RATES = np.geomspace(3e-3, 3.0, 18)


@functools.cache
def template():
    """Return a sweep over the rates, whose curves are then replaced."""
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
    # The seeds' noise is common to all rates of a study, so the minimum is exact to float32.
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
    np.testing.assert_allclose(np.median(law.number_laws[0].parameters()[1], axis=0), [-0.7, 0.5], atol=0.02)
    # A floor and two powers, averaged over those that nine exact losses allow within a misfit of 0.1 %.
    np.testing.assert_allclose(law.predict(width=512, batch=32), 1 + 4 * 512**-0.5 + 2 / 32, rtol=0.02)


def test_the_optimizer_trains_as_with_plain_numbers(law):
    task = jgd.Task(lambda key: jnp.ones(2), lambda p, x: jnp.sum(p**2), np.ones((4, 1)))
    made = law.at(width=64)
    plain = jgd.with_hyperparams(made, learning_rate=float(law.numbers(width=64)["learning_rate"]))
    a, b = (jgd.fit(task, one, steps=3, progress=False).params for one in (made, plain))
    assert jnp.all(a == b)


def test_what_lies_far_beyond_the_sizes_fitted_says_so(law):
    assert "beyond" not in repr(law.numbers(width=1024)["learning_rate"])  # four times 256
    assert repr(law.predict(width=2560)).endswith("(10 times beyond the sizes fitted)")
    assert repr(law.predict(width=0.16)).endswith("(100 times beyond the sizes fitted)")
    assert "(10 times beyond" in repr(law.at(width=2560))


@pytest.mark.parametrize("width", [np.inf, "64", True, -1])
def test_a_size_that_is_no_positive_number_is_refused(law, width):
    with pytest.raises(InputError, match=r"Law.predict\(width=.*\): expected positive width"):
        law.predict(width=width)


def test_an_estimate_is_a_number_that_can_be_pickled():
    x = Estimate(0.1, 0.05, 0.2)
    again = pickle.loads(pickle.dumps(x))
    assert (again, again.low, again.high, again.beyond) == (0.1, 0.05, 0.2, 1.0)
    assert repr(x) == "0.1 [0.05, 0.2]"
    assert type(x + 1) is float


def test_intervals_hold_as_often_as_they_say():
    """Seven widths with noise of seeds, and a study at twice the largest one."""
    draw, x = np.random.default_rng(0), np.log([[8.0], [12], [16], [24], [32], [48], [64], [128]])
    held = {of_number: [], of_loss: []}
    misses = []
    for _ in range(150):
        power, floor = draw.uniform(0.25, 1), draw.uniform(0, 0.7)
        line = draw.normal() + draw.normal() * x[:, 0]
        loss = np.log(floor + (1 - floor) * np.exp(-power * (x[:, 0] - x[0, 0])))
        for fit_law, true, noise in ((of_number, line, 0.1), (of_loss, loss, 0.003)):
            found = true + noise * draw.normal(size=8)
            mean, draws = fit_law(x[:-1], found[:-1], np.full(7, noise**2), noise**2).at(x[-1])
            low, high = np.quantile(draws, [0.05, 0.95])
            held[fit_law].append(low < found[-1] < high)
            misses.append((fit_law is of_loss, abs(mean - true[-1])))
    # Of 150 the share is within three standard errors, 0.07, of 0.9, or above: laws without misfit are easier.
    assert all(np.mean(each) > 0.83 for each in held.values())
    # Noise of 0.3 % makes the loss at twice the largest size uncertain by about three times that.
    assert np.median([miss for is_loss, miss in misses if is_loss]) < 0.01


def test_intervals_widen_where_a_law_bends():
    x = np.log([[8.0], [12], [16], [24], [32], [48], [64], [128]])
    straight = -0.5 * x[:, 0]
    bent = straight + 0.7 * np.maximum(0, x[:, 0] - np.log(24))
    widths = []
    for logs in (straight, bent):
        mean, draws = of_number(x[:-1], logs[:-1], np.full(7, 0.03**2), 0.03**2).at(x[-1])
        widths.append(np.ptp(np.quantile(draws, [0.05, 0.95])))
        assert abs(mean - logs[-1]) < 0.2  # a straight line through all misses the bent one by 0.41
    assert widths[1] > 1.5 * widths[0]


def test_a_loss_that_grows_with_a_size_has_a_law_too():
    law = fit([({"width": 1024.0 / w}, study(w, noise=0.0)) for w in (16.0, 32.0, 64.0, 128.0)], resamples=20)
    assert law.predict(width=8) < law.predict(width=64) < law.predict(width=128)
    assert "nan" not in str(law)


def test_the_minimum_of_a_lopsided_bowl_with_trials_that_diverge():
    draw, logs = np.random.default_rng(0), np.log(np.geomspace(1e-3, 1, 13))
    z = logs - np.log(0.05)
    losses = np.exp(np.where(z > 0, 0.12, 0.04) * z**2)[:, None] * np.exp(0.01 * draw.normal(size=(13, 8)))
    losses[-2:], losses[-1, 0] = 50.0, np.nan
    found = optimum(Trials(("rate",), logs[:, None], losses), 50, 0)
    # Eight seeds of 1 % and a bowl of 4 to 12 % an e-fold: the bottom is flat to 0.4 % within 20 %.
    np.testing.assert_allclose(found.numbers, np.log(0.05), atol=0.2)
    np.testing.assert_allclose(found.loss, 0.0, atol=0.01)
    assert 0.01 < found.errors[0] < 0.3
    assert found.errors[1] < 0.01


def other_space():
    def train(optimizer, key):
        return {"loss": 1.0 + jgd.hyperparams(optimizer)["b1"]}

    return run(train, jgd.adam(0.1, b1=uniform(0.1, 0.9)), num_trials=3, progress=False)


def diverging():
    one = study(16.0)
    return dataclasses.replace(one, curves={"loss": np.where(np.arange(4)[:, None] == 1, np.nan, one.curves["loss"])})


@pytest.mark.parametrize(
    ("studies", "words"),
    [
        (lambda: [({"width": 16}, study(16.0))], "fit(studies="),
        (
            lambda: [({"width": w}, study(16.0)) for w in (16, 16, 32)],
            "law.fit(studies): width has fewer than three values",
        ),
        (
            lambda: [({"width": w}, diverging()) for w in (16, 32, 64)],
            "law.fit(studies), study 0 at {'width': 16}: 0 of 18 trials have a positive finite loss under each seed",
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
    refused(lambda: fit(studies()), words)


def test_other_sizes_than_those_of_the_studies_are_refused(law):
    with pytest.raises(InputError, match=r"Law.predict\(steps=3\): expected positive width; give each of them"):
        law.predict(steps=3)
