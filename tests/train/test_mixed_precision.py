"""Losses in half precision, with a scale where float16 needs one, and backward passes that compute anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.train.loop import advance, begin, root_key
from jgd.train.task import loss_and_metrics

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
W = np.linspace(-1, 1, 4).astype(np.float32)


def loss(params, batch):
    x, y = batch
    residual = jnp.tanh(x @ params["w"]) - y
    return jnp.mean(residual**2), {"mean": jnp.mean(residual)}


def task(**more):
    return jgd.Task(lambda key: {"w": jax.random.normal(key, (4,))}, loss, (X, np.tanh(X @ W)), 8, **more)


def scaled(grads, opt, params=None):
    """Return the states after each of some gradients of one parameter."""
    params, states = jnp.ones(()) if params is None else params, []
    state = opt.init(params)
    for g in grads:
        updates, state = opt.update(jnp.asarray(g, jnp.float32), state, params)
        params = jgd.apply_updates(params, updates)
        states.append((float(state.scale), int(state.finite_steps), int(state.skipped), float(params)))
    return states


def test_the_scale_halves_at_what_is_not_finite_and_doubles_after_so_many_that_are():
    opt = jgd.dynamic_loss_scale(jgd.sgd(0.25), init_scale=8.0, growth_interval=2)
    found = scaled([1.0, np.inf, 1.0, 1.0, np.nan, 1.0], opt)
    assert found == [
        (8.0, 1, 0, 0.75),
        (4.0, 0, 1, 0.75),
        (4.0, 1, 1, 0.5),
        (8.0, 0, 1, 0.25),
        (4.0, 0, 2, 0.25),
        (4.0, 1, 2, 0.0),
    ]


def test_at_the_least_scale_it_lets_through_and_at_the_largest_it_stays():
    opt = jgd.dynamic_loss_scale(jgd.sgd(1.0), init_scale=2.0, min_scale=1.0)
    (scale, _, _, kept), (_, _, skipped, last) = scaled([np.nan, np.nan], opt)
    assert (scale, kept) == (1.0, 1.0)
    assert skipped == 2
    assert np.isnan(last)
    opt = jgd.dynamic_loss_scale(jgd.sgd(0.0), init_scale=2.0**127, growth_interval=1)
    assert scaled([1.0, 1.0], opt)[-1][0] == 2.0**127


@pytest.mark.parametrize("microbatch", [None, 4])
def test_a_scale_that_is_a_power_of_two_changes_no_bit_of_float32(microbatch):
    options = {"steps": 30, "metrics": ("gradient_norm",), "progress": False, "microbatch": microbatch}
    inner = jgd.chain(jgd.clip_by_global_norm(0.1), jgd.adam(0.05))
    plain = jgd.fit(task(), inner, **options)
    run = jgd.fit(task(), jgd.dynamic_loss_scale(inner, growth_interval=7), **options)
    np.testing.assert_array_equal(run.params["w"], plain.params["w"])
    for name in plain.metrics:
        np.testing.assert_array_equal(run.metrics[name], plain.metrics[name])
    assert jgd.loss_scale(run.opt_state) == 2.0 ** (15 + 30 // 7)


def tiny(params, batch):
    """Return a loss whose gradient in float16 is below its smallest number, 6e-8, unless the loss is scaled."""
    return jnp.mean(params["w"] * batch) * jnp.asarray(1e-3, batch.dtype)


def test_float16_needs_it():
    small = jgd.Task(lambda key: {"w": jnp.ones(4)}, tiny, np.full(4, 1e-5, np.float32), compute_dtype="float16")
    plain, rescued = (
        jgd.fit(small, opt, steps=10, progress=False).params["w"]
        for opt in (jgd.adam(0.1), jgd.dynamic_loss_scale(jgd.adam(0.1)))
    )
    np.testing.assert_array_equal(plain, 1.0)
    # Adam's unit steps on a gradient of 2.5e-9, which its eps of 1e-8 shortens to a fifth.
    np.testing.assert_allclose(rescued, 1 - 10 * 0.1 * 0.2, rtol=0.01)


def test_a_scale_that_is_too_large_is_found_and_the_run_goes_on_bit_for_bit_and_in_a_sweep(tmp_path):
    half = task(compute_dtype="float16")
    opt = jgd.dynamic_loss_scale(jgd.adam(0.05), init_scale=2.0**30)
    run = jgd.fit(half, opt, steps=120, eval_every=40, progress=False)
    assert run.status is jgd.Status.MAX_STEPS
    assert 10 <= int(run.opt_state.skipped) <= 20  # from 2^30 to what float16 holds, which ends at 2^16
    assert run.metrics["loss"][-10:].mean() < 0.01 * run.metrics["loss"][0]
    jgd.fit(half, opt, steps=40, eval_every=40, dir=tmp_path, progress=False)
    again = jgd.fit(half, opt, steps=120, eval_every=40, dir=tmp_path, progress=False)
    np.testing.assert_array_equal(again.params["w"], run.params["w"])
    space = jgd.with_hyperparams(opt, learning_rate=jgd.sweep.choice([0.05, 0.01]))
    found = jgd.sweep.run(half, space, num_trials=2, sampler="grid", steps=120, progress=False)
    np.testing.assert_allclose(found.values[0], run.metrics["loss"][-1], rtol=0.3)


def test_a_loss_in_half_precision_has_gradients_and_curves_in_float32():
    def check(params, batch):
        assert {x.dtype for x in (params["w"], *batch)} == {jnp.dtype("bfloat16")}
        return loss(params, batch)

    whole = task()
    half = jgd.Task(whole.init, check, whole.data, 8, compute_dtype=jnp.bfloat16)
    carry = begin(half, jgd.sgd(0.1), root_key(0))
    new, step = advance(half, jgd.sgd(0.1), carry, 0, half.data)
    _, exact = advance(whole, jgd.sgd(0.1), carry, 0, whole.data)
    assert step.grads["w"].dtype == step.metrics["loss"].dtype == new.params["w"].dtype == jnp.float32
    np.testing.assert_allclose(step.grads["w"], exact.grads["w"], rtol=0.05, atol=0.01)  # 8 bits


def test_a_state_keeps_its_dtype():
    def with_state(params, state, batch):
        return jnp.mean((batch * params[None]) ** 2), (
            {"mean": 0.5 * (state["mean"] + batch.mean(0)), "n": state["n"] + 1},
            None,
        )

    def init(key):
        return jnp.ones(4), {"mean": jnp.zeros(4), "n": jnp.zeros((), jnp.int32)}

    run = jgd.fit(jgd.Task(init, with_state, X, compute_dtype="bfloat16"), jgd.sgd(0.1), steps=3, progress=False)
    assert run.model_state["mean"].dtype == jnp.float32
    assert run.model_state["n"] == 3


def residuals(remat):
    """Return the bytes that the backward pass of six tanh layers reads, parameters and batch among them."""

    def deep(params, batch):
        for w in params:
            batch = jnp.tanh(jnp.tanh(batch @ w))
        return jnp.mean(batch**2)

    one = jgd.Task(lambda key: [jnp.eye(8)] * 6, deep, np.ones((64, 8), np.float32), remat=remat)

    def run(params):
        value, pull, _ = jax.vjp(lambda p: loss_and_metrics(one, p, None, one.data, root_key(0)), params, has_aux=True)
        return value, pull

    params = [jnp.eye(8)] * 6
    kept = jax.eval_shape(lambda p: jax.tree.leaves(run(p)[1]), params)
    gradient = jax.grad(lambda p: loss_and_metrics(one, p, None, one.data, root_key(0))[0])(params)
    return sum(x.size * x.dtype.itemsize for x in kept), gradient


def test_a_policy_saves_less_and_changes_no_gradient():
    found = {remat: residuals(remat) for remat in (None, "dots_saveable", "nothing_saveable")}
    layer, weights, batch = 64 * 8 * 4, 6 * 8 * 8 * 4, 64 * 8 * 4
    assert found[None][0] > found["dots_saveable"][0] > found["nothing_saveable"][0]
    assert found["dots_saveable"][0] <= 6 * layer + weights + batch + 64
    assert found["nothing_saveable"][0] <= weights + batch + 64
    for _, gradient in found.values():
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), gradient, found[None][1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: task(compute_dtype="int8"), "compute_dtype='int8'.*real floating dtype"),
        (lambda: task(remat="dots"), "remat='dots'.*'dots_saveable'"),
        (lambda: jgd.dynamic_loss_scale(jgd.sgd(0.1), backoff_factor=2.0), r"backoff_factor=2.*\(0, 1\)"),
        (lambda: jgd.dynamic_loss_scale(jgd.sgd(0.1), init_scale=0), r"init_scale=0.*\(0, inf\)"),
    ],
)
def test_what_cannot_act_is_one_sentence(make, said):
    with pytest.raises(jgd.InputError, match=said):
        make()
