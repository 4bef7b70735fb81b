"""Noise, sharpness and critical steps against closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.health.leaves import effective_rank
from jgd.health.noise import gradient_noise, noise_of
from jgd.health.sharpness import critical_step, edge_of, largest_eigenvalue, sharpness
from jgd.train.loop import root_key

CURVATURES = jnp.concatenate([jnp.linspace(5.0, 20.0, 10), jnp.linspace(0.0, 1.0, 90)])


def quadratic(x):
    return 0.5 * jnp.sum(CURVATURES * x**2)


def test_the_noise_scale_of_gaussian_gradients():
    """g_i = G + xi with tr(Sigma) = 105 and |G|^2 = 9: B = 11.67; the interval holds it about nine times in ten."""
    draw, held, signals, variances = np.random.default_rng(0), 0, [], []
    mean = np.full(100, 0.3)
    deviations = np.sqrt(np.linspace(0.1, 2.0, 100))
    for _ in range(200):
        g = mean + deviations * draw.normal(size=(32, 8, 100))
        g = g.mean(axis=1)
        found = noise_of(g @ g.T, 8, 256)
        held += found.low <= 105 / 9 <= found.high
        signals.append(found.signal)
        variances.append(found.variance)
    for values, truth in ((signals, 9.0), (variances, 105.0)):  # unbiased within four standard errors
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / 200**0.5
    assert 0.8 <= held / 200 <= 0.98  # 0.9 less or more four standard errors of a share


def test_the_noise_of_a_mean_of_points_is_theirs():
    """L = mean |theta - x_i|^2 / 2: the gradients are theta - x_i."""
    x = np.random.default_rng(0).normal(size=(64, 3)) * [1.0, 2.0, 0.5]
    task = jgd.Task(
        lambda key: jnp.ones(3), lambda p, b: jnp.mean(jnp.sum((p[None] - b) ** 2, -1)) / 2, x.astype(np.float32)
    )
    found = gradient_noise(task, jnp.ones(3), None, task.data, root_key(0), size=2)
    g = (1 - x).reshape(32, 2, 3).mean(axis=1)
    variance = 2 * np.sum(np.var(g, axis=0, ddof=1))
    signal = np.sum(g.mean(axis=0) ** 2) - variance / 64
    assert found.scale == pytest.approx(variance / signal, rel=1e-4)  # f32
    assert found.suggested == 2 ** round(np.log2(variance / signal))


def test_too_few_examples_for_an_interval_are_told():
    task = jgd.Task(lambda key: jnp.ones(3), lambda p, b: jnp.mean((p[None] - b) ** 2), np.ones((8, 3)))
    with pytest.raises(InputError, match="8 examples are 2 parts of it, expected at least 4 for an interval"):
        gradient_noise(task, jnp.ones(3), None, task.data, root_key(0), size=4)


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
    np.testing.assert_allclose(edge.scale, [1.0, 2.0, 4.0], rtol=1e-5)
    assert edge_of(jgd.lion(0.1), jgd.lion(0.1).init(jnp.ones(3)), jnp.ones(3)) is None


def test_effective_rank():
    assert effective_rank([1.0, 1.0, 1.0, 0.0]) == pytest.approx(3.0)
    assert effective_rank([5.0]) == pytest.approx(1.0)
    assert np.isnan(effective_rank([0.0]))
