"""An optimizer as data: names, replacement, stacks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jgd


def test_names_are_as_short_as_they_can_be():
    clipped = jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(1e-3))
    assert list(jgd.hyperparams(clipped)) == [
        "max_norm",
        "b1",
        "b2",
        "eps",
        "eps_root",
        "weight_decay",
        "learning_rate",
    ]
    twice = jgd.chain(jgd.trace(0.9), jgd.trace(0.5))
    assert jgd.hyperparams(twice) == {"0.decay": 0.9, "1.decay": 0.5}
    both = jgd.hyperparams(jgd.muon(0.02))
    assert both["muon.learning_rate"] == both["adam.learning_rate"] == 0.02
    assert both["ns_coeffs.0"] == 3.4445


def test_a_schedule_s_numbers_have_names_too():
    opt = jgd.adam(jgd.linear_schedule(0.1, 0.01, 100))
    assert jgd.hyperparams(opt)["end_value"] == 0.01
    changed = jgd.with_hyperparams(opt, end_value=0.0)
    assert jgd.hyperparams(changed)["end_value"] == 0.0


def test_replacement_takes_names_longer_paths_and_whole_parts():
    opt = jgd.muon(0.02)
    changed = jgd.with_hyperparams(opt, {"muon.learning_rate": 0.5, "transforms.adam.transforms.0.b1": 0.8})
    assert jgd.hyperparams(changed)["muon.learning_rate"] == 0.5
    assert jgd.hyperparams(changed)["adam_b1"] == 0.8
    assert jgd.hyperparams(opt)["muon.learning_rate"] == 0.02
    schedule = jgd.linear_schedule(0.1, 0.01, 100)
    scheduled = jgd.with_hyperparams(jgd.adam(1e-3), learning_rate=schedule)
    assert jgd.hyperparams(scheduled)["init_value"] == 0.1
    assert jgd.hyperparams(jgd.with_hyperparams(scheduled, learning_rate=0.5))["learning_rate"] == 0.5


def test_replacement_inside_jit_takes_tracers():
    rate = jax.jit(lambda x: jgd.hyperparams(jgd.with_hyperparams(jgd.adam(1e-3), learning_rate=x))["learning_rate"])(
        2.0
    )
    assert rate == 2.0


def test_of_very_many_names_only_the_nearest_are_told():
    with pytest.raises(jgd.InputError, match=r"unknown name 'adamww'\. Did you mean adamw .*\?$"):
        jgd.optimizers.list("adamww")
    with pytest.raises(jgd.InputError, match=r"Known: .*adamw, "):
        jgd.optimizers.list("qqq")


def test_an_unknown_name_lists_the_known_and_the_nearest():
    with pytest.raises(jgd.InputError, match=r"'learning_rat'.*Did you mean learning_rate\?.*Known: b1, b2"):
        jgd.with_hyperparams(jgd.adam(1e-3), learning_rat=0.1)
    with pytest.raises(jgd.InputError, match=r"ambiguous; use one of: adam\.learning_rate, muon\.learning_rate"):
        jgd.with_hyperparams(jgd.partition({"adam": jgd.adam(0.1), "muon": jgd.lion(0.1)}, "adam"), learning_rate=0.1)
    with pytest.raises(jgd.InputError, match=r"with_hyperparams\(b1=1.5\): b1 must lie in \[0, 1\)"):
        jgd.with_hyperparams(jgd.adam(1e-3), b1=1.5)


def test_stack_and_select_are_inverses():
    several = [jgd.adam(rate) for rate in (0.1, 0.2, 0.3)]
    stacked = jgd.stack(several)
    assert {x.shape for x in jax.tree.leaves(stacked)} == {(3,)}
    for i, opt in enumerate(several):
        back = jgd.hyperparams(jgd.select(stacked, i))
        np.testing.assert_array_equal(list(back.values()), np.array(list(jgd.hyperparams(opt).values()), np.float32))


def test_only_one_structure_can_be_stacked():
    with pytest.raises(jgd.InputError, match="stack: value 1 has another structure"):
        jgd.stack([jgd.adam(0.1), jgd.sgd(0.1)])
    with pytest.raises(jgd.InputError, match="values must be a list of at least one value"):
        jgd.stack([])


def test_a_sweep_is_a_vmap_and_a_hypergradient_is_a_grad():
    def train(opt):
        p = jnp.array([1.0, -2.0])
        state = opt.init(p)
        for _ in range(5):
            updates, state = opt.update(2 * p, state, p)
            p = jgd.apply_updates(p, updates)
        return jnp.sum(p**2)

    rates = jnp.array([0.01, 0.1])
    swept = jax.vmap(lambda rate: train(jgd.sgd(rate)))(rates)
    # p shrinks by (1 - 2 rate) a step.
    np.testing.assert_allclose(swept, 5 * (1 - 2 * rates) ** 10, rtol=1e-5)
    slope = jgd.hyperparams(jax.grad(train)(jgd.sgd(0.1)))["learning_rate"]
    np.testing.assert_allclose(slope, -100 * 0.8**9, rtol=1e-5)


def test_names_with_dots_in_them_come_back():
    """Labels of a partition may be paths: names are joined and split at dots."""
    opt = jgd.partition({"block.0": jgd.sgd(0.1), "block.1": jgd.sgd(0.2)}, {"a": "block.0", "b": "block.1"})
    values = jgd.hyperparams(opt)
    assert values == {"block.0.learning_rate": 0.1, "block.1.learning_rate": 0.2}
    changed = {name: value / 2 for name, value in values.items()}
    assert jgd.hyperparams(jgd.with_hyperparams(opt, changed)) == changed


def test_an_argument_of_a_partial_is_called_as_its_function_calls_it():
    loss = Partial(lambda dropout, params, batch, scale: 0.0, 0.3, scale=2.0)
    task = jgd.Task(lambda key: jnp.zeros(2), loss, jnp.ones((4, 2)))
    assert list(jgd.hyperparams(task)) == ["dropout", "scale", "data"]
    changed = jgd.hyperparams(jgd.with_hyperparams(task, dropout=0.5))
    assert (changed["dropout"], changed["scale"]) == (0.5, 2.0)
    assert jgd.hyperparams(jgd.with_hyperparams(task, {"loss.0.0": 0.7}))["dropout"] == 0.7


def test_a_position_says_whose_it_is():
    rate = jgd.schedules.Switch((0.1, 0.01), (100,))
    optimizer = jgd.partition({"fast": jgd.sgd(rate), "slow": jgd.adam(1e-3)}, lambda path: "fast")
    names = list(jgd.hyperparams(optimizer))
    assert names[:3] == ["learning_rate.values.0", "learning_rate.values.1", "learning_rate.boundaries.0"]
    assert jgd.hyperparams(jgd.with_hyperparams(optimizer, {names[0]: 0.3}))[names[0]] == 0.3
    assert list(jgd.hyperparams(rate)) == ["values.0", "values.1", "boundaries.0"]
