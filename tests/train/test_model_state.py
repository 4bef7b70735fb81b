"""A model's state travels beside its parameters: through steps, segments, checkpoints, lanes and replays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.train import Task, fit
from jgd.train.loop import batch_at, begin, pick, root_key
from jgd.train.task import check_task
from tests.train import problems

TASK = problems.task_with_state()


def by_hand(steps, seed=0, rate=0.1):
    """Return the same training, written out."""
    carry = begin(TASK, jgd.sgd(rate), root_key(seed))
    params, state, losses = carry.params, carry.model_state, []
    rows: Any
    rows, keys = pick(TASK, carry.key, 0, steps), jax.random.fold_in(carry.key, 2)
    step = jax.jit(jax.value_and_grad(problems.loss_with_state, has_aux=True))
    for i in range(steps):
        (value, (state, _)), grads = step(params, state, batch_at(TASK, rows[i]), jax.random.fold_in(keys, i))
        params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
        losses.append(value)
    return params, state, np.array(losses)


def test_it_is_handed_from_step_to_step():
    params, state, losses = by_hand(17)
    run = fit(TASK, jgd.sgd(0.1), steps=17, eval_every=10)
    # The same sums in another program: units in the last place, grown over 17 steps.
    np.testing.assert_allclose(run.metrics["loss"], losses, rtol=1e-4)
    np.testing.assert_allclose(run.params["w"], params["w"], rtol=1e-4)
    np.testing.assert_allclose(run.model_state["mean"], state["mean"], rtol=1e-5, atol=1e-7)
    assert int(run.model_state["batches"]) == 17
    assert (run.model_state["stream"] == state["stream"]).all()
    # Evaluations see the state of their step.
    np.testing.assert_allclose(run.evaluations["mean"][-1], run.model_state["mean"].sum(), rtol=1e-5)
    assert len(set(run.evaluations["mean"].tolist())) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_resumed_to_the_same_bits(stream, tmp_path):
    task = problems.task_with_state(stream)
    whole = fit(task, jgd.adam(0.1), steps=30, eval_every=7)
    first = fit(task, jgd.adam(0.1), steps=30, eval_every=7, dir=tmp_path, callback=stop_at(14))
    assert int(first.model_state["batches"]) == first.steps == 14
    again = fit(task, jgd.adam(0.1), steps=30, eval_every=7, dir=tmp_path)
    for name in ("params", "opt_state", "model_state", "metrics", "evaluations"):
        problems.assert_same(getattr(again, name), getattr(whole, name))


def stop_at(end):
    def callback(step, metrics):
        if step == end:
            raise KeyboardInterrupt

    return callback


def test_a_bad_batch_that_is_skipped_leaves_it_alone():
    data = np.ones((4, 1), np.float32)
    data[2] = 0.0
    task = Task(lambda key: (jnp.zeros(()), jnp.zeros(())), lambda p, state, b: (
        jnp.mean((p - 1) ** 2 / b), (state + jnp.mean(1 / b), None)), data, batch_size=1)  # fmt: skip
    run = fit(task, jgd.apply_if_finite(jgd.sgd(0.3), 10), steps=8)
    assert run.status is Status.MAX_STEPS
    assert np.isinf(run.metrics["loss"]).sum() == 2
    assert float(run.model_state) == 6.0


def two(params, state):
    return (params**2).sum(), (state, None)


FORMS = {
    "by the second name": (lambda params, state, batch: two(params, state), True),
    "by another": (lambda params, model_state, batch, key: two(params, model_state), True),
    "by four arguments": (lambda p, s, b, k: two(p, s), True),
    "a state that is the batch": (lambda params, state: (params[0] ** 2).sum(), False),
    "a batch called state and a key": (lambda params, state, key: (params[0] ** 2).sum(), False),
    "in a partial": (jax.tree_util.Partial(lambda scale, params, state, batch: two(scale * params, state), 2.0), True),
    "parameters that are a pair": (lambda params, batch, key: (params[0] ** 2).sum(), False),
}


@pytest.mark.parametrize(("loss", "has"), FORMS.values(), ids=FORMS)
def test_the_losss_signature_decides(loss, has):
    carry = begin(Task(lambda key: (jnp.ones(2), jnp.ones(3)), loss, np.ones((4, 1))), jgd.sgd(0.1), root_key(0))
    assert (carry.model_state is not None) == has
    assert isinstance(carry.params, tuple) != has


BAD = {
    "no pair": ({"init": lambda key: {"w": jnp.ones(2)}}, "init must return (params, state), because the loss takes a"),
    "a pair of losses": ({"loss": lambda params, state, batch: (params.sum(), state)},
                         "must return (loss, (state, aux)), but beside the loss it returned float32[3]; where there"),
    "a bare loss": ({"loss": lambda params, state, batch: params.sum()}, "it returned None"),
    "another shape": ({"loss": lambda params, state, batch: (params.sum(), (state[:2], None))},
                      "the state that it returns has float32[2] at the root, but init's has float32[3]; return"),
    "another dtype": ({"loss": lambda params, state, batch: (params.sum(), (state > 0, None))}, "has bool[3] at"),
    "another tree": ({"loss": lambda params, state, batch: (params.sum(), ({"a": state}, None))},
                     "has nothing at the root, but init's has float32[3]"),
    "an evaluation with more": ({"init": lambda key: jnp.ones(2), "loss": lambda params, batch: params.sum(),
                                 "evaluate": lambda params, state: {}}, "it asks for a state, but the loss has none"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_in_one_sentence(changes, words):
    fields = {"init": lambda key: (jnp.ones(2), jnp.zeros(3)), "data": np.ones((4, 1)),
              "loss": lambda params, state, batch: (params.sum(), (state, None))}  # fmt: skip
    with pytest.raises(InputError) as error:
        check_task(Task(**{**fields, **changes}))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
