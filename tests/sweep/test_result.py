"""Results: the best of them, their tables, and what they warn of."""

import json

import numpy as np
import pandas
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, loguniform, run
from tests.train import problems

TASK = problems.task(5)


@pytest.fixture(scope="module")
def result():
    spaces = {"sgd": jgd.sgd(grid([1e-4, 1e-2, 0.1, 1e12])), "adam": jgd.adam(loguniform(1e-3, 0.5))}
    options = {"num_trials": 4, "seeds": 3, "steps": 60, "eval_every": 10, "sampler": "grid", "progress": False}
    return run(TASK, spaces, metric="distance", target=1.0, **options)


def test_the_best_is_ready_to_use(result):
    best = result.best("sgd")
    assert best.params == {"learning_rate": 0.1}
    assert jgd.hyperparams(result.best_optimizer("sgd")) == {"learning_rate": 0.1}
    again = jgd.fit(TASK, result.best_optimizer("sgd"), steps=60, seed=2)
    # fit's program rounds otherwise, and 60 steps from a distance of 4 carry units in the last place along.
    assert float(problems.evaluate(again.params)["distance"]) == pytest.approx(result.values[best.number, 2], abs=1e-4)


def test_best_of_all_is_the_best_of_the_best_space(result):
    standings = result.standings()
    assert [row.space for row in standings] == [t.space for t in (result.best(row.space) for row in standings)]
    assert result.best_trial is standings[0].trial
    assert result.best_params == result.best_trial.params
    assert result.best_value == standings[0].summary.median == np.median(result.values[result.best_trial.number])


def test_standings_tell_divergence_and_the_target(result):
    row = next(row for row in result.standings() if row.space == "sgd")
    assert row.diverged == 0.25
    reached = result.steps_to_target()
    assert reached.shape == (8, 3)
    assert row.steps_to_target == np.median(reached[row.trial.number])
    assert np.isnan(reached[0]).all()
    curve = result.curves["distance"][row.trial.number, 0]
    assert reached[row.trial.number, 0] == result.steps[np.argmax(curve <= 1.0)]


def test_a_best_trial_at_an_end_of_its_range_is_told(result):
    assert result.at_boundary() == {"adam": {"learning_rate": "high"}}
    assert "The best adam has learning_rate at the high end of its range; better may lie beyond." in repr(result)


def test_it_prints_well(result):
    lines = repr(result).splitlines()
    assert lines[0].startswith("Sweep of 8 trials x 3 seeds x 60 steps: 21 complete, 3 diverged; 2 programs")
    assert lines[1].split() == ["space", "distance", "range", "of", "3", "(75%)", "best", "setting"]
    assert "learning_rate=0.1" in repr(result)


def test_the_table_has_a_row_for_each_lane(result):
    table = result.trials_dataframe()
    assert len(table) == 8 * 3
    assert table.columns.tolist() == [
        *["trial", "space", "seed", "learning_rate", "status", "diverged_at", "steps_to_target"],
        *["loss", "largest", "distance"],
    ]
    lost = table[table.status == "diverged"]
    assert (lost.learning_rate == 1e12).all()
    assert (lost.diverged_at > 0).all()
    assert lost.distance.isna().all()
    np.testing.assert_array_equal(table.distance[:9], result.values.ravel()[:9])


def test_without_a_target_nothing_is_reached():
    plain = run(TASK, jgd.sgd(0.1), steps=4, eval_every=4, progress=False)
    assert np.isnan(plain.steps_to_target()).all()
    assert "as given" in repr(plain)


def test_bad_questions_are_refused(result):
    with pytest.raises(InputError, match=r"unknown name 'adan'. Did you mean adam"):
        result.best("adan")
    lost = run(TASK, jgd.sgd(1e12), steps=40, eval_every=40, progress=False)
    with pytest.raises(InputError, match=r"no trial has a finite median of loss \(1 diverged\); lower the learning"):
        lost.best_optimizer()
    assert repr(lost).splitlines()[-1].split() == [
        "optimizer",
        "-",
        "none:",
        "1",
        "diverged",
    ]  # in place of a best setting
    assert json.loads(json.dumps(lost.trials_rows()))[0]["diverged_at"] == lost.diverged_at[0, 0]


