"""A folder answers for the code that made it: edits and other closures are refused, comments and names are not."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core import InputError, storage
from jgd.train import Task, fit
from tests.train import problems

LOSS = """
def loss(params, batch):
    error = batch["x"] @ params["w"] + params["b"] - batch["y"]
    return scale * jnp.mean(error**2)
"""


def made(source=LOSS, **names):
    scope = {"jnp": jnp, "scale": 1.0, **names}
    exec(source, scope)
    return scope["loss"]


def go(folder, loss=None, optimizer=None, data=None, init=problems.init, evaluate=None, **options):
    task = Task(init, loss or made(), data or problems.arrays(), None if callable(data) else 5, evaluate=evaluate)
    return fit(task, optimizer or jgd.sgd(0.1), steps=4, eval_every=2, dir=folder, **options)


def stream(shift):
    def batches(epoch):
        for batch in problems.batches(epoch):
            yield {name: x + shift for name, x in batch.items()}

    return batches


DIFFERENT = {
    "a closed-over number": ({}, {"loss": made(scale=1000.0)}, "loss is another program here, with 1000.0 only here"),
    "an edited loss": ({}, {"loss": made(LOSS.replace("error**2", "jnp.abs(error)"))}, "loss is another program here"),
    "an edited init": ({}, {"init": lambda key: {"w": jnp.zeros(3), "b": 0.0}}, "init is another program here"),
    "an edited evaluation": ({"evaluate": lambda p: {"b": p["b"]}}, {"evaluate": lambda p: {"b": 2 * p["b"]}},
                             "evaluate is another program here"),
    "an evaluation on the host": ({"evaluate": jgd.on_host(lambda p: {"b": 1.0})},
                                  {"evaluate": jgd.on_host(lambda p: {"b": 2.0})}, "evaluate is code "),
    "a stream's closure": ({"data": stream(0.0)}, {"data": stream(1.0)}, "data is code "),
    "the numbers in an optax optimizer": ({"optimizer": optax.sgd(0.1)}, {"optimizer": optax.sgd(0.2)},
                                          "step is another program here"),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "words"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_code_is_refused_with_what_differs(first, second, words, tmp_path):
    go(tmp_path, **first)
    assert go(tmp_path, **first).steps_here == 0
    with pytest.raises(InputError) as error:
        go(tmp_path, **second)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert go(tmp_path, **second, resume="changed").history[0].by == "resume"


def test_comments_names_and_places_change_nothing(tmp_path):
    run = go(tmp_path, init=problems.init)
    commented = made(LOSS.replace("error", "residual").replace("    return", "    # squared\n\n    return"))

    def first(key):
        return problems.init(key)

    again = go(tmp_path, loss=commented, init=first)
    assert again.steps_here == 0
    assert "read from the folder: 4 steps, nothing ran" in str(again)
    problems.assert_same(again.params, run.params)


def test_64_bits_are_another_run(tmp_path):
    go(tmp_path)
    with jax.enable_x64(True), pytest.raises(InputError, match="another run"):
        go(tmp_path)


def rewrite(folder, change):
    path = folder / "checkpoint.safetensors"
    arrays, meta = storage.load_arrays(path)
    change(meta)
    storage.save_arrays(path, arrays, meta)


def test_another_jax_is_a_warning_and_its_programs_are_not_compared(tmp_path):
    go(tmp_path)

    def older(meta):
        meta["jax"] = "0.9.0"
        meta["spec"]["loss"] = "program 0"

    rewrite(tmp_path, older)
    with pytest.warns(UserWarning, match=r"written with jax 0\.9\.0, and this is .* is not compared"):
        assert go(tmp_path).steps_here == 0
    with pytest.warns(UserWarning, match="0.9.0"), pytest.raises(InputError, match="seed is 0 there and 1 here"):
        go(tmp_path, seed=1)


def test_a_folder_of_0_1_0_is_refused_with_what_to_do_and_goes_on_when_asked(tmp_path):
    run = go(tmp_path)

    def old(meta):
        for name in ("format", "sealed", "best", "history"):
            del meta[name]
        meta["spec"] = {"optimizer": "chain(...)", "loss": "Function(fn=loss)", "seed": "0"}

    rewrite(tmp_path, old)
    with pytest.raises(InputError, match=r'is of jgd 0\.1\.0, .*; pass resume="changed" to go on from its state'):
        go(tmp_path)
    problems.assert_same(go(tmp_path, resume="changed").params, run.params)


def test_a_home_folder_is_expanded_and_an_address_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    go("~/runs")
    assert (tmp_path / "runs" / "checkpoint.safetensors").exists()
    for bad in ("gs://b/r", "a\0b", 3):
        with pytest.raises(InputError, match=r"fit\(dir=.*\): dir must be ") as error:
            go(bad)
        assert "\n" not in str(error.value)


def test_long_curves_lie_in_files_of_their_own(tmp_path, monkeypatch):
    from jgd.train import checkpoint

    monkeypatch.setattr(checkpoint, "SEAL", 10)
    task = problems.task(5)
    whole = fit(task, jgd.sgd(0.1), steps=40, eval_every=2)
    for steps in (14, 23, 40):
        run = fit(task, jgd.sgd(0.1), steps=steps, eval_every=2, dir=tmp_path, resume="same")
    problems.assert_same(run.metrics["loss"][:22], whole.metrics["loss"][:22])
    assert len(run.metrics["loss"]) == 40
    sealed = sorted(tmp_path.glob("curves-*"))
    assert len(sealed) == 5  # of at least 10 rows
    arrays, meta = storage.load_arrays(tmp_path / "checkpoint.safetensors")
    assert len(arrays["metrics/loss"]) + sum(len(storage.load_arrays(f)[0]["metrics/loss"]) for f in sealed) == 40
    assert len(arrays["metrics/loss"]) < 10
    assert meta["sealed"] == [file.name for file in sealed]
    again = fit(task, jgd.sgd(0.1), steps=40, eval_every=2, dir=tmp_path)
    problems.assert_same((again.metrics, again.evaluations), (run.metrics, run.evaluations))
    np.testing.assert_array_equal(again.evaluations["step"][-3:], [36, 38, 40])
