"""fit: where it stops, what it records, what it compiles, and what it refuses."""

import os
import signal
import sys
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.core.given import Placeholder
from jgd.core.stop import Stop
from jgd.train import Task, fit
from jgd.train.loop import begin, root_key, segment
from jgd.train.segments import run_segment
from tests.problems import programs_of
from tests.train import problems

wrong: Any = jgd  # for arguments of a wrong type

FULL = problems.task(None)


def test_it_takes_the_steps_of_the_pure_loop():
    task, optimizer = problems.task(5, noisy=True), jgd.adam(0.1)
    carry = jax.jit(begin)(task, optimizer, root_key(7))
    carry, curves = jax.jit(segment, static_argnames="length")(task, optimizer, carry, 0, length=25)
    run = fit(task, optimizer, steps=25, seed=7, eval_every=10)
    assert (run.steps, run.status) == (25, Status.MAX_STEPS)
    # The guard around a step may let XLA fuse otherwise: a unit in the last place, grown over 25 steps.
    np.testing.assert_allclose(run.metrics["loss"], curves["loss"], rtol=1e-4)
    np.testing.assert_allclose(run.params["w"], carry.params["w"], rtol=1e-4)
    assert set(run.metrics) == {"loss", "largest"}
    np.testing.assert_array_equal(run.evaluations["step"], [10, 20, 25])
    assert run.evaluations["distance"].shape == (3,)


@pytest.mark.parametrize("eval_every", [3, 10, 1000])
def test_segments_do_not_change_the_run(eval_every):
    task = problems.task(5, noisy=True)
    problems.assert_same(
        fit(task, jgd.adam(0.1), steps=30, eval_every=eval_every).metrics,
        fit(task, jgd.adam(0.1), steps=30, eval_every=15).metrics,
    )


@pytest.mark.parametrize(("batch_size", "rate"), [(None, 0.3), (1, 0.1), (5, 0.2)])
def test_full_batch_stochastic_and_mini_batch_converge(batch_size, rate):
    run = fit(problems.task(batch_size), jgd.sgd(rate), steps=400)
    # The data are exact, so that even single examples agree on the answer; the rest is float32.
    np.testing.assert_allclose(run.params["w"], problems.WEIGHTS, atol=1e-5)


def test_a_rule_stops_at_the_exact_step_with_the_parameters_it_judged():
    free = fit(FULL, jgd.sgd(0.1), steps=60, eval_every=20)
    loss = free.metrics["loss"]
    first = int(np.argmax(loss <= 0.1))
    run = fit(FULL, jgd.sgd(0.1), steps=60, eval_every=20, stop=Stop(value=0.1))
    assert (run.status, run.steps) == (Status.VALUE, first + 1)
    problems.assert_same(run.metrics["loss"], loss[: first + 1])
    problems.assert_same(run.params, fit(FULL, jgd.sgd(0.1), steps=first, eval_every=20).params)


def gradient_norms(steps):
    params, norms = problems.init(jax.random.fold_in(root_key(0), 0)), []
    for _ in range(steps):
        grads = jax.grad(lambda p: problems.loss(p, FULL.data)[0])(params)
        norms.append(float(jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))))
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
    return np.array(norms)


@pytest.mark.parametrize(
    ("rule", "status", "scale"), [("gradient_norm", Status.GRADIENT_NORM, 1.0), ("step_norm", Status.STEP_NORM, 0.1)]
)
def test_norms_stop_at_the_exact_step(rule, status, scale):
    norms = gradient_norms(30)
    threshold = scale * float(np.sqrt(norms[17] * norms[18]))  # between two steps, far from either
    run = fit(FULL, jgd.sgd(0.1), steps=60, eval_every=20, stop=Stop(**{rule: threshold}))
    assert (run.status, run.steps) == (status, 19)


def test_a_plateau_stops_after_patience():
    # One parameter at rest: the loss is 1 throughout, so only the first step improves on nothing.
    task = Task(lambda key: jnp.zeros(()), lambda p, b: 1.0 + 0.0 * p, jnp.zeros((1,)))
    run = fit(task, jgd.sgd(0.1), steps=50, stop=Stop(patience=7))
    assert (run.status, run.steps) == (Status.PLATEAU, 8)
    falling = Task(lambda key: jnp.zeros(()), lambda p, b: p, jnp.zeros((1,)))  # by 0.1 a step, for ever
    assert fit(falling, jgd.sgd(0.1), steps=50, stop=Stop(patience=7)).status is Status.MAX_STEPS
    assert fit(falling, jgd.sgd(0.1), steps=50, stop=Stop(patience=7, min_delta=1.0)).status is Status.PLATEAU


def test_max_steps_of_the_rule_holds_too():
    assert fit(FULL, jgd.sgd(0.1), steps=60, stop=Stop(max_steps=20)).steps == 20


def test_no_step_is_not_a_small_step():
    run = fit(FULL, jgd.multi_steps(jgd.sgd(0.1), 4), steps=20, stop=Stop(step_norm=1e-9))
    assert run.status is Status.MAX_STEPS


@jgd.record
class Counting:
    """Gradient descent that counts how often it is traced."""

    learning_rate: float = jgd.hyper()

    def init(self, params):
        return ()

    def update(self, grads, state, params=None, **extra):
        TRACES.append(1)
        return jax.tree.map(lambda g: -self.learning_rate * g, grads), state


TRACES = []


