"""Updates are added to parameters and to slow copies of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems


def test_none_passes_through_where_updates_meet_parameters():
    params = {"both": None, "frozen": jnp.ones(2), "absent": None, "w": jnp.ones(3)}
    updates = {"both": None, "frozen": None, "absent": jnp.ones(1), "w": jnp.ones(3)}
    new = jgd.apply_updates(params, updates)
    problems.close(new, {"both": None, "frozen": jnp.ones(2), "absent": None, "w": 2 * jnp.ones(3)}, rtol=0)
    decay = jgd.add_decayed_weights(0.5)
    decayed, _ = decay.update(updates, decay.init(params), params)
    problems.close(decayed, {**updates, "w": 1.5 * jnp.ones(3)}, rtol=0)
    assert jgd.apply_updates(None, jnp.ones(3)) is None
    for wrong in ({"w": jnp.ones(3)}, {**updates, "w": jnp.ones(4)}, {**updates, "more": jnp.ones(1)}):
        with pytest.raises(jgd.InputError, match=r"apply_updates: the update .*\['"):
            jgd.apply_updates(params, wrong)


def test_a_trace_without_decay_is_the_sum_of_all_gradients():
    params = problems.params()
    grads = problems.gradients(3, params)
    problems.close(*(problems.trajectory(m.trace(1.0), params, grads) for m in (jgd, optax)), rtol=1e-6)


def test_transforms_are_unpacked_and_indexed_as_pairs():
    for opt in (jgd.zero_nans(), jgd.chain(jgd.clip(1.0)), jgd.inject_hyperparams(jgd.sgd)(0.1)):
        init, update = opt
        assert (opt[0], opt[1], len(opt)) == (init, update, 2)
        assert isinstance(opt, optax.GradientTransformationExtraArgs)


def test_slow_copies_are_optax_s_and_keep_their_dtypes():
    new, old = problems.params(), problems.params(seed=1)
    problems.close(jgd.incremental_update(new, old, 0.1), optax.incremental_update(new, old, 0.1), rtol=1e-6)
    mixed = jgd.incremental_update(
        {"a": None, "n": jnp.array(7), "h": jnp.array(1.0)}, {"a": None, "n": jnp.array(3), "h": jnp.float16(2.0)}, 0.5
    )
    assert (mixed["a"], int(mixed["n"]), mixed["h"].dtype) == (None, 7, jnp.float16)
    update = jax.jit(jgd.periodic_update)
    for step, wanted in ((3, old), (4, new)):
        problems.close(update(new, old, step, 4), wanted, rtol=0)
        problems.close(optax.periodic_update(new, old, step, 4), wanted, rtol=0)


def test_units_are_optax_s():
    for shape in ((), (3,), (1, 4), (3, 4), (2, 3, 4), (2, 2, 3, 4), (2, 1, 2, 3, 4)):
        x = jnp.asarray(np.random.default_rng(0).normal(size=shape))
        problems.close(jgd.unitwise_norm(x), optax.transforms.unitwise_norm(x), rtol=1e-6)
        limit = jnp.full(shape, 0.7)
        args = (jgd.unitwise_norm(x), limit, x)
        problems.close(jgd.unitwise_clip(*args), optax.transforms.unitwise_clip(*args), rtol=1e-6)
    problems.close(jgd.unitwise_norm(x, (0, 1)), optax.transforms.unitwise_norm(x, (0, 1)), rtol=1e-6)
    assert np.all(np.isfinite(jax.grad(lambda x: jnp.sum(jgd.unitwise_norm(x)))(jnp.zeros((2, 2)))))
    with pytest.raises(jgd.InputError, match="five axes at most"):
        jgd.unitwise_norm(jnp.ones((2,) * 6))
    with pytest.raises(jgd.InputError, match="one shape"):
        jgd.unitwise_clip(jnp.ones(2), jnp.ones(2), jnp.ones(3))


def test_functions_of_trees_and_of_arrays_are_transforms():
    params, grads = {"a": jnp.ones(2), "b": None}, {"a": jnp.full(2, 3.0), "b": None}
    for module in (jgd, optax):
        whole = module.stateless(lambda updates, params: jax.tree.map(lambda u: 2 * u, updates))
        each = module.stateless_with_tree_map(lambda u, p: u if p is None else u + p)
        opt = module.chain(whole, each)
        for given, wanted in ((params, 7.0), (None, 6.0)):
            updates, state = opt.update(grads, opt.init(params), given)
            problems.close(updates, {"a": jnp.full(2, wanted), "b": None}, rtol=0)
        assert state == (optax.EmptyState(), optax.EmptyState())
    assert jgd.init_empty_state(params) == optax.EmptyState()
    bare = jgd.with_extra_args_support(
        optax.GradientTransformation(jgd.init_empty_state, lambda updates, state, params=None: (updates, state))
    )
    assert bare.update(grads, (), None, value=1.0)[0] is grads
    assert jgd.with_extra_args_support(bare) is bare


def test_a_sum_that_became_nan_is_forgotten():
    opt, state = jgd.apply_every(2), jgd.apply_every(2).init(jnp.zeros(()))
    seen = []
    for g in (jnp.nan, 1.0, 2.0, 3.0):
        updates, state = opt.update(jnp.asarray(g), state)
        seen.append(float(updates))
    np.testing.assert_array_equal(seen, [0.0, np.nan, 0.0, 5.0])


@pytest.mark.parametrize("last", [1.0, jnp.nan, jnp.inf])
def test_gradients_that_an_accumulation_leaves_out(last):
    grads = {"a": jnp.array([2.0, last]), "n": None}
    for name, args in (("skip_not_finite", ()), ("skip_large_updates", (5.0,))):
        problems.close(*(getattr(m, name)(grads, 0, None, *args) for m in (jgd, optax)), rtol=1e-6)
    assert jgd.skip_large_updates({"a": 3j * jnp.ones(1, complex)}, 0, None, 5.0)[0]
    assert not jgd.skip_not_finite({}, 0, None)[0]
