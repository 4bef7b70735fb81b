"""Faults that users plant: of loss, labels, first parameters and optimizer; and runs of which nothing is wrong."""

import re
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.finding import WATCH
from jgd.health.averaged import share_in_average
from jgd.health.data import count_distinct, measure_data
from jgd.health.decay import decays_of
from jgd.health.finding import Thresholds
from jgd.health.leaf_findings import apart_findings, short_findings, still_findings
from jgd.health.leaves import MeasuredLeaf
from jgd.health.measured import ClassLabels
from jgd.health.verdict import verdict
from jgd.train.loop import Carry

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(256, 4)).astype(np.float32)
DATA = {"x": jnp.asarray(X), "y": jnp.asarray(np.argmax(X[:, :3] + X[:, 1:], axis=1))}


def first(key):
    one, two = jax.random.split(key)
    return {"a": jax.random.normal(one, (4, 16)) / 2, "b": jax.random.normal(two, (16, 3)) / 4}


def outputs(params, x):
    return jax.nn.relu(x @ params["a"]) @ params["b"]


def entropy(params, batch, axis=-1):
    logs = jax.nn.log_softmax(outputs(params, batch["x"]), axis)
    return -jnp.mean(jnp.take_along_axis(logs, batch["y"][:, None], -1))


def task_of(loss=entropy, init=first, data: Any = None):
    return jgd.Task(init, loss, DATA if data is None else data, batch_size=32)


def said(check):
    return [str(finding) for finding in check.findings]


@pytest.fixture(scope="module")
def trained():
    """Return the check-up of a run that has learnt its examples, in bfloat16."""

    def half(key):
        return jax.tree.map(lambda p: p.astype(jnp.bfloat16), first(key))

    def loss(params, batch):
        return entropy(params, {**batch, "x": batch["x"].astype(jnp.bfloat16)}).astype(jnp.float32)

    task, optimizer = task_of(loss, half), jgd.sgd(0.3)
    return jgd.health.check(task, optimizer, jgd.fit(task, optimizer, steps=150), steps=20)


def test_a_run_that_has_learnt_its_examples_is_well_also_in_bfloat16(trained):
    """No example is held out of a run, so that its loss may rise where half of them are trained on."""
    assert said(trained) == []
    assert not trained.measured.fresh
    assert trained.measured.sharpness > 0  # Lanczos' method works in float32
    trials = trained.measured.trials
    np.testing.assert_array_equal(trials.after, trials.held_after)
    assert trials.unpaired > 3  # of a training from the task's own parameters


def first_of(trained, **changes):
    """Return the first finding of these measurements with some changed."""
    return str(verdict(trained.measured._replace(**changes), trained.thresholds)[0])


def test_measurements_of_which_causes_are_said(trained):
    assert "it is a sum over examples" in first_of(trained, linearity=0.5)
    assert "all of its numbers are zero" in first_of(trained, data={"data['x']": 0.0})
    unlearnt = trained.measured.trials._replace(unpaired=0.0, by_heart=0.5)
    assert first_of(trained, trials=unlearnt).startswith("the model: ")
    assert not first_of(trained, trials=unlearnt, spread=0.1).startswith("the model: ")  # a VAE's draws leave a floor
    assert first_of(trained, trials=unlearnt._replace(by_heart=0.0)).startswith("the data: ")
    assert "half precision rounds their sum" in first_of(trained, linearity=0.34)
    labels = first_of(trained, labels=ClassLabels("data['y']", 1, 3, 3))
    assert labels.startswith(
        "data['y']: largest label is 3, expected below 3, the number of classes; labels run from 1"
    )
    trials = trained.measured.trials
    lost = trials._replace(before=-2.0, after=np.array([-2.0, -10.0, -200.0, -1e5]))
    assert "falls without bound" in first_of(trained, trials=lost)
    slow = trials._replace(before=1.0, after=np.array([1.0, 0.999, 0.99, 0.9]))
    assert re.match("the optimizer's rate: .*too low", first_of(trained, trials=slow))
    assert "of another run or of a spike" in first_of(trained, trials=slow, memory=1e4)


@pytest.mark.parametrize(
    ("before", "end", "says"),
    [(-1.0, -1.15, ""), (0.01, -0.2, ""), (-1.0, 5.0, "rate is too high"), (1.0, 5.0, "high")],
)
def test_a_loss_of_either_sign(trained, before, end, says):
    """As minus a log density, or a policy's."""
    after = np.array([before, min(end, -0.01) - 0.02, end, end + 1])
    losses = np.array([before, before + 0.1, end])
    shown = {"before": before, "after": after, "held_before": before, "held_after": after, "losses": losses}
    found = verdict(trained.measured._replace(trials=trained.measured.trials._replace(**shown)), trained.thresholds)
    assert bool(found) == bool(says)
    assert not says or says in str(found[0])


