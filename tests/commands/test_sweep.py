"""`jgd sweep`, `show`, `plot`, `replay` and `resume` in this process: folders, tables, JSON, errors, exit statuses."""

import csv
import io
import json
import signal

import numpy as np
import pytest

import jgd
from jgd.commands import main
from jgd.core.progress import Progress
from jgd.core.storage import load_arrays
from jgd.sweep import load
from tests.pages.reader import whole_page
from tests.train import problems

CODE = """
import jax.numpy as jnp
import jgd
from jgd.sweep import loguniform
from jgd.train import Task

def task():
    return Task(lambda key: jnp.ones(2), lambda p, b: jnp.mean((p[None] - b) ** 2), jnp.zeros((6, 2)), name="bowl")

def space():
    return {"sgd": jgd.sgd(loguniform(1e-3, 1e-1))}

broken = 3
"""
TOML = """
[sgd]
learning_rate = { loguniform = [1e-3, 1e-1] }

[wild]
optimizer = "nesterov"
learning_rate = { loguniform = [1e-2, 1e20] }
momentum = { uniform = [0.1, 0.9] }
"""
TINY = ["--trials", "6", "--steps", "12", "--eval-every", "3"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "space.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def swept(capsys):
    assert main(["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--seeds", "2", "--dir", "d"]) == 0
    capsys.readouterr()


def interrupt_at(monkeypatch, calls):
    inner, seen = Progress.update, []

    def update(self, done, note=""):
        seen.append(done)
        if len(seen) == calls:
            signal.raise_signal(signal.SIGINT)
        inner(self, done, note)

    monkeypatch.setattr(Progress, "update", update)


def test_a_sweep_writes_its_folder_and_prints_its_answer(capsys, folder):
    assert (
        main(["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--seeds", "2", "--health", "--dir", "d"]) == 0
    )
    out = capsys.readouterr().out
    assert out.startswith("Sweeping mine.py:task in d.\nSweep of 12 trials x 2 seeds x 12 steps")
    assert out.rstrip().endswith("Report: d/report.html")
    rows = list(csv.DictReader((folder / "d" / "trials.csv").read_text().splitlines()))
    assert len(rows) == 24
    page = (folder / "d" / "report.html").read_text()
    whole_page(page)
    assert "<h1>Sweep of mine</h1>" in page
    said = "jgd sweep mine.py:task --space space.toml --trials 6 --seeds 2 --steps 12 --health --eval-every 3 --dir d"
    assert said in page
    assert "Health of the best trial" in page
    assert f"jgd replay d {load('d').best().number} --seed 0" in page
    assert (
        main(["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--seeds", "2", "--health", "--dir", "d"]) == 0
    )
    assert capsys.readouterr().out.startswith("Going on with mine.py:task in d.")


def test_json_is_all_that_it_prints(capsys, folder):
    arguments = ["sweep", "mine.py:task", "--space", "mine.py:space", *TINY, "--sampler", "tpe", "--json"]
    arguments += ["--metrics", "learning_rate,gradient_norm"]
    assert main([*arguments, "--out", "page.html"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    (first,) = document["standings"]
    assert (document["metric"], document["mode"], document["trials"]) == ("loss", "min", 6)
    assert (document["interrupted"], document["status"]) == (False, {"complete": 6})
    result = load(document["folder"])
    assert first["value"] == pytest.approx(result.best_value)
    assert {*result.curves} == {"loss", "learning_rate", "gradient_norm"}
    assert document["folder"].startswith("runs/sweep-mine-")
    assert document["report"] == "page.html"
    assert "in the order in which they were proposed" in (folder / "page.html").read_text()  # TPE learns


def test_a_dry_run_writes_nothing(capsys, folder):
    assert main(["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--dry-run", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["programs"]) == 2
    assert main(["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Plan of 12 trials x 12 steps: 2 programs")
    assert not (folder / "runs").exists()


def test_a_sweep_of_which_all_diverge_is_a_failure(capsys, folder):
    (folder / "lost.toml").write_text("[sgd]\nlearning_rate = { loguniform = [1e25, 1e30] }\n")
    assert main(["sweep", "mine.py:task", "--space", "lost.toml", *TINY, "--dir", "d"]) == 1
    assert "12 diverged" not in capsys.readouterr().out
    assert "No trial has a finite median of loss" in (folder / "d" / "report.html").read_text()


def test_an_interrupted_sweep_is_gone_on_with_from_anywhere(capsys, folder, monkeypatch, tmp_path_factory):
    arguments = ["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--sampler", "tpe", "--stop", "asha:3"]
    assert main([*arguments, "--dir", "whole"]) == 0
    assert "pruned" in load("whole").status
    with monkeypatch.context() as context:
        interrupt_at(context, 2)
        assert main([*arguments, "--dir", "cut"]) == 3
    out = capsys.readouterr().out
    assert "not ended: jgd resume cut goes on." in out
    assert main(["show", "cut"]) == 0
    assert "Not ended yet. If no process runs it: jgd resume cut" in capsys.readouterr().out
    (folder / "space.toml").unlink()  # its text is in the folder
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert main(["resume", str(folder / "cut"), "--trust"]) == 0
    for name, curve in load(folder / "whole").curves.items():
        np.testing.assert_array_equal(load(folder / "cut").curves[name], curve)


def test_show_lists_the_best(capsys, swept):
    assert main(["show", "d", "--trials", "2"]) == 0
    out = capsys.readouterr().out
    best = load("d").ranking()[:2]
    assert "The best 2 of 12 trials" in out
    assert [line.split()[0] for line in out.rstrip().splitlines()[-2:]] == [str(trial.number) for trial in best]
    assert main(["show", "d", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["best"][0]["trial"] == best[0].number
    assert document["status"]["diverged"] > 0
    values = [row["value"] for row in document["standings"]]
    assert values == sorted(values)


def test_plot_writes_a_picture_or_the_report(capsys, swept, folder):
    assert main(["plot", "d"]) == 0
    assert capsys.readouterr().out == "d/report.html\n"
    whole_page((folder / "d" / "report.html").read_text())
    assert main(["plot", "d", "--kind", "axis", "--name", "learning_rate", "--out", "rate.svg"]) == 0
    assert "<svg" in (folder / "rate.svg").read_text()
    assert main(["plot", "d", "--kind", "parallel", "--space", "wild"]) == 0
    assert (folder / "d" / "parallel.png").read_bytes().startswith(b"\x89PNG")


def test_replay_agrees_with_the_lane_and_takes_new_seeds(capsys, swept, folder):
    assert main(["replay", "d", "--trust", "--seed", "1", "--out", "p.safetensors", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trial"] == load("d").best().number
    # Another program, and the rounding of its sums.
    assert document["end"]["loss"]["apart"] <= 1e-6 * abs(document["curves"]["loss"][0])
    arrays, meta = load_arrays(folder / "p.safetensors")
    assert meta == {"trial": document["trial"], "seed": 1}
    assert [x.shape for x in arrays.values()] == [(2,)]
    assert main(["replay", "d", "3", "--trust", "--seed", "9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("trial 3: sgd(learning_rate=")
    assert lines[-1].split()[2:] == ["-", "-"]


def test_a_folder_made_in_python_is_told_its_code(capsys, folder):

    jgd.sweep.run(
        problems.task(5), jgd.sgd(jgd.sweep.loguniform(1e-3, 0.1)), steps=4, num_trials=2, dir="p", progress=False
    )
    assert main(["replay", "p"]) == 2
    assert "the sweep was started from Python, so its code is not known here; pass --task." in capsys.readouterr().err
    (folder / "code.py").write_text(
        "import jgd\nfrom tests.train import problems\ntask = problems.task(5)\n"
        "space = jgd.sgd(jgd.sweep.loguniform(1e-3, 0.1))\n"
    )
    assert main(["replay", "p", "--task", "code.py:task", "--space", "code.py:space"]) == 0


SWEEP = ["sweep", "mine.py:task", "--space", "space.toml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (SWEEP[:2], "the following arguments are required: --space; jgd sweep --help tells more."),
        (["sweep", "mine.py:tsk", *SWEEP[2:]], "unknown name 'tsk'. Did you mean task"),
        ([*SWEEP[:3], "none.toml"], "none.toml: cannot read it (No such file or directory)"),
        ([*SWEEP[:3], "space"], "expected a TOML file, space.toml, or a value in Python"),
        ([*SWEEP[:3], "mine.py:spce"], "--space mine.py:spce: unknown name 'spce'. Did you mean space"),
        ([*SWEEP[:3], "mine.py:broken"], "3"),
        ([*SWEEP, "--trials", "0"], "--trials: '0' must be a whole number"),
        ([*SWEEP, "--steps", "0"], "--steps: '0' must be a whole number"),
        ([*SWEEP, "--metric", "los"], "unknown name 'los'. Did you mean loss"),
        ([*SWEEP, "--sampler", "sobl"], "invalid choice: 'sobl'"),
        ([*SWEEP, "--stop", "halvin:3"], "unknown name 'halvin'. Did you mean halving"),
        ([*SWEEP, "--stop", "halving"], "expected halving:STEPS, such as halving:25"),
        ([*SWEEP, *TINY, "--stop", "asha:12:3"], "Asha(min_steps=12, eta=3): min_steps must be less than the 12"),
        ([*SWEEP, "--stop", "target"], "there is no target"),
        ([*SWEEP, "--dir", "mine.py"], "--dir mine.py: cannot write there"),
        (["show", "none"], "there is no sweep.json"),
        (["resume", "none"], "there is no sweep.json"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, words, capsys, folder):
    refused(arguments, words, capsys)
    assert not any((folder / "runs").glob("*"))


def test_what_a_folder_does_not_have_is_named(capsys, swept):
    for arguments, words in (
        (["plot", "d", "--kind", "axes"], "unknown name 'axes'. Did you mean axis"),
        (["plot", "d", "--kind", "axis", "--name", "rate"], "unknown name 'rate'"),
        (["plot", "d", "--kind", "curves", "--name", "rate"], "it shows all names; leave the name out"),
        (["plot", "d", "--kind", "axis", "--out", "x.html"], "expected a .png, .svg or .pdf for a picture"),
        (["plot", "d", "--out", "x.png"], "or an .html for the whole report"),
        (["replay", "d", "99", "--trust"], "the sweep has trials 0 to 11"),
    ):
        refused(arguments, words, capsys)


def refused(arguments, words, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.startswith("jgd: ")
    assert captured.err.count("\n") == 1


def test_code_that_only_a_folder_names_is_run_when_trusted(folder, capsys, monkeypatch):
    assert main(["sweep", "mine.py:task", "--space", "mine.py:space", *TINY, "--dir", "d"]) == 0
    (folder / "mine.py").write_text(CODE + "\nopen('ran', 'w').close()\n")
    for command in ("resume", "replay"):
        assert main([command, "d"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "mine.py:task, which has changed since the sweep was made and " in said
        assert "pass --trust if you know it" in said
    assert not (folder / "ran").exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(["replay", "d"]) == 2
    assert "Run it? [y/N]" in capsys.readouterr().err
    assert not (folder / "ran").exists()
    assert main(["replay", "d", "--trust"]) == 0
    assert "has changed since the sweep in d was made" in capsys.readouterr().err
    assert main(["replay", "d", "--task", "mine.py:task", "--space", "mine.py:space"]) == 0


@pytest.mark.parametrize(
    "command", [["sweep", "mine.py:task", "--space", "space.toml", *TINY], ["resume", "d"], ["plot", "d"]]
)
def test_a_report_that_cannot_be_written_is_found_before_the_work(folder, capsys, command):
    for out, words in (("none/x.html", "there is no folder none; make it"), (".", "it is a folder")):
        assert main([*command, "--out", out]) == 2
        assert f"--out {out}: {words}" in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_a_folder_is_a_path_of_this_machine(folder, capsys, monkeypatch):
    assert main(["show", "gs://bucket/run"]) == 2
    assert "must be the path of a folder on this machine" in capsys.readouterr().err
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert main(["sweep", "mine.py:task", "--space", "space.toml", *TINY, "--dir", "~/d"]) == 0
    assert (folder / "home" / "d" / "report.html").exists()
    assert main(["show", "~/d"]) == 0
