"""Resume: interrupted, killed or torn, a run goes on to the same bits or says what is wrong."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.core.stop import Stop
from jgd.train import Task, checkpoint, fit
from tests.sweep.killing import each_kill, through_kills
from tests.train import problems

TASKS = {"arrays": problems.task(5, noisy=True), "stream": problems.task(stream=True)}
STEPS, EVERY = 60, 7  # segments that end within epochs, and a shorter one at the end


def go(task, folder=None, steps=STEPS, rate=0.1, **options):
    return fit(task, jgd.adam(rate), steps=steps, eval_every=EVERY, dir=folder, **options)


def content(run):
    return run.params, run.opt_state, run.metrics, run.evaluations


@pytest.mark.parametrize("name", TASKS)
def test_interrupted_and_resumed_is_the_uninterrupted_run(name, tmp_path):
    task, whole = TASKS[name], go(TASKS[name])
    dice = random.Random(0)
    for case in range(3):
        folder, runs = tmp_path / str(case), 0
        while True:
            left = dice.randint(1, 4)

            def interrupt(step, metrics, runs=[left]):  # noqa: B006  (a counter of this run)
                runs[0] -= 1
                if not runs[0]:
                    raise KeyboardInterrupt

            run = go(task, folder, callback=interrupt)
            runs += 1
            if run.status is not Status.INTERRUPTED:
                break
            assert run.steps < STEPS
            assert len(run.metrics["loss"]) == run.steps
        assert runs > 1
        problems.assert_same(content(run), content(whole))


def test_an_interrupt_while_data_are_read_loses_that_segment_alone(tmp_path):
    reads = []

    def batches(epoch):
        for batch in problems.batches(epoch):
            reads.append(epoch)
            if len(reads) == 20:
                raise KeyboardInterrupt
            yield batch

    run = go(Task(problems.init, problems.loss, batches), tmp_path)
    assert (run.status, run.steps) == (Status.INTERRUPTED, 14)
    again = go(Task(problems.init, problems.loss, batches), tmp_path)
    problems.assert_same(again.metrics, go(problems.task(stream=True)).metrics)


@pytest.mark.parametrize("first", [20, 21])
def test_more_steps_go_on_to_the_same_bits(first, tmp_path):
    task = TASKS["arrays"]
    assert go(task, tmp_path, steps=first).status is Status.MAX_STEPS
    more = go(task, tmp_path)
    problems.assert_same((more.params, more.opt_state, more.metrics), content(go(task))[:3])


def test_a_finished_run_is_returned_as_it_is(tmp_path):
    stop = Stop(value=0.5)
    run = go(TASKS["arrays"], tmp_path, stop=stop)
    again = go(TASKS["arrays"], tmp_path, stop=stop, steps=1000)
    assert (again.status, again.steps) == (run.status, run.steps) == (Status.VALUE, run.steps)
    problems.assert_same(content(again), content(run))


def test_a_second_fit_of_a_run_is_refused_while_the_first_runs(tmp_path):
    refused = []

    def again(step, metrics):
        with pytest.raises(InputError, match="another process is running this; wait for it, end it, or name"):
            go(TASKS["arrays"], tmp_path)
        refused.append(step)

    run = go(TASKS["arrays"], tmp_path, callback=again)
    assert len(refused) == 9
    problems.assert_same(content(go(TASKS["arrays"], tmp_path)), content(run))


CHILD = """
import sys, jgd
from jgd.train import fit
from tests.train import problems
fit(problems.task(stream=True), jgd.adam(0.1), steps=100_000, eval_every=7, dir=sys.argv[1],
    callback=lambda step, metrics: print(step, flush=True))
