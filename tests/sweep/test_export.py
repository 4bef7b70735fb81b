"""Tables, exports and values of choices: what was chosen comes back as itself, and no column hides another."""

import csv
import json

import pytest

from jgd.sweep import choice, load, loguniform, run
from jgd.sweep.results.export import table_columns, write_csv

OPTIONS = [True, False, None, 100, "relu"]


def train(hp, key):
    score = {True: 3.0, False: 0.0, None: 1.0, "relu": 4.0}.get(
        hp["flag"] if not hasattr(hp["flag"], "dtype") else 5, 2
    )
    return {"loss": score + 0.0 * hp["loss"], "seed": score}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("d") / "d"
    space = {"flag": choice(OPTIONS), "loss": loguniform(0.1, 1.0), "trial": 7.0, "=rate": loguniform(0.1, 1.0)}
    return folder, run(train, space, num_trials=12, dir=folder, progress=False)


def test_the_values_of_a_choice_are_what_was_chosen(swept):
    folder, result = swept
    for found in (result, load(folder)):
        assert found.best_params["flag"] is False
        seen = {repr(trial.params["flag"]) for trial in found.trials}
        assert seen == set(map(repr, OPTIONS))
        assert {row.params["flag"] for row in (s.trial for s in found.standings())} == {False}
    named = choice({"none": None, "True": True, "x": 1.0})
    assert [named.shown(unit) for unit in (0.1, 0.5, 0.9)] == ["none", True, "x"]


def test_names_that_meet_get_a_prefix(swept):
    _, result = swept
    row = result.trials_rows()[0]
    assert row["loss"] == result.values[0, 0]
    assert row["seed"] == 0
    assert row["params_loss"] == result.trials[0].params["loss"]
    assert row["metrics_seed"] == result.curves["seed"][0, 0, -1]


def test_all_hyperparameters_stand_before_the_status():
    rows = [
        {"trial": i, "rate": 0.1, **more, "status": "complete", "loss": 1.0} for i, more in enumerate([{}, {"b": 2}])
    ]
    assert table_columns(rows) == ["trial", "rate", "b", "status", "loss"]


def test_no_cell_of_a_csv_is_a_formula(tmp_path, swept):
    _, result = swept
    result.to_csv(tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert "'=rate" in rows[0]
    assert {row["flag"] for row in rows} == set(map(str, OPTIONS))
    write_csv(
        [{"a": text, "+b": -1.5} for text in ("=1+1", "+x", "-x", "@x", "\tx", "-1e3", -2, "x=1", None)], tmp_path / "b"
    )
    with open(tmp_path / "b", newline="") as file:
        header, *found = list(csv.reader(file))
    assert header == ["a", "'+b"]
    assert [row[0] for row in found] == ["'=1+1", "'+x", "'-x", "'@x", "'\tx", "-1e3", "-2", "x=1", "None"]
    assert {row[1] for row in found} == {"-1.5"}


def test_other_tables_take_such_values(tmp_path, swept):
    _, result = swept
    assert json.dumps([trial.params["flag"] for trial in result.trials])
    assert set(result.summary(by="flag")) == set(map(str, OPTIONS))
    assert len(result.trials_dataframe()) == 12
    pytest.importorskip("optuna")
    assert result.to_optuna().best_params["flag"] is False
    arrow = pytest.importorskip("pyarrow.parquet")
    result.to_parquet(tmp_path / "a.parquet")
    assert set(arrow.read_table(tmp_path / "a.parquet")["flag"].to_pylist()) == {"True", "False", None, "100", "relu"}