@pytest.fixture(scope="module")
def wide():
    adam = jgd.adam(loguniform(1e-3, 0.5), b1=grid([0.5, 0.9]))
    space = choice({"adam": adam, "sgd": jgd.sgd(loguniform(1e-3, 0.3))})
    options = {"num_trials": 24, "seeds": 3, "steps": 30, "eval_every": 10, "sampler": "sobol", "progress": False}
    return run(TASK, {"any": space, "slow": jgd.sgd(1e-6)}, metric="distance", **options)


def test_summaries_by_space_trial_and_value(wide):
    assert wide.summary() == wide.summary(wide.best())
    spaces = wide.summary(by="space")
    assert list(spaces) == ["any", "slow"]
    assert spaces["slow"] == wide.summary(24)
    assert spaces["any"].median == pytest.approx(np.median(np.median(wide.values[:24], axis=0)))
    assert list(wide.summary(by="trial").values()) == [wide.summary(i) for i in range(25)]
    assert list(wide.summary(by="optimizer")) == ["adam", "sgd"]
    b1 = wide.summary(by="b1")
    members = [trial.number for trial in wide.trials if trial.params.get("b1") == 0.9]
    assert list(b1) == ["0.5", "0.9"]
    assert b1["0.9"].median == pytest.approx(np.median(np.median(wide.values[members], axis=0)))
    rates = wide.summary(by="sgd.learning_rate")
    assert len(rates) == 4
    # Far below the best rate, more is better.
    medians = [row.median for row in rates.values()]
    assert medians[0] > medians[2]


def test_trials_and_spaces_are_compared_in_pairs(wide):
    found = wide.paired("any", "slow")
    difference = wide.values[wide.best("any").number] - wide.values[24]
    assert found.difference.median == np.median(difference)
    assert found.better == 1.0
    assert wide.paired(wide.best("any"), 24) == found
    assert wide.paired(24, 24).better == 0.5


def test_the_best_of_k_ends_at_the_best(wide):
    found = wide.best_of_k("any")
    assert len(found.expected) == 24
    assert found.expected[-1] == found.median[-1] == wide.best_value
    assert (np.diff(found.expected) <= 0).all()


def test_importance_names_what_decides(result, wide):
    found = wide.importance("any")
    assert set(found.alone) == {"optimizer", "adam.learning_rate", "sgd.learning_rate", "b1"}
    assert sum(found.alone.values()) + found.together == pytest.approx(1)
    assert found.alone["b1"] < max(found.alone.values())
    rows = dict(line.rsplit(maxsplit=1) for line in repr(found).splitlines()[3:-1])
    assert [*map(str.strip, rows)] == [*found.alone, "several together"]
    assert rows.popitem()[1] == f"{found.together:.0%}"
    assert f"{found.alone['b1']:.0%}</td>" in found._repr_html_()
    assert "noisy" in repr(found._replace(fit=0.0))
    assert "noisy" not in repr(found._replace(fit=0.9))
    with pytest.raises(InputError, match="name a space, one of any, slow; each has its own axes"):
        wide.importance()
    with pytest.raises(InputError, match="'slow' has no distributions"):
        wide.importance("slow")
    with pytest.raises(InputError, match="4 trials of 'sgd', 3 with a finite median, say too little; run at least 10"):
        result.importance("sgd")


def test_tables_in_files_hold_what_the_table_holds(wide, tmp_path):
    table = wide.trials_dataframe()
    wide.to_csv(tmp_path / "trials.csv")
    wide.to_parquet(tmp_path / "trials.parquet")
    for again in (pandas.read_csv(tmp_path / "trials.csv"), pandas.read_parquet(tmp_path / "trials.parquet")):
        assert again.columns.tolist() == table.columns.tolist()
        np.testing.assert_allclose(again["distance"], table["distance"])
        assert again["optimizer"].fillna("").tolist() == table["optimizer"].fillna("").tolist()
        np.testing.assert_allclose(again["sgd.learning_rate"], table["sgd.learning_rate"])


def test_bad_questions_to_all_trials_are_refused(wide):
    with pytest.raises(InputError, match=r"Result.summary\(by=\): unknown name 'b2'. Did you mean b1"):
        wide.summary(by="b2")
    with pytest.raises(InputError, match="there is no trial 25; the sweep has trials 0 to 24"):
        wide.paired(25, 0)
