"""Check-ups: no finding on healthy built-in tasks, the planted faults named first, and what is printed and refused."""

import dataclasses
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.commands.main import main
from jgd.core import InputError
from jgd.health.layers import look
from jgd.health.leaves import measure_leaves
from jgd.health.page import shades
from jgd.health.table import layer_rows
from jgd.health.trials import first_examples, learn_by_heart
from jgd.health.verdict import verdict
from jgd.tasks.mlp import apply_mlp
from jgd.train.loop import Carry, root_key
from tests.health import faults
from tests.tiers import at_once

# These change numbers alone, so that they share the programs of the good setting.
SHARING = ("rate_too_high", "rate_too_low", "labels_shuffled", "dead_layer", "data_scaled")


@pytest.fixture(scope="module")
def healthy():
    """Return the check-up of a good setting, which several tests read."""
    case = faults.good("breast_cancer", "adam", 0)
    return jgd.health.check(case.task, case.optimizer)


def test_a_healthy_task_has_no_finding_and_prints_its_layers(healthy, tmp_path):
    assert healthy.findings == ()
    text = str(healthy)
    assert text.startswith("breast_cancer: healthy; nothing crosses a threshold.")
    for line in ("hidden0", "head", "gradient noise scale: ", "suggested batch: ", "longest useful step: "):
        assert line in text
    assert len(healthy.rows) <= 40
    assert [row.name for row in healthy.rows] == ["hidden0", "head"]
    assert sum(row.parameters for row in healthy.rows) == 30 * 32 + 32 + 32 * 2 + 2
    page = (tmp_path / "page.html", healthy.page(tmp_path / "page.html"))[0].read_text()
    assert "http" not in re.sub(r'xmlns[^"]*"[^"]*"', "", page)  # loads nothing
    assert page.count("<svg") == 1
    assert "healthy" in page


@pytest.mark.parametrize("fault", at_once(SHARING, {fault.__name__: fault for fault in faults.FAULTS}))
def test_a_planted_fault_is_named_first(fault):
    case = fault("breast_cancer", "adam", 1)
    findings = faults.found_in(case, seed=1)
    assert faults.is_named(case, findings), findings


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method", "seed"), [("breast_cancer", "sgd", 1), ("digits", "adam", 0)])
def test_planted_faults_are_named_and_good_settings_raise_no_alarm(name, method, seed):
    """Two settings of the table that `python -m tests.health.fault_table` prints of all."""
    missed, alarms = faults.missed_at(name, method, seed)
    assert alarms == [[]] * 3
    assert missed == []


@pytest.mark.slow
def test_no_alarm_on_a_further_optimizer():
    """The text task, as a good setting and with a fault, is in test_attention.py."""
    assert [str(x) for x in jgd.health.check(jgd.tasks.digits(), jgd.lion(3e-4)).findings] == []


def test_a_softmax_too_many_cannot_be_learnt_by_heart(healthy):
    """Logits within 0 and 1 keep the loss of two classes above log(1 + 1/e)."""
    task, optimizer, *_ = faults.good("breast_cancer", "adam", 0)

    def loss(params, batch):
        outputs = jax.nn.softmax(apply_mlp(params, batch["x"]))
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(outputs, batch["y"]))

    params = task.init(root_key(0))
    carry = Carry(params, optimizer.init(params), None, root_key(0))
    share = learn_by_heart(dataclasses.replace(task, loss=loss), optimizer, carry)
    assert share >= np.log1p(np.exp(-1)) / loss(params, first_examples(task, 8)) > 0.3
    trials = healthy.measured.trials
    assert trials is not None
    assert trials.by_heart < 0.02
    sick = healthy.measured._replace(trials=trials._replace(by_heart=share))
    (finding,) = verdict(sick, healthy.thresholds)
    assert re.match(r"the model: least loss of 200 steps .* is 0\.\d+, expected below 0\.3; .* softmax", str(finding))
    warming = sick._replace(rates={"learning_rate": (0.0, 0.0, 1e-3)})
    assert verdict(warming, healthy.thresholds) == ()  # 200 steps of a longer warm-up tell nothing


