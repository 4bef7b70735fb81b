"""Rows of transforms and wrappers that are no optimizer."""

import jax
import jax.numpy as jnp
import optax

import jgd
from tests.row import Row


def even(step, **_):
    return step % 2 == 0


def _loss(grads, params):
    return {"value": sum(jnp.sum(jnp.abs(g)) for g in jax.tree.leaves(grads))}


ROWS = [
    Row("set_to_zero", jgd.set_to_zero, optax.set_to_zero, descends=False, guards=True),
    Row("zero_nans", jgd.zero_nans, optax.zero_nans, descends=False, complex=False, guards=True),
    Row(
        "keep_params_nonnegative",
        jgd.keep_params_nonnegative,
        optax.keep_params_nonnegative,
        descends=False,
        complex=False,
    ),
    Row("centralize", jgd.centralize, optax.centralize, descends=False),
    Row(
        "normalize_by_update_norm",
        lambda: jgd.normalize_by_update_norm(-0.7, 0.01),
        lambda: optax.normalize_by_update_norm(-0.7, 0.01),
        passes=4,
        descends=False,
    ),
    Row("apply_every", lambda: jgd.apply_every(3), lambda: optax.apply_every(3), state_bytes=4, descends=False),
    Row(
        "adaptive_grad_clip",
        lambda: jgd.adaptive_grad_clip(0.1, 0.05),
        lambda: optax.adaptive_grad_clip(0.1, 0.05),
        descends=False,
    ),
    Row("ema", lambda: jgd.ema(0.9), lambda: optax.ema(0.9), state_bytes=4, descends=False),
    Row("ema_plain", lambda: jgd.ema(0.9, False), lambda: optax.ema(0.9, False), state_bytes=4, descends=False),
    Row(
        "flatten",
        lambda: jgd.flatten(jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adam(0.05))),
        lambda: optax.flatten(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.05))),
        passes=4,
        state_bytes=8,
        scalar_bytes=128,  # no parameter's shape tells whose they are
    ),
    Row(
        "split_real_and_imaginary",
        lambda: jgd.split_real_and_imaginary(jgd.adam(0.05)),
        lambda: optax.contrib.split_real_and_imaginary(optax.adam(0.05)),
        state_bytes=8,
        complex=False,
    ),
    Row(
        "named_chain",
        lambda: jgd.named_chain(("later", jgd.clip_by_global_norm(1.0)), ("first", jgd.adam(0.05))),
        lambda: optax.named_chain(("later", optax.clip_by_global_norm(1.0)), ("first", optax.adam(0.05))),
        passes=4,
        state_bytes=8,
    ),
    Row(
        "conditionally_transform",
        lambda: jgd.chain(jgd.conditionally_transform(jgd.adam(0.05), even), jgd.scale(0.1)),
        lambda: optax.chain(optax.conditionally_transform(optax.adam(0.05), even), optax.scale(0.1)),
        state_bytes=8,
        descends=False,
    ),
    Row(
        "conditionally_mask",
        lambda: jgd.conditionally_mask(jgd.adam(0.05), even),
        lambda: optax.conditionally_mask(optax.adam(0.05), even),
        state_bytes=8,
        descends=False,
    ),
    Row(
        "reduce_on_plateau",
        lambda: jgd.chain(jgd.reduce_on_plateau(0.5, 1, 0.01, 0.001, 1), jgd.scale(-0.1)),
        lambda: optax.chain(optax.contrib.reduce_on_plateau(0.5, 1, 0.01, 0.001, 1), optax.scale(-0.1)),
        scalar_bytes=12,
        descends=False,
        extra=_loss,
    ),
    Row(
        "inject_hyperparams",
        lambda: jgd.inject_hyperparams(jgd.adam)(0.05, b2=0.99),
        lambda: optax.inject_hyperparams(optax.adam)(0.05, b2=0.99),
        state_bytes=8,
        scalar_bytes=20,
    ),
    Row(
        "snapshot",
        lambda: jgd.snapshot("norm", optax.tree.norm),
        lambda: optax.snapshot("norm", optax.tree.norm),
        scalar_bytes=4,
        descends=False,
    ),
]
