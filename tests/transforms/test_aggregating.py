"""Gradients of single examples: their means over axes and batches, and the means and variances that are tracked."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax.experimental import aggregating as theirs

import jgd
from jgd.interop.optax import experimental
from tests import problems

wrong: Any = jgd  # for arguments of a wrong type

OURS = experimental.aggregating
PARAMS = {"w": jnp.ones((3, 2)), "b": jnp.ones(2)}


def batches(count=6, size=4):
    """Gradients of `size` examples for each of `count` steps."""
    rng = np.random.default_rng(0)
    return [jax.tree.map(lambda p: jnp.asarray(rng.normal(size=(size, *p.shape)) + 0.3), PARAMS) for _ in range(count)]


def path(opt, grads):
    """Return the updates of each step and the last state."""
    step, found = jax.jit(opt.update), []
    state = opt.init(jax.tree.map(lambda p: jnp.asarray(p, float), PARAMS))
    for g in grads:
        updates, state = step(g, state)
        found.append(updates)
    return found, state


MADE = {
    "add_mean_variance": lambda m, o: m.add_mean_variance_to_opt(o.adam(0.1), 0.8),
    "add_mean_variance_over_batches": lambda m, o: m.add_mean_variance_to_opt(o.adam(0.1), 0.8, 0, 3),
    "mean": lambda m, o: m.process(o.clip(0.5), m.average_per_element_updates(), o.sgd(0.1, 0.9)),
    "mean_over_batches": lambda m, o: m.process(o.identity(), m.average_incrementally_updates(0, 2), o.adam(0.1)),
    "batches": lambda m, o: m.process(o.identity(), m.average_incrementally_updates(None, 2), o.adam(0.1)),
    "one_batch": lambda m, o: m.process(o.identity(), m.average_incrementally_updates(None, 1), o.adam(0.1)),
    "axes": lambda m, o: m.average_per_element_updates([0, -1]),
    "accumulate": lambda m, o: m.accumulate_avg_updates(3),
    "sums": lambda m, o: m.get_per_element_mean_and_sum_sq_diff_grads((0,), 2),
}


@pytest.mark.parametrize("name", MADE)
def test_agrees_with_optax(name, x64):
    grads = batches()
    if name in ("batches", "one_batch", "accumulate"):
        grads = [jax.tree.map(lambda g: g[0], each) for each in grads]
    ours, others = MADE[name](OURS, jgd), MADE[name](theirs, optax)
    assert isinstance(ours, theirs.Aggregator) == isinstance(others, theirs.Aggregator)
    (mine, state), (other, oracle) = (path(opt, grads) for opt in (ours, others))
    problems.close(mine, other, rtol=1e-6, atol=1e-9)  # Adam's in optax: 1 - b2 is rounded in float32
    assert jax.tree.structure(state) == jax.tree.structure(oracle)
    if "variance" in name:
        found = [m.get_unbiased_mean_and_variance_ema(s) for m, s in ((OURS, state), (theirs, oracle))]
        problems.close(*found, rtol=1e-6)
    named = {}
    exec("from jgd import *", named)
    assert jax.tree.structure(eval(repr(ours), named)) == jax.tree.structure(ours)


def test_the_tracked_variance_is_that_of_all_examples():
    grads = batches(2)
    opt = jgd.add_mean_variance_to_opt(jgd.sgd(0.1), 0.0, 0, 2)
    _, state = path(opt, grads)
    every = jax.tree.map(lambda *g: jnp.concatenate(g), *grads)
    mean, variance = jgd.get_unbiased_mean_and_variance_ema(state)
    problems.close(mean, jax.tree.map(lambda g: g.mean(0), every), rtol=1e-5, atol=1e-6)
    problems.close(variance, jax.tree.map(lambda g: g.var(0, ddof=1), every), rtol=1e-5, atol=1e-6)
    fresh = jgd.get_unbiased_mean_and_variance_ema(opt.init(PARAMS))
    assert all(np.all(x == 0) for x in jax.tree.leaves(fresh))


def test_half_precision_states_and_updates_keep_their_dtypes():
    params = jax.tree.map(lambda p: p.astype("bfloat16"), PARAMS)
    grads = jax.tree.map(lambda p: jnp.stack([p, -p]), params)
    for opt in (jgd.add_mean_variance_to_opt(jgd.adam(0.1), 0.9, 0, 2), jgd.average_incrementally_updates(0, 2)):
        state = opt.init(params)
        updates, new = jax.eval_shape(opt.update, grads, state)
        assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype("bfloat16")}
        assert [x.dtype for x in jax.tree.leaves(new)] == [x.dtype for x in jax.tree.leaves(state)]


def test_an_aggregator_of_optax_s_own_class_is_one_of_single_examples():
    mean = theirs.Aggregator(
        optax.init_empty_state, lambda updates, state, params=None: (jax.tree.map(lambda x: x.mean(0), updates), state)
    )
    opt = jgd.process(optax.identity(), mean, optax.sgd(0.1))
    assert isinstance(opt, theirs.Aggregator)
    found, _ = path(opt, batches(1))
    problems.close(found[0], jax.tree.map(lambda g: -0.1 * g.mean(0), batches(1)[0]), rtol=1e-5, atol=1e-7)


def test_errors_say_what_to_do():
    with pytest.raises(jgd.InputError, match=r"the leaves have \[2, 3\] examples"):
        jgd.get_batch_size_from_per_elt_updates([jnp.ones((2, 3)), jnp.ones((3, 3))], 0)
    with pytest.raises(jgd.InputError, match="pass that of add_mean_variance_to_opt"):
        jgd.get_unbiased_mean_and_variance_ema(jgd.adam(0.1).init(PARAMS))
    track = jgd.track_per_element_mean_and_variance_with_ema()
    with pytest.raises(jgd.InputError, match="sum_sq_diff_grads is missing"):
        track.update(PARAMS, track.init(PARAMS))
    one = jax.tree.map(lambda p: p[None], PARAMS)
    opt = jgd.add_mean_variance_to_opt(jgd.sgd(0.1))
    with pytest.raises(jgd.InputError, match="one example has no variance; pass at least two"):
        opt.update(one, opt.init(PARAMS))
    with pytest.raises(jgd.InputError, match="per_elt_axis must be an axis of the gradients"):
        wrong.average_per_element_updates("batch")
