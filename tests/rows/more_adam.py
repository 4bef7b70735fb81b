"""More of Adam's kin, and other old rules: what is declared about them with their defaults, and other settings."""

import warnings

import jax
import jax.numpy as jnp
import optax

import jgd
import jgd.schedules
from tests.row import Row

_RATE = jgd.schedules.linear_schedule(0.1, 0.01, 10, 0.5)
_ALPHA = jgd.schedules.linear_schedule(0.5, 4.0, 10, 0.5)


def _at_once(delayed):
    """Return the oracle of Rprop: optax keeps the step that it should have returned, and returns it one call late."""

    def update(updates, state, params=None):
        _, state = delayed.update(updates, state, params)
        return jax.tree.map(jnp.negative, state[0].prev_updates), state

    return optax.GradientTransformation(delayed.init, update)


def _optimistic_adam(*args, **kwargs):
    """optax's, which warns that it will go in favour of `optimistic_adam_v2`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return optax.optimistic_adam(*args, **kwargs)


OVERRIDES: dict = {
    "ademamix": {"state_bytes": 12, "same_state": False},  # optax has two counters
    "simplified_ademamix": {"state_bytes": 8, "same_state": False},  # optax calls the counter t
    "adopt": {"state_bytes": 8},
    "cocob": {"state_bytes": 20},
    "fromage": {"state_bytes": 0, "same_state": False},  # optax has three links
    "optimistic_adam": {"oracle": lambda: _optimistic_adam(0.05), "state_bytes": 12, "same_state": False},
    "optimistic_adam_v2": {"state_bytes": 12, "same_state": False},
    "optimistic_gradient_descent": {"state_bytes": 4, "same_state": False},  # a counter where optax has a flag
    "rprop": {"oracle": lambda: _at_once(optax.rprop(0.05)), "state_bytes": 8, "complex": False},
    "adadelta": {  # from steps of 1e-3, 60 are too few
        "oracle": lambda: optax.adadelta(1.0),
        "state_bytes": 8,
        "descends": False,
    },
}

ROWS = [
    Row(
        "ademamix_options",
        lambda: jgd.ademamix(0.05, 0.8, 0.99, 0.95, _ALPHA, 1e-3, 1e-4, None, 0.1),
        lambda: optax.contrib.ademamix(0.05, 0.8, 0.99, 0.95, _ALPHA, 1e-3, 1e-4, None, 0.1),
        state_bytes=12,
        same_state=False,
    ),
    Row(
        "simplified_ademamix_options",
        lambda: jgd.simplified_ademamix(0.01, 0.8, 0.9, _ALPHA, 1e-3, 1e-4, 0.1),
        lambda: optax.contrib.simplified_ademamix(0.01, 0.8, 0.9, _ALPHA, 1e-3, 1e-4, 0.1),
        state_bytes=8,
        same_state=False,
    ),
    Row(
        "adopt_options",
        lambda: jgd.adopt(0.05, 0.8, 0.99, 1e-2, nesterov=True, clip_value_fn=abs),
        lambda: optax.contrib.adopt(0.05, 0.8, 0.99, 1e-2, nesterov=True, clip_value_fn=abs),
        state_bytes=8,
    ),
    Row(
        "adopt_unclipped",
        lambda: jgd.adopt(0.05, 0.8, 0.99, 0.5, use_clipping=False),
        lambda: optax.contrib.adopt(0.05, 0.8, 0.99, 0.5, use_clipping=False),
        state_bytes=8,
    ),
    Row(
        "adadelta_options",
        lambda: jgd.adadelta(20.0, 0.8, 1e-4, 0.1),
        lambda: optax.adadelta(20.0, 0.8, 1e-4, 0.1),
        "adadelta",
        state_bytes=8,
    ),
    Row(
        "rprop_options",
        lambda: jgd.rprop(0.05, 0.4, 1.5, 0.01, 0.3),
        lambda: _at_once(optax.rprop(0.05, 0.4, 1.5, 0.01, 0.3)),
        "rprop",
        state_bytes=8,
        complex=False,
    ),
    Row(
        "rprop_delayed",
        lambda: jgd.rprop(0.05, 0.4, 1.5, 0.06, 0.3, delayed=True),
        lambda: optax.rprop(0.05, 0.4, 1.5, 0.06, 0.3),
        state_bytes=8,
        complex=False,
    ),
    Row(
        "optimistic_adam_options",
        lambda: jgd.optimistic_adam(0.05, 0.02, 0.8, 0.99, 1e-3, 1e-4, nesterov=False),
        lambda: _optimistic_adam(0.05, 0.02, 0.8, 0.99, 1e-3, 1e-4, nesterov=False),
        state_bytes=12,
        same_state=False,
    ),
    Row(
        "optimistic_adam_v2_options",
        lambda: jgd.optimistic_adam_v2(0.05, alpha=0.8, beta=0.5, b1=0.8, b2=0.99, eps=1e-3, eps_root=1e-4),
        lambda: optax.optimistic_adam_v2(0.05, alpha=0.8, beta=0.5, b1=0.8, b2=0.99, eps=1e-3, eps_root=1e-4),
        state_bytes=12,
        same_state=False,
    ),
    Row(
        "cocob_options",
        lambda: jgd.cocob(_RATE, 3.0, 0.1, 0.1),
        lambda: optax.contrib.cocob(_RATE, 3.0, 0.1, 0.1),
        state_bytes=20,
    ),
]
