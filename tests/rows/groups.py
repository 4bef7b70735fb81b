"""Rows of groups by path, of parts that are frozen for a while, and of the kinds of weight decay."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import jgd
import jgd.schedules
from tests.row import Row

REST = "^(?!w)"  # fits every path but that of w, whatever the tree
_LR = jgd.schedules.linear_schedule(0.1, 0.01, 10, 0.5)


def _labels(params):
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    labels = [REST if jax.tree_util.keystr(path) != "['w']" else "default" for path in paths]
    return jax.tree.unflatten(jax.tree.structure(params), labels)


def _partition(rest, default):
    return lambda: optax.partition({REST: rest, "default": default}, _labels)


def _towards_the_start():
    def update(updates, state, params=None):
        return jax.tree.map(lambda u, p, p0: u + 0.1 * (p - p0), updates, params, state), state

    return optax.chain(
        optax.scale_by_adam(),
        optax.GradientTransformation(lambda params: jax.tree.map(jnp.copy, params), update),
        optax.scale(-0.05),
    )


def _cautious():
    def decay(updates, params):
        return jax.tree.map(lambda u, p: jnp.where(u * p >= 0, u + 0.1 * p, u), updates, params)

    return optax.chain(optax.scale_by_adam(), optax.stateless(decay), optax.scale(-0.05))


def _after():
    def decay(updates, params):
        return jax.tree.map(lambda u, p: (p + u) * (1 - 0.05 * 0.1) - p, updates, params)

    return optax.chain(optax.scale_by_adam(), optax.scale(-0.05), optax.stateless(decay))


def _corrected():
    decay = lambda count: 0.1 * _LR(count) / 0.2  # noqa: E731
    return optax.chain(
        optax.scale_by_adam(), optax.add_decayed_weights(decay), optax.scale_by_schedule(lambda count: -_LR(count))
    )


def _held():
    free = optax.scale_by_schedule(lambda count: jnp.where(jnp.asarray(count) < 4, 0.0, 1.0))
    held = lambda params: jax.tree.map(lambda label: label == REST, _labels(params))  # noqa: E731
    return optax.chain(optax.adam(0.05), optax.masked(free, held))


def _kind(name, oracle, torch=None, size=0.1, state_bytes=8, rate: Any = 0.05, **settings):
    return Row(
        f"decay_{name}",
        lambda: jgd.adamw(rate, weight_decay=jgd.weight_decay(size, name, **settings)),
        oracle,
        torch,
        state_bytes,
        same_state=False,  # the links of a chain are others
    )


ROWS = [
    Row(
        "by_path",
        lambda: jgd.by_path({REST: {"weight_decay": 0.0}}, jgd.adamw(0.05, weight_decay=0.1)),
        _partition(optax.adamw(0.05, weight_decay=0.0), optax.adamw(0.05, weight_decay=0.1)),
        state_bytes=8,
    ),
    Row(
        "by_path_optimizers",
        lambda: jgd.by_path({REST: jgd.sgd(0.05, 0.9)}, jgd.rmsprop(0.01)),
        _partition(optax.sgd(0.05, 0.9), optax.rmsprop(0.01)),
        state_bytes=4,
    ),
    Row(
        "by_path_scaled",
        lambda: jgd.by_path({REST: jgd.scaled(0.5)}, jgd.adamw(0.1, weight_decay=0.1)),
        _partition(optax.adamw(0.05, weight_decay=0.1), optax.adamw(0.1, weight_decay=0.1)),
        state_bytes=8,
        same_state=False,  # the group shares the default's
    ),
    Row(
        "freeze_until",
        lambda: jgd.chain(jgd.adam(0.05), jgd.freeze_until(4, REST)),
        _held,
        state_bytes=8,
        same_state=False,
    ),
    _kind("decoupled", lambda: optax.adamw(0.05, weight_decay=0.01), "adamw", 0.01),
    _kind("l2", lambda: optax.chain(optax.add_decayed_weights(0.1), optax.adam(0.05)), "adam_l2"),
    _kind("independent", lambda: optax.chain(optax.adam(0.05), optax.add_decayed_weights(-0.1))),
    _kind("corrected", _corrected, rate=_LR, peak=0.2),
    _kind("initial", _towards_the_start, state_bytes=12),
    _kind("cautious", _cautious),
    _kind("after", _after),
]
