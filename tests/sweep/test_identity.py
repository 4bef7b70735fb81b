"""The identity of a study: a folder answers for its own code, space and numbers alone, also one of jgd 0.1.0."""

import json
import pathlib
import shutil
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.commands import main
from jgd.core import InputError
from jgd.sweep import choice, load, loguniform, merge, resume, run
from jgd.train import Task

OLD = pathlib.Path(__file__).parent / "data" / "made_by_0_1_0"
DATA = jnp.eye(2, dtype=jnp.float32)


def init(key):
    return {"w": jnp.zeros(2)}


def loss(params, batch):
    return jnp.mean((batch @ params["w"] - 1.0) ** 2)


TASK = Task(init, loss, DATA)
SPACES = {"adam": jgd.adam(loguniform(1e-2, 1.0)), "sgd": jgd.sgd(choice([0.1, 0.5]))}


def sweep(dir=None, task=TASK, spaces=SPACES, **options):
    usual = {"num_trials": 2, "seeds": 2, "steps": 8, "eval_every": 4, "progress": False}
    return run(task, spaces, dir=dir, **usual | options)


def scaled(scale, at: Any = 1.0):
    """Return a task of a loss of the same name whose closure, or whose code, is another."""

    def loss(params, batch):
        return scale * jnp.mean((batch @ params["w"] - at) ** 2)

    return Task(init, loss, DATA)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a folder of one trial."""
    folder = tmp_path_factory.mktemp("small") / "d"
    sweep(folder, scaled(1.0), jgd.sgd(0.1), num_trials=1, seeds=1)
    return folder


def again(small, task, space=None, **options):
    return sweep(small, task, jgd.sgd(0.1) if space is None else space, num_trials=1, seeds=1, **options)


def test_another_closure_is_refused_with_what_differs(small):
    with pytest.raises(InputError, match=r"code of loss is another program here, with .*1000.0.* only here"):
        again(small, scaled(1000.0))


def test_another_closure_array_is_refused(small):
    with pytest.raises(InputError, match="code of loss is"):
        again(small, scaled(1.0, at=np.array([1.0, 2.0])))


def test_edited_code_is_refused_and_another_text_of_it_is_not(small):
    source = "def make(scale):\n    def loss(p, batch):{}\n        return {} * jnp.mean((batch @ p['w'] - 1.0) ** 2)"

    def made(comment, scale):
        names: dict[str, Any] = {"jnp": jnp}
        exec(f"{source.format(comment, scale)}\n    return loss", names)
        return Task(init, scaled_name(names["make"](1.0)), DATA)

    def scaled_name(fn):
        fn.__qualname__ = "scaled.<locals>.loss"
        return fn

    with pytest.raises(InputError, match="code of loss is"):
        again(small, made("", "jnp.exp(scale)"))
    assert again(small, made("  # a comment\n", "scale")).run_seconds == 0


def test_an_init_and_an_evaluation_count(small):
    def init(key):
        return {"w": jnp.ones(2)}

    with pytest.raises(InputError, match="code of init is"):
        again(small, Task(init, scaled(1.0).loss, DATA))
    with pytest.raises(InputError, match="evaluate"):
        again(small, Task(TASK.init, scaled(1.0).loss, DATA, evaluate=lambda params: {"w": params["w"].sum()}))


def test_a_schedule_of_the_optimizer_counts(tmp_path):
    def decay(by):
        def schedule(count):
            return by / (1.0 + count)

        return jgd.sgd(schedule)

    folder = tmp_path / "d"
    again(folder, TASK, decay(0.1))
    with pytest.raises(InputError, match="code of space optimizer is"):
        again(folder, TASK, decay(0.2))


def test_the_other_precision_is_refused(small):
    with jax.enable_x64(True), pytest.raises(InputError, match="x64 is False there and True here"):
        again(small, scaled(1.0))


def test_a_function_that_owns_its_loop_is_known_by_its_program(tmp_path):
    def train(scale):
        def train(hp, key):
            return {"loss": scale * hp["rate"] ** 2}

        return train

    space = {"rate": loguniform(0.1, 1.0), "kind": choice(["a", "b"])}
    first = run(train(1.0), space, num_trials=3, dir=tmp_path / "d", progress=False)
    same = run(train(1.0), space, num_trials=3, dir=tmp_path / "d", progress=False)
    np.testing.assert_array_equal(same.curves["loss"], first.curves["loss"])
    with pytest.raises(InputError, match=r"code of train for hp\(kind=a\) is another program here"):
        run(train(1000.0), space, num_trials=3, dir=tmp_path / "d", progress=False)


def test_reading_from_the_folder_is_said(small):
    assert "read from its folder, nothing ran" in repr(again(small, scaled(1.0)))
    assert "nothing ran" not in repr(load(small))


def test_load_refuses_other_spaces_and_code(small):
    assert load(small, scaled(1.0), jgd.sgd(0.1)).best_optimizer()
    with pytest.raises(InputError, match=r"space optimizer is .* there"):
        load(small, scaled(1.0), jgd.lion(0.1))
    with pytest.raises(InputError, match="code of loss is"):
        load(small, scaled(1000.0), jgd.sgd(0.1))
    with pytest.raises(InputError, match=r"optimizer.learning_rate is 0.1 there and 0.2 here"):
        load(small, scaled(1.0), jgd.sgd(0.2))


def test_merge_refuses_parts_of_other_studies(tmp_path, small):
    def part(name, space, task=TASK, **options):
        return sweep(tmp_path / name, task, space, num_trials=1, **{"seeds": [7], **options})

    one, other = part("a", jgd.sgd(0.1)), part("b", jgd.sgd(0.2), seeds=[8])
    with pytest.raises(InputError, match=r"merge: .*learning_rate is 0.1 in one and 0.2 here"):
        merge([one, other])
    with pytest.raises(InputError, match=r"merge: .*space optimizer is chain"):
        merge([tmp_path / "a", part("c", jgd.lion(0.1), seeds=[9])])
    with pytest.raises(InputError, match="code of loss is"):
        merge([tmp_path / "a", small])
    wide, narrow = (part(f"r{high}", jgd.sgd(loguniform(0.01, high))) for high in (1.0, 0.1))
    assert len(merge([wide, narrow]).trials) == 2
    assert merge([part("e", jgd.sgd(0.1), seeds=[10]), tmp_path / "a"]).settings.seeds == (10, 7)


def test_other_versions_are_warned_of_and_their_programs_not_compared(small, tmp_path):
    folder = tmp_path / "d"
    shutil.copytree(small, folder)
    rewrite(folder, lambda known: known["asked"].update({"traced by": "jax 0.9", "code of loss": "other"}))
    with pytest.warns(UserWarning, match=r"written under jax 0.9, and this is jax .*cannot be compared"):
        assert again(folder, scaled(1.0)).run_seconds == 0


def rewrite(folder, change):
    from jgd.sweep.storage.files import read_json, write_json

    known = read_json(folder / "sweep.json")
    change(known)
    write_json(folder / "sweep.json", known)


def test_a_folder_of_0_1_0_is_read_and_shown(capsys):
    result = load(OLD / "whole")
    expected = json.loads((OLD / "curves.json").read_text())
    assert {name: curve.tolist() for name, curve in result.curves.items()} == expected
    assert result.counts() == "8 complete"
    assert main(["show", str(OLD / "whole")]) == 0
    assert "8 complete" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["whole", "cut"])
def test_a_folder_of_0_1_0_is_gone_on_with(name, tmp_path):
    shutil.copytree(OLD / name, tmp_path / "d")
    with pytest.warns(UserWarning, match=r"written by jgd 0.1.0, which kept no code, so the code cannot be compared"):
        result = resume(tmp_path / "d", TASK, SPACES, progress=False)
    expected = json.loads((OLD / "curves.json").read_text())
    np.testing.assert_allclose(result.curves["loss"], expected["loss"], rtol=1e-6)  # XLA of another machine
    assert not result.interrupted
    assert not load(tmp_path / "d").interrupted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert resume(tmp_path / "d", TASK, SPACES, progress=False).run_seconds == 0
        with pytest.raises(InputError, match=r"space adam.b1 is 0.9 there and 0.8 here"):
            resume(tmp_path / "d", TASK, {**SPACES, "adam": jgd.adam(loguniform(1e-2, 1.0), b1=0.8)})


def test_a_folder_of_0_8_0_whose_axis_has_the_name_of_a_part_is_read_and_gone_on_with(tmp_path, monkeypatch):
    space = jgd.sgd(0.1, momentum=loguniform(0.1, 0.9))
    with monkeypatch.context() as then:
        then.setattr("jgd.sweep.spaces.places.argument_path", lambda node, path, words: words)
        before = again(tmp_path, scaled(1.0), space)
    assert list(before.trials_dataframe()["decay"]) == [before.best_params["decay"]]
    assert again(tmp_path, scaled(1.0), space).best_params == {"momentum": before.best_params["decay"]}
    for found in (load(tmp_path), load(tmp_path, task=scaled(1.0), spaces=space)):
        assert found.best_params == before.best_params
