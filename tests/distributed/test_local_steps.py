"""Workers that train apart: closed forms on quadratics, identities with one optimizer, and one reduction in H steps."""

import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.distributed import diloco, local_sgd
from tests import problems
from tests.table import FORMS, OPTIMIZERS
from tests.tiers import at_once

wrong: Any = diloco  # for arguments of a wrong type

A = np.diag([0.2, 1.0, 3.0]).astype(np.float32)
RATE = 0.3
PLAIN = {row.name: row for row in OPTIMIZERS if row.name in (*FORMS, "dion", "sm3") and row.extra is None}
START = np.array([1.0, -2.0, 0.5], np.float32)


def gradients(params, noise=0.0):
    """Return those of p'Ap / 2 at each worker, with noise of its own."""
    return params @ A + noise


def workers(count):
    return jnp.tile(START, (count, 1))


def walk(opt, params, steps, noise=None):
    """Return the workers' parameters after each step; `noise` is [steps, workers, 3]."""
    noise = jnp.zeros((steps, 1, 1)) if noise is None else noise

    def body(carry, e):
        updates, state = opt.update(gradients(carry[0], e), carry[1], carry[0])
        params = jgd.apply_updates(carry[0], updates)
        return (params, state), params

    return jax.jit(lambda: jax.lax.scan(body, (params, opt.init(params)), noise)[1])()


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("rate", [0.7, 1.3])
def test_a_round_of_gradient_descent_on_a_quadratic_is_a_matrix(count, rate):
    """p' = (I - e (I - (I - r A)^H)) p, whatever the number of workers."""
    every, rounds = 5, 3
    path = walk(diloco(jgd.sgd(RATE), jgd.sgd(rate), count, every), workers(count), every * rounds)
    shrink = np.linalg.matrix_power(np.eye(3) - RATE * A, every)
    step = np.eye(3) - rate * (np.eye(3) - shrink)
    for n in range(1, rounds + 1):
        wanted = np.linalg.matrix_power(step, n) @ START
        for p in path[n * every - 1]:
            np.testing.assert_allclose(p, wanted, rtol=1e-5, atol=1e-6)  # float32, fifteen steps


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_outer_rate_is_stable_up_to_the_bound_that_is_told(momentum):
    """Nesterov's: 2 (1 + m) / ((1 + 2 m) max_i (1 - (1 - r a_i)^H)); 3 % below and above it."""
    every = 4
    largest = np.max(1 - (1 - RATE * np.diag(A)) ** every)
    bound = 2 * (1 + momentum) / ((1 + 2 * momentum) * largest)

    def last(factor):
        outer = jgd.nesterov(factor * bound, momentum) if momentum else jgd.sgd(factor * bound)
        return jnp.max(jnp.abs(walk(diloco(jgd.sgd(RATE), outer, 1, every), workers(1), 300 * every)[-1]))

    below, above = jax.vmap(last)(jnp.array([0.97, 1.03]))
    assert below < 0.5 < 10 < above


@pytest.mark.parametrize("row", at_once(("adam", "lamb", "muon", "schedule_free"), PLAIN))
def test_one_worker_that_meets_itself_at_each_step_is_its_optimizer(row):
    params, opt = row.few("float32"), row.make()
    grads = problems.gradients(3, params)
    plain = problems.trajectory(opt, params, grads)
    stacked = [jax.tree.map(lambda x: x[None], g) for g in grads]
    one = jax.tree.map(lambda x: x[None], params)
    for outer in (local_sgd(opt, 1, 1), diloco(opt, jgd.sgd(1.0), 1, 1)):
        path = problems.trajectory(outer, one, stacked)
        # One rounding of t - (t - p) more for each step, which the optimizer may amplify.
        problems.close(jax.tree.map(lambda x: x[:, 0], path), plain, rtol=1e-5 * row.rounding, atol=1e-5 * row.rounding)


def test_with_gradient_descent_and_every_step_workers_are_one_large_batch_and_with_adam_they_are_not():
    noise = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4, 3)), jnp.float32)
    whole = noise.mean(1, keepdims=True)
    path = walk(local_sgd(jgd.sgd(RATE), 4, 1), workers(4), 6, noise)
    large = walk(local_sgd(jgd.sgd(RATE), 1, 1), workers(1), 6, whole)
    np.testing.assert_allclose(path, np.broadcast_to(large, path.shape), rtol=1e-5, atol=1e-5)
    path = walk(local_sgd(jgd.adam(RATE), 4, 1), workers(4), 6, noise)
    large = walk(local_sgd(jgd.adam(RATE), 1, 1), workers(1), 6, whole)
    assert np.max(np.abs(path - large)) > 0.05  # the states see each worker's own gradients


def test_the_mean_is_diloco_with_a_rate_of_one_and_workers_differ_between():
    noise = jnp.asarray(np.random.default_rng(1).normal(size=(9, 4, 3)), jnp.float32)
    path = walk(local_sgd(jgd.adamw(0.1), 4, 3), workers(4), 9, noise)
    again = walk(diloco(jgd.adamw(0.1), jgd.sgd(1.0), 4, 3), workers(4), 9, noise)
    np.testing.assert_allclose(path, again, rtol=1e-5, atol=1e-6)
    apart = np.ptp(path, axis=1).max(axis=-1)
    assert np.all((apart < 1e-5) == (np.arange(9) % 3 == 2))


