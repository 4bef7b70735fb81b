"""Sharpness and critical steps against closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.health.check import measure_curvature
from jgd.health.leaves import effective_rank
from jgd.health.sharpness import critical_step, edge_of, largest_eigenvalue, sharpness
from jgd.train.loop import Carry

CURVATURES = jnp.concatenate([jnp.linspace(5.0, 20.0, 10), jnp.linspace(0.0, 1.0, 90)])


def quadratic(x):
    return 0.5 * jnp.sum(CURVATURES * x**2)


def test_ten_rounds_of_lanczos_find_the_largest_eigenvalue():
    found, bound = largest_eigenvalue(lambda v: CURVATURES * v, jax.random.normal(jax.random.key(0), (100,)))
    assert float(found) == pytest.approx(20.0, rel=1e-2)  # ten outliers over a bulk, the hardest of the reference
    assert abs(float(found) - 20.0) <= float(bound) + 1e-4
    few, _ = largest_eigenvalue(lambda v: jnp.array([3.0, -7.0]) * v, jnp.ones(2))
    assert float(few) == pytest.approx(3.0, rel=1e-5)  # the signed one, where power iteration finds -7


def test_the_sharpness_of_a_quadratic_is_its_largest_curvature_also_preconditioned():
    x = {"a": jnp.ones(60), "b": jnp.ones(40)}
    loss = lambda p: quadratic(jnp.concatenate([p["a"], p["b"]]))  # noqa: E731
    assert float(sharpness(loss, x)) == pytest.approx(20.0, rel=1e-2)
    scale = {"a": 4 * jnp.ones(60), "b": 4 * jnp.ones(40)}
    assert float(sharpness(loss, x, scale)) == pytest.approx(5.0, rel=1e-2)


def test_a_loss_without_a_second_derivative_has_a_critical_step_alone():
    """As of a custom_vjp whose forward rule calls it, for that is not differentiated forward."""
    square = jax.custom_vjp(lambda x: x**2)
    square.defvjp(lambda x: (square(x), x), lambda x, g: (2 * x * g,))
    task = jgd.Task(jnp.ones, lambda p, batch: jnp.sum(square(p) ** 2) + 0 * jnp.sum(batch), jnp.ones(4))
    carry, update = Carry(jnp.ones(3), (), None, jax.random.key(0)), -0.1 * jnp.ones(3)
    sharp, why, critical = measure_curvature(task, carry, task.data, task.data, update, None, carry.key)
    assert np.isnan(sharp)
    assert why.startswith("the loss's second derivative raises TypeError: can't apply forward-mode")
    assert critical == pytest.approx(20.0, rel=0.03)  # to the other wall; of five halvings, as above


@pytest.mark.parametrize("rate", [1e-3, 0.05, 3.0])
def test_the_critical_step_along_the_gradient(rate):
    """On a quadratic it is 2 g'g / g'Hg over the rate."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=100), jnp.float32)
    g = jax.grad(quadratic)(x)
    found = critical_step(quadratic, x, -rate * g)
    expected = 2 * jnp.sum(g**2) / jnp.sum(CURVATURES * g**2) / rate
    assert float(found) == pytest.approx(float(expected), rel=0.03)  # five halvings of a factor of two: 1/64 at most
    assert float(critical_step(quadratic, x, g)) == 0.0


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [
        (jgd.sgd(0.1), 2.0),
        (jgd.sgd(0.1, momentum=0.9), 3.8),
        (jgd.sgd(0.1, momentum=0.9, nesterov=True), 3.8 / 2.8),
    ],
    ids=["gd", "heavy ball", "nesterov"],
)
def test_optimizers_diverge_beyond_their_edge(optimizer, limit):
    edge = edge_of(optimizer, optimizer.init(jnp.ones(())), jnp.ones(()))
    assert edge is not None
    assert (edge.rate, edge.limit) == pytest.approx((0.1, limit))

    @functools.partial(jax.jit, static_argnums=0)
    def end(share):
        curvature = share * limit / 0.1

        def step(carry, _):
            x, state = carry
            updates, state = optimizer.update(curvature * x, state, x)
            return (x + updates, state), None

        return jax.lax.scan(step, (jnp.ones(()), optimizer.init(jnp.ones(()))), None, length=2000)[0][0]

    assert abs(float(end(0.98))) < 1
    assert not abs(float(end(1.02))) < 10  # NaN, where it has overflowed


def test_adam_s_edge_needs_its_second_moment():
    optimizer = jgd.adam(0.1)
    state = optimizer.init(jnp.ones(3))
    assert edge_of(optimizer, state, jnp.ones(3)) is None
    _, state = optimizer.update(jnp.array([1.0, 2.0, 4.0]), state, jnp.ones(3))
    edge = edge_of(optimizer, state, jnp.ones(3))
    assert edge is not None
    assert edge.limit == pytest.approx(38.0)
    np.testing.assert_allclose(np.asarray(edge.scale), [1.0, 2.0, 4.0], rtol=1e-5)
    assert edge_of(jgd.lion(0.1), jgd.lion(0.1).init(jnp.ones(3)), jnp.ones(3)) is None


def test_effective_rank():
    assert effective_rank([1.0, 1.0, 1.0, 0.0]) == pytest.approx(3.0)
    assert effective_rank([5.0]) == pytest.approx(1.0)
    assert np.isnan(effective_rank([0.0]))
