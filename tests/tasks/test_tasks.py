"""The built-in tasks: real data, split and scaled the same each time, and learnable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import optional
from jgd.tasks import BUILTIN, breast_cancer, diabetes, digits, mnist5k, text
from jgd.tasks.draws import normal_draws
from jgd.tasks.tables import split
from jgd.tasks.text import VOCABULARY, encode
from jgd.tasks.transformer import InitTransformer, apply_transformer
from jgd.train import check_task


@pytest.mark.parametrize(
    ("make", "rows", "held", "inputs", "parameters"),
    [
        (digits, 1438, 359, 64, 64 * 128 + 128 + 128 * 10 + 10),
        (breast_cancer, 456, 113, 30, 30 * 32 + 32 + 32 * 2 + 2),
        (diabetes, 354, 88, 10, 10 * 32 + 32 + 32 + 1),
        (mnist5k, 4000, 1000, 784, 784 * 128 + 128 + 128 * 10 + 10),
    ],
)
def test_tables_are_whole_split_and_standardised(make, rows, held, inputs, parameters):
    task = make()
    check_task(task)
    x = np.asarray(task.data["x"])
    assert x.shape == (rows, inputs)
    spread = x.std(axis=0)
    # Sums of a few thousand float32 numbers; constant columns are zero.
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(spread[spread > 0], 1, atol=1e-4)
    validation = jax.tree.leaves(task.evaluate)
    assert validation[0].shape == (held, inputs)
    assert sum(p.size for p in jax.tree.leaves(task.init(jax.random.key(0)))) == parameters


@pytest.mark.parametrize(
    ("make", "theirs"),
    [(digits, "load_digits"), (breast_cancer, "load_breast_cancer")],
    ids=["digits", "breast_cancer"],
)
def test_tables_are_those_that_scikit_learn_loads(make, theirs):
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = getattr(datasets, theirs)(return_X_y=True)
    rows = split(x, y)
    np.testing.assert_array_equal(make().data["x"], rows.x)
    np.testing.assert_array_equal(make().data["y"], rows.y)


def test_a_table_says_which_package_brings_it(monkeypatch):
    monkeypatch.setattr(optional, "find_spec", lambda name: None)
    with pytest.raises(jgd.InputError, match="the digits task needs scikit-learn, which is not installed: pip install"):
        digits()


def test_a_task_is_the_same_each_time():
    first, second = digits(), digits()
    np.testing.assert_array_equal(first.data["x"], second.data["x"])
    assert jax.tree.structure(first) == jax.tree.structure(second)  # so that a sweep of both compiles once


def test_a_network_has_the_widths_that_are_asked_for():
    layers = jax.eval_shape(digits(hidden=(12, 7)).init, jax.random.key(0))
    assert {name: layer["kernel"].shape for name, layer in layers.items()} == {
        "hidden0": (64, 12),
        "hidden1": (12, 7),
        "head": (7, 10),
    }
    with pytest.raises(jgd.InputError, match=r"digits\(hidden=\(12, 0\)\): hidden must be the width"):
        digits(hidden=(12, 0))


def test_held_out_rows_are_not_trained_on():
    x = np.arange(100.0)[:, None] ** 2
    rows = split(x, np.arange(100))
    assert sorted([*rows.y, *rows.y_valid]) == list(range(100))
    assert len(rows.y_valid) == 20
    # Scaled by the training rows alone: those are standard, the held-out ones only nearly.
    assert abs(rows.x.mean()) < 1e-6
    assert abs(rows.x_valid.mean()) > 1e-3


@pytest.mark.parametrize(("name", "rate"), [("digits", 0.01), ("breast_cancer", 0.01), ("diabetes", 0.003)])
def test_training_reaches_the_target(name, rate):
    entry = BUILTIN[name]
    task = entry.make()
    run = jgd.fit(task, jgd.adam(rate), steps=240, eval_every=120)
    curve = run.evaluations[entry.metric]
    assert curve[-1] >= entry.target if entry.mode == "max" else curve[-1] <= entry.target


def test_a_language_model_learns_its_characters():
    task = text(context=12, width=16, batch_size=8)
    check_task(task)
    run = jgd.fit(task, jgd.adam(0.02), steps=60, eval_every=60)
    # Characters drawn alike have log2(97) = 6.6 bits, and by their frequencies 4.6.
    assert run.evaluations["bits_per_character"][-1] < 4.6


def test_text_is_encoded_in_the_vocabulary():
    assert encode("A~ \n\t\u2013").tolist() == [33, 94, 0, 95, 96, 96]
    tokens = np.asarray(text().data)
    assert tokens.max() < VOCABULARY
    assert tokens.shape[1] == 65
    assert tokens.shape[0] > 5000


def test_the_transformer_looks_only_back():
    params = InitTransformer(11, 6, 8, 1)(jax.random.key(0))
    tokens = jnp.array([[1, 2, 3, 4, 5, 6]])
    changed = tokens.at[0, 4].set(9)
    a, b = (apply_transformer(params, x) for x in (tokens, changed))
    np.testing.assert_array_equal(a[0, :4], b[0, :4])
    assert not np.allclose(a[0, 4:], b[0, 4:])
    assert a.shape == (1, 6, 11)


def test_muon_takes_the_matrices_between_embeddings_and_head():
    labels = jgd.muon_labels(InitTransformer(11, 6, 8, 1)(jax.random.key(0)))
    assert labels["token_embedding"] == labels["position_embedding"] == labels["head"] == "adam"
    assert set(labels["block0"].values()) == {"muon"}
    labels = jgd.muon_labels(digits().init(jax.random.key(0)))
    assert labels["hidden0"] == {"kernel": "muon", "bias": "adam"}
    assert labels["head"] == {"kernel": "adam", "bias": "adam"}


@pytest.mark.parametrize("shape", [(7, 10), (64,), (3, 5, 3)])
def test_draws_as_a_vector_are_the_same_numbers(shape):
    key = jax.random.key(3)
    np.testing.assert_array_equal(normal_draws(key, shape), jax.random.normal(key, shape))
