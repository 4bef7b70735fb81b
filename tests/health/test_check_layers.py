"""The look at layers: closed forms of chains, passes of scans in their order, and what is printed and refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.finding import BROKEN, WATCH

X = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)


def orthogonal(scale, depth, key):
    draw = jax.nn.initializers.orthogonal()
    return scale * jax.vmap(lambda key: draw(key, (8, 8)))(jax.random.split(key, depth))


def chain_of(scale, depth=12):
    """Return a linear chain of orthogonal weights times `scale`, whose loss is half the mean of the squared outputs."""

    def loss(params, batch):
        h, _ = jax.lax.scan(lambda h, w: (h @ w, None), batch, params["layers"])
        return jnp.mean(h**2) / 2

    return jgd.Task(lambda key: {"layers": orthogonal(scale, depth, key)}, loss, X)


@pytest.mark.parametrize(("scale", "verb", "rest"), [(0.5, "falls", "vanishes"), (2.0, "grows", "explodes")])
def test_a_linear_chain_has_the_slope_of_its_scale(scale, verb, rest):
    found = jgd.health.check_layers(chain_of(scale))
    assert found.slope == pytest.approx(-math.log(scale), abs=1e-4)  # exact but for f32
    assert f"the signal {verb} by a factor of 2 a layer (slope {-math.log(scale):+.2f}): it {rest}." in str(found)
    (finding,) = found.findings
    assert f"over 12 layers the signal that comes back {rest} by a factor of 2,000" in str(finding)
    assert [row.name for row in found.rows] == [f"layers[{i}]" for i in range(12)]
    # An orthogonal matrix keeps the norm of each example, and of each signal.
    sizes = np.sqrt(np.mean(X**2)) * scale ** np.arange(1, 13)
    table = found.dataframe()
    np.testing.assert_allclose(table["rms"], sizes, rtol=1e-4)
    np.testing.assert_allclose(table["signal"], sizes[-1] / X.size * scale ** np.arange(11.0, -1, -1), rtol=1e-4)
    assert "<td" in found._repr_html_()
    assert str(finding) in str(found)


@pytest.mark.parametrize(
    ("scale", "depth", "severity"), [(0.85, 45, WATCH), (1.2, 45, WATCH), (0.85, 12, None), (0.95, 100, None)]
)
def test_a_lesser_slope_is_to_be_watched_from_a_tenth_and_a_factor_of_100_on(scale, depth, severity):
    found = jgd.health.check_layers(chain_of(scale, depth))
    assert [finding.severity for finding in found.findings] == ([] if severity is None else [severity])
    assert ("within 0.1 of 0" in str(found)) == (severity is not None)
    assert ("it neither" in str(found)) == (severity is None)


def test_many_passes_are_one_row_and_a_level_chain_is_healthy():
    found = jgd.health.check_layers(chain_of(1.0, depth=45))
    assert found.findings == ()
    assert "healthy" in str(found)
    assert "it neither vanishes nor explodes." in str(found)
    assert [row.name for row in found.rows] == ["layers[*]"]
    assert len(found.dataframe()) == 45


def test_passes_of_a_scan_are_read_in_the_order_of_computation():
    """The slope of two products a pass is that of one long chain, also where nothing comes back to a layer before."""

    def init(key):
        return {"in": jnp.eye(8), "a": orthogonal(0.5, 4, key), "b": orthogonal(0.5, 4, key)}

    def loss(params, batch):
        h = jax.lax.stop_gradient(batch @ params["in"])
        h, _ = jax.lax.scan(lambda h, w: (h @ w[0] @ w[1], None), h, (params["a"], params["b"]))
        return jnp.mean(h**2)

    found = jgd.health.check_layers(jgd.Task(init, loss, X))
    assert [row.name for row in found.rows] == ["in", *(f"{name}[{i}]" for i in range(4) for name in "ab")]
    assert found.slope == pytest.approx(math.log(2), abs=1e-4)  # exact but for f32
    assert [row.note for row in found.rows] == ["no signal", *[""] * 8]


def test_a_run_has_its_own_parameters_and_state():
    def loss(params, state, batch):
        return jnp.mean((jnp.tanh(batch * state) @ params - 1.0) ** 2), (state + 1.0, None)

    task = jgd.Task(lambda key: (jnp.ones((8, 1)), jnp.ones(())), loss, X)
    run = jgd.fit(task, jgd.sgd(0.0), steps=2)
    means = [
        jgd.health.check_layers(task, *given).layers[0].mean
        for given in ((), (run,), (run.params, run.model_state), (run.params, jnp.asarray(1.0)))
    ]
    assert means[0] == means[3] != means[1] == means[2]


def test_a_gradient_that_is_not_finite_is_told_with_its_leaf():
    """The derivative of a norm at zero, whose value is finite."""
    task = jgd.Task(lambda key: {"w": jnp.zeros((8, 2))}, lambda p, b: jnp.linalg.norm(b @ p["w"]), X)
    finding, *_ = jgd.health.check_layers(task).findings
    assert str(finding).startswith("w: gradient is not finite, expected finite numbers; the loss is finite, but ")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((jnp.ones((3, 8, 8)),), "check_layers(params=): it is PyTreeDef(*), but the task's init makes "),
        (({"layers": jnp.ones((3, 8, 8))},), "check_layers(params=): the leaf at ['layers'] has shape (3, 8, 8), but "),
        ((None, jnp.ones(2)), "check_layers(model_state=): it is PyTreeDef(*), but the task's init makes "),
    ],
)
def test_what_belongs_to_another_task_is_refused(given, words):
    with pytest.raises(InputError) as error:
        jgd.health.check_layers(chain_of(1.0), *given)
    assert str(error.value).startswith(words)
    assert str(error.value).endswith("; pass what belongs to this task.")


def test_a_loss_without_layers_is_refused():
    task = jgd.Task(lambda key: jnp.ones(2), lambda p, b: jnp.sum(p**2) + jnp.mean(b), X)
    with pytest.raises(InputError, match=r"the loss has no layers to look at: .* with jgd\.minimize"):
        jgd.health.check_layers(task)


@pytest.mark.parametrize(
    ("gain", "scanned", "severity"), [(0.5, True, WATCH), (1.0, True, None), (2.0, True, BROKEN), (0.5, False, WATCH)]
)
def test_passes_of_one_layer_that_begin_with_zeros_are_layers_to_be_watched(gain, scanned, severity):
    """A recurrent layer whose signal vanishes still learns from the last times; one whose signal explodes is broken."""

    length = 8

    def init(key):
        return {"in": jnp.eye(8), "rec": orthogonal(gain, 1, key)[0], "out": jnp.eye(8)}

    def loss(params, batch):
        h = jnp.zeros_like(batch)
        if scanned:
            h, _ = jax.lax.scan(lambda h, _: (h @ params["rec"] + batch @ params["in"], None), h, length=length)
        else:
            for _ in range(length):
                h = (h + 0 * batch) @ params["rec"] + batch @ params["in"]
        return jnp.mean((h @ params["out"]) ** 2)

    found = jgd.health.check_layers(jgd.Task(init, loss, X))
    assert len(found.layers) == 2 * length + 1  # the products with `in` and `rec` of each time, and that with `out`
    assert [finding.severity for finding in found.findings] == ([] if severity is None else [severity])
    assert ("gates, as in an LSTM" in str(found)) == (severity == WATCH)


def apart(outputs, labels):
    return jax.jit(jnp.subtract)(outputs, labels)


@pytest.mark.parametrize(
    ("compared", "crossed"),
    [
        (lambda w, x: apart(x @ w, x[:, 0]), 32),
        (lambda w, x: apart(x @ w, x[:, :1]), 0),
        (lambda w, x: apart(x.reshape(-1, 4) @ w[:4], x.reshape(-1, 4)[:, 0]), 64),  # of two tokens an example
        (lambda w, x: apart(x @ w - (x @ w)[:, 0], x[:, :1] - x[:, 0]), 0),  # all pairs, as in losses of rankings
        (lambda w, x: apart(jnp.tile(w, (4, 1)), x @ jnp.ones(8)), 0),  # centres
    ],
    ids=["labels", "columns", "tokens", "pairs", "centres"],
)
def test_outputs_that_meet_the_labels_of_all_examples(compared, crossed):
    def loss(w, x):
        return jnp.mean(compared(w, x) ** 2) + jnp.mean((x @ w) ** 2)

    task = jgd.Task(lambda key: jnp.ones((8, 1)) / 8, loss, X)
    with jax.numpy_rank_promotion("allow"):  # as users have it
        found = jgd.health.check_layers(task)
    assert found.looked.crossed == crossed
    said = [str(x).startswith("the loss: numbers in which outputs meet the data is ") for x in found.findings]
    assert said == [True] * (crossed > 0)
