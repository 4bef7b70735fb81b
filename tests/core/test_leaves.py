"""Leaves by patterns and masks, and leaves for which a method has no meaning: one sentence each says what is wrong."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd.core import InputError
from tests.table import ROWS

PARAMS = {"qkv": jnp.ones((4, 6)), "w": jnp.ones((4, 4))}
ANYTHING = (  # rows that are not compared on complex leaves but act on them
    *("muon_matrices", "noisy_sgd", "split_real_and_imaginary", "muon_aol_adaptive", "scale_by_yogi", "zero_nans"),
    *("adahessian", "asam", "extragradient", "hutchinson"),  # with the gradient of a real function of them
)


@pytest.mark.parametrize("row", [r for r in ROWS if not r.complex and r.name not in ANYTHING], ids=lambda row: row.name)
def test_complex_leaves_are_refused_where_they_have_no_meaning_and_the_remedy_is_named(row):
    params = row.few("complex64")
    said = r"the leaf at \S+ is complex64, expected real numbers, for .*; (wrap|train) .*, or give the leaf .*\.(\n|$)"
    with pytest.raises(InputError, match=said):
        jax.eval_shape(lambda opt: row.update(opt, params, opt.init(params), params), row.make())


@pytest.mark.parametrize("opt", [jgd.adam_atan2(0.1), jgd.rprop(0.1), jgd.madgrad(0.1), jgd.chain(jgd.clip(0.1))])
def test_the_wrapper_that_the_refusal_names_takes_them(opt):
    params = {"w": jnp.array([1 + 1j, 2.0])}
    opt = jgd.split_real_and_imaginary(opt)
    updates, _ = opt.update(params, opt.init(params), params)
    assert updates["w"].dtype == jnp.complex64
    assert jnp.isfinite(updates["w"]).all()


PATTERNED = {
    "axes": lambda x: jgd.muon(0.1, muon_weight_dimension_numbers=jgd.matrix_axes_by_path({x: "adam"})),
    "stacked": lambda x: jgd.muon(0.1, muon_weight_dimension_numbers=jgd.matrix_axes_by_path(stacked=x)),
    "mini_blocks": lambda x: jgd.adam_mini(0.1, blocks=jgd.mini_blocks_by_path({x: jgd.mini_blocks(2, None)})),
    "by_path": lambda x: jgd.by_path({x: "frozen"}, jgd.sgd(0.1)),
    "mask": lambda x: jgd.adamw(0.1, mask=x),
    "freeze_until": lambda x: jgd.chain(jgd.sgd(0.1), jgd.freeze_until(2, x)),
}


@pytest.mark.parametrize("name", PATTERNED)
def test_a_pattern_that_fits_nothing_is_refused_with_the_paths(name):
    with pytest.raises(InputError, match="'qvk' fits no path; there are qkv, w"):
        PATTERNED[name]("qvk").init(PARAMS)


@pytest.mark.parametrize("name", PATTERNED)
def test_a_pattern_that_is_no_regular_expression_is_refused(name):
    with pytest.raises(InputError, match=r"\(qkv.* regular expression"):
        PATTERNED[name]("(qkv").init(PARAMS)


def test_patterns_that_are_no_dictionary_are_refused():
    wrong: Any = [("qkv", "adam")]
    with pytest.raises(InputError, match=r"matrix_axes_by_path\(patterns=\[.*\]\): patterns must be a dictionary"):
        jgd.matrix_axes_by_path(wrong)


def test_labels_that_leave_a_leaf_out_are_refused_as_labels():
    opt = jgd.muon(0.1, param_labels={"qkv": "muon"})
    with pytest.raises(InputError, match=r"Partition\(param_labels\): the labels .* it says nothing of \['w'\]"):
        opt.init(PARAMS)


@pytest.mark.parametrize("name", ["scale_by_muon", "scale_by_normuon", "scale_by_adamuon", "scale_by_dion"])
@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (jgd.SplitAxes(0, 1, 4), "has 6 outputs and .*: 4 does not divide them; declare others"),
        (jgd.SplitAxes(0, 1, (2, 2)), "has 6 outputs and .*: the sizes add up to 4; declare others"),
        (jgd.MatrixAxes(0, 2), "has 2 axes and .*: there is no axis 2; declare others"),
    ],
    ids=["parts", "sizes", "axis"],
)
def test_matrices_that_a_leaf_does_not_have_are_refused_by_every_rule_on_matrices(name, axes, said):
    axes = {"qkv": axes, "w": jgd.MatrixAxes(0, 1)}
    with pytest.raises(InputError, match=r"the leaf at \['qkv'\] " + said):
        getattr(jgd, name)(weight_dimension_numbers=axes).init(PARAMS)
