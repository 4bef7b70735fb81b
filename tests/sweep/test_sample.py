"""Samplers: where their points lie, and that they repeat."""

import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.arguments import admits
from jgd.sweep import choice, grid, integer, loguniform, normal, uniform
from jgd.sweep.samplers.by_name import SAMPLER, SAMPLERS, make_sampler
from jgd.sweep.spaces.combinations import num_settings, setting_at
from jgd.sweep.spaces.space import Axis
from jgd.sweep.spaces.space import axes as space_axes


def axes(*distributions):
    return [Axis(f"x{i}", d, (f"x{i}",)) for i, d in enumerate(distributions)]


PLANE = axes(uniform(0, 1), loguniform(1, 10))


@pytest.mark.parametrize("name", ["random", "sobol", "halton", "tpe"])
def test_points_repeat_by_seed_and_more_of_them_only_add(name):
    points = make_sampler(name, PLANE, 1).ask(12)
    assert points.shape == (12, 2)
    assert ((points >= 0) & (points < 1)).all()
    np.testing.assert_array_equal(points[:5], make_sampler(name, PLANE, 1).ask(5))
    assert not np.allclose(points, make_sampler(name, PLANE, 2).ask(12))
    again = make_sampler(name, PLANE, 1)
    np.testing.assert_array_equal(points, np.concatenate([again.ask(4), again.ask(8)]))


@pytest.mark.parametrize("name", ["sobol", "halton"])
def test_low_discrepancy_points_cover_evenly(name):
    points = make_sampler(name, PLANE, 0).ask(64)
    counts, _, _ = np.histogram2d(*points.T, bins=4, range=[[0, 1]] * 2)
    # 64 points in 16 cells: Sobol's are exactly even, Halton's nearly; random ones leave a cell with 0 or 9.
    assert counts.min() >= 3
    assert counts.max() <= 5


def test_a_grid_is_every_combination_with_both_ends():
    points = make_sampler("grid", PLANE, 0).ask(10)
    np.testing.assert_allclose(np.unique(points[:, 0]), [0, 0.5, 1])
    assert len({tuple(row) for row in points}) == 9
    listed = axes(grid([1, 2]), uniform(0, 1), normal(0, 1))
    assert len(make_sampler("grid", listed, 0).ask(18)) == 18
    assert sorted({integer(1, 3).at(u) for (u,) in make_sampler("grid", axes(integer(1, 3)), 0).ask(50)}) == [1, 2, 3]
    assert len(make_sampler("grid", axes(integer(1, 3)), 0).ask(50)) == 3
    assert len(make_sampler("grid", axes(*[uniform(0, 1)] * 3), 0).ask(64)) == 64  # 64 ** (1 / 3) is 3.9999


def test_a_grid_multiplies_only_the_axes_that_matter():
    space = choice({"sgd": jgd.sgd(grid([0.1, 1.0])), "adam": jgd.adam(grid([1e-3, 1e-2, 1e-1]))})
    found = space_axes(None, space)
    points = make_sampler("grid", found, 0).ask(5)
    assert len(points) == len({setting_at(found, point) for point in points}) == num_settings(found) == 5
    # Ranges take as many values as fit: 4 of one, and 4 x 4 of the other, in 20 trials.
    ranges = choice({"sgd": jgd.sgd(uniform(0, 1)), "adam": jgd.adam(uniform(0, 1), b1=uniform(0, 0.9))})
    assert len(make_sampler("grid", space_axes(None, ranges), 0).ask(20)) == 20


def test_a_grid_that_cannot_have_two_values_of_each_range_is_refused():
    seven = axes(*[uniform(0, 1)] * 6, integer(1, 9))
    with pytest.raises(InputError, match=r"two values of each range make 128 combinations; raise num_trials to that"):
        make_sampler("grid", seven, 0).ask(64)
    assert len(make_sampler("grid", seven, 0).ask(128)) == 128


def test_a_grid_has_nothing_more_to_give():
    sampler = make_sampler("grid", PLANE, 0)
    sampler.ask(4)
    assert sampler.ask(4).shape == (0, 2)


def test_bad_samplers_are_refused():
    with pytest.raises(InputError, match=r"unknown name 'sobl'. Did you mean sobol"):
        make_sampler("sobl", PLANE, 0)
    deaf = type("Deaf", (), {"ask": lambda self: 0, "tell": lambda self, ids, values: 0})()
    for sampler in (3, None, lambda axes: 0, deaf, jgd.sgd(0.1)):
        assert not admits(SAMPLER, sampler)
    with pytest.raises(InputError, match="the listed values alone make 6 combinations; raise num_trials"):
        make_sampler("grid", axes(grid([1, 2]), grid([1, 2, 3])), 0).ask(5)
    assert set(SAMPLERS) == {"random", "sobol", "halton", "grid", "tpe"}
