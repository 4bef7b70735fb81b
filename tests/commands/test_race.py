"""`jgd race` in this process: its files, its table, its JSON, its errors and its exit status."""

import csv
import json
import re
import signal

import numpy as np
import pytest

from jgd.commands import main
from jgd.commands.race.optimizers import DEFAULT, racing, spaces
from jgd.core import InputError
from jgd.core.progress import Progress
from jgd.core.storage import load_arrays
from jgd.sweep.spaces.space import axes
from jgd.tasks import load
from tests.pages.reader import whole_page

TINY = ["race", "--task", "breast_cancer", "--trials", "3", "--seeds", "2", "--steps", "8", "--eval-every", "4"]


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """Return a race of two optimizers, one of which diverges at its highest rates."""
    folder = tmp_path_factory.mktemp("race") / "out"
    assert main([*TINY, "--optimizers", "adam,sgd=1e-3:1e30", "--target", "0.5", "--out", str(folder)]) == 0
    return folder


def test_the_folder_holds_what_it_says(raced):
    expected = ["curves.safetensors", "report.html", "results.json", "trials.csv"]
    assert sorted(path.name for path in raced.iterdir()) == expected
    rows = list(csv.DictReader((raced / "trials.csv").read_text().splitlines()))
    assert len(rows) == 2 * 3 * 2
    assert {row["space"] for row in rows} == {"adam", "sgd"}
    arrays, meta = load_arrays(raced / "curves.safetensors")
    assert arrays["accuracy"].shape == (6, 2, 2)
    assert arrays["points"].tolist() == [4, 8]
    assert meta["task"] == "breast_cancer"


def test_results_are_ranked_and_complete(raced):
    document = json.loads((raced / "results.json").read_text())
    assert (document["metric"], document["mode"], document["target"]) == ("accuracy", "max", 0.5)
    assert document["programs"] == 2
    first, second = document["standings"]
    assert first["value"] >= second["value"]
    by_name = {row["optimizer"]: row for row in (first, second)}
    assert by_name["sgd"]["diverged"] > 0
    # Adam keeps two moments in float32 and one count; plain descent keeps nothing.
    assert by_name["adam"]["state_bytes"] == pytest.approx(8, abs=0.01)
    assert by_name["sgd"]["state_bytes"] == 0
    assert by_name["adam"]["low"] <= by_name["adam"]["value"] <= by_name["adam"]["high"]
    assert by_name["adam"]["steps_to_target"] in (4, 8)
    assert document["trial_steps"] <= 2 * 3 * 2 * 8


def test_the_report_is_one_page_that_loads_nothing(raced):
    text = (raced / "report.html").read_text()
    page = whole_page(text)
    assert page.tags.count("svg") == 2 + 2  # two pictures, and a whisker for each optimizer
    assert text.count("<tr") == 1 + 2
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(?:fill|stroke|color): ?#(?:333333|2a6fdb)", text)  # pictures take the page's colours


