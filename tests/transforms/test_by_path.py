"""Groups of parameters by patterns over their paths: who gets what, names, errors, and the multipliers of the rate."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
import jgd.schedules
from tests import problems

LAYER = {"kernel": (2, 3), "bias": (3,)}
PARAMS = problems.params({"embed": {"table": (4, 2)}, "block_0": LAYER, "block_1": LAYER, "head": LAYER})
GRADS = problems.gradients(5, PARAMS)
ADAMW = jgd.adamw(0.1, weight_decay=0.3)


def label(name):
    """Return a tree of labels that a person would write for optax: by the name of a leaf or of what holds it."""
    return lambda params: jax.tree_util.tree_map_with_path(
        lambda path, _: next((x for x in name if x in jax.tree_util.keystr(path)), "default"), params
    )


def factors(group, params=PARAMS, default=None):
    """Return the multipliers of plain gradient steps, by path."""
    optimizer = jgd.by_path(group, default or jgd.sgd(1.0))
    ones = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(ones, optimizer.init(params), params)
    return {
        "/".join(str(key.key) for key in path): -float(jnp.ravel(u)[0])
        for path, u in jax.tree_util.tree_leaves_with_path(updates)
    }


def test_groups_are_optax_s_partition():
    ours = jgd.by_path({"bias$": {"weight_decay": 0.0}, "embed": jgd.sgd(0.5, 0.9), "head": "frozen"}, ADAMW)
    transforms: Any = {
        "default": optax.adamw(0.1, weight_decay=0.3),
        "bias": optax.adamw(0.1, weight_decay=0.0),
        "embed": optax.sgd(0.5, 0.9),
        "head": optax.set_to_zero(),
    }
    theirs = optax.partition(transforms, label(["bias", "embed", "head"]))
    # optax's first Adam step is off by 7e-6 of the rate; see the rows for agreement in float64.
    problems.close(
        problems.trajectory(ours, PARAMS, GRADS), problems.trajectory(theirs, PARAMS, GRADS), rtol=1e-5, atol=1e-5
    )


def test_the_first_pattern_that_fits_decides_whatever_their_order_in_the_alphabet():
    for first, second in (("z|bias", "head"), ("head", "z|bias")):
        groups = {first: jgd.scaled(2.0), second: jgd.scaled(3.0)}
        found = factors(jax.tree.map(lambda x: x, jgd.by_path(groups, jgd.sgd(1.0))).groups)
        assert found["head/bias"] == 2.0
        assert {found["block_0/bias"], found["head/kernel"]} == {2.0, 3.0}


def test_numbers_are_leaves_with_names_and_what_is_not_replaced_is_shared():
    optimizer = jgd.by_path({"bias$": {"weight_decay": 0, "b1": 0.5}, "embed": jgd.scaled(0.1)}, ADAMW)
    assert jgd.hyperparams(optimizer) == {
        "bias$.b1": 0.5,
        "bias$.weight_decay": 0.0,
        "factor": 0.1,
        "default.b1": 0.9,
        "b2": 0.999,
        "eps": 1e-8,
        "eps_root": 0.0,
        "default.weight_decay": 0.3,
        "learning_rate": 0.1,
    }
    slower = jgd.with_hyperparams(optimizer, learning_rate=0.0)
    updates, _ = slower.update(GRADS[0], slower.init(PARAMS), PARAMS)
    assert all(not jnp.any(u) for u in jax.tree.leaves(updates))  # the groups' too
    with pytest.raises(jgd.InputError, match=r"b1 must lie in \[0, 1\)"):
        jgd.with_hyperparams(optimizer, {"bias$.b1": 2.0})


def test_values_in_effect_have_the_same_names():
    rate = jgd.schedules.linear_schedule(1.0, 0.0, 10)
    optimizer = jgd.by_path({"bias$": {"learning_rate": rate, "b1": 0.5}, "embed": jgd.scaled(0.1)}, jgd.adam(0.1))
    state = optimizer.init(PARAMS)
    for _ in range(2):
        _, state = optimizer.update(GRADS[0], state, PARAMS)
    found = jgd.current_hyperparams(optimizer, state)
    assert found["bias$.learning_rate"] == pytest.approx(0.8)
    assert (found["default.learning_rate"], found["factor"], found["bias$.b1"]) == (0.1, 0.1, 0.5)


def test_layers_take_powers_from_the_last_on():
    expected = {"embed/table": 0.125, "block_0": 0.25, "block_1": 0.5, "head": 1.0}
    for path, factor in factors({".*": jgd.layerwise(0.5)}).items():
        assert factor == expected.get(path, expected.get(path.split("/")[0]))
    # Without a head the last layer is the deepest; layers are told from the numbers of what they hold.
    mlp = {"mlp": [{"w1": jnp.ones(2)}, {"w2": jnp.ones(2)}, {"w1": jnp.ones(2)}]}
    tree = {f"h{i}_attn": x for i, x in enumerate(mlp["mlp"])}
    assert list(factors({".": jgd.layerwise(0.5, r"h(\d+)_")}, tree).values()) == [0.25, 0.5, 1.0]
    numbered = {"layers": {str(i): {"w1": jnp.ones(2)} for i in (0, 1, 10)}, "wte": jnp.ones(2)}
    assert factors({".": jgd.layerwise(0.5)}, numbered) == {
        "layers/0/w1": 2.0**-10,
        "layers/1/w1": 2.0**-9,
        "layers/10/w1": 1.0,
        "wte": 2.0**-11,
    }


def test_multipliers_share_the_state_and_the_norm_of_the_default():
    clipped = jgd.chain(jgd.clip_by_global_norm(1.0), jgd.sgd(1.0))
    found = factors({"head": jgd.scaled(0.5)}, default=clipped)
    norm = np.sqrt(sum(x.size for x in jax.tree.leaves(PARAMS)))
    assert found["head/bias"] == pytest.approx(0.5 / norm, rel=1e-6)
    assert found["block_0/bias"] == pytest.approx(1 / norm, rel=1e-6)


def test_nested_multipliers_are_multiplied_and_half_precision_stays():
    inner = jgd.by_path({"bias": jgd.scaled(0.5)}, jgd.sgd(1.0))
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), PARAMS)
    assert factors({"head": jgd.scaled(0.5)}, params, inner)["head/bias"] == 0.25
    optimizer = jgd.by_path({"head": jgd.scaled(0.5)}, inner)
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert all(u.dtype == jnp.bfloat16 for u in jax.tree.leaves(updates))


def test_vmap_over_a_group_s_numbers_and_their_gradient():
    def loss(factor) -> Any:
        optimizer = jgd.by_path({"head": jgd.scaled(factor), "bias": {"weight_decay": factor}}, ADAMW)
        updates, _ = optimizer.update(GRADS[0], optimizer.init(PARAMS), PARAMS)
        return sum(jnp.sum(u) for u in jax.tree.leaves(updates))

    several = jnp.array([0.1, 0.5])
    np.testing.assert_allclose(jax.vmap(loss)(several), [loss(x) for x in several], rtol=1e-5)
    slope = jax.jit(jax.grad(loss))(0.5)
    assert slope == pytest.approx(float(loss(1.0) - loss(0.0)), rel=1e-4)  # it is linear in both


def test_matrices_are_told_before_groups_hide_their_neighbours():
    optimizer = jgd.by_path({"block": jgd.muon(0.02)}, jgd.adam(0.1))
    rows = {row.path: row for row in jgd.describe(optimizer, PARAMS).rows}
    assert rows["block_0/kernel"].part == "block > muon"
    assert (rows["block_0/bias"].part, rows["head/kernel"].part) == ("block > adam", "default")


@pytest.mark.parametrize(
    ("groups", "default", "message"),
    [
        ({"haed": "frozen"}, ADAMW, r"the pattern 'haed' fits no path; there are head/"),
        ({"bias": "frozen", "head/bias": "frozen"}, ADAMW, r"'head/bias' fits belong to the patterns before it"),
        ({"bias": jgd.layerwise(0.5, r"h(\d+)")}, ADAMW, r"no path has a layer's number; there are block_0/bias"),
    ],
)
def test_what_the_paths_show_is_refused_at_init(groups, default, message):
    optimizer = jgd.by_path(groups, default)
    assert optimizer.init({}) is not None  # there is nothing to fit yet
    with pytest.raises(jgd.InputError, match=message):
        optimizer.init(PARAMS)


@pytest.mark.parametrize(
    ("groups", "default", "message"),
    [
        ({"bias": {"weight_deca": 0}}, ADAMW, r"'bias': .*Did you mean weight_decay\?"),
        ({"bias": {"b1": 1.5}}, ADAMW, r"b1 must lie in \[0, 1\)"),
        ({"bias": "frozn"}, ADAMW, r"groups must have an optimizer.*'frozen'"),
        ({"bias": {}}, ADAMW, r"groups must have an optimizer"),
        ({"bi(": "frozen"}, ADAMW, r"'bi\(' must be a regular expression"),
        ({"default": "frozen"}, ADAMW, r"not 'default', which names the rest"),
        ({"bias": jgd.scaled(0.5)}, "frozen", r"the default is frozen"),
        ({"bias": "frozen"}, "froze", r"default must be an optimizer or 'frozen'"),
    ],
)
def test_what_means_nothing_is_refused_at_once(groups, default, message):
    with pytest.raises(jgd.InputError, match=message):
        jgd.by_path(groups, default)


def test_a_pattern_is_a_mask_wherever_one_is_taken():
    def of_kernels(params):
        return jax.tree.map(lambda p: p.ndim > 1, params)

    for make in (
        lambda mask: jgd.adamw(0.1, weight_decay=0.3, mask=mask),
        lambda mask: jgd.chain(jgd.masked(jgd.trace(0.9), mask), jgd.scale(-0.1)),
        lambda mask: jgd.lars(0.1, weight_decay=0.1, weight_decay_mask=mask, trust_ratio_mask=mask),
    ):
        paths = [problems.trajectory(make(mask), PARAMS, GRADS) for mask in ("kernel|table", of_kernels)]
        problems.close(*paths, rtol=0)
    with pytest.raises(jgd.InputError, match=r"the pattern 'kernl' fits no path; there are .*kernel"):
        jgd.adamw(0.1, mask="kernl").init(PARAMS)
    with pytest.raises(jgd.InputError, match=r"adamw\(mask='\('\): mask must be .*regular expression"):
        jgd.adamw(0.1, mask="(")
    # In a group, where a mask hides the leaves that the pattern is for, it is no mistake.
    jgd.by_path({"kernel": {"b1": 0.5}}, jgd.adamw(0.1, mask="kernel|table")).init(PARAMS)
