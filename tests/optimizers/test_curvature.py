"""Gauss-Newton and Fisher matrices against dense ones, and the optimizers that use them, in loops and in `fit`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from sklearn.datasets import load_digits

import jgd

M, N, K = 20, 3, 4
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(M, N)), RNG.integers(0, K, M)
START = {"w": RNG.normal(size=(N, K)), "v": RNG.normal(size=(K, K)), "b": np.zeros(K)}


def outputs(params):
    """Logits of a network with a hidden layer, so that Gauss-Newton is not the Hessian."""
    return jnp.tanh(X @ params["w"]) @ params["v"] + params["b"][None]


def cross_entropy(z):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), Y[:, None], -1))


def squares(z):
    return jnp.sum((z - X[:, :1]) ** 2) / (2 * M)


@pytest.fixture
def dense(x64):
    """Return the start, its Jacobian f[M, K, n], and the map from a flat vector to a tree."""
    flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, START))
    return jax.tree.map(jnp.asarray, START), np.asarray(jax.jacobian(lambda v: outputs(unravel(v)))(flat)), unravel


def gauss_newton(jacobian, loss, params):
    j = jacobian.reshape(M * K, -1)
    hessian = jax.hessian(lambda z: loss(z.reshape(M, K)))(outputs(params).reshape(-1))
    return j.T @ hessian @ j


def step_of(opt, params, loss):
    grads = jax.grad(lambda p: loss(outputs(p)))(params)
    given = {"outputs_fn": outputs, "loss_fn": loss}
    updates, state = jax.jit(lambda s: opt.update(grads, s, params, **given))(opt.init(params))
    return ravel_pytree(updates)[0], state, ravel_pytree(grads)[0]


SOLVED = {"cg_tolerance": 0.0, "cg_steps": 80}  # 32 unknowns


@pytest.mark.parametrize("make", [jgd.hessian_free, jgd.natural_gradient])
@pytest.mark.parametrize(("loss", "fisher"), [(cross_entropy, "categorical"), (squares, "normal")])
def test_a_step_solves_the_damped_gauss_newton_system(make, loss, fisher, dense):
    # The Fisher matrix of these families is Gauss-Newton's of their losses.
    params, jacobian, _ = dense
    options = SOLVED | ({"fisher": fisher} if make is jgd.natural_gradient else {})
    found, _, g = step_of(make(1.0, damping=0.1, **options), params, loss)
    exact = -np.linalg.solve(gauss_newton(jacobian, loss, params) + 0.1 * np.eye(g.size), g)
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-11)  # a condition below 100, and float64


def test_the_empirical_fisher_matrix_is_of_the_examples_gradients(dense):
    params, jacobian, _ = dense
    slope = np.asarray(jax.grad(cross_entropy)(outputs(params))) * M
    each = np.einsum("ik,ikn->in", slope, jacobian)
    found, _, g = step_of(jgd.natural_gradient(1.0, "empirical", 0.1, **SOLVED), params, cross_entropy)
    np.testing.assert_allclose(found, -np.linalg.solve(each.T @ each / M + 0.1 * np.eye(g.size), g), rtol=1e-9)


def test_bernoulli_has_its_closed_form(dense):
    params, jacobian, _ = dense
    p = np.asarray(jax.nn.sigmoid(outputs(params))).reshape(-1)
    j = jacobian.reshape(M * K, -1)
    found, _, g = step_of(jgd.natural_gradient(1.0, "bernoulli", 0.1, **SOLVED), params, squares)
    exact = j.T @ ((p * (1 - p))[:, None] * j) / M
    np.testing.assert_allclose(found, -np.linalg.solve(exact + 0.1 * np.eye(g.size), g), rtol=1e-9)


@pytest.mark.parametrize("family", ["categorical", "bernoulli", "normal"])
def test_bartlett_s_estimate_has_the_fisher_matrix_s_diagonal_for_its_mean(family, dense):
    params, jacobian, _ = dense
    z = outputs(params)
    curvature = {
        "categorical": lambda: jax.vmap(lambda p: jnp.diag(p) - jnp.outer(p, p))(jax.nn.softmax(z)),
        "bernoulli": lambda: jax.vmap(jnp.diag)(jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)),
        "normal": lambda: jnp.broadcast_to(jnp.eye(K), (M, K, K)),
    }[family]()
    exact = np.einsum("ikn,ikl,iln->n", jacobian, curvature, jacobian) / M
    opt = jgd.gauss_newton_bartlett_estimator(family)

    def draw(state, _):
        return opt.update(params, state, params, outputs_fn=outputs)[::-1]

    draws = jax.jit(lambda s: jax.lax.scan(draw, s, length=3000)[1])(opt.init(params))
    mean = ravel_pytree(jax.tree.map(lambda x: x.mean(0), draws))[0]
    # A square of a sum of 20 terms varies by 1.4 of its mean: 0.026 of it over a root of 3000, in 32 entries.
    np.testing.assert_allclose(mean, exact, rtol=0.12)


def test_the_damping_follows_how_well_the_loss_was_foretold(dense):
    params, _, _ = dense
    _, state, _ = step_of(jgd.hessian_free(1.0, 10.0), params, squares)
    np.testing.assert_allclose(state.damping, 10 * 2 / 3)  # a short step is foretold well
    kinked = lambda z: jnp.sum(jnp.sqrt(1e-6 + (z - 3.0) ** 2))  # noqa: E731  whose curvature is found nowhere
    _, state, _ = step_of(jgd.hessian_free(1.0, 1e-6), params, kinked)
    np.testing.assert_allclose(state.damping, 1.5e-6)


def test_a_step_that_does_not_lower_the_loss_is_not_taken(dense):
    params, _, _ = dense

    def wall(z):
        return jnp.where(jnp.all(jnp.abs(z - outputs(params)) < 1e-9), jnp.sum(z), jnp.inf)

    found, state, _ = step_of(jgd.hessian_free(), params, wall)
    np.testing.assert_array_equal(found, 0)
    np.testing.assert_allclose(state.damping, 1.5)


def digits():
    images, labels = load_digits(return_X_y=True)
    images = images[:256].astype(np.float32) / 16
    classes = labels[:256]

    def init(key):
        one, two = jax.random.split(key)
        return {"w": jax.random.normal(one, (64, 16)) / 8, "v": jax.random.normal(two, (16, 10)) / 4}

    def logits(params, batch):
        return jnp.tanh(batch[0] @ params["w"]) @ params["v"]

    def loss(z, batch):
        rows = jnp.take_along_axis(jax.nn.log_softmax(z), batch[1][:, None], -1)
        return -jnp.mean(rows), {"accuracy": jnp.mean(jnp.argmax(z, -1) == batch[1])}

    return jgd.Task(init, jgd.loss_of_outputs(logits, loss), (images, classes))


def test_digits_in_fit_faster_a_step_than_by_gradient_descent():
    task, losses = digits(), {}
    for name, opt in {
        "hessian_free": jgd.hessian_free(cg_steps=10),
        "natural_gradient": jgd.natural_gradient(0.5, damping=1e-2, cg_steps=10),
        "sophia": jgd.sophia(3e-3, gamma=0.05, hessian_diagonal_fn=jgd.gauss_newton_bartlett_estimator()),
        **{f"sgd {rate}": jgd.sgd(rate) for rate in (0.3, 1.0, 3.0)},
    }.items():
        metrics = jgd.fit(task, opt, steps=15).metrics
        losses[name] = metrics["loss"][-1]
        assert len(metrics["accuracy"]) == 15
        assert name.startswith("sgd") or losses[name] < metrics["loss"][0]
    best = min(loss for name, loss in losses.items() if name.startswith("sgd"))
    assert losses["hessian_free"] < best / 2
    assert losses["natural_gradient"] < best / 2


PARAMS = {"w": jnp.ones((2, 3))}
PARTS = {"outputs_fn": lambda p: p["w"], "loss_fn": jnp.sum}


def updated(opt, params=PARAMS, **parts):
    return opt.update(params, opt.init(params), params, **parts)


def plain(params, batch):
    return jnp.mean((batch @ params) ** 2)


REFUSED = {
    "no outputs": (
        lambda: updated(jgd.natural_gradient(0.1)),
        "outputs_fn is missing, .*write the task's loss as jgd.loss_of_outputs",
    ),
    "no loss": (lambda: updated(jgd.hessian_free(), outputs_fn=PARTS["outputs_fn"]), "loss_fn is missing"),
    "in fit": (
        lambda: jgd.fit(jgd.Task(lambda key: jnp.ones(2), plain, np.ones((4, 2))), jgd.hessian_free(), steps=2),
        "outputs_fn is missing, .*write the task's loss as jgd.loss_of_outputs",
    ),
    "in minimize": (
        lambda: jgd.minimize(lambda p: jnp.sum(p**2), jgd.hessian_free(), jnp.ones(2)),
        "outputs_fn is missing",
    ),
    "rows": (lambda: updated(jgd.hessian_free(), **PARTS | {"outputs_fn": lambda p: p["w"].sum()}), "one first axis"),
    "a mask": (
        lambda: updated(jgd.masked(jgd.natural_gradient(0.1), {"w": True, "v": False}), {**PARAMS, "v": 1.0}, **PARTS),
        "put no mask around it",
    ),
    "complex": (
        lambda: updated(jgd.hessian_free(), {"w": jnp.ones((2, 3)) + 0j}, **PARTS),
        "is complex64, expected real numbers",
    ),
    "a state": (
        lambda: jgd.loss_of_outputs(lambda params, state, batch: batch, plain)(1.0, 2.0),
        "a model with a state cannot be taken apart",
    ),
}


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_one_sentence(call, words):
    with pytest.raises(jgd.InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)
