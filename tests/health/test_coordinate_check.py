"""The coordinate check: steady with the multipliers of `jgd.mup`, and not without; slopes of a linear model known."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.health.coordinate_check import coordinate_check

WIDTHS = (64, 128, 256)
X = np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)
Y = np.sin(X[:, 0])


def task(width):
    """Return a perceptron with two hidden layers, its weights at 1/fan_in."""

    def init(key):
        sizes = (16, width, width, 1)
        keys = jax.random.split(key, 3)
        return {f"w{i}": jax.random.normal(keys[i], sizes[i : i + 2]) / np.sqrt(sizes[i]) for i in range(3)}

    def loss(params, batch):
        x, y = batch
        h = jax.nn.relu(x @ params["w0"])
        h = jax.nn.relu(h @ params["w1"])
        return jnp.mean(((h @ params["w2"])[:, 0] - y) ** 2)

    return jgd.Task(init, loss, (X, Y), name="perceptron")


BASE = jax.eval_shape(task(WIDTHS[0]).init, jax.random.key(0))


def test_hidden_layers_of_adam_move_with_the_width():
    found = coordinate_check(task, jgd.adam(1e-2), widths=WIDTHS, seeds=3)
    assert found.layers == ("w0", "w1", "w2")
    assert not found.holds
    assert found.change_slopes[1] > 0.2  # theory: the sum of `width` steps of one sign, between 1/2 and 1
    assert "jgd.mup" in str(found)
    panel = found.plot().axes[1]
    assert panel.get_title("left") == "RMS change of h"
    for axis in (panel.xaxis, panel.yaxis):  # three to five plain numbers, and none between them
        assert 3 <= len(axis.get_majorticklabels()) <= 5
        assert not len(axis.get_minorticklocs())
        assert not any("10^" in label.get_text() for label in axis.get_majorticklabels())


def test_with_the_multipliers_of_mup_they_do_not():
    def muped(width):
        plain = task(width)
        return replace(plain, init=lambda key: jgd.mup_init(plain.init(key), BASE))

    found = coordinate_check(muped, jgd.mup(jgd.adam(1e-2), BASE), widths=WIDTHS, seeds=5)
    assert found.holds, found
    assert "one rate serves all widths" in str(found)
    assert replace(found, losses=found.losses - 10).holds  # a loss below zero has not risen


@pytest.mark.parametrize(
    ("rate", "zero", "verdict"),
    [
        (0.3, False, "the rate is too high: at width 64 the loss rose"),
        (0.01, False, "what is unlearnt first are the first outputs of w2"),
        (0.01, True, "one rate serves"),
    ],
)
def test_gradient_descent_in_mup(rate, zero, verdict):
    """Its steps are as long as the error: one that a readout's first weights have made falls with the width."""

    def muped(width):
        plain = task(width)

        def init(key):
            params = jgd.mup_init(plain.init(key), BASE)
            return {**params, "w2": 0 * params["w2"]} if zero else params

        return replace(plain, init=init)

    found = coordinate_check(muped, jgd.mup(jgd.sgd(rate), BASE), widths=(64, 256), seeds=4)
    assert verdict in str(found)
    assert found.holds == zero
    assert "Wrap the optimizer" not in str(found)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (
            lambda w: task(w),
            {"widths": [64]},
            "coordinate_check(widths=[64]): widths must be a list of widths, at least 2.",
        ),
        (
            lambda w: jgd.Task(lambda key: jnp.ones(w), lambda p, x: jnp.sum(p**2), X),
            {},
            "coordinate_check(task_of): the loss has no layer",
        ),
        (lambda w: 3, {}, "coordinate_check(task_of): it returned 3, expected a jgd.Task"),
        (
            lambda w: task(4),
            {},
            "coordinate_check(task_of): the models of widths 4, 8 have parameters of the same shapes",
        ),
        (task, {"widths": (4, 4)}, "coordinate_check(task_of): the models of widths 4 have parameters of the same"),
    ],
)
def test_bad_requests_are_one_sentence(make, options, words):
    with pytest.raises(InputError) as error:
        coordinate_check(make, jgd.adam(1e-2), **{"widths": (4, 8), "seeds": 1, **options})
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.0, "at width 4 no layer has moved; raise"), (1e30, "at width 4 outputs became infinite or NaN")],
)
def test_a_rate_at_which_nothing_is_seen_is_refused(rate, words):
    with pytest.raises(InputError) as error:
        coordinate_check(task, jgd.sgd(rate), widths=(4, 8), seeds=1, steps=2)
    assert str(error.value).startswith(f"coordinate_check(optimizer): {words}")
