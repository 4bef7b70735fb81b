"""Evaluations depend on draws that are left on, wherever they are made, and on statistics of the model's state."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.health.evaluating import look_at_evaluation
from jgd.train import on_host
from jgd.train.loop import Carry, root_key

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
PARAMS = {"w": jnp.ones(4)}
OPTIMIZER = jgd.sgd(0.1)


def plain(params, batch):
    return jnp.mean((batch @ params["w"]) ** 2)


def seen(evaluate, loss=plain, before=None, after=None):
    task = jgd.Task(lambda key: (PARAMS, before) if before else PARAMS, loss, X, evaluate=evaluate)
    first, later = (Carry(PARAMS, OPTIMIZER.init(PARAMS), state, root_key(0)) for state in (before, after))
    return look_at_evaluation(task, OPTIMIZER, first, later, jnp.asarray(X))


def dropped(x):
    return jnp.where(jax.random.bernoulli(jax.random.key(3), 0.8, x.shape), x / 0.8, 0)


def in_scan(x):
    return jax.lax.scan(lambda h, row: (h + dropped(row), None), jnp.zeros(4), x)[0][None]


@pytest.mark.parametrize("draw", [dropped, jax.jit(dropped), jax.checkpoint(dropped), in_scan])
def test_dropout_at_evaluation_is_seen_and_its_line_named(draw):
    found = seen(lambda params: {"loss": plain(params, draw(jnp.asarray(X))), "size": jnp.float32(4)})
    assert found.metric == "loss"
    assert found.spread > 0.01
    assert "test_evaluating.py" in found.source


@pytest.mark.parametrize("seed", range(4))
def test_a_draw_that_others_may_agree_with_by_chance_is_seen(seed):
    """A coin: one other throw is the same for half of the seeds."""
    coin = lambda params: {"loss": 1 + jnp.float32(jax.random.bernoulli(jax.random.key(seed))) + 0 * params["w"][0]}  # noqa: E731
    assert seen(coin).metric == "loss"


def test_a_key_that_changes_no_metric_is_none():
    """Keys are made, and an order is drawn, but the mean does not depend on it."""

    def evaluate(params):
        order = jax.random.permutation(jax.random.key(0), 16)
        return {"loss": plain(params, jnp.asarray(X)[order])}

    found = seen(evaluate)
    assert (found.metric, found.spread) == ("", 0.0)
    assert seen(None).metric == ""


def test_an_evaluation_on_the_host_is_made_twice():
    count = itertools.count(1)
    assert seen(on_host(lambda params: {"loss": 1.0 * next(count)})).spread == 0.5
    assert seen(on_host(lambda params: {"loss": 1.0})).spread == 0.0


def by_its_batch(params, state, batch):
    return plain(params, batch - batch.mean(0)[None]), ({"mean": 0.9 * state["mean"] + 0.1 * batch.mean(0)}, None)


def by_the_average(params, state, batch):
    return plain(params, batch - state["mean"][None]), (state, None)


def test_statistics_that_are_renewed_and_read_are_well():
    old, new = {"mean": jnp.zeros(4)}, {"mean": jnp.ones(4)}
    found = seen(lambda params, state: {"loss": plain(params, X - state["mean"][None])}, by_its_batch, old, new)
    assert found.floats
    assert found.renewed
    assert found.judged
    assert not found.trained_on


def test_statistics_that_are_stale_not_read_or_trained_with():
    old = {"mean": jnp.zeros(4)}
    found = seen(lambda params: {"loss": plain(params, X)}, by_the_average, old, old)
    assert not found.renewed
    assert not found.judged
    assert found.trained_on