def test_every_and_the_outer_rate_are_swept_in_one_program():
    noise = jnp.asarray(np.random.default_rng(2).normal(size=(8, 2, 3)), jnp.float32)

    def last(every, rate):
        return walk(diloco(jgd.adam(0.1), jgd.nesterov(rate, 0.9), 2, every), workers(2), 8, noise)[-1]

    lanes = jax.vmap(last)(jnp.array([1.0, 4.0, 8.0]), jnp.array([0.3, 0.7, 1.0]))
    for lane, every, rate in zip(lanes, (1, 4, 8), (0.3, 0.7, 1.0), strict=True):
        np.testing.assert_allclose(lane, last(every, rate), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda k: local_sgd(jgd.adam(0.1), k, 2), lambda k: diloco(jgd.adam(0.1), jgd.sgd(1.0), k, 2)]
)
def test_a_lost_worker_neither_steps_nor_counts_and_comes_back(make):
    rng = np.random.default_rng(3)
    grads = jnp.asarray(rng.normal(size=(2, 4, 3)), jnp.float32)
    there = jnp.array([True, True, False, True])
    opt, few = make(4), make(3)
    params, kept = workers(4), workers(3)
    state, small = opt.init(params), few.init(kept)
    for g in grads:
        broken = g.at[2].set(jnp.nan)
        updates, state = opt.update(broken, state, params, alive=there)
        params = jgd.apply_updates(params, updates)
        updates, small = few.update(g[jnp.array([0, 1, 3])], small, kept)
        kept = jgd.apply_updates(kept, updates)
    np.testing.assert_allclose(params, jnp.tile(kept[0], (4, 1)), rtol=1e-6)
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))
    alone, waiting = opt.update(grads[0], state, params, alive=jnp.zeros(4, bool))
    np.testing.assert_array_equal(alone, 0)
    assert int(waiting.steps_since_sync) == 1


def test_half_precision_workers_meet_at_one_point_and_the_anchor_is_float32():
    params = workers(4).astype(jnp.bfloat16)
    opt = diloco(jgd.sgd(RATE), jgd.nesterov(0.7, 0.9), 4, 2)
    state = opt.init(params)
    rng = np.random.default_rng(4)
    for _ in range(4):
        updates, state = opt.update(jnp.asarray(rng.normal(size=(4, 3)), jnp.bfloat16), state, params)
        params = jgd.apply_updates(params, updates)
    assert state.anchor.dtype == jnp.float32
    np.testing.assert_array_equal(params, jnp.tile(state.anchor.astype(jnp.bfloat16), (4, 1)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: local_sgd(jgd.sgd(0.1), 0, 5), "workers=0.*at least 1"),
        (lambda: local_sgd(jgd.sgd(0.1), 2, 0), r"every=0.*\[1, inf\)"),
        (lambda: local_sgd(jgd.sgd(0.1), 2, 5).init({"w": jnp.ones(3)}), r"\['w'\].*\(3,\).*leading axis of 2 workers"),
        (lambda: wrong(jgd.sgd(0.1), 0.7, 2, 5), "outer.*gradient transformation"),
        (lambda: refused_mask(), r"alive.*\(3,\), expected \(2,\)"),
    ],
)
def test_what_cannot_be_is_one_sentence(make, said):
    with pytest.raises(jgd.InputError, match=said):
        make()


def refused_mask():
    opt, params = local_sgd(jgd.sgd(0.1), 2, 5), jnp.ones((2, 3))
    return opt.update(params, opt.init(params), params, alive=jnp.ones(3, bool))


ON_DEVICES = """
import re
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 8)
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
import jgd
from jgd.distributed import diloco, local_sgd

mesh = jax.make_mesh((8,), ("workers",), axis_types=(AxisType.Auto,))
split, everywhere = NamedSharding(mesh, P("workers")), NamedSharding(mesh, P())
rng = np.random.default_rng(0)
params = {"w": jnp.asarray(np.tile(rng.normal(size=(1, 16, 4)), (8, 1, 1)), jnp.float32), "b": jnp.zeros((8, 4))}
x = jnp.asarray(rng.normal(size=(8, 32, 16)), jnp.float32)

def loss(p, x):
    return jnp.mean(jnp.square(jnp.tanh(x @ p["w"] + p["b"][None]) - 0.3))

def step(opt, params, state, x):
    grads = jax.vmap(jax.grad(loss))(params, x)
    updates, state = opt.update(grads, state, params)
    return jgd.apply_updates(params, updates), state

def collectives(text):
    found = {}
    name = None
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name = line.split()[0] if line.split()[0] != "ENTRY" else "ENTRY"
        if re.search(r"= .*(all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(-start)?\\(", line):
            found.setdefault(name, []).append(line.strip())
    return found

for opt in (local_sgd(jgd.adamw(1e-2), 8, 4), diloco(jgd.adamw(1e-2), jgd.nesterov(0.7, 0.9), 8, 4)):
    state = opt.init(params)
    jitted = jax.jit(step)
    alone = (params, state)
    where = lambda y: split if jnp.shape(y)[:1] == (8,) else everywhere
    place = lambda tree: jax.tree.map(lambda y: jax.device_put(y, where(y)), tree)
    spread = place((params, state))
    shapes = jax.tree.map(lambda y: y.sharding, spread)
    many = jax.jit(step, out_shardings=shapes)
    compiled = many.lower(place(opt), *spread, place(x)).compile()
    found = collectives(compiled.as_text())
    assert found, "no reduction at all"
    assert "ENTRY" not in found, found["ENTRY"]  # nothing between meetings
    assert len(found) == 1, found.keys()  # the branch of a meeting
    print(type(opt).__name__, {name: len(lines) for name, lines in found.items()})
    for _ in range(8):
        alone = jitted(opt, *alone, x)
        spread = compiled(place(opt), *spread, place(x))
    for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(spread), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)  # a mean of eight in another order
"""


def test_on_eight_devices_the_only_reduction_is_that_of_a_meeting():
    environ = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    run = subprocess.run([sys.executable, "-c", ON_DEVICES], env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    print(run.stdout)
