"""Results: the best of them, their tables, and what they warn of."""

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import grid, loguniform, run
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
    assert float(TASK.evaluate(again.params)["distance"]) == pytest.approx(result.values[best.number, 2], abs=1e-4)


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
    assert lines[1].split() == ["space", "distance", "95%", "over", "seeds", "best", "setting"]
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
    assert "nan" in repr(lost)
