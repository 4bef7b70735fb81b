"""Findings of a pulse whose first measurements are dense, of short runs, and of optimizers that skip steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.finding import WATCH
from jgd.health.finding import Thresholds
from jgd.health.heard import Heard
from jgd.health.pulse_findings import heard_findings
from jgd.train.pulse import QUANTITIES, Health, Pulse

X = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)


def curves(taken, loss: object = 2.0, **changes):
    """Return a pulse at the steps that are measured by default; changes are values, or functions of the steps."""
    number = np.arange(taken)
    steps = np.flatnonzero(Pulse(Health().every, ()).is_due(number))
    usual = {"gradient_norm": 1.0, "params_norm": 10.0, "update_ratio": 1e-3, "successive_cosine": 0.1, **changes}
    value = {q: usual.get(q, 0.0) for q in QUANTITIES}
    beats = {f"{q}/{g}": _column(v, steps) for q, v in value.items() for g in ("w", "all")}
    return Heard(
        {"step": steps, "clipped": np.full(len(steps), np.nan), **beats}, _column(loss, number), ("w",), ("w",)
    )


def _column(value, steps):
    return np.asarray(value(steps) if callable(value) else np.full(len(steps), value), float)


def found(heard):
    return list(heard_findings(heard, Thresholds()))


@pytest.mark.parametrize("taken", [2, 10, 60, 300, 500])
def test_a_matrix_that_began_with_zeros_is_no_finding(taken):
    """In steady motion |u|/|theta| is 1/t: 1 at the second step, which is measured."""
    with np.errstate(divide="ignore"):
        ratio = curves(taken, update_ratio=lambda t: np.where(t > 0, 1 / t, 0.01), params_norm=lambda t: 0.01 * t)
    assert found(ratio) == []
    first, *_ = found(curves(500, update_ratio=0.3, params_norm=lambda t: 0.01 * t))
    assert "the rate is too high" in first.because


@pytest.mark.parametrize("taken", [10, 60, 300])
def test_bouncing_is_seen_in_short_runs_too(taken):
    (first,) = found(curves(taken, successive_cosine=lambda t: np.where(t > 0, -0.9, np.nan)))
    assert first.quantity == "cosine of successive gradients"


@pytest.mark.parametrize("taken", [60, 300, 1000])
def test_a_vanishing_gradient_is_looked_for_in_the_first_quarter_of_the_steps(taken):
    """Only in the steps after the first do all leaves of a network with a head of zeros have gradients."""
    (first,) = found(curves(taken, gradient_norm=lambda t: np.where(t > 0, 1e-9, 0.0)))
    assert first.quantity == "|g||theta|/|loss|"


def test_a_loss_that_leaves_its_first_value_at_once_has_risen():
    """Of batches of one example the first may have a small loss by chance; then others have too."""
    first, *_ = found(curves(100, loss=lambda t: np.where(t > 0, 1e6, 0.7)))
    assert first.quantity == "last loss as a multiple of the first"
    assert found(curves(100, loss=lambda t: np.where((t == 0) | (t == 40), 0.7, 3 + t % 2))) == []


def test_weight_decay_does_not_hide_leaves_that_no_gradient_reaches():
    first, *_ = found(curves(300, gradient_norm=0.0, update_ratio=1e-5))
    assert first.because == "no gradient reaches these leaves"


def test_steps_between_those_of_an_accumulation_are_no_finding():
    assert found(curves(400, update_ratio=lambda t: np.where(t % 8 == 7, 1e-3, 0.0))) == []


def test_leaves_whose_gradient_dies_are_told_from_a_schedule_that_ends():
    first, *_ = found(
        curves(300, **dict.fromkeys(("gradient_norm", "update_ratio"), lambda t: np.where(t < 20, 1e-3, 0)))
    )
    assert "no gradient reaches these leaves any more" in first.because


def test_a_loss_that_begins_below_zero_rises_too():
    first, *_ = found(curves(300, loss=lambda t: np.select([t == 0, t < 3], [-0.01, 5.0], 5000.0)))
    assert first.quantity == "last loss as a multiple of the first"


def test_a_schedule_that_has_ended_is_no_rate_to_raise():
    (finding,) = found(curves(300, update_ratio=lambda t: np.where(t < 20, 1e-3, 0.0)))
    assert finding.because == "these leaves have stopped"


def test_groups_of_which_the_same_is_said_are_one_finding():
    heard = curves(300, update_ratio=0.3)
    other = {name.replace("/w", "/v"): 2 * column for name, column in heard.beats.items()}
    (finding,) = found(heard._replace(beats=other | heard.beats, groups=("w", "v"), wide=("w", "v")))
    assert (finding.where, finding.value) == ("v, w", pytest.approx(0.6))


def test_a_gradient_that_grows_to_stay_has_not_jumped():
    assert found(curves(300, gradient_norm=lambda t: np.where(t < 7, 1 + 0.01 * t, 5.0))) == []
    (spike,) = found(curves(300, gradient_norm=lambda t: np.where(t == 99, 9.0, 1 + 0.001 * (t % 7))))
    assert spike.where == "the gradient at step 99"
    assert "1 of 12 measurements jumped" in spike.because


def test_the_earlier_of_two_jumps_comes_first():
    def loss(t):
        return np.where((t == 40) | (t == 50), 9.0, 2 + 0.01 * np.cos(t))

    found_first, found_then = found(curves(300, loss=loss, update_ratio=lambda t: np.where(t == 0, 3.0, 1e-3)))
    assert found_first.because == "one step rewrote these leaves"
    assert found_then.where == "the loss at step 40"


def test_a_chain_of_many_layers_is_seen_to_vanish_at_its_first():
    """Fifteen sigmoids divide the gradient by four each, at least; the layers between the ends come together."""

    def loss(params, batch):
        for i in range(15):
            batch = jax.nn.sigmoid(batch @ params[f"layer{i}"]["w"])
        return jnp.mean(batch**2)

    def init(key):
        keys = jax.random.split(key, 15)
        return {f"layer{i}": {"w": jax.random.normal(k, (8, 8)) / 8**0.5} for i, k in enumerate(keys)}

    reading = jgd.fit(jgd.Task(init, loss, X, 16), jgd.sgd(0.01), steps=4, health=True, progress=False).health
    assert reading.heard.groups == ("layer0/w", "layer*/w", "layer14/w")
    finding, *_ = reading.findings  # the others are that these leaves hardly move
    assert (finding.where, finding.because) == ("layer0/w", "the gradient vanishes here, beside layer*/w")


def half(params, batch):
    h = batch.astype(jnp.float16) @ params["w"].astype(jnp.float16)
    return jnp.mean((h.astype(jnp.float32) - 2) ** 2)


def run_of(task, optimizer):
    return jgd.fit(task, optimizer, steps=60, health=True, progress=False).health


def test_steps_that_a_loss_scale_skips_while_it_falls_are_no_finding():
    task = jgd.Task(lambda key: {"w": jnp.ones((8, 2)) / 9}, half, X, 16)
    reading = run_of(task, jgd.dynamic_loss_scale(jgd.sgd(0.01), init_scale=2.0**24))
    assert not np.isfinite(reading.heard.of("gradient_norm")[0])
    assert reading.findings == ()
    broken = np.where(np.arange(60) < 40, 1.0, 0.0)
    (most,) = found(curves(60, nonfinite=lambda t: broken[t]))
    assert "share of the later steps" in most.quantity


def test_a_skipped_batch_is_to_be_watched_and_the_autopsy_names_it():
    x = X.copy()
    x[17, 2] = np.nan
    task = jgd.Task(
        lambda key: {"w": jnp.ones((8, 2)) / 9}, lambda p, b: jnp.mean((b @ p["w"]) ** 2), x, 16, allow_nan=True
    )
    optimizer = jgd.apply_if_finite(jgd.sgd(0.01), 3)
    (finding,) = run_of(task, optimizer).findings
    assert finding.severity == WATCH
    assert "the optimizer skipped this step" in finding.because
    found = jgd.health.autopsy(task, optimizer, steps=60)
    assert f"step {found.step}" == finding.where
    assert found.example == 17
    assert "the optimizer skipped the step" in str(found)
