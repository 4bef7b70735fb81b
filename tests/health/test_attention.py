"""Logits: those of attention found in any library and in no loss, closed forms of them, and their findings."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.health.attention_findings import attention_findings
from jgd.health.finding import Thresholds
from jgd.health.layers import look
from jgd.health.table import layer_rows
from jgd.health.taps import tap_loss
from jgd.health.trials import first_examples
from jgd.health.verdict import verdict
from jgd.train.loop import first_model, loss_and_metrics, root_key

X = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
SQUARE = {name: np.eye(8, dtype=np.float32) for name in ("query", "key", "value")}
CAUSAL = np.tril(np.ones((4, 4), bool))


def attend(params, x, softmax=jax.nn.softmax, mask: Any = CAUSAL):
    """Attention of one head, whose masked logits are the least number."""
    query, key, value = (x @ params[name] for name in ("query", "key", "value"))
    logits = query @ jnp.swapaxes(key, -1, -2) / x.shape[-1] ** 0.5
    return softmax(jnp.where(mask, logits, jnp.finfo(x.dtype).min)) @ value


def attention_of(loss, params, *rest):
    """Return the labels of the logits that are found in a loss, which is traced alone."""
    return [tap.label for tap in tap_loss(loss, params, *rest).taps if tap.is_attention]


def heads(params, x):
    split = [(x @ params[name]).reshape(2, 4, 2, 4) for name in ("query", "key", "value")]
    return jax.nn.dot_product_attention(*split, is_causal=True)


@jax.custom_jvp
def custom(logits):
    shifted = jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True))
    return shifted / jnp.sum(shifted, axis=-1, keepdims=True)


custom.defjvp(lambda given, tangents: jax.jvp(jax.nn.softmax, given, tangents))


def biased(params, x):
    bias = jnp.where(CAUSAL, 0.0, -1e9)[None]
    return attend(params, x, lambda logits: jax.nn.softmax(30 * jnp.tanh(logits.astype(jnp.float32) / 30) + bias))


@pytest.mark.parametrize(
    "model",
    [
        attend, heads, jax.checkpoint(heads), jax.jit(heads), biased,
        functools.partial(attend, softmax=custom),
        functools.partial(attend, softmax=functools.partial(jax.nn.softmax, where=CAUSAL)),
        lambda params, x: jax.vmap(functools.partial(attend, params))(x),
    ],
    ids=["plain", "heads", "checkpoint", "jit", "bias and cap", "custom_jvp", "where", "vmap"],
)  # fmt: skip
def test_attention_is_found(model):
    assert attention_of(lambda params, x: jnp.mean(model(params["layer"], x) ** 2), {"layer": SQUARE}, X) == [
        "layer attention"
    ]


def test_attention_of_libraries_is_found():
    linen, nnx, eqx = (pytest.importorskip(name) for name in ("flax.linen", "flax.nnx", "equinox"))

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.MultiHeadDotProductAttention(2)(x, mask=CAUSAL)

    class Net2(nnx.Module):
        def __init__(self, rngs):
            self.mix = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)

        def __call__(self, x):
            return self.mix(x)

    def loss(model, batch):
        return jnp.mean(model(batch) ** 2)

    make = lambda key: eqx.nn.MultiheadAttention(2, 8, key=key)  # noqa: E731
    tasks = {
        "MultiHeadDotProductAttention_0 attention": jgd.tasks.from_linen(Net(), loss, X),
        "mix attention": jgd.tasks.from_nnx(Net2, loss, X),
        "attention": jgd.tasks.from_equinox(
            make, lambda model, batch: loss(jax.vmap(lambda x: model(x, x, x)), batch), X
        ),
    }
    for label, task in tasks.items():
        params, state = first_model(task, root_key(0))

        def evaluated(params, batch, task=task, state=state):
            return loss_and_metrics(task, params, state, batch, root_key(1))[0]

        assert attention_of(evaluated, params, X) == [label]


LABELS = np.array([0, 1])


@pytest.mark.parametrize(
    "loss",
    [
        lambda p, x: jnp.mean(optax.softmax_cross_entropy_with_integer_labels(x[:, 0] @ p["key"], LABELS)),
        lambda p, x: -jnp.mean(jnp.log(jax.nn.softmax(x @ p["key"]))[..., 0]),
        lambda p, x: -jnp.mean(jax.nn.log_softmax(jnp.tanh(x @ p["key"]) @ p["key"].T)[..., 0]),
        lambda p, x: jnp.mean(jnp.einsum("btd,btd->b", jax.nn.softmax(x @ p["query"]), x @ p["value"])),
        lambda p, x: -jnp.mean(jax.nn.log_softmax(100 * (x[:, 0] @ p["key"]) @ (x[:, 1] @ p["value"]).T)),
        lambda p, x: jnp.exp(0.0 - jnp.max(x @ p["key"])),
        lambda p, x: jnp.mean(jnp.max((x @ p["query"]) @ jnp.swapaxes(x @ p["key"], 1, 2), axis=-1)),
    ],
    ids=["logits", "softmax", "tied embedding", "router", "contrastive", "a number", "largest similarity"],
)
def test_what_is_no_attention_is_not_found(loss):
    assert attention_of(loss, SQUARE, X) == []


def test_the_largest_logit_is_that_of_the_closed_form_whatever_masks():
    """Unit vectors e_i with queries 6 e_i and keys -5 e_i have logits -30/sqrt(d) and zeros."""
    x, masks = np.eye(4, dtype=np.float32)[None], (-np.inf, -1e9, -1e4)
    params = {"query": 6 * np.eye(4), "key": -5 * np.eye(4), "value": np.eye(4)}

    def loss(params, x):
        fill = lambda mask: functools.partial(attend, softmax=lambda z: jax.nn.softmax(jnp.where(CAUSAL, z, mask)))  # noqa: E731
        return sum(jnp.mean(fill(mask)(params, x, mask=True) ** 2) for mask in masks)

    seen = look(jgd.Task(lambda key: params, loss, x), params, None, x, root_key(0))
    assert [layer.tap.label for layer in seen.attention()] == ["attention", "attention #2", "attention #3"]
    for layer in seen.attention():
        assert float(layer.largest) == 15.0  # all of it are whole numbers
        assert float(layer.zero) == pytest.approx(6 / 10)  # of the ten pairs that are not masked
        assert float(layer.dead) == 0
        assert float(layer.nonfinite) == 0


def test_the_z_loss_of_output_logits_is_that_of_the_closed_form():
    """Equal logits b of n classes have log Z = b + log(n)."""
    params, x = {"head": {"kernel": jnp.zeros((8, 5)), "bias": jnp.full(5, 3.0)}}, X[0]

    def loss(params, x):
        logits = x @ params["head"]["kernel"] + params["head"]["bias"][None]
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, jnp.zeros(4, int)))

    seen = look(jgd.Task(lambda key: params, loss, x), params, None, x, root_key(0))
    assert [layer.tap.label for layer in seen.layers] == ["head"]
    (logits,) = seen.logits
    assert logits.tap.label == "head logits"
    assert float(logits.z_loss) == pytest.approx((3 + np.log(5)) ** 2, rel=1e-5)  # rounding of f32


@pytest.fixture(scope="module")
def scanned():
    """Give a model of three layers in a scan, and its parameters, of which the second layer's keys can be enlarged."""

    def loss(params, x):
        return jnp.mean(jax.lax.scan(lambda h, p: (h + attend(p, h), None), x, params)[0] ** 2)

    draw = np.random.default_rng(1)
    params = {name: draw.normal(size=(3, 8, 8)).astype(np.float32) / 8**0.5 for name in SQUARE}
    return jgd.Task(lambda key: params, loss, X), params


