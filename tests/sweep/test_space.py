"""Spaces: what distributions turn a unit number into, what they refuse, and how axes are found and named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, integer, loguniform, normal, uniform
from jgd.sweep.axes import axes, trial_at
from jgd.train import Task

UNITS = np.linspace(0, 1, 10_001)


@pytest.mark.parametrize(
    ("distribution", "low", "high"),
    [(uniform(-1, 3), -1, 3), (loguniform(1e-4, 10), 1e-4, 10), (integer(2, 5), 2, 5), (grid([1, 5, 9]), 1, 9)],
    ids=repr,
)
def test_the_unit_interval_covers_the_range_in_order(distribution, low, high):
    values = np.array([distribution.at(u) for u in UNITS])
    assert (np.diff(values) >= 0).all()
    assert (values[0], values[-1]) == (low, high)
    assert all(low <= distribution.at(u) <= high for u in distribution.grid(7))


def test_shares_of_the_unit_interval_are_shares_of_probability():
    values = {repr(d): np.array([d.at(u) for u in UNITS]) for d in (uniform(0, 4), loguniform(1e-2, 1e2), normal(1, 2))}
    # Quartiles are exact up to the spacing of the units.
    np.testing.assert_allclose(np.quantile(values["uniform(0, 4)"], [0.25, 0.5]), [1, 2], rtol=1e-3)
    np.testing.assert_allclose(np.quantile(values["loguniform(0.01, 100)"], [0.25, 0.5]), [0.1, 1], rtol=1e-2)
    np.testing.assert_allclose(np.quantile(values["normal(1, 2)"], [0.1587, 0.5]), [-1, 1], atol=1e-2)


@pytest.mark.parametrize("distribution", [integer(1, 4), choice([1, 2, 3, 4]), grid(np.array([1, 2, 3, 4]))], ids=repr)
def test_every_option_is_equally_likely(distribution):
    _, counts = np.unique([distribution.at(u) for u in UNITS[:-1]], return_counts=True)
    np.testing.assert_array_equal(counts, [2500] * 4)


def test_a_grid_lists_numbers_of_one_kind():
    assert [type(x) for x in grid([0.5, 1]).options] == [float, float]
    assert [type(x) for x in choice(np.array([1.0, 2.0])).options] == [int, int]
    assert (grid([1e-4, 1e-2]).scale, grid([1, 2]).scale, loguniform(1, 2).scale) == ("log", "linear", "log")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: uniform(3, 1), r"uniform\(low=3, high=1\): low must be below high; swap them"),
        (lambda: uniform(2, 2), "for a fixed value, put the number itself"),
        (lambda: loguniform(0, 1), r"loguniform\(low=0, high=1\): low must be positive under a logarithm"),
        (lambda: loguniform(1, 1e-3), "low must be below high"),
        (lambda: loguniform("1e-3", 1), r"loguniform\(low='1e-3'\): low must be a finite number"),
        (lambda: uniform(0, float("inf")), "high must be a finite number"),
        (lambda: integer(0.5, 2), r"integer\(low=0.5\): low must be a whole number"),
        (lambda: integer(5, 2), "swap them"),
        (lambda: normal(0, -1), "std must be positive"),
        (lambda: choice([]), "nothing to choose from"),
        (lambda: choice(3), r"choice\(3\): expected a list"),
        (lambda: grid([1, "a"]), r"grid\(value='a'\): value must be a finite number"),
        (lambda: choice([jgd.adam(uniform(0, 1)), jgd.sgd(0.1)]), "pass run a list of spaces instead"),
    ],
)
def test_bad_distributions_are_refused_in_one_sentence(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def scaled(scale, params, batch):
    return scale * jnp.sum((params - batch) ** 2)


def task_with(scale):
    return Task(lambda key: jnp.zeros(2), Partial(scaled, scale), jnp.ones((4, 2)))


def test_axes_are_found_in_the_optimizer_and_in_the_task():
    rate = loguniform(1e-3, 1)
    found = axes(task_with(uniform(1, 2)), jgd.adam(rate, b1=uniform(0.5, 0.99)))
    assert {axis.name: len(axis.paths) for axis in found} == {"b1": 1, "learning_rate": 1, "loss.0": 1}
    trial = trial_at(3, "adam", task_with(uniform(1, 2)), jgd.adam(rate, b1=uniform(0.5, 0.99)), found, [0.0, 0.5, 1.0])
    assert trial.params == {"b1": 0.5, "learning_rate": pytest.approx(0.0316, rel=1e-2), "loss.0": 2.0}
    assert jgd.hyperparams(trial.optimizer)["learning_rate"] == trial.params["learning_rate"]
    assert jax.tree.leaves(trial.task.loss) == [2.0]
    assert repr(trial) == "trial 3: adam(b1=0.5, learning_rate=0.03162, loss.0=2)"


def test_one_object_in_two_places_is_one_axis():
    found = axes(task_with(1.0), jgd.muon(loguniform(1e-3, 1)))
    assert [(axis.name, len(axis.paths)) for axis in found] == [("learning_rate", 2)]
    trial = trial_at(0, "muon", task_with(1.0), jgd.muon(found[0].distribution), found, [1.0])
    assert [v for k, v in jgd.hyperparams(trial.optimizer).items() if "learning_rate" in k] == [1.0, 1.0]
    apart = axes(task_with(1.0), jgd.muon(loguniform(1e-3, 1), adam_learning_rate=loguniform(1e-3, 1)))
    assert [axis.name for axis in apart] == ["adam.learning_rate", "muon.learning_rate"]


def test_a_sampled_number_is_checked_like_a_written_one():
    optimizer = jgd.adam(1e-3, b1=uniform(0.5, 1.5))
    with pytest.raises(InputError, match=r"ScaleByAdam\(b1=1.5\): b1 must lie in \[0, 1\)"):
        trial_at(0, "adam", task_with(1.0), optimizer, axes(task_with(1.0), optimizer), [1.0])


def test_a_distribution_where_structure_stands_is_refused():
    with pytest.raises(InputError, match=r"nesterov=choice\(\[.*\]\)\): nesterov is structure.*list of spaces"):
        axes(task_with(1.0), jgd.adam(1e-3, nesterov=choice([True, False])))


def test_ends_of_ranges_are_told():
    optimizer = jgd.adam(loguniform(1e-3, 1), b1=choice([0.5, 0.9]), b2=grid([0.9, 0.99, 0.999]))
    found = axes(task_with(1.0), optimizer)
    at = [trial_at(0, "", task_with(1.0), optimizer, found, [u] * 3).at_edge for u in (0.01, 0.5, 1.0)]
    assert at == [{"learning_rate": "low", "b2": "low"}, {}, {"learning_rate": "high", "b2": "high"}]
    assert (integer(1, 3).edge(0.5), integer(1, 3).edge(0.9), normal(0, 1).edge(1.0)) == (None, "high", None)
