"""Optimizers for matrices on parameters without any: they say so, once, and not where a part is without."""

import warnings

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd.core.without_matrices import NoMatrixWarning
from jgd.optimizers.catalogue import catalogue

VECTORS = {"bias": jnp.ones(3), "scale": jnp.ones(())}
MATRIX = {"hidden": {"kernel": jnp.ones((4, 3))}, **VECTORS}
# PSGD has factors for vectors too.
METHODS = (
    *("adamuon", "apollo", "dion", "fira", "galore", "galore_adamw", "kl_shampoo", "kl_soap", "muon", "normuon"),
    *("scion", "shampoo", "soap", "splus"),
)


def said(optimizer, params, times=1):
    """Return the sentences that making the state so many times says under Python's usual filter."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(times):
            jax.eval_shape(optimizer.init, params)
    assert all(one.category is NoMatrixWarning for one in found)
    return [str(one.message) for one in found]


@pytest.mark.parametrize("name", catalogue())
def test_a_method_for_matrices_says_once_that_there_are_none(name):
    optimizer = catalogue()[name].default()
    found = said(optimizer, VECTORS, times=3)
    assert len(found) == (name in METHODS)
    assert all("none of the leaves, of shapes (3,), (), is a matrix" in text and "\n" not in text for text in found)
    assert said(optimizer, MATRIX) == []
    assert said(optimizer, {}) == []


@pytest.mark.parametrize(
    ("optimizer", "params"),
    [
        (jgd.soap(max_precondition_dim=2), MATRIX),
        (jgd.splus(max_precondition_dim=2), MATRIX),
        (jgd.muon(0.1, param_labels=lambda params: "adam"), MATRIX),
        (jgd.chain(jgd.clip(1.0), jgd.shampoo(0.1)), VECTORS),
        (jgd.by_path({"bias": jgd.sgd(0.1)}, jgd.soap(0.1)), VECTORS),
        (jgd.galore(0.1), {"stacked": jnp.ones((2, 4, 3))}),
    ],
    ids=["soap", "splus", "labels", "chain", "by_path", "galore"],
)
def test_so_do_settings_that_leave_nothing_to_act_on(optimizer, params):
    (text,) = said(optimizer, params)
    assert "none of the leaves" in text


@pytest.mark.parametrize(
    ("optimizer", "params"),
    [
        (jgd.soap(precondition_1d=True), VECTORS),
        (jgd.scion(0.1, norm="bias"), VECTORS),  # asks for no matrices
        (jgd.by_path({"bias|scale": {"weight_decay": 0.0}}, jgd.soap(0.1)), MATRIX),
        (jgd.by_path({"bias|scale": {"adam.learning_rate": 0.2}}, jgd.muon(0.1)), MATRIX),
        (jgd.masked(jgd.soap(0.1), "bias"), MATRIX),
        (jgd.galore(0.1, weight_dimension_numbers=jgd.MatrixAxes(1, 2)), {"stacked": jnp.ones((2, 4, 3))}),
    ],
    ids=["1d", "bias", "soap_group", "muon_group", "masked", "galore"],
)
def test_a_part_without_matrices_is_no_reason(optimizer, params):
    assert said(optimizer, params) == []


def test_sides_longer_than_a_rotation_may_have_are_named():
    (text,) = said(jgd.soap(0.1, max_precondition_dim=2), MATRIX)
    assert "a matrix that it takes (max_precondition_dim=2), so that" in text