def test_the_table_goes_to_the_terminal(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*TINY, "--optimizers", "sgd,heavy_ball"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Racing 2 optimizers on breast_cancer: 3 learning rates x 2 seeds x 8 steps, on ")
    lines = out.splitlines()
    assert lines[2].split()[:3] == ["optimizer", "best", "rate"]
    assert {lines[4].split()[1], lines[5].split()[1]} == {"sgd", "heavy_ball"}
    assert "2 programs compiled in" in out
    report = lines[-1].removeprefix("Report: ")
    assert re.fullmatch(r"runs/race-breast_cancer-\d{8}-\d{6}/report\.html", report)
    assert (tmp_path / report).is_file()


def test_json_is_all_that_it_prints(capsys, tmp_path, monkeypatch):
    task = (
        "import jax.numpy as jnp\nfrom jgd.train import Task\n"
        "task = Task(lambda key: jnp.ones(2), lambda p, b: jnp.mean((p[None] - b) ** 2), jnp.zeros((6, 2)))\n"
    )
    (tmp_path / "mine.py").write_text(task)
    monkeypatch.chdir(tmp_path)
    assert main(["race", "--task", "mine.py:task", "--optimizers", "sgd,nesterov,adam", "--trials", "4",
                 "--seeds", "1", "--steps", "10", "--json", "--out", "here"]) == 0  # fmt: skip
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""
    assert (document["metric"], document["mode"], document["folder"]) == ("loss", "min", "here")
    values = [row["value"] for row in document["standings"]]
    assert values == sorted(values)
    assert document["target"] == values[1]  # where the optimizer in the middle ends
    assert "A task of mine.py." in (tmp_path / "here" / "report.html").read_text()


def test_ctrl_c_leaves_what_was_done_and_says_so(capsys, tmp_path, monkeypatch):
    inner, calls = Progress.update, []

    def update(self, done, note=""):
        if done and not calls:  # after the first segment
            calls.append(done)
            signal.raise_signal(signal.SIGINT)
        inner(self, done, note)

    monkeypatch.setattr(Progress, "update", update)
    assert main([*TINY, "--optimizers", "sgd,adam", "--out", str(tmp_path / "cut")]) == 130
    out = capsys.readouterr().out
    assert re.search(r"Interrupted: \d+ of 12 runs have not ended and count as failed", out)
    assert json.loads((tmp_path / "cut" / "results.json").read_text())["interrupted"] is True
    assert "Interrupted" in (tmp_path / "cut" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rase"], "invalid choice: 'rase'"),
        ([], "the following arguments are required: COMMAND"),
        (["race", "--nope"], "unrecognized arguments: --nope; jgd --help tells more."),
        (["race", "--task", "digit"], "Did you mean digits"),
        (["race", "--optimizers", "adamm"], "--optimizers: unknown name 'adamm'. Did you mean adam"),
        (["race", "--optimizers", ","], "there is no name in it"),
        (["race", "--optimizers", "adam=1"], "expected two learning rates after the =, written as adam=1e-4:1e-1"),
        (["race", "--optimizers", "adam=1:1e-3"], "loguniform(low=1, high=0.001): low must be below high; swap them."),
        (["race", "--optimizers", "adam=0:1"], "low must be positive under a logarithm"),
        (["race", "--trials", "0"], "--trials: '0' must be a whole number, at least 1"),
        (["race", "--steps", "x"], "argument --steps: 'x' must be a whole number"),
        (["race", "--mode", "best"], "invalid choice: 'best'"),
        ([*TINY, "--metric", "acuracy"], "unknown name 'acuracy'. Did you mean accuracy"),
        ([*TINY, "--eval-every", "0"], "argument --eval-every: '0' must be a whole number"),
        ([*TINY, "--out", "file"], "--out file: cannot write there (File exists)"),
        (["race", "--task", "bad.py:nan"], "x'] holds 1 NaN or infinite values"),
        (["race", "--task", "bad.py:empty"], "is empty"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    bad = (
        "import numpy as np, jax.numpy as jnp\nfrom jgd.train import Task\n"
        "def make(x): return Task(lambda key: jnp.ones(2), lambda p, b: jnp.mean(b['x'] * p), {'x': x})\n"
        "def nan(): return make(np.array([[1.0, np.nan]]))\ndef empty(): return make(np.zeros((0, 2)))\n"
    )
    (tmp_path / "bad.py").write_text(bad)
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.startswith("jgd: ")
    assert captured.err.count("\n") == 1
    assert not any((tmp_path / "runs").glob("*"))


def test_the_ranges_are_equally_wide():
    task = load("diabetes")
    for name, space in spaces("all").items():
        (rate,) = axes(task, space)
        low, high = rate.distribution.at(0.0), rate.distribution.at(1.0)
        assert np.log10(high / low) == pytest.approx(4), name
    assert set(spaces(DEFAULT)) <= set(racing())
    assert len(spaces("adam, lion=1e-6:1e-2")) == 2
    with pytest.raises(InputError, match="unknown name 'ada'"):
        spaces("ada")


def test_one_seed_has_no_interval(capsys, tmp_path):
    few = ["race", "--task", "diabetes", "--optimizers", "sgd", "--trials", "2", "--seeds", "1", "--steps", "4"]
    assert main([*few, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "Racing 1 optimizer on diabetes: 2 learning rates x 1 seed x 4 steps" in out
    assert out.splitlines()[4].split()[4] == "-"
    report = (tmp_path / "report.html").read_text()
    assert "Ranked by the last step of the one seed." in report
    assert "RMSE against learning rate" in report
    assert "others reach it" not in report