def test_fifty_learning_rates_compile_once():
    TRACES.clear()
    data = {name: x + 1 for name, x in problems.arrays().items()}
    for i, rate in enumerate(np.geomspace(1e-3, 1e-1, 50)):
        task = problems.task(5) if i % 2 else Task(problems.init, problems.loss, data, 5)
        fit(task, Counting(rate), steps=10, seed=i, stop=Stop(value=1e-6 * rate), eval_every=5)
    assert len(TRACES) == 2  # with and without an evaluation, which is part of the task's structure


@pytest.mark.parametrize("optimizer", [optax.chain(optax.clip(1.0), optax.sgd(0.1)), optax.scale(-0.1)])
def test_optax_optimizers_compile_once_each(optimizer):
    fit(FULL, optimizer, steps=5)
    programs = programs_of(run_segment)
    fit(FULL, optimizer, steps=5, seed=1)
    assert programs_of(run_segment) == programs


def test_a_stream_is_read_in_order_across_epochs_and_segments():
    stacked = {
        name: jnp.stack([batch[name] for epoch in range(3) for batch in problems.batches(epoch)]) for name in "xy"
    }
    optimizer = jgd.adam(0.1)
    task = problems.task(stream=True)

    def step(carry, batch):
        params, state = carry
        value, grads = jax.value_and_grad(lambda p: problems.loss(p, batch)[0])(params)
        updates, state = optimizer.update(grads, state, params)
        return (jgd.apply_updates(params, updates), state), value

    params = begin(task, optimizer, root_key(0)).params
    expected = jax.lax.scan(step, (params, optimizer.init(params)), stacked)[1]
    for eval_every in (2, 7):
        run = fit(task, optimizer, steps=9, eval_every=eval_every)
        # The same sums in another program: a few units in the last place, grown over nine steps.
        np.testing.assert_allclose(run.metrics["loss"], expected, rtol=1e-5)


def test_uneven_batches_are_refused():
    def uneven(epoch):
        yield {"x": np.ones((5, 3)), "y": np.ones(5)}
        yield {"x": np.ones((2, 3)), "y": np.ones(2)}

    with pytest.raises(InputError, match=r"batch 1 of epoch 0 has float32\[2, 3\] at \['x'\], but the first had"):
        fit(Task(problems.init, problems.loss, uneven), jgd.sgd(0.1), steps=5)


BAD = {
    "steps": ({"steps": 0}, "fit(steps=0): steps must be a whole number, at least 1"),
    "half a step": ({"steps": 2.5}, "fit(steps=2.5): steps must be a whole number"),
    "eval_every": ({"eval_every": 0}, "fit(eval_every=0): eval_every must be a whole number"),
    "stop": ({"stop": 0.1}, "fit(stop=0.1): stop must be a jgd.Stop"),
    "task": ({"task": problems.loss}, "task must be a jgd.Task"),
    "a factory": ({"optimizer": jgd.adam}, "must be a gradient transformation"),
    "a space": ({"optimizer": wrong.sgd(Placeholder())}, "the optimizer's learning_rate is <jgd"),
    "a space of tasks": (
        {"task": Task(problems.init, jax.tree_util.Partial(problems.loss, object()), problems.arrays())},
        "not a number; pass a number, or give a search space to jgd.sweep.run",
    ),
    "a key as seed": ({"seed": "1"}, "fit(seed='1'): seed must be a whole number"),
    "a bad task": ({"task": Task(problems.init, problems.loss, {})}, "there are no arrays"),
    "a file as dir": ({"dir": __file__}, "cannot make this folder"),
}


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_sentence(changes, words):
    arguments = {"task": FULL, "optimizer": jgd.sgd(0.1), "steps": 5} | changes
    with pytest.raises(InputError) as error:
        fit(arguments.pop("task"), arguments.pop("optimizer"), **arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_callback_sees_the_latest_values_and_can_end_the_run():
    seen = []
    run = fit(
        FULL, jgd.sgd(0.1), steps=60, eval_every=20, callback=lambda step, m: seen.append((step, m)) or step == 40
    )
    assert [step for step, _ in seen] == [20, 40]
    assert (run.status, run.steps) == (Status.CALLBACK, 40)
    assert seen[-1][1] == {
        "loss": run.metrics["loss"][-1],
        "largest": run.metrics["largest"][-1],
        "step": 40,
        "distance": run.evaluations["distance"][-1],
    }


def test_control_c_finishes_the_segment():
    def press(step, metrics):
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    run = fit(FULL, jgd.sgd(0.1), steps=60, eval_every=20, callback=press)
    assert (run.status, run.steps, len(run.metrics["loss"])) == (Status.INTERRUPTED, 20, 20)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_runs_outside_the_main_thread():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(fit(FULL, jgd.sgd(0.1), steps=20)))
    thread.start()
    thread.join()
    assert runs[0].steps == 20


def test_the_progress_line_is_for_terminals(capsys, monkeypatch):
    fit(FULL, jgd.sgd(0.1), steps=20)
    assert capsys.readouterr() == ("", "")
    fit(FULL, jgd.sgd(0.1), steps=20, progress=True)
    shown = capsys.readouterr()
    assert "20/20" in shown.err
    assert "loss" in shown.err
    assert shown.out == ""
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(InputError, match="a progress line needs rich, which is not installed: pip install rich"):
        fit(FULL, jgd.sgd(0.1), steps=20, progress=True)
    fit(FULL, jgd.sgd(0.1), steps=20)