"""


def interrupt(step, metrics):
    raise KeyboardInterrupt


def test_a_kill_at_any_moment_loses_at_most_a_segment(tmp_path):
    dice, reached = random.Random(1), 0
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", CHILD, tmp_path], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [int(child.stdout.readline()) for _ in range(dice.randint(2, 5))]
            time.sleep(dice.uniform(0, 0.02))
            child.send_signal(signal.SIGKILL)
            lines += [int(line) for line in child.stdout]
        assert lines[0] == reached + EVERY, "it went on where the one before was killed"
        reached = lines[-1]
        # The last segment that was printed may not have been written yet.
        stored = go(problems.task(stream=True), tmp_path, steps=100_000, callback=interrupt).steps
        assert stored - EVERY in (reached - EVERY, reached)
        reached = stored
    run = go(problems.task(stream=True), tmp_path, steps=reached + EVERY)
    problems.assert_same(content(run), content(go(problems.task(stream=True), steps=reached + EVERY)))


def assert_same_run(run, whole):
    problems.assert_same((*content(run), run.model_state), (*content(whole), whole.model_state))
    problems.assert_same(run.best[:2], whole.best[:2])
    assert (run.best[2:], run.history, run.reason) == (whole.best[2:], whole.history, whole.reason)


@pytest.mark.parametrize("stream", [False, True])
def test_kills_at_any_write_change_nothing(stream, tmp_path, monkeypatch):
    """With a model's state, the best kept, curves in sealed files, and an optimizer that the callback changes."""
    monkeypatch.setattr(checkpoint, "SEAL", 20)
    stop, task = Stop(metric="distance", patience=3), problems.task_with_state(stream=stream)

    def slow_down(snapshot):
        return jgd.with_hyperparams(snapshot.optimizer, learning_rate=0.02) if snapshot.step == 14 else None

    def call(folder=None):
        return go(task, folder, 28, keep_best="distance", stop=stop, metrics=("learning_rate",), callback=slow_down)

    whole = call()
    run, left = each_kill(monkeypatch, tmp_path, call)
    assert len(left) > 8
    for one in (run, *map(call, left)):
        assert_same_run(one, whole)
    run, kills = through_kills(monkeypatch, lambda: call(tmp_path / "again"), every=4)  # one after another
    assert kills > 1
    assert_same_run(run, whole)


def test_a_temporary_file_of_a_killed_process_is_ignored(tmp_path):
    (tmp_path / "checkpoint.safetensors.tmp").write_bytes(b"half of a checkpoint")
    problems.assert_same(content(go(TASKS["arrays"], tmp_path)), content(go(TASKS["arrays"])))


@pytest.mark.parametrize("kind", ["truncated", "flipped", "empty", "foreign"])
def test_a_damaged_checkpoint_is_refused(kind, tmp_path):
    go(TASKS["arrays"], tmp_path)
    file = tmp_path / "checkpoint.safetensors"
    data = file.read_bytes()
    middle = len(data) // 2
    damaged = {
        "truncated": data[:middle],
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "empty": b"",
        "foreign": b"\x80\x04K\x01." * 10,
    }
    file.write_bytes(damaged[kind])
    with pytest.raises(InputError) as error:
        go(TASKS["arrays"], tmp_path)
    assert "the file is damaged" in str(error.value)
    assert "delete it to start afresh" in str(error.value)
    assert str(file) in str(error.value)


def other_loss(params, batch, key):
    value, aux = problems.noisy_loss(params, batch, key)
    return 1000.0 * value, aux


MOVED = {name: x + 1 for name, x in problems.arrays().items()}
OTHER = {
    "rate": (lambda folder: go(TASKS["arrays"], folder, rate=0.2), "optimizer.learning_rate is 0.1 there and 0.2 here"),
    "optimizer": (
        lambda folder: fit(TASKS["arrays"], jgd.lion(0.1), steps=STEPS, eval_every=EVERY, dir=folder),
        "optimizer is chain(scale_by_adam(",
    ),
    "seed": (lambda folder: go(TASKS["arrays"], folder, seed=1), "seed is 0 there and 1 here"),
    "stop": (lambda folder: go(TASKS["arrays"], folder, stop=Stop(patience=3)), "stop is Stop("),
    "batch_size": (lambda folder: go(problems.task(4, noisy=True), folder), "batch_size is 5 there and 4 here"),
    "loss": (
        lambda folder: go(Task(problems.init, other_loss, problems.arrays(), 5, problems.evaluate), folder),
        "loss is another program here, with 1000.0 only here",
    ),
    "data": (
        lambda folder: go(Task(problems.init, problems.noisy_loss, MOVED, 5, problems.evaluate), folder),
        "data.x is float32[23, 3] with checksum",
    ),
    "steps": (lambda folder: go(TASKS["arrays"], folder, steps=50), "has taken 60 steps; ask for at least as many"),
}


@pytest.mark.parametrize(("call", "words"), OTHER.values(), ids=OTHER)
def test_another_runs_checkpoint_is_refused_with_the_difference(call, words, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "one_run"
    go(TASKS["arrays"], folder)
    with pytest.raises(InputError) as error:
        call(folder)
    assert words in str(error.value)
    assert "another dir" in str(error.value)


def test_the_same_bits_mean_the_same_numbers():
    run = go(TASKS["arrays"])
    with pytest.raises(AssertionError):
        problems.assert_same(content(run), content(go(TASKS["arrays"], rate=np.nextafter(0.1, 1.0, dtype=np.float32))))
