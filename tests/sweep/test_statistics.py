"""Rankings, summaries and targets, with failures among the values."""

import itertools

import numpy as np
import pytest

from jgd.sweep.results.statistics import best_of, compare_pairs, first_reached, is_clearly_better, rank, summarize

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("mode", ["min", "max"])
def test_what_is_not_finite_is_worst(mode):
    values = np.array([[NAN], [1.0], [INF], [0.0], [-INF]])
    best = [3, 1] if mode == "min" else [1, 3]
    assert rank(values, mode).tolist() == [*best, 0, 2, 4]


def test_trials_rank_by_median_then_mean_then_number():
    values = np.array([[1, 2, 9], [1, 2, 3], [5, 1, 1], [1, 2, 3], [0, NAN, NAN]], float)
    assert rank(values, "min").tolist() == [2, 1, 3, 0, 4]
    assert rank(-values, "max").tolist() == [2, 1, 3, 0, 4]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_three_seeds_give_their_range_and_quartiles(mode):
    assert summarize(np.array([3.0, 1.0, 2.0]), mode) == (2.0, 1.5, 2.5, 1.0, 3.0, 0.75)


def test_one_seed_has_no_interval():
    found = summarize(np.array([0.49]), "min")
    assert found.median == 0.49
    assert np.isnan([found.low, found.high]).all()
    assert found.level == 0


def test_they_are_shown_in_four_digits_and_by_name():
    found = summarize(np.array([1.0, 2.0, NAN]), "min")
    assert repr(found) == "Summary(median 2, quartiles 1 .. failed, 75% interval 1 .. failed)"
    assert '<td style="text-align:right;white-space:nowrap;padding:2px 10px">1 .. failed</td>' in found._repr_html_()
    assert repr(summarize(np.array([1 / 3]), "min")) == "Summary(median 0.3333, quartiles 0.3333 .. 0.3333)"
    pair = compare_pairs(np.array([1.0, 2.0]), np.array([2.0, 4.0]), "min")
    assert repr(pair).startswith("Paired(better in 100% of seeds, median of the difference -1.5, ")
    assert ">-1.5</td>" in pair._repr_html_()


def test_the_best_of_k_is_shown_for_doubled_numbers_of_trials():
    found = best_of(np.array([3.0, 1.0, 2.0, 5.0, 4.0, NAN]), "min")
    rows = [line.split() for line in repr(found).splitlines()[3:]]
    assert [row[0] for row in rows] == ["1", "2", "4", "6"]
    assert rows[0][1] == "-"
    assert rows[-1][1:] == ["1", "1", "1", "1"]
    assert found._repr_html_().count("<tr>") == 5


def test_one_failed_seed_opens_the_interval_at_the_bad_end():
    low = summarize(np.array([1.0, 2.0, NAN]), "min")
    assert (low.median, low.low) == (2.0, 1.0)
    assert np.isnan(low.high)
    high = summarize(np.array([1.0, 2.0, NAN]), "max")
    assert (high.median, high.high) == (1.0, 2.0)
    assert np.isnan(high.low)
    assert np.isnan(summarize(np.array([1.0, NAN, NAN]), "max").median)


def test_the_interval_of_many_values_narrows_around_the_median():
    few, many = (summarize(np.random.default_rng(1).normal(size=n), "min") for n in (10, 1000))
    assert many.low < many.median < many.high
    assert many.high - many.low < 0.3 * (few.high - few.low)
    # The standard error of a median of 1,000 normal values is 0.04; four of them cover the truth.
    assert abs(many.median) < 0.16


def test_the_first_point_that_reaches_a_target():
    curve = np.array([[0.1, 0.6, 0.4, 0.9], [0.1, 0.2, NAN, NAN], [0.1, 0.2, 0.3, 0.4]])
    points = np.array([5, 10, 15, 20])
    np.testing.assert_array_equal(first_reached(curve, points, 0.5, "max"), [10, NAN, NAN])
    np.testing.assert_array_equal(first_reached(curve, points, 0.15, "min"), [5, 5, 5])


