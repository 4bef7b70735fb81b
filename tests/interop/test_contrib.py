"""The drop-in's Muon: optax's formulas step by step, as a value."""

import optax
import pytest

import jgd
from jgd.interop import optax as dropin
from tests import problems

SHAPES = {"query": (6, 2, 3), "conv": (2, 2, 3, 5), "matrix": (4, 7), "bias": (2, 3)}
AXES = {
    "query": optax.contrib.MuonDimensionNumbers(0, (1, 2)),
    "conv": optax.contrib.MuonDimensionNumbers((2, 0), 3),
    "matrix": optax.contrib.MuonDimensionNumbers(),
    "bias": None,
}
SETTINGS = {
    "defaults": {},
    "by a function": {"muon_weight_dimension_numbers": lambda _: AXES, "nesterov": False, "adam_learning_rate": 0.01},
    "options": {
        "muon_weight_dimension_numbers": AXES,
        "consistent_rms": 0.2,
        "weight_decay": 0.1,
        "adam_weight_decay": 0.2,
        "ns_coeffs": "dion",
        "ns_steps": 5,
        "beta": 0.8,
        "eps": 1e-3,
    },
    "spectral": {"preconditioning": "spectral", "eps": 1e-3},
    "aol": {"preconditioning": "aol", "muon_weight_dimension_numbers": AXES, "ns_coeffs": "dion"},
    "schatten and adaptive": {"preconditioning": "schatten", "adaptive": True, "weight_decay": 0.1},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_steps_are_optax_s(case, x64):
    start = problems.params(SHAPES)
    grads = problems.gradients(8, start)
    paths = [problems.trajectory(m.contrib.muon(0.05, **SETTINGS[case]), start, grads) for m in (dropin, optax)]
    # Five steps of the iteration, whose slope at zero is 3.4, on 1e-16; optax's 1 - b^t loses digits to cancellation.
    problems.close(*paths, rtol=1e-9, atol=1e-9)
    assert isinstance(dropin.contrib.muon(0.05), dropin.GradientTransformation)


def test_the_rule_alone_has_no_factor_for_the_shape(x64):
    start = problems.params({"w": (4, 7), "v": (3, 2, 4)})
    grads = problems.gradients(4, start)
    declared = {"w": optax.contrib.MuonDimensionNumbers(), "v": optax.contrib.MuonDimensionNumbers(0, 2)}
    rules = [m.contrib.scale_by_muon(weight_dimension_numbers=declared) for m in (dropin, optax)]
    paths = [problems.trajectory(optax.chain(rule, optax.scale(-0.1)), start, grads) for rule in rules]
    problems.close(*paths, rtol=1e-9, atol=1e-9)


def test_every_option_is_a_value_s():
    assert list(jgd.hyperparams(dropin.contrib.muon(0.1, adaptive=True, preconditioning="aol")))
    with pytest.raises(jgd.InputError, match=r"ns_coeffs='dino'\): ns_coeffs must be .* 'dion'"):
        dropin.contrib.muon(0.1, ns_coeffs="dino")


def test_jgd_s_own_agrees_with_optax_s_where_the_formulas_do(x64):
    """Without Nesterov's look-ahead a bias correction is a factor, which the iteration divides away."""
    start = problems.params(SHAPES)
    grads = problems.gradients(8, start)
    settings = {"muon_weight_dimension_numbers": AXES, "nesterov": False, "eps": 0.0, "adam_learning_rate": 0.0}
    paths = [problems.trajectory(make(0.05, **settings), start, grads) for make in (jgd.muon, optax.contrib.muon)]
    problems.close(*paths, rtol=1e-9, atol=1e-9)
