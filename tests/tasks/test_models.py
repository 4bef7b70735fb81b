"""Models of flax and equinox as their users write them: batch norm and dropout in training, and not in evaluation."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import jgd
from jgd.core import InputError
from jgd.tasks import from_equinox, from_linen, from_nnx
from jgd.train.loop import batch_at, begin, pick, root_key
from tests.tiers import at_once
from tests.train.problems import assert_same

X = np.random.default_rng(0).normal(2.0, 3.0, size=(40, 4)).astype(np.float32)
DATA = {"x": X, "y": (X.sum(1) > 8).astype(np.int32)}
USUAL = {"batch_size": 8, "validation": DATA}


def cross_entropy(logits, batch):
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch["y"]).mean()


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(4, momentum=0.5, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.out = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return self.out(self.drop(self.norm(x)))


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x, train):
        x = linen.BatchNorm(use_running_average=not train, momentum=0.5)(x)
        return linen.Dense(2)(linen.Dropout(0.5, deterministic=not train)(x))


class EqxNet(eqx.Module):
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout
    out: eqx.nn.Linear

    def __init__(self, key):
        self.norm = eqx.nn.BatchNorm(4, axis_name="batch", momentum=0.5, mode="batch")
        self.drop = eqx.nn.Dropout(0.5)
        self.out = eqx.nn.Linear(4, 2, key=key)

    def __call__(self, x, state, key=None):
        x, state = self.norm(x, state)
        return self.out(self.drop(x, key=key)), state


def nnx_loss(model, batch):
    logits = model(batch["x"])
    return cross_entropy(logits, batch), {"accuracy": (logits.argmax(-1) == batch["y"]).mean()}


def linen_loss(model, batch):
    return cross_entropy(model(batch["x"], train=True), batch)


def eqx_forward(model, state, x, keys):
    return jax.vmap(model, axis_name="batch", in_axes=(0, None, None if keys is None else 0), out_axes=(0, None))(
        x, state, keys
    )


def eqx_loss(model, state, batch, key):
    logits, state = eqx_forward(model, state, batch["x"], jax.random.split(key, 8))
    return cross_entropy(logits, batch), (state, None)


TASKS = {
    "nnx": lambda: from_nnx(
        NnxNet,
        nnx_loss,
        DATA,
        evaluate=lambda model, held: {"held_out": cross_entropy(model(held["x"]), held)},
        **USUAL,
    ),
    "linen": lambda: from_linen(
        LinenNet(),
        linen_loss,
        DATA,
        evaluate=lambda model, held: {"held_out": cross_entropy(model(held["x"], train=False), held)},
        **USUAL,
    ),
    "equinox": lambda: from_equinox(
        eqx.nn.make_with_state(EqxNet),
        eqx_loss,
        DATA,
        evaluate=lambda model, state, held: {
            "held_out": cross_entropy(eqx_forward(model, state, held["x"], None)[0], held)
        },
        **USUAL,
    ),
}


@functools.cache
def task_of(name):
    """Return one object for all tests, so that they share its programs."""
    return TASKS[name]()


def statistics(state):
    """Return the running means, f[4], wherever a library keeps them."""
    return [np.asarray(x) for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating) and x.shape == (4,)]


@pytest.mark.parametrize("name", at_once(["equinox"], list(TASKS)))
def test_batch_norm_and_dropout_train_resume_and_evaluate(name, tmp_path):
    task = task_of(name)
    run = jgd.fit(task, jgd.adam(0.05), steps=60, eval_every=20)
    # Half of the old mean each step: after 60 steps it is that of the last few batches, not the initial 0.
    assert any(np.all(np.abs(mean - X.mean(0)) < 2.5) and mean.mean() > 1.0 for mean in statistics(run.model_state))
    assert run.evaluations["held_out"][-1] < 0.6  # chance is 0.69

    def interrupt(step, metrics):
        if step == 20:
            raise KeyboardInterrupt

    jgd.fit(task, jgd.adam(0.05), steps=60, eval_every=20, dir=tmp_path, callback=interrupt)
    again = jgd.fit(task, jgd.adam(0.05), steps=60, eval_every=20, dir=tmp_path)
    assert (again.steps_here, again.history) == (40, ())
    assert_same((again.params, again.model_state, again.metrics), (run.params, run.model_state, run.metrics))


@pytest.mark.parametrize("name", at_once(["equinox"], list(TASKS)))
def test_every_lane_of_a_sweep_has_its_own(name):
    task = task_of(name)
    result = jgd.sweep.run(
        task, jgd.adam(jgd.sweep.grid([0.01, 0.05])), steps=20, num_trials=2, sampler="grid", seeds=2, eval_every=20,
        metric="held_out", progress=False,
    )  # fmt: skip
    alone = jgd.fit(task, result.trials[1].optimizer, steps=20, seed=1, eval_every=20)
    np.testing.assert_allclose(result.curves["held_out"][1, 1], alone.evaluations["held_out"], rtol=1e-3)
    assert np.unique(result.curves["held_out"][..., -1]).size == 4


def test_nnx_takes_the_steps_of_a_loop_in_flax():
    task = task_of("nnx")
    carry = begin(task, jgd.sgd(0.1), root_key(3))
    model = nnx.eval_shape(lambda: NnxNet(nnx.Rngs(jax.random.key(0))))
    nnx.update(model, carry.params, carry.model_state)
    rows: Any = pick(task, carry.key, 0, 5)
    model.train()
    gradients: Any = nnx.jit(nnx.value_and_grad(nnx_loss, has_aux=True))
    for i in range(5):
        (_, _), grads = gradients(model, batch_at(task, rows[i]))
        nnx.update(model, jax.tree.map(lambda p, g: p - 0.1 * g, nnx.state(model, nnx.Param), grads))
    run = jgd.fit(task, jgd.sgd(0.1), steps=5, seed=3)
    # The same sums in another program, over five steps.
    for ours, theirs in zip(
        jax.tree.leaves((run.params, run.model_state)),
        jax.tree.leaves((nnx.to_pure_dict(nnx.state(model, nnx.Param)), nnx.state(model, nnx.Not(nnx.Param)))),
        strict=True,
    ):
        if jnp.issubdtype(ours.dtype, jnp.floating):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_module_starts_from_its_own_values_with_the_seeds_streams():
    model = NnxNet(nnx.Rngs(7))
    before = np.asarray(model.out.kernel[...])
    task = from_nnx(model, nnx_loss, DATA, batch_size=8)
    runs = [jgd.fit(task, jgd.sgd(0.0), steps=1, seed=seed) for seed in (0, 1)]
    for run in runs:
        np.testing.assert_array_equal(run.params["out"]["kernel"], before)
    assert runs[0].metrics["loss"][0] != runs[1].metrics["loss"][0]
    nnx.update(model, runs[0].params, runs[0].model_state)  # what a run has goes into a module


def test_models_without_a_state_and_with_a_key():
    plain = from_equinox(
        lambda key: eqx.nn.MLP(4, 2, 8, 1, key=key),
        lambda model, batch, key: cross_entropy(jax.vmap(model)(batch["x"]), batch) + 0 * jax.random.normal(key),
        DATA,
        evaluate=lambda model: {"bias": model.layers[0].bias.sum()},
    )
    run = jgd.fit(plain, jgd.adam(0.05), steps=40)
    assert run.metrics["loss"][-1] < 0.5 * run.metrics["loss"][0]
    assert "bias" in run.evaluations
    dense = from_linen(linen.Dense(2), lambda model, batch: cross_entropy(model(batch["x"]), batch), DATA, batch_size=8)
    assert set(jgd.fit(dense, jgd.adam(0.05), steps=5).params) == {"kernel", "bias"}


@pytest.mark.parametrize(("make", "words"), [
    (lambda: from_nnx(3, nnx_loss, DATA), "from_nnx(model=3): model must be an nnx.Module, or a function of rngs"),
    (lambda: from_linen(LinenNet, linen_loss, DATA), "module must be a flax.linen.Module"),
    (lambda: from_equinox(3, eqx_loss, DATA), "from_equinox(model=3): model must be an eqx.Module, or a function"),
    (lambda: from_equinox(EqxNet, eqx_loss, DATA), "comes without one; pass eqx.nn.make_with_state(Net)."),
    (lambda: jgd.fit(from_linen(LinenNet(), lambda model, batch: 1.0, DATA), jgd.sgd(0.1), steps=1),
     "from_linen: the loss does not call its model"),
])  # fmt: skip
def test_what_is_no_model_is_refused(make, words):
    with pytest.raises(InputError) as error:
        make()
    assert words in str(error.value)