def test_passing_by_a_target_is_not_staying_there():
    curve = np.array([[0.9, 0.1, 0.4, 0.1], [0.1, 0.1, 0.1, 0.1], [0.1, 0.1, NAN, NAN], [0.9, 0.9, 0.9, 0.1]])
    points = np.array([5, 10, 15, 20])
    np.testing.assert_array_equal(first_reached(curve, points, 0.2, "min"), [10, 5, 5, 20])
    np.testing.assert_array_equal(first_reached(curve, points, 0.2, "min", to_stay=True), [20, 5, NAN, 20])
    np.testing.assert_array_equal(first_reached(-curve, points, -0.2, "max", to_stay=True), [20, 5, NAN, 20])


@pytest.mark.parametrize("mode", ["min", "max"])
def test_pairs_take_out_what_seeds_have_in_common(mode):
    common = np.array([0.0, 100.0, -50.0, 7.0, 20.0])
    a, b = common + np.array([1, 2, 3, 1, 2]), common
    found = compare_pairs(a, b, mode)
    assert (found.difference.median, found.difference.low, found.difference.high) == (2.0, 1.0, 3.0)
    assert found.better == (0.0 if mode == "min" else 1.0)
    assert compare_pairs(b, a, mode).difference.median == -2.0


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_failed_seed_loses_its_pair(mode):
    found = compare_pairs(np.array([NAN, 1.0, NAN, 1.0]), np.array([1.0, NAN, NAN, 1.0]), mode)
    assert found.better == 0.5
    assert found.difference.median == 0.0
    assert np.isnan([found.difference.low, found.difference.high]).all()
    assert compare_pairs(np.array([NAN]), np.array([0.0]), mode).better == 0.0


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_of_k_is_the_mean_over_all_ways_to_draw_them(mode):
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    best = min if mode == "min" else max
    drawn = [[best(c) for c in itertools.combinations(values, k)] for k in range(1, 6)]
    found = best_of(values, mode)
    np.testing.assert_allclose(found.expected, [np.mean(x) for x in drawn], rtol=1e-12)
    sign = 1 if mode == "min" else -1  # the middle is the better one of two
    medians = [sign * np.quantile(sign * np.array(x), 0.5, method="inverted_cdf") for x in drawn]
    np.testing.assert_array_equal(found.median, medians)
    assert (found.lower_quartile <= found.median).all()
    assert (found.median <= found.upper_quartile).all()


def test_the_best_of_k_with_failures_is_known_once_one_must_succeed():
    found = best_of(np.array([NAN, 2.0, NAN, 1.0]), "min")
    assert np.isnan(found.expected).tolist() == [True, True, False, False]
    np.testing.assert_allclose(found.expected[2:], [1.25, 1.0])
    assert found.median.tolist()[1:] == [1.0, 1.0, 1.0]
    assert np.isnan(found.upper_quartile[0])


def test_the_best_of_many_is_exact():
    # The expected minimum of k of the numbers 1 to n is (n + 1) / (k + 1).
    found = best_of(np.arange(1.0, 2001.0), "min")
    np.testing.assert_allclose(found.expected, 2001 / (np.arange(1, 2001) + 1), rtol=1e-9)


def test_the_best_of_many_thousands_is_exact_in_bounded_memory():
    n = 20_000
    found = best_of(np.arange(n)[::-1] / n, "min")
    k = np.arange(1, n + 1)
    # The least of k out of the ranks 1 to n is (n + 1) / (k + 1) in the mean. Logarithms of binomials of 2e4 are some
    # 1e5, so their differences, and with them the chances, are good to 1e-10.
    np.testing.assert_allclose(found.expected, ((n + 1) / (k + 1) - 1) / n, atol=1e-9)
    assert found.median[-1] == 0


@pytest.mark.parametrize("mode", ["min", "max"])
def test_ahead_is_where_the_interval_of_the_pairs_leaves_out_a_tie(mode):
    rng = np.random.default_rng(0)
    for n in (2, 3, 6, 9, 16):
        for shift in (0.0, 1.0, 3.0):
            a, b = rng.normal(size=n), rng.normal(size=n) + (shift if mode == "min" else -shift)
            found = compare_pairs(a, b, mode).difference
            assert is_clearly_better(a, b, mode) == (found.high < 0 if mode == "min" else found.low > 0)
    assert not is_clearly_better(np.array([1.0]), np.array([2.0]), "min")
    assert is_clearly_better(np.array([1.0, 1.0]), np.array([NAN, NAN]), mode)
