"""The pure loop: the same steps for any split, in any lane, and each example once an epoch."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.train import Task
from jgd.train.loop import begin, pick, root_key, segment
from tests.train import problems

start_carry = jax.jit(begin)
run = jax.jit(segment, static_argnames="length")


@pytest.mark.parametrize("batch_size", [None, 1, 5])
def test_any_split_takes_the_same_steps(batch_size):
    task, optimizer = problems.task(batch_size, noisy=True), jgd.adam(0.1)
    start = start_carry(task, optimizer, root_key(0))
    whole, curves = run(task, optimizer, start, 0, length=30)
    first, head = run(task, optimizer, start, 0, length=13)
    second, tail = run(task, optimizer, first, 13, length=17)
    problems.assert_same(whole, second)
    problems.assert_same(curves, {name: jnp.concatenate([head[name], tail[name]]) for name in head})


def test_an_epoch_uses_every_example_once_and_drops_the_remainder():
    task = problems.task(5)
    rows = np.asarray(pick(task, root_key(0), 0, 40)).reshape(10, 20)  # ten epochs of four batches of five
    assert all(len(set(epoch)) == 20 for epoch in rows)
    assert len({tuple(epoch) for epoch in rows}) == 10
    assert set(rows.ravel()) == set(range(23)), "ten epochs leave out other examples each"


def test_rows_depend_on_the_step_alone():
    task = problems.task(5)
    whole: Any = pick(task, root_key(3), 0, 40)
    for start, length in ((0, 1), (3, 2), (7, 30), (39, 1)):
        np.testing.assert_array_equal(pick(task, root_key(3), start, length), whole[start : start + length])


def test_lanes_are_the_runs_alone():
    task = problems.task(5, noisy=True)
    optimizers = jgd.stack([jgd.adam(0.1), jgd.adam(0.2), jgd.adam(0.3)])
    keys = jax.vmap(root_key)(jnp.arange(3))
    carries = jax.vmap(begin, (None, 0, 0))(task, optimizers, keys)
    lanes, curves = jax.jit(jax.vmap(partial(segment, length=12), (None, 0, 0, None)))(task, optimizers, carries, 0)
    for i, rate in enumerate((0.1, 0.2, 0.3)):
        optimizer = jgd.adam(rate)
        alone, curve = run(task, optimizer, start_carry(task, optimizer, root_key(i)), 0, length=12)
        # Sums of three products are reassociated in lanes: a few units in the last place, grown over twelve steps.
        np.testing.assert_allclose(curves["loss"][i], curve["loss"], rtol=1e-4)
        np.testing.assert_allclose(lanes.params["w"][i], alone.params["w"], rtol=1e-4, atol=1e-5)


def test_a_diverged_lane_leaves_the_others_bitwise_alone():
    task = problems.task(5)
    lanes = jax.jit(jax.vmap(partial(segment, length=40), (None, 0, None, None)))

    def curves(rates):
        optimizers = jgd.stack([jgd.sgd(rate) for rate in rates])
        return lanes(task, optimizers, start_carry(task, jgd.sgd(0.1), root_key(0)), 0)[1]["loss"]

    bad, good = curves([0.1, 1e6, 0.2]), curves([0.1, 0.3, 0.2])
    assert not np.isfinite(bad[1]).all()
    np.testing.assert_array_equal(bad[jnp.array([0, 2])], good[jnp.array([0, 2])])


def test_a_task_may_be_batched_too():
    losses = jax.tree_util.Partial(lambda scale, p, b: scale * problems.loss(p, b)[0], jnp.array([1.0, 3.0]))
    task = Task(problems.init, losses, problems.arrays())
    axes = jax.tree.unflatten(jax.tree.structure(task), [0 if x.shape == (2,) else None for x in jax.tree.leaves(task)])
    optimizer = jgd.sgd(0.1)
    carries = jax.vmap(begin, (axes, None, None))(task, optimizer, root_key(0))
    curves = jax.vmap(partial(segment, length=3), (axes, None, 0, None))(task, optimizer, carries, 0)[1]
    # The first losses are of the same parameters, three times as large: one rounding apart.
    np.testing.assert_allclose(curves["loss"][1, 0], 3 * curves["loss"][0, 0], rtol=1e-6)


def test_line_searches_get_the_value_of_the_batch():
    task = problems.task(None)
    search = jgd.chain(jgd.sgd(1.0), optax.scale_by_backtracking_linesearch(max_backtracking_steps=15))
    end, curves = run(task, search, start_carry(task, search, root_key(0)), 0, length=30)
    assert np.all(np.diff(curves["loss"]) <= 0), "Armijo's condition holds at every step"
    np.testing.assert_allclose(end.params["w"], problems.WEIGHTS, atol=1e-2)  # 30 steps of linear convergence


def test_complex_parameters_descend():
    task = Task(
        lambda key: jnp.array(1 + 2j, jnp.complex64), lambda p, b: jnp.mean(jnp.abs(p - b) ** 2), jnp.array([3 - 1j])
    )
    optimizer = jgd.sgd(0.2)
    end, _ = run(task, optimizer, start_carry(task, optimizer, root_key(0)), 0, length=30)
    assert abs(end.params - (3 - 1j)) < 1e-4  # 0.6 ** 30 times the first distance of 3.6 is 8e-7
