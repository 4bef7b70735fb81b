"""Rows of transforms and wrappers that are no optimizer."""

import optax

import jgd
from tests.row import Row

ROWS = [
    Row("set_to_zero", jgd.set_to_zero, optax.set_to_zero, descends=False),
    Row("zero_nans", jgd.zero_nans, optax.zero_nans, descends=False, complex=False),
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
]
