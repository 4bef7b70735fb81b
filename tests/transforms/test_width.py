"""Rates by width: the multipliers of each leaf, and the steps that they make."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import jgd
from jgd import InputError
from jgd.core.leaves import leaf_paths
from jgd.tasks.mlp import InitMlp, apply_mlp
from tests import problems

wrong: Any = jgd  # for arguments of a wrong type


def model(n, heads=2):
    """Shapes of a small network of width n, whose attention has more heads when it is wider."""
    shapes = {
        "embed": {"embedding": (7, n)},
        "attn": {"query": {"kernel": (n, n // heads, heads), "bias": (n // heads, heads)}},
        "mlp": {"kernel": (n, 4 * n), "bias": (4 * n,)},
        "down": {"kernel": (4 * n, n)},
        "head": {"kernel": (n, 7), "bias": (7,)},
    }
    return jax.tree.map(lambda x: jnp.ones(x), shapes, is_leaf=lambda x: isinstance(x, tuple))


BASE = jax.eval_shape(lambda: model(4))
FACTORS = {  # of one leaf of each kind, at three times the base's width
    "adam": {"embed": 1, "query": 1 / 3, "bias": 1, "mlp": 1 / 3, "head": 1 / 3, "head bias": 1},
    "sgd": {"embed": 3, "query": 1, "bias": 3, "mlp": 1, "head": 1 / 3, "head bias": 1},
    "muon": {"embed": 1, "query": 1, "bias": 1, "mlp": 1, "head": 1 / 3, "head bias": 1},
    "muon_rms": {"embed": 1, "query": 3**-0.5, "bias": 1, "mlp": 3**-0.5, "head": 1 / 3, "head bias": 1},
}
OPTIMIZERS = {
    "adam": jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(0.1, weight_decay=0.01)),
    "sgd": jgd.sgd(0.1, 0.9),
    "muon": jgd.muon(0.1),
    "muon_rms": jgd.muon(0.1, consistent_rms=0.2),
}
LEAVES = {
    "embed": lambda p: p["embed"]["embedding"],
    "query": lambda p: p["attn"]["query"]["kernel"],
    "bias": lambda p: p["attn"]["query"]["bias"],
    "mlp": lambda p: p["mlp"]["kernel"],
    "head": lambda p: p["head"]["kernel"],
    "head bias": lambda p: p["head"]["bias"],
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_each_kind_of_step_takes_the_table_s_multipliers(kind):
    params = model(12)
    inner = OPTIMIZERS[kind]
    optimizer = jgd.mup(inner, BASE)
    grads = jax.tree.map(lambda x: jnp.sin(jnp.arange(x.size, dtype=float)).reshape(x.shape), params)
    plain, _ = inner.update(grads, inner.init(params), params)
    wide, _ = optimizer.update(grads, optimizer.init(params), params)
    for name, leaf in LEAVES.items():
        problems.close(leaf(wide), jax.tree.map(lambda x, n=name: FACTORS[kind][n] * x, leaf(plain)), rtol=1e-6)


def test_the_base_itself_takes_the_optimizer_s_own_steps():
    params = model(4)
    optimizer = jgd.mup(optax.adam(0.1), params, "adam")
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    expected, _ = optax.adam(0.1).update(params, optax.adam(0.1).init(params), params)
    problems.close(updates, expected, rtol=0)


def test_spectral_rates_make_steps_of_one_spectral_norm():
    params = {"mlp": {"kernel": jnp.ones((9, 4))}}
    for inner in (jgd.muon(0.5, param_labels={"mlp": {"kernel": "muon"}}), jgd.chain(jgd.scale(-0.5))):
        optimizer = jgd.spectral_rates(inner)
        orthogonal = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (9, 4)))[0] * (9 / 4) ** 0.5
        grads = {"mlp": {"kernel": orthogonal}}
        updates, _ = optimizer.update(grads, optimizer.init(params), params)
        found = jnp.linalg.norm(updates["mlp"]["kernel"], 2)
        # Muon's five steps leave singular values between 0.7 and 1.2.
        problems.close(found, 0.5 * (4 / 9) ** 0.5, rtol=0.35 if isinstance(inner, jgd.transforms.Partition) else 1e-5)


def test_the_rule_of_optax_s_own_must_be_told():
    signs = jgd.chain(jgd.trace(0.9), optax.scale_by_sign(), jgd.scale(-0.1))
    with pytest.raises(InputError, match="does not tell its rule, such as optax's own; pass kind='adam'"):
        jgd.mup(signs, BASE).init(model(12))
    assert jgd.mup(signs, BASE, "adam").rate_factors(model(12)) != jgd.mup(signs, BASE, "sgd").rate_factors(model(12))


@pytest.mark.parametrize(
    "wrapped",
    [
        jgd.by_path({"bias": jgd.sgd(0.2)}, jgd.sgd(0.1)),
        jgd.multi_steps(jgd.sgd(0.1), 2),
        jgd.ema_params(jgd.apply_if_finite(jgd.sgd(0.1), 3), 0.9),
        jgd.chain(jgd.add_decayed_weights(0.1, mask="kernel"), jgd.sgd(0.1)),
        jgd.chain(jgd.clip_by_global_norm(1.0), jgd.sgd(0.1)),
        jgd.shampoo(0.1, grafting="sgd"),
    ],
)
def test_gradient_descent_is_known_inside_of_wrappers_and_groups(wrapped):
    params = model(12)
    assert jgd.mup(wrapped, BASE).rate_factors(params) == jgd.mup(jgd.sgd(0.1), BASE).rate_factors(params)


@pytest.mark.parametrize("norm", ["auto", "sign", "spectral"])
def test_scion_s_norms_know_the_width_by_themselves(norm):
    factors = jgd.mup(jgd.scion(0.1, norm=norm), BASE).rate_factors(model(12))
    assert all(row is None or abs(row[0] - 1) < 1e-6 for row in factors)


def test_the_rules_inside_of_groups_and_named_chains_are_found():
    halved = jgd.by_path({"bias$": jgd.scaled(0.5)}, jgd.sgd(0.1))
    assert jgd.mup(halved, BASE).rate_factors(model(12)) == jgd.mup(jgd.sgd(0.1), BASE).rate_factors(model(12))
    params, base = {"x": jnp.ones((6, 6))}, {"x": (3, 3)}
    rule, rate = jgd.scale_by_muon(consistent_rms=0.2), jgd.scale_by_learning_rate(0.1)
    named = jgd.named_chain(("rule", rule), ("rate", rate))
    chained = jgd.chain(rule, rate)
    assert jgd.mup(named, base).rate_factors(params) == jgd.mup(chained, base).rate_factors(params) != [(0.5, 1)]


def test_declared_axes_replace_the_guess():
    params, base = {"x": jnp.ones((6, 5))}, {"x": jnp.ones((2, 5))}
    turned = jgd.mup(jgd.adam(0.1), base, weight_dimension_numbers={"x": jgd.MatrixAxes(1, 0)})
    assert jgd.mup(jgd.adam(0.1), base).rate_factors(params) == [(1 / 3, 1)]
    assert turned.rate_factors(params) == [None]


def test_rates_by_shape_are_taken_off_first():
    """SPlus has 2 / (inputs + outputs) of its own for a matrix and a constant for all else."""
    params, paths = model(12), leaf_paths(BASE)
    adam = [row[0] if row else 1.0 for row in jgd.mup(jgd.adam(0.1), BASE).rate_factors(params)]
    found = [row[0] if row else 1.0 for row in jgd.mup(jgd.splus(0.1), BASE).rate_factors(params)]
    for path, base, now, factor, wanted in zip(
        paths, jax.tree.leaves(BASE), jax.tree.leaves(params), found, adam, strict=True
    ):
        own = sum(base.shape) / sum(now.shape) if base.ndim == 2 else 1.0
        assert factor * own == pytest.approx(wanted, rel=1e-12), path  # two divisions


def test_shampoo_without_grafting_is_orthogonal_and_leaves_vectors_their_gradients():
    params = model(12)
    shampoo = jgd.mup(jgd.shampoo(0.1, grafting=None), BASE).rate_factors(params)
    sgd = jgd.mup(jgd.sgd(0.1), BASE).rate_factors(params)
    found = dict(zip(leaf_paths(BASE), zip(shampoo, sgd, strict=True), strict=True))
    for path in ("mlp/bias", "head/bias"):
        assert found[path][0] == found[path][1]
    for path in ("mlp/kernel", "down/kernel"):
        assert found[path][0] is None  # inputs and outputs grow alike
    assert found["head/kernel"][0] == (pytest.approx(3**-0.5, rel=1e-12), 1)  # the root of a quotient
    assert jgd.mup(jgd.shampoo(0.1), BASE).rate_factors(params) == jgd.mup(jgd.adam(0.1), BASE).rate_factors(params)


def test_numbers_of_the_optimizer_may_be_traced():
    def first(rms):
        rule = jgd.mup(jgd.scale_by_muon(consistent_rms=rms), {"x": (3, 3)})
        params = {"x": jnp.eye(6)}
        return rule.update(params, rule.init(params), params)[0]["x"]

    problems.close(jax.jit(first)(0.2), first(0.2), rtol=1e-5)  # rounding


def test_describe_shows_what_each_leaf_gets():
    rows = jgd.describe(jgd.mup(jgd.adam(0.1), BASE), model(12)).rows
    assert {row.path: row.learning_rate for row in rows}["head/kernel"] == "0.1 * 0.3333"
    assert {row.path: row.learning_rate for row in rows}["head/bias"] == "0.1"


def test_mup_init_makes_the_readout_smaller():
    scaled = jgd.mup_init(model(12), BASE)
    problems.close(scaled["head"]["kernel"], jnp.full((12, 7), 3**-0.5), rtol=1e-6)
    problems.close(scaled | {"head": model(12)["head"]}, model(12), rtol=0)


def test_it_is_pasted_back():
    optimizer = jgd.mup(jgd.adam(0.1), BASE, "sgd")
    names = {name: getattr(jgd, name) for name in dir(jgd)}
    again = eval(repr(optimizer), names)
    assert again.rate_factors(model(12)) == optimizer.rate_factors(model(12))


def change_of_outputs(width, optimizer, scaled):
    """Tell how far three steps move the outputs of a perceptron of this width, as a root mean square."""
    x = jax.random.normal(jax.random.key(1), (16, 8))
    y = jnp.sin(3 * x[:, :2])
    init = InitMlp((8, width, width, 2))
    start = init(jax.random.key(0))
    start = jgd.mup_init(start, jax.eval_shape(InitMlp((8, 32, 32, 2)), jax.random.key(0))) if scaled else start

    def step(carry, _):
        p, state = carry
        updates, state = optimizer.update(jax.grad(lambda p: jnp.mean((apply_mlp(p, x) - y) ** 2))(p), state, p)
        return (jgd.apply_updates(p, updates), state), None

    (end, _), _ = jax.jit(lambda: jax.lax.scan(step, (start, optimizer.init(start)), None, length=3))()
    return float(jnp.sqrt(jnp.mean((apply_mlp(end, x) - apply_mlp(start, x)) ** 2)))


@pytest.mark.parametrize("inner", [jgd.adam(0.003), jgd.muon(0.003, consistent_rms=0.2)], ids=["adam", "muon"])
def test_steps_move_the_outputs_as_far_at_every_width(inner):
    # The coordinate check of Yang et al. 2022; without the multipliers 16 times the width is several times the change.
    base = jax.eval_shape(InitMlp((8, 32, 32, 2)), jax.random.key(0))
    with_them = [change_of_outputs(width, jgd.mup(inner, base), True) for width in (32, 512)]
    without = [change_of_outputs(width, inner, False) for width in (32, 512)]
    assert without[1] / without[0] > 3
    assert 0.5 < with_them[1] / with_them[0] < 2


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: jgd.mup(jgd.adam(0.1), {}), "base_shapes must be the base model's parameters or their shapes"),
        (lambda: jgd.mup(jgd.adam(0.1), BASE, "lion"), "kind must be 'adam', 'sgd' or 'muon'"),
        (
            lambda: jgd.mup(jgd.adam(0.1), BASE).init({"x": jnp.ones(3)}),
            "the leaf at x, of shape .* not in base_shapes",
        ),
        (
            lambda: jgd.mup(jgd.adam(0.1), {"x": jnp.ones((2, 2))}).init({"x": jnp.ones(3)}),
            r"the leaf at x, of shape \(3,\), is \(2, 2\) in base_shapes",
        ),
        (
            lambda: jgd.mup(jgd.adam(0.1), {"x": (2, 2), "y": (3,)}).init({"x": jnp.ones((4, 4))}),
            r"base_shapes has a leaf at y, of shape \(3,\), and the parameters have none there",
        ),
        (lambda: wrong.mup(3, BASE), "optimizer must be a gradient transformation"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make, says):
    with pytest.raises(InputError, match=says):
        make()
