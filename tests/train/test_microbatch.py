"""Micro-batches: a step as on the whole batch in the memory of a part; weights, clipping and keys are right."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.train import largest_microbatch
from jgd.train.training import FitPlan

N, D = 24, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float32)
Y = RNG.normal(size=N).astype(np.float32)
MASK = (RNG.random((N, 3)) < 0.5).astype(np.float32)
# Sums of float32 in another order: some 10 roundings of numbers of size 1 in each of 3 steps.
CLOSE = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)


def init(key):
    return {"w": jnp.linspace(-1, 1, D), "b": jnp.zeros(())}


def loss(params, batch):
    x, y, _ = batch
    error = x @ params["w"] + params["b"] - y
    return jnp.mean(error**2), {"size": jnp.float32(len(y))}


def token_loss(params, batch):
    """Return a mean over tokens that are no padding, of which examples have different numbers."""
    x, y, mask = batch
    error = (x @ params["w"] + params["b"] - y)[:, None] * jnp.arange(1.0, 4)[None]
    tokens = mask.sum()
    return (mask * error**2).sum() / tokens, {"tokens": tokens}


def task(loss=loss, **fields):
    return jgd.Task(init, loss, (X, Y, MASK), **fields)


def fitted(problem, optimizer=None, steps=3, **kw):
    return jgd.fit(problem, optimizer or jgd.adam(0.1), steps=steps, eval_every=steps, progress=False, **kw)


@pytest.mark.parametrize("size", [1, 6, 24])
def test_a_step_is_that_of_the_whole_batch(size):
    whole, parts = fitted(task()), fitted(task(), microbatch=size)
    jax.tree.map(CLOSE, parts.params, whole.params)
    CLOSE(parts.metrics["loss"], whole.metrics["loss"])
    CLOSE(parts.metrics["size"], size)  # metrics are means over the parts


def test_a_part_of_a_drawn_batch_has_every_mth_example():
    drawn = task(lambda params, batch: (loss(params, batch)[0], {"first": batch[1][0]}), batch_size=12)
    whole, parts = fitted(drawn), fitted(drawn, microbatch=jgd.Microbatch(4, weight=None))
    jax.tree.map(CLOSE, parts.params, whole.params)
    split = jgd.Microbatch(4)._split(jnp.arange(12))
    assert split.tolist() == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


def test_parts_of_tokens_weigh_as_many_as_they_have():
    whole = fitted(task(token_loss))
    parts = fitted(task(token_loss), microbatch=jgd.Microbatch(4, weight="tokens"))
    jax.tree.map(CLOSE, parts.params, whole.params)
    CLOSE(parts.metrics["tokens"], MASK.sum())
    alike = fitted(task(token_loss), microbatch=4)  # the mean of means, which is another number
    assert abs(alike.metrics["loss"][0] - whole.metrics["loss"][0]) > 1e-3


def test_clipping_parts_of_one_example_clips_examples():
    limit = 2.0
    run = fitted(task(), jgd.sgd(0.1), steps=1, microbatch=jgd.Microbatch(1, clip_norm=limit))
    params = init(None)
    error = X @ np.asarray(params["w"]) - Y
    each = np.concatenate([2 * error[:, None] * X, 2 * error[:, None]], axis=1)
    norms = np.linalg.norm(each, axis=1)
    mean = (each * np.minimum(1, limit / norms)[:, None]).mean(0)
    CLOSE(run.params["w"], np.asarray(params["w"]) - 0.1 * mean[:D])
    CLOSE(run.params["b"], -0.1 * mean[D])
    CLOSE(run.metrics["microbatch_norm"], norms.mean())
    CLOSE(run.metrics["microbatches_clipped"], (norms > limit).mean())
    assert 0 < (norms > limit).mean() < 1


def test_keys_differ_and_state_passes_from_part_to_part():
    def stateful(params, state, batch, key):
        draw = jax.random.uniform(key)
        return params["b"] + draw, ({"seen": state["seen"] + 1, "last": draw}, {"draw": draw})

    problem = jgd.Task(lambda key: (init(key), {"seen": 0.0, "last": 0.0}), stateful, (X, Y, MASK), microbatch=6)
    run = fitted(problem, jgd.sgd(0.0), steps=2)
    assert run.model_state["seen"] == 8
    draws = run.metrics["draw"]
    assert draws[0] != draws[1]
    assert not np.isclose(run.model_state["last"], draws[1])  # the mean of four draws, of which it is the last


def test_frozen_leaves_line_searches_and_sweeps_see_the_same_step():
    search = jgd.chain(jgd.sgd(1.0), jgd.scale_by_backtracking_linesearch(15))
    frozen = jgd.by_path({"b": "frozen"}, jgd.adam(0.1))
    for optimizer in (search, frozen):
        whole, parts = fitted(task(), optimizer), fitted(task(), optimizer, microbatch=6)
        jax.tree.map(CLOSE, parts.params, whole.params)
    space = jgd.adam(jgd.sweep.grid([0.1, 0.2]))
    whole, parts = (
        jgd.sweep.run(x, space, steps=3, num_trials=2, progress=False) for x in (task(), task(microbatch=6))
    )
    CLOSE(parts.curves["loss"], whole.curves["loss"])


def test_half_precision_gradients_are_summed_in_float32():
    """1 + 255 parts of 2^-9 each: bfloat16 would stay at 1, since its spacing there is 2^-7."""

    def half(params, batch):
        return jnp.mean(params["w"] * batch[0][:, :1].astype(jnp.bfloat16))

    data = np.full((256, 1), 2.0**-9, np.float32)
    data[0] = 1.0
    problem = jgd.Task(lambda key: {"w": jnp.ones((), jnp.bfloat16)}, half, (data,), microbatch=1)
    run = fitted(problem, jgd.sgd(1.0), steps=1, metrics=("gradient_norm",))
    np.testing.assert_allclose(run.metrics["gradient_norm"][0], (1 + 255 / 512) / 256, rtol=2**-8)  # of a bfloat16


def test_fewer_examples_at_once_take_less_memory_and_auto_finds_the_largest_that_fits(monkeypatch):
    wide = jgd.Task(
        lambda key: jnp.eye(16),
        lambda w, x: jnp.mean(functools.reduce(lambda h, _: jnp.tanh(h @ w), range(6), x) ** 2),
        np.ones((256, 16), np.float32),
    )
    plan = FitPlan(wide, jgd.adam(1e-3), jgd.Stop(), 2, 2, None, "min", ())
    needed = {size: largest_microbatch.segment_bytes(plan, size) for size in (None, 64, 16)}
    assert needed[None] > 2 * needed[64] > 4 * needed[16] / 2
    monkeypatch.setattr(largest_microbatch, "free_bytes", lambda device: needed[64])
    run = fitted(wide, microbatch="auto", steps=2)
    assert run.steps == 2
    said = f"microbatch='auto': 64 of 256 examples at a time, {needed[64]:,} bytes where {needed[64]:,} are free"
    assert run.notes == (said,)
    assert largest_microbatch.with_largest_microbatch(plan).task.microbatch.size == 64
    monkeypatch.setattr(largest_microbatch, "free_bytes", lambda device: None)
    assert largest_microbatch.with_largest_microbatch(plan).task.microbatch is None
    monkeypatch.setattr(largest_microbatch, "free_bytes", lambda device: 10)
    with pytest.raises(jgd.InputError, match=r"fit\(microbatch='auto'\): a step on one example needs"):
        fitted(wide, microbatch="auto", steps=2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, r"Microbatch\(size=5\): it does not divide the batch of 24; take one of 1, 2, 3, 4, 6, 8, 12, 24\."),
        (0, r"microbatch=0\): microbatch must be None, a number of examples"),
        ("most", r"microbatch='most'\)"),
        (jgd.Microbatch(6, weight="token"), r"Microbatch\(weight\): unknown name 'token'. Known: size."),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(jgd.InputError, match=said):
        fitted(task(), microbatch=given)
    with pytest.raises(jgd.InputError, match=r"clip_norm=-1.*\(0, inf\)"):
        jgd.Microbatch(6, clip_norm=-1.0)


def test_a_folder_is_gone_on_with_under_the_same_parts_alone(tmp_path):
    first = fitted(task(), microbatch=6, dir=tmp_path)
    assert fitted(task(), microbatch=6, dir=tmp_path).steps == first.steps
    with pytest.raises(jgd.InputError, match="microbatch"):
        fitted(task(), microbatch=12, dir=tmp_path)
    with pytest.raises(jgd.InputError, match="microbatch"):
        fitted(dataclasses.replace(task(), microbatch=None), dir=tmp_path)
