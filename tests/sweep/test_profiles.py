"""Studies, performance profiles and scores, against tables worked out by hand."""

import io

import numpy as np
import pytest

from jgd.core import InputError
from jgd.sweep import profile_figure
from jgd.sweep.results.performance_profiles import (
    integrated_scores,
    performance_profile,
    performance_ratios,
    scores,
    studies_of,
    typical,
)

NAN, INF = np.nan, np.inf

# Two draws of three trials each, under two seeds.
REACHED = np.array([[30, NAN], [20, NAN], [NAN, NAN], [50, 10], [NAN, 70], [40, 60]])

#        digits  text  parity
COSTS = [
    [100, 40, INF],  # careful: best once, 4/3 behind once, one miss
    [200, 30, INF],  # bold: 2 behind, best once, one miss
    [600, INF, INF],
]  # slow: beyond tau


def test_a_study_costs_what_its_best_trial_needed():
    np.testing.assert_array_equal(studies_of(REACHED, 3), [[20, INF], [40, 10]])
    np.testing.assert_array_equal(studies_of(REACHED, 6), [[20, 10]])
    np.testing.assert_array_equal(studies_of(REACHED[:, :1], 1)[:, 0], [30, 20, INF, 50, INF, 40])


def test_a_miss_is_not_the_quickest():
    """NaN read as 0, or a sentinel of -1, would make the trial that never arrived the winner."""
    assert studies_of(np.array([[NAN], [7.0]]), 2) == 7
    for written in (0.0, -1.0):
        with pytest.raises(InputError, match=f"it holds {written:g}, expected costs above 0; a miss is NaN"):
            studies_of(np.array([[written], [7.0]]), 2)


def test_half_of_the_studies_missing_is_a_miss():
    assert typical(np.array([[20.0, 30.0, INF]])) == 30
    assert typical(np.array([[20.0, INF], [40.0, 10.0]])) == 30
    assert typical(np.array([[20.0, INF], [NAN, 10.0]])) == INF
    assert typical(np.full((1, 2), INF)) == INF


def test_ratios_to_the_best_of_each_problem():
    expected = [[1, 4 / 3, INF], [2, 1, INF], [6, INF, INF]]
    np.testing.assert_allclose(performance_ratios(COSTS), expected, rtol=1e-15)


def test_profile_counts_problems_within_tau():
    profile = performance_profile(COSTS, [1, 1.5, 2, 6])
    np.testing.assert_allclose(profile * 3, [[1, 2, 2, 2], [1, 1, 2, 2], [0, 0, 0, 1]], rtol=1e-15)


def test_the_score_is_the_profile_integrated():
    # careful: (3 + 4 - 4/3) / 3 over 3 problems; bold: (2 + 3) / 3 over 3.
    found = integrated_scores(COSTS)
    np.testing.assert_allclose(found, [17 / 27, 5 / 9, 0], rtol=1e-14)
    taus = np.linspace(1, 4, 30_001)
    numeric = np.trapezoid(performance_profile(COSTS, taus), taus) / 3
    np.testing.assert_allclose(found, numeric, atol=1e-4)  # the trapezoids' steps are 1e-4
    with pytest.raises(InputError, match="tau must be a number above 1"):
        integrated_scores(COSTS, 1.0)


def test_scores_rank_and_say_what_is_chance():
    """Paired seeds: `quick` is always twice as fast as `steady`, however much both vary; `even` is a coin's throw."""
    rng = np.random.default_rng(1)
    luck = rng.lognormal(sigma=1.0, size=(3, 2, 5))
    quick, even = 100 * luck, 100 * rng.permuted(luck, axis=2)
    rows = scores(["steady", "quick", "even"], [2 * quick, quick, even])
    assert rows[0].behind == rows[0].behind_low == rows[0].behind_high == 0
    by_name = {row.solver: row for row in rows}
    assert by_name["steady"].behind_low > 0
    steady = {row.solver: row for row in scores(["steady", "quick"], [2 * quick, quick], against="steady")}
    assert steady["steady"].behind == 0 > steady["quick"].behind_high
    lone = scores(["quick", "steady"], [quick, 2 * quick])
    np.testing.assert_allclose([x for row in lone for x in row[1:4]], [1, 1, 1, 2 / 3, 2 / 3, 2 / 3], rtol=1e-14)
    assert [row.solved for row in rows] == [1, 1, 1]
    fair = {row.solver: row for row in scores(["quick", "even"], [quick, even])}
    assert min(row.behind_low for row in fair.values()) <= 0 <= max(row.behind_high for row in fair.values())


def test_resampling_problems_widens_the_interval():
    costs = np.array([[1.0, 1, 1, 2, 2], [2.0, 2, 2, 1, 1]])[:, :, None, None]
    given, like_these = (scores("ab", costs, resample_problems=x)[0] for x in (False, True))
    assert (given.low, given.high) == (given.score, given.score)  # one study each: nothing else to resample
    assert like_these.low < given.score < like_these.high


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"its shape is \[6, 2\], expected \[a multiple of 4, seeds\]"):
        studies_of(REACHED, 4)
    with pytest.raises(InputError, match=r"its shape is \[2, 2\], expected \[1 solvers"):
        scores(["a"], np.ones((2, 2)))
    with pytest.raises(InputError, match=r"scores\(against\): unknown name 'b'. Known: a"):
        scores(["a"], np.ones((1, 2, 1, 1)), against="b")


def test_the_picture_ranks_and_steps_where_profiles_do():
    figure = profile_figure(dict(zip(["careful", "bold", "slow"], COSTS, strict=True)))
    titles = [panel.get_title("left") for panel in figure.axes]
    assert titles == ["1  careful", "2  bold", "3  slow"]
    assert [panel.get_title("right") for panel in figure.axes] == ["0.63", "0.56", "0.00"]
    own = figure.axes[0].lines[-1]
    np.testing.assert_allclose(own.get_xdata(), [1, 4 / 3, 4])
    np.testing.assert_allclose(own.get_ydata(), [100 / 3, 200 / 3, 200 / 3])
    (panel,) = profile_figure(dict(zip(["careful", "bold", "slow"], COSTS, strict=True)), shown=1).axes
    assert panel.get_title("right") == "0.63"  # of the least that any needed, not of those that are shown


def test_long_names_leave_room_for_the_score():
    names = [f"jgd augmented-lagrangian, float32 {mark}" for mark in "ab$d"]
    figure = profile_figure({name: [1.0, 2.0] for name in names})
    figure.savefig(io.BytesIO())  # lays it out
    for panel in figure.axes:
        text = panel.get_title("left"), panel.get_title("right")
        name, score = (panel.findobj(lambda x, t=t: getattr(x, "get_text", str)() == t)[0] for t in text)
        assert name.get_window_extent().x1 < score.get_window_extent().x0
