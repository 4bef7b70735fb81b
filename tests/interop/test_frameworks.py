"""flax's and equinox's own training loops with jgd's optimizers, directly and through the drop-in namespace."""

from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

import jgd
from jgd.interop import optax as dropin
from jgd.interop import to_optax

X = jax.random.normal(jax.random.key(0), (16, 3))
Y = X @ jnp.asarray([[1.0], [-2.0], [0.5]]) + 0.1
STEPS = 6
OPTIMIZERS = {
    "sgd": lambda m: m.sgd(m.linear_schedule(0.1, 0.02, STEPS), momentum=0.9),
    "adamw": lambda m: m.chain(m.clip_by_global_norm(1.0), m.adamw(0.05)),
    "multi": lambda m: m.MultiSteps(m.adam(0.1), 2),
}
# Each step of optax's Adam is off by 1e-5 in float32 at first.
TOLERANCE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.tanh(nn.Dense(4)(x)))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.first, self.last = nnx.Linear(3, 4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.tanh(self.first(x)))


def train_linen(tx):
    """flax.training's TrainState, as its documentation uses it."""
    with jax.numpy_rank_promotion("allow"):  # flax broadcasts biases
        model = Linen()
        state = TrainState.create(apply_fn=model.apply, params=model.init(jax.random.key(1), X), tx=tx)

        @jax.jit
        def step(state):
            loss, grads = jax.value_and_grad(lambda p: jnp.mean((state.apply_fn(p, X) - Y) ** 2))(state.params)
            return state.apply_gradients(grads=grads), loss

        losses = []
        for _ in range(STEPS):
            state, loss = step(state)
            losses.append(float(loss))
        assert int(state.step) == STEPS
        return losses


def train_nnx(tx):
    """flax.nnx's Optimizer."""
    with jax.numpy_rank_promotion("allow"):  # flax broadcasts biases
        model = Nnx(nnx.Rngs(0))
        optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

        @nnx.jit
        def step(model, optimizer):
            loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(X) - Y) ** 2))(model)
            optimizer.update(model, grads)
            return loss

        return [float(step(model, optimizer)) for _ in range(STEPS)]


def train_equinox(tx):
    """equinox's loop: filtered gradients, None where a leaf is no array, functions among the leaves."""
    model = eqx.nn.MLP(3, 1, 4, 1, activation=jnp.tanh, key=jax.random.key(2))
    state = tx.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model, state, tx):
        loss, grads = eqx.filter_value_and_grad(lambda m: jnp.mean((jax.vmap(m)(X) - Y) ** 2))(model)
        updates, state = tx.update(grads, state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, updates), state, loss

    losses = []
    for _ in range(STEPS):
        model, state, loss = step(model, state, tx)
        losses.append(float(loss))
    return losses


LOOPS = {"TrainState": train_linen, "nnx.Optimizer": train_nnx, "equinox": train_equinox}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_loops_run_on_values_and_take_optax_s_steps(loop, name):
    make, train = OPTIMIZERS[name], LOOPS[loop]
    losses = train(make(dropin))
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(losses, train(make(optax)), **TOLERANCE)


@pytest.mark.parametrize("loop", LOOPS)
def test_loops_run_on_partitions(loop):
    """Muon's state holds other trees than the parameters'."""
    losses = LOOPS[loop](jgd.muon(0.05))
    assert losses[-1] < losses[0]


def test_equinox_takes_the_optimizer_as_an_argument_and_compiles_once_for_arrays():
    arrays = [jax.tree.map(jnp.asarray, jgd.with_hyperparams(jgd.adam(0.1), learning_rate=rate)) for rate in (0.1, 0.2)]
    model, traces = {"w": jnp.zeros((3, 1))}, []

    @eqx.filter_jit
    def step(model, tx):
        traces.append(None)
        grads = jax.grad(lambda m: jnp.mean((X @ m["w"] - Y) ** 2))(model)
        return eqx.apply_updates(model, tx.update(grads, tx.init(model), model)[0])

    moved = [step(model, tx)["w"] for tx in arrays]
    np.testing.assert_allclose(2 * moved[0], moved[1], rtol=1e-6)
    assert len(traces) == 1


def test_nnx_holds_array_hyperparameters_as_a_pair():
    """nnx.Optimizer keeps its `tx` as structure and refuses arrays there; `to_optax` is the remedy."""
    opt = jgd.with_hyperparams(jgd.adam(0.1), learning_rate=jnp.asarray(0.1))
    with pytest.raises(ValueError, match="static attribute 'tx'"):
        train_nnx(opt)
    np.testing.assert_allclose(train_nnx(to_optax(opt)), train_nnx(jgd.adam(0.1)), rtol=1e-6)


def test_a_value_that_holds_arrays_goes_into_nnx_as_a_pair():
    chosen = jgd.select(jgd.stack([jgd.adam(rate) for rate in (0.1, 0.2)]), 0)
    # One program's constants are the other's arrays, and XLA folds them otherwise: float32.
    np.testing.assert_allclose(train_nnx(to_optax(chosen)), train_nnx(jgd.adam(0.1)), rtol=1e-5)
    with pytest.raises(ValueError, match="static attribute 'tx'"):  # flax's own; when it goes, so can the docstring
        train_nnx(chosen)
