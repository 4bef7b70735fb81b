"""First calls in a process: how many XLA programs each compiles. A small one costs 20 to 50 ms, and counts repeat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.sweep import loguniform
from jgd.sweep.lanes.programs import PROGRAMS


def cross_entropy(params, batch):
    x, labels = batch
    logits = jnp.tanh(x @ params["hidden"]) @ params["head"]
    return -jnp.mean(jax.nn.log_softmax(logits) * jax.nn.one_hot(labels, 3))


def classes():
    """Make a task whose first parameters take two programs, one for each shape."""
    x = np.random.default_rng(0).standard_normal((48, 4), np.float32)
    init = lambda key: {"hidden": jax.random.uniform(key, (4, 5)), "head": jax.random.uniform(key, (5, 3))}  # noqa: E731
    judge = lambda params: {"largest": jnp.max(params["head"])}  # noqa: E731
    return jgd.Task(init, cross_entropy, (x, np.arange(48) % 3), batch_size=8, evaluate=judge)


def fitted():
    jgd.fit(classes(), jgd.adam(0.01), steps=6, eval_every=3)


def swept():
    spaces = [jgd.adam(loguniform(1e-4, 1e-2)), jgd.sgd(loguniform(1e-3, 1e-1))]
    jgd.sweep.run(classes(), spaces, num_trials=4, steps=6, eval_every=3, progress=False)


def checked():
    jgd.health.check(classes(), jgd.adam(0.01), steps=6)


def minimized():
    jgd.minimize(lambda x: jnp.sum((x - 1) ** 2), "bfgs", np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (swept, 2 + 2 * 2),  # the first states and a segment of each space
        (fitted, 2 + 3),  # first state, segment and evaluation
        (checked, 2 + 24),
        (minimized, 1),
    ],
)
def test_a_first_call_compiles_few_programs(call, most):
    PROGRAMS.clear()
    jax.clear_caches()
    compiled = []

    def hear(event, *_, **about):
        if event.endswith("backend_compile_duration"):
            compiled.append(about.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        call()
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)
    assert len(compiled) <= most, compiled