def test_a_first_loss_is_large_by_its_outputs_alone(trained):
    """A sum over the tokens of an example is large with outputs of any size."""
    (logits,) = trained.measured.looked.logits

    def first(z_loss):
        shown = logits._replace(z_loss=np.array(z_loss), mean=np.array(0.0))
        return verdict(
            trained.measured._replace(fresh=True, looked=trained.measured.looked._replace(loss=20.0, logits=(shown,))),
            trained.thresholds,
        )

    assert not first(np.log(3.0) ** 2)
    (found,) = first(400.0)
    assert "the outputs are large before anything was learnt" in str(found)


def test_labels_that_are_counted_from_one():
    task = task_of(data={**DATA, "y": DATA["y"] + 1})
    found = said(jgd.health.check(task, jgd.sgd(0.1), steps=4, examples=32))
    assert "labels run from 1 to 3" in found[0]
    assert not any("rate" in one for one in found)  # of a loss that is NaN from the start


def test_a_softmax_over_the_examples():
    assert said(jgd.health.check_layers(task_of())) == []
    (found,) = said(jgd.health.check_layers(task_of(lambda params, batch: entropy(params, batch, axis=0))))
    assert found.startswith("b: axis of the softmax in the loss is 0, expected 1, that of its 3 units")


def test_a_model_that_has_learnt_is_neither_dead_nor_saturated():
    """By a hinge that most examples have passed, and by outputs of a sigmoid that are sure of them."""

    def loss(params, batch):
        z = 30 * outputs(params, batch["x"])[:, 0]
        return jnp.mean(jax.nn.relu(1 - jnp.abs(z)) + jax.nn.sigmoid(-jnp.abs(z)))

    assert said(jgd.health.check_layers(task_of(loss))) == []


def test_a_layer_before_others_that_is_saturated():
    def loss(params, batch):
        return jnp.mean((jnp.tanh(30 * batch["x"] @ params["a"]) @ params["b"]) ** 2)

    (found,) = said(jgd.health.check_layers(task_of(loss)))
    assert found.startswith("a tanh: share of values near its ends is 0.9")


@pytest.mark.parametrize("loss", [jnp.mean, jax.nn.logsumexp], ids=["mean", "softmax of examples"])
def test_the_product_with_a_vector_has_no_units(loss):
    """Which neither are alike nor should be what a softmax sums over."""
    task = task_of(lambda w, batch: loss(batch["x"] @ w), lambda key: jax.random.normal(key, (4,)))
    assert said(jgd.health.check_layers(task)) == []


def test_units_that_start_alike_stay_so():
    """A last layer of zeros does not: its units get signals of their own."""
    zero = {**first(jax.random.key(0)), "b": jnp.zeros((16, 3))}
    assert said(jgd.health.check_layers(task_of(), zero)) == []
    (found,) = said(jgd.health.check_layers(task_of(), jax.tree.map(lambda p: jnp.full_like(p, 0.1), zero)))
    assert found.startswith("a: difference between its units is 0")


@pytest.mark.parametrize(
    ("optimizer", "share"),
    [
        (jgd.adamw(0.01, weight_decay=10.0), 0.1),
        (jgd.chain(jgd.add_decayed_weights(10.0), jgd.sgd(0.01)), 0.1),
        (jgd.chain(jgd.add_decayed_weights(1e-4), jgd.adam(0.05)), 0.0),  # makes no part of a step of this gradient
    ],
    ids=["decoupled", "in the gradient", "normalised"],
)
def test_the_share_that_weight_decay_takes_away(optimizer, share):
    params = {"w": 0.1 * jnp.ones((4, 3)), "b": jnp.zeros(3)}
    found = decays_of(optimizer, params, jax.tree.map(lambda p: p + 1.0, params))
    assert found is not None
    np.testing.assert_allclose(found, share, atol=2e-3)  # of a root's derivative, for the normalised one
    assert decays_of(jgd.sgd(0.01), params, params) is None


