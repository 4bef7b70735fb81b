"""Frozen leaves: no state, no gradient in `fit`, less memory and work; and leaves that are set free at a step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.leaves import fixed_leaves
from jgd.train.loop import advance, begin, root_key
from tests import problems

SHAPES = {"body": {"w": (64, 64), "v": (64, 64)}, "head": (64, 2)}
FROZEN = jgd.by_path({"^body": "frozen"}, jgd.adam(0.01))


@jax.custom_vjp
def no_gradient(w):
    """Return the identity, whose gradient is an error when it is traced."""
    return w


def _refuse(residual, cotangent):
    raise AssertionError("the gradient of a frozen leaf was asked for")


no_gradient.defvjp(lambda w: (w, None), _refuse)


def loss(params, batch, guard=lambda w: w):
    x = batch
    for name in ("v", "w"):
        x = jnp.tanh(x @ guard(params["body"][name]))
    return jnp.mean((x @ params["head"] - 1) ** 2)


def task(loss=loss):
    data = np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32)
    return jgd.Task(lambda key: problems.params(SHAPES), loss, data)


def flags(optimizer):
    return {"/".join(k.key for k in p): x for p, x in jax.tree_util.tree_leaves_with_path(_fixed(optimizer))}


def _fixed(optimizer):
    return fixed_leaves(optimizer, problems.params(SHAPES))


def test_frozen_leaves_have_no_state_and_never_change():
    rows = {row.path: row for row in jgd.describe(FROZEN, problems.params(SHAPES)).rows}
    assert (rows["body/w"].state_bytes, rows["body/w"].rule, rows["body/w"].part) == (0, "frozen", "^body")
    assert rows["head"].state_bytes == 2 * 4 * 64 * 2
    run = jgd.fit(task(), FROZEN, steps=6, eval_every=3)
    start = problems.params(SHAPES)
    problems.close(run.params["body"], start["body"], rtol=0)
    assert run.metrics["loss"][-1] < run.metrics["loss"][0]
    # The same as training what is left alone.
    alone = jgd.Task(
        lambda key: {"head": start["head"]}, lambda p, batch: loss(start | p, batch), task().data, batch_size=None
    )
    other = jgd.fit(alone, jgd.adam(0.01), steps=6, eval_every=3)
    np.testing.assert_allclose(run.metrics["loss"], other.metrics["loss"], rtol=1e-6)


def test_fit_never_asks_for_the_gradient_of_a_frozen_leaf():
    guarded = task(lambda params, batch: loss(params, batch, no_gradient))
    run = jgd.fit(guarded, FROZEN, steps=2, eval_every=2, metrics=("gradient_norm",))
    assert np.all(np.isfinite(run.metrics["gradient_norm"]))
    with pytest.raises(AssertionError, match="frozen leaf was asked for"):  # the guard is no ornament
        jgd.fit(guarded, jgd.adam(0.01), steps=2, eval_every=2)


def test_a_compiled_step_is_cheaper():
    def compiled(optimizer) -> Any:
        carry = jax.eval_shape(begin, task(), optimizer, root_key(0))
        step = jax.jit(lambda carry, batch: advance(task(), optimizer, carry, 0, batch)[0], donate_argnums=0)
        return step.lower(carry, jax.ShapeDtypeStruct((32, 64), jnp.float32)).compile()

    whole, part = compiled(jgd.adam(0.01)), compiled(FROZEN)
    # Products of the body: 2 forward, and 3 backward without the gradient of the data.
    assert part.cost_analysis()["flops"] < 0.5 * whole.cost_analysis()["flops"]
    sizes = [x.memory_analysis() for x in (part, whole)]
    assert sizes[0].temp_size_in_bytes < 0.5 * sizes[1].temp_size_in_bytes
    assert sizes[0].argument_size_in_bytes < 0.5 * sizes[1].argument_size_in_bytes  # no moments


def test_wrappers_tell_which_leaves_are_fixed():
    body = {"body/w": True, "body/v": True, "head": False}
    none = dict.fromkeys(body, False)
    assert flags(FROZEN) == body
    for wrapped in (
        jgd.chain(jgd.clip_by_global_norm(1.0), FROZEN),
        jgd.chain(FROZEN, jgd.freeze_until(2, "head"), jgd.scale(0.5)),
        jgd.chain(FROZEN, jgd.clip(1.0), jgd.chain(jgd.clip_by_global_norm(1.0), jgd.trace(0.9)), jgd.negate()),
        jgd.chain(jgd.adam(0.1), jgd.freeze("^body")),
        jgd.chain(jgd.adam(0.1), jgd.freeze("body/w"), jgd.freeze("body/v")),
        jgd.partition({"a": jgd.sgd(0.1), "b": jgd.set_to_zero()}, {"body": "b", "head": "a"}),
        jgd.selective_transform(jgd.adam(0.1), freeze_mask={"body": True, "head": False}),
        jgd.multi_steps(FROZEN, 2),
        jgd.apply_if_finite(FROZEN, 2),
        jgd.ema_params(FROZEN),
        jgd.scheduled(FROZEN),
        jgd.masked(FROZEN, True),
        jgd.partition({"a": FROZEN}, "a"),
        jgd.by_path({"^head": jgd.sgd(0.1)}, "frozen"),
        jgd.by_path({"head": jgd.scaled(0.5)}, FROZEN),
    ):
        assert flags(wrapped) == body, wrapped
    # A decay after it moves the leaves; a mask leaves gradients, and no zeros, where it is false.
    assert flags(jgd.chain(FROZEN, jgd.add_decayed_weights(0.1))) == none
    assert flags(jgd.masked(FROZEN, "head|v")) == none | {"body/v": True}
    assert flags(jgd.adam(0.1)) == none


@pytest.mark.parametrize("wrap", [lambda x: jgd.multi_steps(x, 2), jgd.ema_params])
def test_wrappers_keep_nothing_for_fixed_leaves_and_step_as_before(wrap):
    params = problems.params(SHAPES)
    opt, whole = wrap(FROZEN), wrap(jgd.adam(0.01))
    sizes = [sum(x.size for x in jax.tree.leaves(jax.eval_shape(o.init, params)) if x.ndim) for o in (opt, whole)]
    assert sizes[0] == 3 * 64 * 2  # the head's two moments, and its sum or average
    assert sizes[1] == 3 * (64 * 2 + 2 * 64 * 64)
    grads, state, other = problems.gradients(4, params), opt.init(params), whole.init(params)
    start, mine, theirs = params, params, params
    for g in grads:
        updates, state = opt.update(g, state, mine)
        mine = jgd.apply_updates(mine, updates)
        updates, other = whole.update(g, other, theirs)
        theirs = jgd.apply_updates(theirs, updates)
    problems.close(mine["body"], start["body"], rtol=0)
    problems.close(mine["head"], theirs["head"], rtol=1e-6)
    found = jgd.eval_params(opt, state, mine)
    problems.close(found["body"], start["body"], rtol=0)
    problems.close(found["head"], jgd.eval_params(whole, other, theirs)["head"], rtol=1e-6)


def test_leaves_are_set_free_at_a_step():
    optimizer = jgd.chain(jgd.adam(0.1), jgd.freeze_until(2, "^body"))
    params = problems.params({"body": (3,), "head": (2,)})
    grads = problems.gradients(4, params)
    held, free = (problems.trajectory(x, params, grads) for x in (optimizer, jgd.adam(0.1)))
    np.testing.assert_array_equal(held["body"][:2], np.stack([params["body"]] * 2))
    problems.close(held["head"], free["head"], rtol=0)
    # The moments have been fed: later steps are those of an optimizer that was never held.
    np.testing.assert_allclose(np.diff(held["body"][1:], axis=0), np.diff(free["body"][1:], axis=0), rtol=1e-5)
    state = jax.eval_shape(optimizer.init, params)
    assert sum(x.size for x in jax.tree.leaves(state) if x.ndim) == 2 * (3 + 2)
    rows = {row.path: row.rule for row in jgd.describe(optimizer, params).rows}
    assert rows == {"body": "ScaleByAdam > FreezeUntil", "head": "ScaleByAdam"}
    later = jgd.with_hyperparams(optimizer, steps=4)
    np.testing.assert_array_equal(problems.trajectory(later, params, grads)["body"][3], params["body"])
    with pytest.raises(jgd.InputError, match="the pattern 'bdy' fits no path; there are body"):
        jgd.freeze_until(2, "bdy").init(params)
