"""Rows of factored moments, Polyak's rates, noise and diagonal Hessians."""

import jax
import jax.numpy as jnp
import optax

import jgd
from tests import problems
from tests.row import Row


def _loss(grads, params):
    """Return the bowl's value; of complex parameters, one that a common phase does not change."""
    if any(jnp.iscomplexobj(x) for x in jax.tree.leaves(params)):
        return {"value": jgd.global_norm(params)}
    return {"value": problems.bowl(params) + 1.0}


OVERRIDES: dict = {
    "adafactor": {  # the first step's size is the default threshold, where a clip has a kink
        "make": lambda: jgd.adafactor(0.1, clipping_threshold=0.8),
        "oracle": lambda: optax.adafactor(0.1, clipping_threshold=0.8),
        "oracle_error": 1e-6,  # optax takes the power of the count in float32, under x64 as well
    },
}
_NO_SCALARS = {"w": (4, 3), "rest": [(3,), (2, 5, 3)]}  # on which optax's SM3 fails
OVERRIDES["sm3"] = {"shapes": _NO_SCALARS, "state_bytes": None}
OVERRIDES["polyak_sgd"] = {"extra": _loss, "passes": 4, "same_state": False}  # optax's has an inner chain
OVERRIDES["momo"] = {"extra": _loss, "state_bytes": 4, "scalar_bytes": 12}
OVERRIDES["momo_adam"] = {
    "make": lambda: jgd.momo_adam(0.05),
    "oracle": lambda: optax.contrib.momo_adam(0.05),
    "extra": _loss,
    "state_bytes": 8,
    "scalar_bytes": 12,
    "same_state": False,  # optax's is private
}
OVERRIDES["noisy_sgd"] = {
    "oracle": None,  # float32 and float64 have other draws: see tests/optimizers/test_noisy_sgd.py
    "complex": False,
    "scalar_bytes": 4,  # the second word of its key
}

ROWS = [
    Row(
        "momo_options",
        lambda: jgd.momo(0.3, 0.8, 0.4, 0.1, True, divide_step=False),
        lambda: optax.contrib.momo(0.3, 0.8, 0.4, 0.1, True),
        extra=_loss,
        state_bytes=4,
        scalar_bytes=12,
    ),
    Row(
        "momo_adam_options",
        lambda: jgd.momo_adam(0.05, 0.8, 0.99, 1e-3, 0.4, 0.1, True, divide_step=False),
        lambda: optax.contrib.momo_adam(0.05, 0.8, 0.99, 1e-3, 0.4, 0.1, True),
        extra=_loss,
        state_bytes=8,
        scalar_bytes=12,
        same_state=False,
    ),
    Row(
        "polyak_sgd_options",
        lambda: jgd.polyak_sgd(0.7, 0.8, 0.5, 0.1, "sps+", scaling_first=True),
        lambda: optax.polyak_sgd(0.7, 0.8, 0.5, 0.1, "sps+"),
        extra=_loss,
        passes=4,
        same_state=False,
    ),
    Row(
        "scale_by_sm3_mean",
        lambda: jgd.scale_by_sm3(0.7, 0.9, 1e-4),
        lambda: optax.scale_by_sm3(0.7, 0.9, 1e-4),
        state_bytes=None,
        descends=False,
        shapes=_NO_SCALARS,
    ),
    *(
        Row(  # scaled down, so that steps along the gradient do not run away
            name,
            lambda name=name: jgd.chain(getattr(jgd, name)(0.5), jgd.scale(-0.05)),
            lambda name=name: optax.chain(getattr(optax, name)(0.5), optax.scale(-0.05)),
            descends=False,
        )
        for name in ("scale_by_param_block_norm", "scale_by_param_block_rms")
    ),
    Row(
        "adafactor_momentum",
        lambda: jgd.adafactor(0.1, clipping_threshold=0.8, momentum=0.9, dtype_momentum=float),
        lambda: optax.adafactor(0.1, clipping_threshold=0.8, momentum=0.9, dtype_momentum=float),
        state_bytes=None,
        oracle_error=1e-6,
    ),
    Row(
        "adafactor_factored",
        lambda: jgd.adafactor(0.1, 2, 0.7, 0, False, None, None, "float32", 0.01, 1e-8),
        lambda: optax.adafactor(0.1, 2, 0.7, 0, False, None, None, "float32", 0.01, 1e-8),
        state_bytes=None,
        oracle_error=1e-6,
        shapes={"w": (4, 3), "rest": [(3,), (2, 5, 3)]},
    ),
]
