"""Leaves stacked by kind: there and back, gradients, optimizers, shardings."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jgd
from tests import problems

TREE = problems.params({"w": [(4, 3), (4, 3), (3,)], "b": [(3,), (), (4, 3)]})


def test_there_and_back():
    stacked, unstack = jgd.stack_leaves(TREE)
    assert {name: x.shape for name, x in stacked.items()} == {
        "float32[3]": (2, 3),
        "float32[]": (1,),
        "float32[4, 3]": (3, 4, 3),
    }
    problems.close(unstack(stacked), TREE, rtol=0)
    problems.close(unstack.stack(TREE), stacked, rtol=0)
    assert jax.jit(lambda layout, x: layout(x))(unstack, stacked).keys() == TREE.keys()


def test_gradients_arrive_stacked_by_one_concatenation():
    stacked, unstack = jgd.stack_leaves(TREE)
    slope = jax.grad(lambda x: problems.bowl(unstack(x)))
    problems.close(slope(stacked), unstack.stack(jax.grad(problems.bowl)(TREE)), rtol=0)
    names = [eqn.primitive.name for eqn in jax.make_jaxpr(slope)(stacked).eqns]
    assert names.count("concatenate") <= len(stacked)
    assert "pad" not in names


@pytest.mark.parametrize(
    "make", [lambda lib: lib.adamw(0.1), lambda lib: lib.chain(lib.clip_by_global_norm(1.0), lib.lion(0.1))]
)
def test_steps_are_those_of_the_tree(make):
    stacked, unstack = jgd.stack_leaves(TREE)
    grads = problems.gradients(4, TREE)
    path = problems.trajectory(make(jgd), stacked, [unstack.stack(g) for g in grads])
    last = unstack(jax.tree.map(lambda x: x[-1], path))
    # The same arithmetic entry by entry; only the norm is summed in another order.
    problems.close(
        last, jax.tree.map(lambda x: x[-1], problems.trajectory(make(jgd), TREE, grads)), rtol=1e-6, atol=1e-6
    )


def test_shardings_and_donation_survive():
    two = jax.devices("cpu")[:2]  # there, because a machine may have one GPU
    mesh = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,), devices=two)
    split, whole = (NamedSharding(mesh, PartitionSpec(*spec)) for spec in (("x",), ()))
    params = {"a": jnp.ones((4, 3)), "b": jnp.ones((4, 3)), "c": jnp.ones((4, 3))}
    params = jax.device_put(params, {"a": split, "b": split, "c": whole})
    stacked, unstack = jgd.stack_leaves(params)
    assert sorted(x.shape for x in stacked.values()) == [(1, 4, 3), (2, 4, 3)]
    opt = jgd.adamw(0.1)

    def step(stacked, state):
        grads = jax.grad(lambda x: problems.bowl(unstack(x)))(stacked)
        updates, state = opt.update(grads, state, stacked)
        return jgd.apply_updates(stacked, updates), state

    before = {name: x.sharding for name, x in stacked.items()}
    compiled: Any = jax.jit(step, donate_argnums=(0, 1)).lower(stacked, opt.init(stacked)).compile()
    state = opt.init(stacked)
    kept = sum(x.nbytes // (1 if x.sharding.is_fully_replicated else 2) for x in jax.tree.leaves((stacked, state)))
    assert compiled.memory_analysis().alias_size_in_bytes == kept  # bytes of one device: all of it is overwritten
    new, state = compiled(stacked, state)
    for name, x in new.items():
        assert x.sharding.is_equivalent_to(before[name], x.ndim)
    assert unstack(new)["a"].sharding.is_equivalent_to(split, 2)


def test_other_stacks_are_refused():
    stacked, unstack = jgd.stack_leaves(TREE)
    with pytest.raises(jgd.InputError, match="pass what stack_leaves returned"):
        unstack({name: x[:1] for name, x in stacked.items()})


def test_optax_takes_the_stacks_as_they_are():
    stacked, _ = jgd.stack_leaves(TREE)
    state: Any = optax.adam(0.1).init(stacked)
    assert state[0].mu.keys() == stacked.keys()
