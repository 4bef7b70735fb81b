"""Taps: names and signals in any library, scans and rematerialised parts, and closed forms of deep chains."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.health.layers import look, slope
from jgd.health.taps import tap_loss
from jgd.train.loop import first_model, root_key
from jgd.train.task import batch_shapes

X = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]


def chain_of(activation, scale, depth=12, width=64):
    """Return an orthogonal chain whose loss is half the mean of the squared outputs, and its parameters."""
    keys = jax.random.split(jax.random.key(0), depth)
    params = [{"w": scale * jax.nn.initializers.orthogonal()(key, (width, width))} for key in keys]
    x = jax.random.normal(jax.random.key(1), (512, width))

    def loss(params, batch):
        h = batch
        for layer in params:
            h = activation(h @ layer["w"])
        return jnp.mean(h**2) / 2

    return jgd.Task(lambda key: params, loss, x), params, x


@pytest.mark.parametrize(
    ("activation", "scale", "expected", "tolerance"),
    [
        (lambda h: h, 0.8, -math.log(0.8), 1e-4),  # exact but for f32
        (lambda h: h, 1.2, -math.log(1.2), 1e-4),
        (jax.nn.relu, 0.8, -math.log(0.8) + math.log(2) / 2, 0.1),  # in expectation; 64 units keep .49 over 12 layers
    ],
    ids=["linear 0.8", "linear 1.2", "relu 0.8"],
)
def test_signals_slope_as_theory_says_while_weight_gradients_are_level(activation, scale, expected, tolerance):
    task, params, x = chain_of(activation, scale)
    seen = look(task, params, None, x, root_key(0))
    fall, count = slope(seen.products())
    assert count == 12
    assert fall == pytest.approx(expected, abs=tolerance)
    norms = [float(jnp.linalg.norm(g)) for g in jax.tree.leaves(seen.grads)]
    level = float(np.polyfit(range(12), np.log(norms), 1)[0])
    assert abs(level) < tolerance  # s^(depth - 1) in every layer: they cannot show what vanishes


def test_the_tapped_loss_and_its_gradients_are_the_loss_s_own():
    def loss(params, x):
        h = jax.nn.relu(x @ params["a"])
        h = jax.checkpoint(lambda h: jnp.tanh(h @ params["b"]))(h)
        h, _ = jax.lax.scan(lambda h, w: (jax.nn.gelu(h @ w), None), h, params["s"])
        h = jax.lax.cond(h.sum() > 0, lambda h: h, lambda h: -h, h)
        h = jax.vmap(lambda row: params["c"].T @ row)(h)
        return jax.nn.logsumexp(jax.nn.relu(h))

    draw = np.random.default_rng(1)
    shapes = {"a": (8, 4), "b": (4, 4), "s": (2, 4, 4), "c": (4, 6)}
    params = {name: jnp.asarray(draw.normal(size=shape), jnp.float32) for name, shape in shapes.items()}
    tapped = tap_loss(loss, params, X)
    value, (grads, signals) = jax.jit(
        lambda p, z: jax.value_and_grad(lambda p, z: tapped.values((p, X), z)[0], argnums=(0, 1))(p, z)
    )(params, tapped.zeros())
    expected, expected_grads = jax.value_and_grad(loss)(params, X)
    # The same operations, compiled as another program: rounding of f32.
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), grads, expected_grads)
    labels = [(tap.label, tap.shape, tap.units) for tap in tapped.taps]
    assert labels == [
        ("a", (64, 4), (1,)),
        ("a relu", (64, 4), (1,)),
        ("b", (64, 4), (1,)),
        ("b tanh", (64, 4), (1,)),
        ("s", (2, 64, 4), (2,)),
        ("c", (6, 64), (0,)),
        ("c relu", (64, 6), (1,)),
    ]
    assert [x.shape for x in signals] == [tap.shape for tap in tapped.taps]
    # The gradient of a product with a kernel is the input times the signal.
    np.testing.assert_allclose(X.T @ signals[0], grads["a"], rtol=1e-4, atol=1e-5)


def names_of(task):
    params, state = first_model(task, root_key(0))
    shapes = batch_shapes(task)
    batch = jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), shapes)
    seen = look(task, params, state, batch, root_key(1))
    assert all(np.isfinite(layer.signal).all() for layer in seen.layers)
    return [layer.tap.label for layer in seen.layers], [layer.tap.stack for layer in seen.layers]


def test_layers_of_linen_are_named():
    linen = pytest.importorskip("flax.linen")

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            h = linen.relu(linen.Dense(4)(x))
            return linen.Dense(1)(h)

    task = jgd.tasks.from_linen(Net(), lambda model, batch: jnp.mean((model(batch[0]) - batch[1]) ** 2), (X, Y))
    labels, stack = names_of(task)
    assert labels == ["Dense_0", "Dense_0 relu", "Dense_1"]
    assert "Dense_0" in stack[0]


def test_layers_of_nnx_are_named():
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first, self.last = nnx.Linear(8, 4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)

        def __call__(self, x):
            return self.last(nnx.tanh(self.first(x)))

    task = jgd.tasks.from_nnx(Net, lambda model, batch: jnp.mean((model(batch[0]) - batch[1]) ** 2), (X, Y))
    assert names_of(task)[0] == ["first", "first tanh", "last"]


def test_layers_of_equinox_are_named():
    eqx = pytest.importorskip("equinox")
    make = lambda key: eqx.nn.MLP(8, 1, 4, 1, key=key)  # noqa: E731
    task = jgd.tasks.from_equinox(
        make, lambda model, batch: jnp.mean((jax.vmap(model)(batch[0]) - batch[1]) ** 2), (X, Y)
    )
    assert names_of(task)[0] == ["layers/0", "layers/0 relu", "layers/1"]


def test_a_variance_kept_from_falling_below_zero_is_no_relu():
    def loss(params, x):
        h = x @ params["w"]
        variance = jnp.maximum(0.0, jnp.mean(h**2, 1) - jnp.mean(h, 1) ** 2)  # as flax's LayerNorm has it
        return jnp.mean(jax.nn.relu(h * jax.lax.rsqrt(variance[:, None] + 1e-6)))

    taps = tap_loss(loss, {"w": jnp.ones((8, 8))}, X).taps
    assert [tap.label for tap in taps] == ["w", "w relu"]


def test_a_head_that_begins_at_zero_is_not_dead():
    params, x = {"hidden": jnp.eye(4), "head": jnp.zeros((4, 2))}, jnp.ones((8, 4))
    task = jgd.Task(lambda key: params, lambda p, x: jnp.sum((jnp.tanh(x @ p["hidden"]) @ p["head"] - 1.0) ** 2), x)
    *_, head = look(task, params, None, x, root_key(0)).layers
    assert float(head.zero) == 1
    assert float(head.dead) == 0  # its gradient is not zero, and it moves in the first step


def test_a_unit_with_a_bias_far_below_zero_is_dead():
    task = jgd.tasks.breast_cancer(hidden=8)
    params = first_model(task, root_key(0))[0]
    params["hidden0"]["bias"] = params["hidden0"]["bias"].at[3].set(-1e3)
    seen = look(task, params, None, dataclasses.replace(task).data, root_key(0))
    (relu,) = (layer for layer in seen.layers if layer.tap.operation == "relu")
    assert float(relu.dead) == pytest.approx(1 / 8)
    assert not np.any(np.asarray(seen.grads["hidden0"]["kernel"])[:, 3])