def test_a_run_is_gone_on_from():
    """After a schedule has ended, the check-up of the run says so; the run itself is left as it was."""
    task = faults.task_of("breast_cancer", 0)
    optimizer = jgd.sgd(jgd.linear_schedule(0.1, 0.0, 20))
    run = jgd.fit(task, optimizer, steps=40)
    before = [np.array(x) for x in jax.tree.leaves(run.params)]
    checkup = jgd.health.check(task, optimizer, run)
    assert checkup.measured.taken == 40
    assert checkup.measured.trials is not None
    assert np.isnan(checkup.measured.trials.by_heart)  # its first loss says nothing
    assert "the schedule has ended by step 100" in str(checkup.findings[0])
    for x, y in zip(before, jax.tree.leaves(run.params), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_stream_is_checked_by_its_first_batches():
    draw = np.random.default_rng(0)

    def data(epoch):
        for _ in range(80):
            x = draw.normal(size=(32, 6)).astype(np.float32)
            yield x, x[:, :1]

    def init(key):
        return {"a": jax.random.normal(key, (6, 16)) / 6**0.5, "b": jax.random.normal(key, (16, 1)) / 4}

    def loss(params, batch):
        return jnp.mean((jax.nn.relu(batch[0] @ params["a"]) @ params["b"] - batch[1]) ** 2)

    checkup = jgd.health.check(jgd.Task(init, loss, data), jgd.adam(1e-2), steps=20)
    assert checkup.measured.batch_size == 32
    assert checkup.measured.examples == 64 * 32
    assert checkup.findings == ()


def test_many_layers_are_few_rows(healthy):
    depth = 45

    def init(key):
        return {f"layer{i}": jnp.eye(4) for i in range(depth)}

    def loss(params, batch):
        h = batch
        for i in range(depth):
            h = h + 0.1 * jnp.tanh(h @ params[f"layer{i}"])
        return jnp.mean(h**2)

    params, data = init(None), jnp.ones((8, 4))
    seen = look(jgd.Task(init, loss, data), params, None, data, root_key(0))
    still = jax.tree.map(lambda _: False, params)
    leaves = measure_leaves(params, seen.grads, seen.grads, (params, seen.grads, seen.grads), params, still)
    zeros = jax.tree.map(jnp.zeros_like, params)
    begun = measure_leaves(zeros, seen.grads, seen.grads, (params, seen.grads, seen.grads), params, still)
    assert all(np.isnan(leaf.ratio) for leaf in begun)  # what began with zeros has no size yet
    (row,) = layer_rows(seen.layers, leaves, healthy.thresholds)
    assert (row.name, row.parameters) == ("layer*", depth * 16)
    assert row.signal[0] < row.signal[1]


def test_the_cells_of_a_column_have_more_colour_the_larger_they_are():
    nan = float("nan")
    np.testing.assert_allclose(shades([1e-4, 1e-3, 1.0, 0.0, nan], False), [0, 0.25, 1, 0, 0])
    np.testing.assert_allclose(shades([1.0, 10.0], False), [0, 0.5])  # a decade of the two at least
    np.testing.assert_allclose(shades([0.5, nan], True), [0.5, 0])
    np.testing.assert_allclose(shades([nan], False), [0])


def test_what_has_no_layers_is_refused():
    task = jgd.Task(lambda key: jnp.ones(2), lambda p, b: jnp.sum(p**2) + jnp.mean(b), np.ones((8, 1)))
    with pytest.raises(InputError, match="the loss has no layers to look at"):
        jgd.health.check(task, jgd.sgd(0.1))


def test_other_parameters_are_refused():
    with pytest.raises(InputError, match=r"check\(params=\): it is .* pass what belongs to this task"):
        jgd.health.check(faults.task_of("breast_cancer", 0), jgd.sgd(0.1), {"w": jnp.ones(2)})


def test_the_command(tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["health", "breast_cancer", "--optimizer", "adam=3e-3", "--json", "--page", str(page)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"]
    assert [layer["name"] for layer in document["layers"]] == ["hidden0", "head"]
    assert page.stat().st_size > 10_000
    assert main(["health", "breast_cancer", "--optimizer", "sgd=much"]) == 2
    assert "expected a learning rate after the =" in capsys.readouterr().err
    assert main(["health", "breast_cancer", "--optimizer", "sdg=1"]) == 2
    assert "Did you mean" in capsys.readouterr().err
