"""The noise scale: closed forms with gradients of known mean and covariance."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.health.noise_scale import MOST, _interval, noise_scale

SIGNAL, SPREAD = 0.3, np.linspace(0.5, 1.5, 20)


def task(n=4096, batch_size=32):
    """L = mean of theta . x_i at any theta: the gradients are the examples themselves."""
    x = SIGNAL + SPREAD * np.random.default_rng(0).normal(size=(n, 20))
    return jgd.Task(lambda key: jnp.zeros(20), lambda p, x: jnp.mean(x @ p), x.astype(np.float32), batch_size)


@pytest.mark.parametrize("part_size", [1, 8, None])
def test_it_finds_the_moments_of_known_gradients(part_size):
    found = noise_scale(task(), part_size=part_size, batches=128)
    signal, trace = 20 * SIGNAL**2, np.sum(SPREAD**2)
    # 4,096 examples: the trace's relative error is about sqrt(2 / (20 * 4096)) = 0.005 with single examples, and
    # sqrt(8) of it in parts of 8; the signal's 2 sqrt(trace * signal / 4096 / 20) / signal = 0.04.
    np.testing.assert_allclose(found.trace, trace, rtol=0.05)
    np.testing.assert_allclose(found.signal, signal, rtol=0.15)
    assert found.low < trace / signal < found.high
    assert found.low < found.value < found.high
    assert found.suggested == 2 ** round(np.log2(found.value))


def test_the_estimate_from_single_examples_is_that_of_their_covariance():
    one = task(n=32)
    found = noise_scale(one, batch_size=32, part_size=1, batches=8)
    x = np.asarray(one.data, float)
    mean = x.mean(axis=0)
    trace = np.sum((x - mean) ** 2) / 31
    np.testing.assert_allclose(found.trace, trace, rtol=1e-4)  # float32 sums of 32 terms, eight times the same batch
    np.testing.assert_allclose(found.signal, mean @ mean - trace / 32, rtol=1e-4)


def test_the_interval_of_eight_batches_holds_as_often_as_it_says():
    draw, held, part, size = np.random.default_rng(0), 0, 1, 32
    for seed in range(600):
        grads = SIGNAL + draw.normal(size=(8, size, 20))
        big, small = np.sum(grads.mean(axis=1) ** 2, axis=-1), np.mean(np.sum(grads**2, axis=-1), axis=1)
        low, high = _interval((small - big) / (1 - 1 / size), (size * big - part * small) / (size - part), 0.95, seed)
        held += low <= 1 / SIGNAL**2 <= high
    assert held / 600 > 0.91  # 0.94 of 1,500, 0.88 by samples of all eight; the standard error is 0.01


def test_without_a_signal_the_scale_may_be_infinite():
    x = np.concatenate([np.ones((16, 3)), -np.ones((16, 3))]).astype(np.float32)
    flat = jgd.Task(lambda key: jnp.zeros(3), lambda p, x: jnp.mean(x @ p), x, 32)
    found = noise_scale(flat, batches=8)
    assert found.value == np.inf
    assert found.suggested == 32  # all that there are
    assert "scale above any number" in str(found)
    assert "as large as there can be" in str(found)


def test_a_stream_has_batches_of_any_size():
    rows = np.random.default_rng(0).normal(size=(8, 4, 3)).astype(np.float32)
    stream = jgd.Task(lambda key: jnp.zeros(3), lambda p, x: jnp.mean(x @ p), lambda epoch: iter(rows))
    assert noise_scale(stream, batches=8).examples == MOST


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batches": 4}, "noise_scale(batches=4): batches must be a whole number, at least 8."),
        ({"part_size": 5}, "noise_scale(part_size=5): it must divide the batch of 32"),
        ({"batch_size": 8192}, "noise_scale(batch_size=8192): the task has 4096 examples"),
    ],
)
def test_bad_sizes_are_one_sentence(options, words):
    with pytest.raises(InputError) as error:
        noise_scale(task(), **options)
    assert str(error.value).startswith(words)
