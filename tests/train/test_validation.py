"""Evaluations that decide: early stops, the best point kept, evaluation on the host, and time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.train import Task, fit
from tests.train import problems

# One parameter that walks by 0.1 a step from 0, past 1, where the validation loss is least.
WALK = Task(
    lambda key: jnp.zeros(()),
    lambda p, b: -p,
    jnp.zeros((1,)),
    evaluate=lambda p: {"validation_loss": (p - 1) ** 2, "score": -((p - 1) ** 2)},
)


SGD = jgd.sgd(0.1)


def walk(task=WALK, optimizer=SGD, steps=40, **options) -> Any:
    return fit(task, optimizer, steps=steps, eval_every=2, **options)


def test_patience_counts_evaluations_of_the_metric():
    run = walk(stop=Stop(metric="validation_loss", patience=3))
    assert (run.status, run.steps) == (Status.PLATEAU, 16)  # best at 10; 12, 14 and 16 are no better
    assert run.reason.startswith("stopped at step 16: validation_loss has not improved on ")
    assert "of step 10, in 3 evaluations" in run.reason
    assert run.reason in str(run)


def test_a_larger_metric_may_be_better_and_a_little_better_may_not_count():
    assert walk(stop=Stop(metric="score", mode="max", patience=3)).steps == 16
    # From 0.16 at step 6 on, it improves by less than 0.2.
    assert walk(stop=Stop(metric="validation_loss", patience=2, min_delta=0.2)).steps == 10
    assert walk(stop=Stop(metric="score", mode="min", patience=3)).steps == 8  # it rises from the first on


def test_a_mode_said_once_holds_for_the_stop_and_the_best():
    here: Any = {"stop": Stop(metric="score", patience=3), "mode": "max"}
    there: Any = {"stop": Stop(metric="score", mode="max", patience=3)}
    for said in (here, there):
        run = walk(keep_best="score", **said)
        assert (run.steps, run.best.step) == (16, 10)


def test_a_value_is_a_target():
    run = walk(stop=Stop(metric="validation_loss", value=0.2))
    assert (run.status, run.steps) == (Status.VALUE, 6)
    assert "validation_loss is 0.16, and its threshold 0.2" in run.reason
    assert walk(stop=Stop(metric="score", mode="max", value=-0.2)).steps == 6


@pytest.mark.parametrize("cut", [10, 14])
def test_an_early_stop_is_resumed_to_the_same_step(cut, tmp_path):
    stop = Stop(metric="validation_loss", patience=3)
    whole = walk(stop=stop, keep_best="score", mode="max")

    def interrupt(step, metrics):
        if step == cut:
            raise KeyboardInterrupt

    walk(stop=stop, keep_best="score", mode="max", dir=tmp_path, callback=interrupt)
    again = walk(stop=stop, keep_best="score", mode="max", dir=tmp_path)
    assert (again.steps, again.status, again.reason) == (whole.steps, whole.status, whole.reason)
    problems.assert_same((again.params, again.evaluations), (whole.params, whole.evaluations))
    assert (again.best.step, again.best.value) == (whole.best.step, whole.best.value)
    problems.assert_same(again.best.params, whole.best.params)
    ended = walk(stop=stop, keep_best="score", mode="max", dir=tmp_path)
    assert (ended.steps_here, ended.status, ended.reason) == (0, whole.status, whole.reason)


def test_the_best_is_kept_in_memory_and_on_disk_beside_the_last(tmp_path):
    run = walk(keep_best="validation_loss", mode="min", dir=tmp_path)
    assert run.best.step == 10
    np.testing.assert_allclose(run.best.params, 1.0, rtol=1e-6)
    np.testing.assert_allclose(run.params, 4.0, rtol=1e-6)
    assert "best at step 10" in str(run)
    assert repr(run.best).startswith("Best(step=10, value=")
    assert [file.name for file in tmp_path.glob("best-*")] == ["best-000000010.safetensors"]
    problems.assert_same(walk(keep_best="validation_loss", mode="min", dir=tmp_path).best.params, run.best.params)


def test_the_best_stays_the_best_when_another_optimizer_goes_on(tmp_path):
    mode: Any = {"keep_best": "validation_loss", "mode": "min", "dir": tmp_path}
    run = walk(**mode)
    later = walk(optimizer=jgd.sgd(0.1, momentum=0.9), steps=44, resume="changed", **mode)
    assert (later.best.step, later.steps) == (run.best.step, 44)
    assert not any(change.startswith("evaluate") for change in later.history[0].changes)


def test_the_best_of_a_killed_run_is_that_of_its_checkpoint(tmp_path, monkeypatch):
    from jgd.core import storage

    inner = storage.save_arrays

    def save(path, arrays, meta):
        if path.name == "checkpoint.safetensors" and int(arrays["state.steps"]) == 8:
            raise RuntimeError("killed")  # after best-8 was written, before the checkpoint that names it
        inner(path, arrays, meta)

    monkeypatch.setattr(storage, "save_arrays", save)
    with pytest.raises(RuntimeError, match="killed"):
        walk(keep_best="score", mode="max", dir=tmp_path)
    monkeypatch.undo()
    short = walk(steps=6, keep_best="score", mode="max", dir=tmp_path)
    assert (short.steps_here, short.best.step) == (0, 6)
    np.testing.assert_allclose(short.best.params, 0.6, rtol=1e-6)


def test_the_best_has_the_models_state():
    run: Any = fit(problems.task_with_state(), jgd.sgd(0.1), steps=20, eval_every=5, keep_best="distance", mode="min")
    assert int(run.best.model_state["batches"]) == run.best.step
    assert run.best.value == run.evaluations["distance"].min()


def test_an_evaluation_may_run_on_the_host():
    seen = []

    def over_files(params):
        seen.append(type(params))
        return {"validation_loss": float(sum((np.asarray(params) - 1) ** 2 / 3 for _ in range(3)))}

    task = Task(WALK.init, WALK.loss, WALK.data, evaluate=jgd.on_host(over_files))
    run = walk(task, stop=Stop(metric="validation_loss", patience=3), keep_best="validation_loss")
    assert (run.steps, run.best.step, len(seen)) == (16, 10, 8)
    assert all(issubclass(kind, jax.Array) for kind in seen)
    np.testing.assert_allclose(run.evaluations["validation_loss"], walk().evaluations["validation_loss"][:8], atol=1e-6)


def test_a_host_evaluation_sees_the_state_and_not_a_trace():
    def evaluate(params, state):
        return {"batches": int(state["batches"])}

    base = problems.task_with_state()
    task = Task(base.init, base.loss, base.data, 5, evaluate=jgd.on_host(evaluate))
    run = fit(task, jgd.sgd(0.1), steps=10, eval_every=5)
    assert run.evaluations["batches"].tolist() == [5, 10]
    with pytest.raises(InputError, match=r"only jgd\.fit evaluates on the host; pass a function that can be traced"):
        jgd.sweep.run(task, jgd.sgd(0.1), steps=4, num_trials=1, progress=False)


def test_time_ends_a_run_after_a_segment_and_it_goes_on(tmp_path):
    run = walk(stop=Stop(seconds=1e-6), dir=tmp_path)
    assert (run.status, run.steps) == (Status.TIME, 2)
    assert "had passed" in run.reason
    assert "call it again" in str(run)
    again = walk(stop=Stop(seconds=1e6), dir=tmp_path)
    assert (again.status, again.steps, again.steps_here) == (Status.MAX_STEPS, 40, 38)


BAD = {
    "another metric": ({"stop": Stop(metric="validation", patience=2)}, "Stop(metric=): unknown name 'validation'"),
    "no rule": ({"stop": Stop(metric="score")}, "Stop(metric='score'): it needs a rule to act; give it a value or a"),
    "best of another": ({"keep_best": "accuracy", "mode": "max"}, "fit(keep_best=): unknown name 'accuracy'"),
    "best without a mode": ({"keep_best": "score"}, "say which is better, with mode='min' or mode='max'"),
    "mode without a best": ({"mode": "max"}, "it says which value of keep_best is better"),
    "a name that says that more is better": (
        {"stop": Stop(metric="score", patience=3)},
        "Stop(metric='score'): say which is better, with mode='max' or mode='min'.",
    ),
    "two modes": (
        {"stop": Stop(metric="score", mode="max", patience=3), "keep_best": "score", "mode": "min"},
        "fit(mode='min'): the stop has mode='max' for the same metric; give both the same.",
    ),
    "a wrong mode": ({"keep_best": "score", "mode": "most"}, "fit(mode='most'): mode must be one of 'min', 'max'"),
    "no evaluate": ({"task": problems.Task(WALK.init, WALK.loss, WALK.data), "keep_best": "score", "mode": "max"},
                    "fit(keep_best='score'): the task has no evaluate"),
    "the host returns no dict": ({"task": Task(WALK.init, WALK.loss, WALK.data, evaluate=jgd.on_host(lambda p: 1.0))},
                                 "must return a dict of scalars, but it returned 1.0"),
    "the host lacks it": ({"task": Task(WALK.init, WALK.loss, WALK.data, evaluate=jgd.on_host(lambda p: {"a": 1.0})),
                           "keep_best": "b", "mode": "max"}, "fit(keep_best=): unknown name 'b'"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_judged_is_refused(options, words):
    with pytest.raises(InputError) as error:
        walk(**options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_rules_of_one_loop_are_refused_by_the_other():
    with pytest.raises(InputError, match=r"only jgd\.fit looks at metric"):
        jgd.minimize(lambda p: (p**2).sum(), jgd.sgd(0.1), jnp.ones(2), stop=Stop(metric="score", patience=1))
    number: Any = 0.1
    for rule in ("relative_gradient_norm", "relative_step_norm", "value_change"):
        with pytest.raises(InputError, match=rf"only jgd\.minimize looks at {rule}"):
            fit(WALK, jgd.sgd(0.1), steps=2, stop=Stop(**{rule: number}))
    with pytest.raises(InputError, match=r"Stop\(mode='best'\): mode must be one of 'min', 'max'"):
        Stop(mode="best")
