"""A task whose parameters have a worker axis: each worker's own gradient, batch and key, and one evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.distributed import diloco, local_sgd, per_worker, worker_mean
from jgd.train.loop import advance, begin, root_key

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X @ np.array([1.0, -1.0, 0.5], np.float32)


def loss(params, batch):
    x, y = batch
    residual = x @ params["w"] - y
    return jnp.mean(residual**2), {"bias": jnp.mean(residual)}


TASK = jgd.Task(
    lambda key: {"w": jax.random.normal(key, (3,))}, loss, (X, Y), 16, lambda p: {"gap": jnp.sum(jnp.abs(p["w"]))}
)


def test_each_worker_has_the_gradient_of_its_part_and_the_curves_are_means():
    task = per_worker(TASK, 4)
    carry = begin(task, jgd.sgd(0.1), root_key(0))
    assert carry.params["w"].shape == (4, 3)
    batch = (X[:16], Y[:16])
    _, step = advance(task, jgd.sgd(0.1), carry, 0, batch)
    values = []
    for k in range(4):
        part = (X[4 * k : 4 * k + 4], Y[4 * k : 4 * k + 4])
        (value, aux), grads = jax.value_and_grad(loss, has_aux=True)({"w": carry.params["w"][k]}, part)
        np.testing.assert_allclose(step.grads["w"][k], grads["w"], rtol=1e-5, atol=1e-6)
        values.append((value, aux["bias"]))
    np.testing.assert_allclose([step.metrics["loss"], step.metrics["bias"]], np.mean(values, 0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("opt", [local_sgd(jgd.adam(0.05), 4, 5), diloco(jgd.adam(0.05), jgd.nesterov(0.5, 0.5), 4, 5)])
def test_fit_trains_workers_and_judges_their_mean_and_goes_on_bit_for_bit(opt, tmp_path):
    task = per_worker(TASK, 4)
    run = jgd.fit(task, opt, steps=200, eval_every=20, keep_best="gap", mode="max", progress=False)
    np.testing.assert_allclose(run.params["w"], np.tile([1.0, -1.0, 0.5], (4, 1)), atol=0.05)
    np.testing.assert_allclose(worker_mean(run.params)["w"], run.params["w"][0], rtol=1e-5)
    np.testing.assert_allclose(run.evaluations["gap"][-1], np.abs(worker_mean(run.params)["w"]).sum(), rtol=1e-5)
    jgd.fit(task, opt, steps=20, eval_every=20, dir=tmp_path, progress=False)
    again = jgd.fit(task, opt, steps=200, eval_every=20, dir=tmp_path, progress=False)
    np.testing.assert_array_equal(again.params["w"], run.params["w"])


def test_a_loss_draws_for_each_worker():
    def noisy(params, batch, key):
        return jnp.sum(params["w"] * jax.random.normal(key, (3,)))

    task = per_worker(jgd.Task(lambda key: {"w": jnp.zeros(3)}, noisy, np.ones(8, np.float32)), 4)
    _, step = advance(task, jgd.sgd(0.1), begin(task, jgd.sgd(0.1), root_key(0)), 0, np.ones(8, np.float32))
    assert len(np.unique(step.grads["w"])) == 12


def test_what_cannot_be_is_one_sentence():
    with pytest.raises(jgd.InputError, match=r"workers=3.*do not divide the batch of 16"):
        jgd.fit(per_worker(TASK, 3), local_sgd(jgd.sgd(0.1), 3, 2), steps=1)
    with pytest.raises(jgd.InputError, match=r"leading axis of 4 workers.*per_worker"):
        jgd.fit(TASK, local_sgd(jgd.sgd(0.1), 4, 2), steps=1)


def test_each_worker_has_a_state_of_its_own():
    def stateful(params, state, batch):
        x, y = batch
        mean = 0.5 * state["mean"] + 0.5 * jnp.mean(x, axis=0)
        noise = jax.random.normal(state["key"])
        state = {"mean": mean, "count": state["count"] + 1, "key": jax.random.split(state["key"])[0]}
        return jnp.mean(((x - mean[None]) @ params["w"] - y) ** 2), (state, {"noise": noise})

    def init(key):
        return {"w": jnp.ones(3)}, {"mean": jnp.zeros(3), "count": jnp.int32(0), "key": key}

    def evaluate(params, state):
        return {"mean": jnp.sum(state["mean"]), "count": state["count"]}

    task = per_worker(jgd.Task(init, stateful, (X, Y), 16, evaluate), 4)
    carry = begin(task, jgd.sgd(0.1), root_key(0))
    new, step = advance(task, jgd.sgd(0.1), carry, 0, (X[:16], Y[:16]))
    np.testing.assert_allclose(new.model_state["mean"], X[:16].reshape(4, 4, 3).mean(1) / 2, rtol=1e-5, atol=1e-6)
    assert len(np.unique(jax.random.key_data(new.model_state["key"]), axis=0)) == 4
    noises = jax.vmap(jax.random.normal)(carry.model_state["key"])
    np.testing.assert_allclose(step.metrics["noise"], noises.mean(), rtol=1e-5)
    run = jgd.fit(task, local_sgd(jgd.sgd(0.01), 4, 2), steps=4, eval_every=2, progress=False)
    assert run.evaluations["count"].tolist() == [2, 4]
    assert run.model_state["mean"].shape == (4, 3)
    np.testing.assert_allclose(run.evaluations["mean"][-1], run.model_state["mean"].mean(0).sum(), rtol=1e-5)
    wrong = jgd.Task(init, lambda params, state, batch: jnp.sum(params["w"]), (X, Y), 16)
    with pytest.raises(jgd.InputError, match=r"a loss with a state must return"):
        jgd.fit(per_worker(wrong, 4), local_sgd(jgd.sgd(0.01), 4, 2), steps=1, progress=False)