def leaf(name, step, per_gradient):
    shown = (0.1, 0.0, step, step, per_gradient, 0.0, 3.0, True, True, False)
    return MeasuredLeaf(name, (4, 4), *shown)


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        (
            [leaf("a", 1e-3, 0.1), leaf("b", 1e-3, 0.1), leaf("c", 1e-6, 1e-4)],
            "^c: length .* over that of a's is 0.001,",
        ),
        ([leaf("a", 1e-3, 0.1), leaf("b", 1e-3, 0.1), leaf("c", 1.0, 100.0)], "^c: .* far above that of the others"),
        ([leaf("a", 1e-3, 0.1), leaf("c", 1e-6, 0.1)], None),  # a small gradient by SGD
        ([leaf("a", 1e-3, 0.1), leaf("c", 1e-3, 1e-4)], None),  # a large one by Adam
    ],
)
def test_rates_of_groups_that_are_far_apart(leaves, says):
    measured: Any = SimpleNamespace(leaves=leaves)
    found = [str(one) for one in apart_findings(measured, Thresholds())]
    assert len(found) == (says is not None)
    assert says is None or re.search(says, found[0])


@pytest.mark.parametrize(
    ("gradients", "says"),
    [
        ((0.0, 0.1), "^a: gradient is 0, .* multiplied with is zero"),
        ((0.1, 0.1), "^the optimizer: .* no leaf has moved"),
    ],
)
def test_leaves_that_do_not_move(gradients, says):
    """As two factors of zero, whose product has a gradient by neither."""
    leaves = [leaf(name, 0.0, 0.0)._replace(gradient=g, moved=False) for name, g in zip("ab", gradients, strict=True)]
    measured: Any = SimpleNamespace(leaves=leaves, trials=True, span="60 steps")
    (found,) = still_findings(measured, Thresholds())
    assert re.search(says, str(found))


def test_a_clip_that_leaves_nothing():
    short: Any = SimpleNamespace(leaves=[leaf("a", 1e-9, 1e-8)], fresh=True, rates={}, clipped=1.0)
    (found,) = short_findings(short, Thresholds())
    assert "its clip cuts the gradient: raise the limit" in str(found)


def test_examples_that_occur_again_and_again(trained):
    assert trained.measured.seen == (256, 256)
    assert count_distinct({"x": jnp.tile(DATA["x"][:32], (4, 1)), "y": jnp.tile(DATA["y"][:32], 4)}) == (128, 32)
    assert count_distinct(jax.random.split(jax.random.key(0), 3)[jnp.array([0, 1, 2, 0])]) == (4, 3)
    (found,) = verdict(trained.measured._replace(seen=(128, 32)), trained.thresholds)
    assert str(found).startswith("the data: number of different ones among 128 examples is 32, expected about 128")
    assert found.severity == WATCH


def test_data_that_stand_in_for_those_that_a_loss_draws():
    """Data of zeros are a fault of a loss that reads them alone."""
    key, zeros = jax.random.key(0), {"x": jnp.zeros((8, 4)), "y": jnp.zeros(8, int)}

    def drawn(params, batch, key):
        return entropy(params, {**batch, "x": jax.random.normal(key, (8, 4)), "y": jnp.arange(8) % 3})

    carry = Carry(first(key), (), None, key)
    assert measure_data(task_of(drawn), carry, zeros, key) == ({}, (8, 8))
    assert measure_data(task_of(), carry, zeros, key) == ({"data['x']": 0.0}, (8, 1))


@pytest.mark.parametrize("stop", [jax.lax.stop_gradient, lambda x: x], ids=["stopped", "free"])
@pytest.mark.parametrize(
    ("share", "moves", "expected"), [(0.01, True, 0.01), (0.01, False, 1.0), (None, True, 1.0)], ids=str
)
def test_a_loss_of_averaged_parameters(trained, share, moves, expected, stop):
    """Not one with frozen weights in the model state, nor one with other matrices there."""

    def loss(params, state, batch):
        if share is None:
            weights = {"a": params["a"], "b": jnp.tanh(params["b"] + stop(state["b"]))}
        else:
            weights = jax.tree.map(lambda p, s: share * p + (1 - share) * stop(s), params, state)
        return entropy(weights, batch), (weights, None)

    params = first(jax.random.key(0))
    state = jax.tree.map(lambda x: x + 0.01, params)
    task = jgd.Task(lambda key: (params, state), loss, DATA)
    found = share_in_average(task, params, state, params if moves else state, DATA, jax.random.key(0))
    assert found == pytest.approx(expected, rel=0.05)  # differences of a float32 loss
    said = verdict(trained.measured._replace(averaged=found), trained.thresholds)
    assert [x.quantity.startswith("share of the parameters") for x in said] == [True] * (found < 1)
