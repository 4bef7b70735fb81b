"""`jgd sweep` and what reads its folder, for functions that own their loop."""

import json

import pytest

from jgd.commands import main
from jgd.sweep import load
from tests.commands.test_sweep import interrupt_at
from tests.pages.reader import whole_page

CODE = """
import jax
import jax.numpy as jnp
from jgd.sweep import loguniform

def train(hp, key):
    def step(x, _):
        return x - hp["rate"] * hp.get("scale", 1.0) * x, None
    x = jax.lax.scan(step, jax.random.normal(key, (3,)), length=10)[0]
    return {"error": jnp.sum(x**2), "accuracy": jnp.exp(-jnp.sum(x**2))}

def alone(hp, key):
    return {"regret": train(hp, key)["error"]}

space = {"rate": loguniform(1e-3, 1.0)}
"""
TOML = """
[plain]
rate = { loguniform = [1e-3, 1.0] }

[scaled]
rate = { uniform = [0.1, 0.5] }
scale = [1.0, 2.0]
"""
SWEEP = ["sweep", "mine.py:train", "--space", "space.toml", "--trials", "4"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "space.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def swept(capsys):
    assert main([*SWEEP, "--metric", "error", "--seeds", "2", "--dir", "d"]) == 0
    return capsys.readouterr().out


def test_its_folder_has_what_any_other_has(swept, folder):
    assert swept.startswith("Sweeping mine.py:train in d.\nSweep of 8 trials x 2 seeds: 16 complete; 2 programs")
    result = load("d")
    assert result.spaces == ["plain", "scaled"]
    assert (result.settings.metric, result.settings.mode) == ("error", "min")
    page = (folder / "d" / "report.html").read_text()
    whole_page(page)
    assert "8 trials x 2 seeds: 16 complete." in page
    assert "jgd sweep mine.py:train --space space.toml --trials 4 --seeds 2 --metric error --dir d" in page


def test_show_plot_replay_and_resume_read_it(swept, capsys, folder):
    for command in (["show"], ["plot"], ["resume", "--trust"]):
        assert main([*command, "d"]) == 0
    assert main(["plot", "d", "--kind", "isolation", "--space", "scaled"]) == 0
    capsys.readouterr()
    assert main(["replay", "d", "--trust", "--seed", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["end"]["error"]["apart"] <= 1e-6
    assert main(["replay", "d", "--trust", "--out", "p.safetensors"]) == 2
    assert "train(hp, key) owns its loop, so there are no parameters to write; leave --out out." in (
        capsys.readouterr().err
    )


def test_a_space_in_python_and_a_plan(capsys):
    arguments = ["sweep", "mine.py:train", "--space", "mine.py:space", "--metric", "accuracy", "--trials", "3"]
    assert main([*arguments, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Plan of 3 trials: 1 program on ")
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["mode"], document["status"]) == ("max", {"complete": 3})


def test_what_it_returns_alone_ranks(capsys):
    assert main(["sweep", "mine.py:alone", "--space", "mine.py:space", "--trials", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metric"] == "regret"


def test_an_interrupted_one_goes_on(capsys, monkeypatch, folder):
    with monkeypatch.context() as context:
        interrupt_at(context, 2)
        assert main([*SWEEP, "--metric", "error", "--trials", "40", "--dir", "cut"]) == 3
    assert "jgd resume cut goes on." in capsys.readouterr().out
    (folder / "space.toml").unlink()  # its text is in the folder
    assert main(["resume", "cut", "--trust", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == {"complete": 80}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "mine.py:train returns accuracy, error; say which of them ranks, as in --metric accuracy."),
        (["--metric", "eror"], "unknown name 'eror'. Did you mean error"),
        (["--metric", "error", "--steps", "10"], "run(steps=10): train(hp, key) owns its loop, so nothing is measured"),
        (["--metric", "error", "--eval-every", "5"], "leave eval_every out, or pass a jgd.Task"),
        (["--metric", "error", "--stop", "halving:5"], "leave stop out, or pass a jgd.Task"),
    ],
)
def test_what_has_no_meaning_is_one_sentence(arguments, words, capsys, folder):
    assert main([*SWEEP, *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not any((folder / "runs").glob("*"))


def test_a_race_needs_a_task(capsys):
    assert main(["race", "--task", "mine.py:train"]) == 2
    assert "train owns its loop, which only jgd sweep runs; expected a jgd.Task" in capsys.readouterr().err


def test_what_jit_has_wrapped_is_taken_too(folder):
    (folder / "mine.py").write_text(CODE.replace("def alone", "@jax.jit\ndef alone"))
    assert main(["sweep", "mine.py:alone", "--space", "mine.py:space", "--trials", "2"]) == 0
