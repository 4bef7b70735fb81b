"""Distributions: what they turn a unit number into, and what they refuse."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, integer, loguniform, normal, quantized, uniform
from jgd.sweep.spaces.lattice import Integer, Quantized

wrong: Any = jgd.sweep  # for arguments of a wrong type

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


ALIKE = [integer(1, 4), choice([1, 2, 3, 4]), grid(np.array([1, 2, 3, 4])), quantized(integer(8, 39), 8)]
ALIKE += [quantized(uniform(0.1, 0.4), 0.1), quantized(integer(1, 4), 1)]


@pytest.mark.parametrize("distribution", ALIKE, ids=repr)
def test_every_option_is_equally_likely(distribution):
    _, counts = np.unique([distribution.at(u) for u in UNITS[:-1]], return_counts=True)
    np.testing.assert_array_equal(counts, [2500] * 4)


@pytest.mark.parametrize(
    ("distribution", "step"),
    [
        (integer(1, 64, log=True), 1),
        (quantized(integer(8, 64, log=True), 8), 8),
        (quantized(loguniform(1, 8), 0.5), 0.5),
    ],
    ids=repr,
)
def test_under_a_logarithm_a_lattice_point_is_as_likely_as_the_factors_that_round_to_it(distribution, step):
    values, counts = np.unique([distribution.at(u) for u in UNITS[:-1]], return_counts=True)
    low, high = values[0] - step / 2, values[-1] + step / 2
    shares = np.log((values + step / 2) / (values - step / 2)) / np.log(high / low)
    np.testing.assert_allclose(counts / 10_000, shares, atol=2e-4)
    assert len(values) == distribution.size
    assert sorted(distribution.at(u) for u in distribution.grid(1000)) == values.tolist()
    ends = [distribution.at(u) for u in distribution.grid(3)]
    assert (ends[0], ends[-1], len(ends)) == (values[0], values[-1], 3)
    assert distribution.scale == "log"


def test_folders_written_before_keep_their_values():
    old = Quantized(uniform(0.1, 0.5), 0.1)  # as it is read from a listing
    assert [old.at(u) for u in (0.12, 0.3, 0.9)] == [0.1, 0.2, 0.5]
    assert Integer(1, 3).at(0.5) == 2


def test_the_ends_of_a_fine_lattice_are_as_wide_as_those_of_a_range():
    for fine in (integer(1, 1000), quantized(uniform(0, 1), 1e-3), integer(1, 1000, log=True)):
        assert [fine.edge(u) for u in (0.002, 0.03, 0.5, 0.97)] == ["low", "low", None, "high"]
    assert integer(1, 1).edge(0.5) is None


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
        (lambda: wrong.loguniform("1e-3", 1), r"loguniform\(low='1e-3'\): low must be a finite number"),
        (lambda: uniform(0, float("inf")), "high must be a finite number"),
        (lambda: wrong.integer(0.5, 2), r"integer\(low=0.5\): low must be a whole number"),
        (lambda: integer(5, 2), "swap them"),
        (lambda: integer(0, 8, log=True), r"integer\(low=0, high=8, log=True\): low must be positive under a log"),
        (lambda: wrong.integer(1, 8, log="yes"), r"integer\(log='yes'\): log must be True or False"),
        (lambda: normal(0, -1), r"normal\(std=-1\): std must be a positive number"),
        (lambda: choice([]), "options must be a list"),
        (lambda: wrong.choice(3), r"choice\(options=3\): options must be a list"),
        (lambda: wrong.grid([1, "a"]), r"grid\(values=\[1, .a.\]\): values must be a list of finite numbers"),
        (lambda: choice({}), "at least one"),
        (
            lambda: quantized(0.5, 0.1),
            r"quantized\(distribution=0.5\): distribution must be a uniform",
        ),
        (lambda: quantized(choice([1, 2]), 2), "must be a uniform"),
        (lambda: quantized(uniform(0, 1), 0), r"quantized\(step=0\): step must be a positive number"),
        (lambda: quantized(uniform(0.1, 0.3), 0.5), "the range holds no multiple of 0.5; lower the step"),
        (lambda: choice([jgd.adam(1e-3), jgd.lion(1e-3)]).init(jnp.ones(2)), "nothing is chosen yet; pass the space"),
    ],
)
def test_bad_distributions_are_refused_in_one_sentence(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_quantized_values_are_multiples_within_the_range():
    values, counts = np.unique([quantized(uniform(0.1, 0.5), 0.1).at(u) for u in UNITS], return_counts=True)
    assert values.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]  # exactly, without the noise of products
    # All alike, the ends too; every unit counts 1 / 10001, and a boundary may fall on either side.
    np.testing.assert_allclose(counts / len(UNITS), [0.2] * 5, atol=2e-4)
    sizes = quantized(integer(10, 100), 32)
    assert {sizes.at(u) for u in UNITS} == {32, 64, 96}
    assert type(sizes.at(0.5)) is int
    assert [sizes.at(u) for u in sizes.grid(10)] == [32, 64, 96]
    assert [sizes.edge(u) for u in (0.0, 0.5, 1.0)] == ["low", None, "high"]
    assert (quantized(loguniform(1e-3, 1), 1e-3).scale, quantized(normal(0, 1), 0.5).edge(1.0)) == ("log", None)


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ([jgd.adam(1e-3), jgd.sgd(1e-3)], ("adam", "sgd")),
        ([jgd.adam(1e-3), jgd.adam(1e-3, nesterov=True)], ("option 0", "option 1")),
        ({"a": jgd.adam(1e-3), 2: jgd.lion(1e-3)}, ("a", "2")),
        ([0.1, None, jnp.sin], ("0.1", "None", "sin")),
        ([True, False], ("True", "False")),
        ([jgd.chain(jgd.scale_by_adam(), jgd.scale(-0.1)), jgd.muon(1e-3)], ("ScaleByAdam", "muon")),
        ([jgd.muon(1e-3), jgd.by_path({"a": jgd.sgd(0.1)}, jgd.adam(0.1))], ("muon", "ByPath")),
    ],
)
def test_parts_are_labelled(options, labels):
    parts = choice(options)
    assert parts.labels == labels
    named = dict(zip(labels, options if isinstance(options, list) else labels, strict=True))
    plain = {label: x for label, x in named.items() if x is None or isinstance(x, (bool, float))}
    assert [parts.shown(u) for u in parts.grid(2)] == [plain.get(label, label) for label in labels]
    assert (parts.listed, parts.edge(0.0)) == (len(labels), None)
