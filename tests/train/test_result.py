"""A run as something to look at: text, a table, a picture."""

import dataclasses
import sys

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.train import fit
from tests.train import problems


@pytest.fixture(scope="module")
def run():
    return fit(problems.task(None), jgd.sgd(0.1), steps=25, eval_every=10)


def test_it_prints_what_one_wants_to_know(run):
    lines = str(run).splitlines()
    assert lines[0].startswith("Run of 25 steps, ")
    assert lines[0].endswith("s compiling")
    assert lines[1].split() == ["last", "lowest", "highest"]
    loss = run.metrics["loss"]
    assert lines[3].split()[:2] == ["loss", f"{loss[-1]:.6g}"]
    assert f"{loss.min():.6g} at step {loss.argmin()}" in lines[3]
    assert any(line.startswith("distance") for line in lines)
    assert str(run).count(run.status.message) == 1
    assert lines[-1].strip() == f"max_steps: {run.status.remedy}."
    assert run.compile_seconds <= run.seconds


def test_a_run_that_diverged_at_once_prints_too():
    text = str(fit(problems.task(None), jgd.sgd(1e38), steps=25))
    assert "non_finite" in text
    assert "lower the learning rate" in text


def test_the_table_has_a_row_a_step(run):
    table = run.dataframe()
    assert list(table.columns) == ["loss", "largest", "distance"]
    assert table.index.tolist() == list(range(26))
    np.testing.assert_array_equal(table["loss"][:25], run.metrics["loss"])
    assert table["distance"].dropna().index.tolist() == [10, 20, 25]


def test_a_name_of_both_is_told_apart(run):
    both = dataclasses.replace(run, evaluations={**run.evaluations, "loss": np.ones(3)})
    assert list(both.dataframe().columns) == ["loss", "largest", "distance", "loss (evaluated)"]
    assert both.dataframe().index.name == "step"
    assert "loss (evaluated)" in str(both)


def test_the_picture_shows_every_curve(run, tmp_path):
    figure = run.plot()
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["loss", "largest"]
    assert [line.get_label() for line in right.lines] == ["distance"]
    figure.savefig(tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 1000


@pytest.mark.parametrize(("least", "scale"), [(1e-3, "log"), (0.1, "linear"), (-1.0, "linear")])
def test_a_curve_that_falls_a_hundredfold_is_drawn_on_a_logarithmic_scale(run, least, scale):
    curves = {"loss": np.linspace(1.0, least, run.steps), "gradient_norm": np.ones(run.steps)}
    figure = dataclasses.replace(run, metrics=curves).plot()
    assert figure.axes[0].get_yscale() == scale
    assert run.status.message in figure.get_suptitle()


@pytest.mark.parametrize(("module", "call"), [("pandas", "dataframe"), ("matplotlib.figure", "plot")])
def test_what_is_missing_is_named(run, module, call, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=f"needs {module.split('.')[0]}, which is not installed: pip install"):
        getattr(run, call)()