@pytest.mark.parametrize(("times", "severity"), [(1.0, 0), (100.0, 1), (1e5, 3)])
def test_keys_that_are_too_large_are_found_in_their_layer(scanned, times, severity):
    task, params = scanned
    factors = np.array([1.0, times, 1.0], np.float32)[:, None, None]
    looked = look(task, {**params, "key": params["key"] * factors}, None, X, root_key(0))
    (layer,) = looked.attention()
    assert layer.largest.shape == (3,)
    found = list(attention_findings(looked, Thresholds()))
    assert [x.severity for x in found] == [severity] * bool(severity)
    if severity:
        assert int(np.argmax(layer.largest)) == 1
        assert "in pass 1 of its scan" in str(found[0])
        assert "QK-norm" in found[0].remedy
    assert not list(attention_findings(looked, Thresholds(attention=np.inf)))


@pytest.mark.slow
def test_a_good_transformer_raises_no_alarm_and_one_with_large_queries_is_named_first():
    """The text task's check-up compiles and trains a transformer; the fault is looked at by the same program."""
    task, thresholds = jgd.tasks.text(), Thresholds()
    params, key = first_model(task, root_key(0))[0], root_key(1)
    good = jgd.health.check(task, jgd.adam(3e-3), params)
    assert [str(x) for x in good.findings] == []
    assert {"largest logit of attention", "z-loss"} < set(good.facts)
    params["block0"]["query"] *= 100
    looked = look(task, params, None, first_examples(task, 1024), key)
    sick = good.measured._replace(looked=looked)
    assert str(verdict(sick, thresholds)[0]).startswith("block0 attention: largest |q.k|/sqrt(d) is ")
    assert {row.name: row.note for row in layer_rows(looked.layers, sick.leaves, thresholds)}[
        "block0 attention"
    ] == "large logits"
    before, after = (float(x.attention()[0].largest) for x in (good.measured.looked, looked))
    assert after == pytest.approx(100 * before, rel=1e-5)  # rounding of f32
