"""The pulse, read: each finding from a run or from curves that have it, and none from healthy ones."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.finding import worst_first
from jgd.health.finding import Thresholds
from jgd.health.heard import Heard
from jgd.health.jumps import jump_before, loss_scores, z_scores
from jgd.health.pulse_findings import heard_findings
from jgd.health.reading import read_pulse, sparkline
from jgd.train.pulse import QUANTITIES, Health

X = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)


def quadratic(rate, steps=40, **options):
    """L = 10 |w|^2 / 2 with full batches: gradient descent diverges above a rate of 0.2 and bounces above 0.1."""
    task = jgd.Task(lambda key: {"w": jnp.ones((4, 4))}, lambda p, x: 5 * jnp.sum(p["w"] ** 2) + 1, X)
    return jgd.fit(task, jgd.sgd(rate), steps=steps, health=Health(every=2), progress=False, **options)


def quantities(reading):
    return [finding.quantity for finding in reading.findings]


def test_a_good_rate_has_no_finding_and_one_beyond_the_curvature_is_told():
    assert quantities(quadratic(0.005).health) == []
    assert "cosine of successive gradients" in quantities(quadratic(0.17).health)
    bad = quadratic(0.3, 300).health
    assert bad.findings[0].severity == 3
    assert "not finite" in bad.findings[0].quantity or "loss" in bad.findings[0].quantity


def test_the_first_leaf_that_is_not_finite_is_named():
    def loss(params, batch):
        bad = jnp.sum(jnp.sqrt(params["b"] * 0.0))  # its value is 0, its slope infinite times 0: NaN
        return jnp.mean((batch @ params["a"]) ** 2) + bad

    task = jgd.Task(lambda key: {"a": jnp.ones((8, 2)), "b": jnp.ones(3)}, loss, X)
    reading = jgd.fit(task, jgd.adam(0.01), steps=5, health=Health(every=1), progress=False).health
    finding = reading.findings[0]
    assert finding.where == "step 0, b"
    assert "backward" in finding.because
    assert finding.value == 1.0


def curves(**changes):
    steps, groups = np.arange(0, 400, 4), ("w",)
    usual = {"gradient_norm": 1.0, "params_norm": 10.0, "update_ratio": 1e-3, "successive_cosine": 0.1}
    beats = {f"{q}/{g}": np.full(100, usual.get(q, 0.0)) for q in QUANTITIES for g in ("w", "all")}
    noise = 1 + 0.05 * np.random.default_rng(0).normal(size=400)
    heard = Heard({"step": steps, "clipped": np.full(100, np.nan), **beats}, 2 * noise, groups, groups)
    for name, value in changes.items():
        if name == "loss":
            heard = heard._replace(loss=value(heard.loss.copy()))
        else:
            for column in (name, *(f"{name}/{g}" for g in ("w", "all"))):
                if column in heard.beats:
                    heard.beats[column] = np.broadcast_to(np.asarray(value, float), 100).copy()
    return heard


def put(place, value):
    def change(x):
        x[place] = value
        return x

    return change


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [
        ({}, None),
        ({"loss": put(200, 9.0)}, "z-score"),
        ({"gradient_norm": np.where(np.arange(100) == 60, 50.0, 1 + 0.01 * (np.arange(100) % 7))}, "z-score"),
        ({"loss": put(slice(300, None), 9.0)}, "last loss as a multiple of the first"),
        ({"loss": put(399, np.nan)}, "loss"),
        ({"update_ratio": 0.3}, "|u|/|theta|"),
        ({"update_ratio": 1e-9}, "|u|/|theta|"),
        ({"update_ratio": 0.0}, "|u|/|theta|"),
        ({"gradient_norm": 1e-9}, "|g||theta|/|loss|"),
        ({"successive_cosine": -0.9}, "cosine of successive gradients"),
        ({"clipped": 1.0}, "share of steps whose gradient is clipped"),
        ({"params_nonfinite": 0.5}, "share of the parameters that is not finite"),
    ],
)
def test_each_fault_in_the_curves_is_the_first_finding(changes, quantity):
    found = list(heard_findings(curves(**changes), Thresholds()))
    assert (found[0].quantity if found else None) == quantity
    for finding in found:
        assert str(finding).endswith(".")


def test_the_share_of_clipped_steps_weighs_each_measurement_by_the_steps_that_it_stands_for():
    """The first 61 steps are measured and clipped, and none of the 39 measurements among the next 1,560."""
    heard = curves(clipped=np.where(np.arange(100) < 61, 1.0, 0.0))
    heard.beats["step"][:] = np.concatenate([np.arange(61), np.arange(100, 1660, 40)])
    assert list(heard_findings(heard, Thresholds())) == []


def test_thresholds_are_arguments():
    heard = curves(update_ratio=0.3)
    assert list(heard_findings(heard, dataclasses.replace(Thresholds(), update_ratio=0.5))) == []
    run = quadratic(0.17)
    assert quantities(read_pulse(run, Thresholds(successive=-1.0, update_ratio=float("inf")))) == []


@pytest.mark.parametrize(
    ("changes", "thresholds"),
    [
        ({"loss": put(200, 9.0)}, Thresholds(jump=10.0)),
        ({"loss": put(200, 9.0)}, Thresholds(spike=float("inf"))),
        ({"loss": put(slice(300, None), 9.0)}, Thresholds(rising=float("inf"), spike=float("inf"))),
        ({"update_ratio": np.where(np.arange(100) == 60, 0.8, 1e-3)}, Thresholds(leap=10.0)),
        ({"gradient_norm": 1e-9}, Thresholds(vanished=0.0)),
    ],
)
def test_each_number_beyond_which_a_curve_is_a_finding_is_a_threshold(changes, thresholds):
    assert list(heard_findings(curves(**changes), Thresholds())) != []
    assert list(heard_findings(curves(**changes), thresholds)) == []


def test_findings_print_as_numbered_sentences():
    found = worst_first(heard_findings(curves(loss=put(200, 9.0), successive_cosine=-0.9), Thresholds()))
    assert re.fullmatch(r"1\. the loss at step 200: .*\.\n2\. the run: cosine .*\.", repr(found))
    assert repr(worst_first([])) == "no findings"


def test_one_spike_does_not_blind_the_next():
    values = 1 + 0.1 * np.random.default_rng(1).normal(size=300)
    values[[100, 105]] = 8.0
    scores = z_scores(values)
    assert scores[100] > 6
    assert scores[105] > 6
    assert np.sum(scores > 6) == 2
    assert not z_scores(values[:20]).any()


def test_a_jump_in_the_warm_up_is_seen():
    """Of a loss that falls, and of one row of its data that is far too large."""
    values = 0.3 + 2 * np.exp(-np.arange(120) / 20) + 0.05 * np.random.default_rng(1).normal(size=120)
    assert not np.any(loss_scores(values) > 6)
    values[3] *= 15
    values[4:12] *= 5  # which the first one leaves behind
    assert np.flatnonzero(loss_scores(values) > 6)[0] == 3
    (finding,) = heard_findings(Heard({}, values, (), ()), Thresholds())
    assert re.match(r"the loss at step 3: z-score is", str(finding))
    assert jump_before(values[:20], 6).startswith("the loss had jumped from 2.2")
    assert jump_before(values[:3], 6) == ""


def test_the_table_the_page_and_the_picture_show_every_group():
    reading = quadratic(0.17).health
    assert "cosine" in str(reading)
    assert "<table>" in reading._repr_html_()
    assert reading.dataframe().index.name == "step"
    figure = reading.plot()
    assert len(figure.axes) == 4
    assert sparkline(np.array([1.0, 10.0, 100.0, 0.0, np.nan])) == "▁▄█.!"


def test_a_run_without_a_pulse_says_how_to_get_one():
    task = jgd.Task(lambda key: jnp.ones(2), lambda p, x: jnp.sum(p**2), X)
    run = jgd.fit(task, jgd.sgd(0.1), steps=1, progress=False)
    with pytest.raises(InputError, match=r"the run has no pulse; ask for it with jgd.fit\(..., health=True\)"):
        run.health  # noqa: B018


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_built_in_tasks_have_no_finding(name):
    run = jgd.fit(jgd.tasks.load(name), jgd.adam(0.01), steps=120, seed=1, health=True, progress=False)
    assert run.health.findings == ()
    assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.all(jnp.isfinite(x))), run.params))
