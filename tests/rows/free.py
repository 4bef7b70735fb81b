"""Rows of rules that find their own rate, and of sign descent, factored moments and the like."""

import optax

import jgd
from tests.row import Row

OVERRIDES = {
    "signum": {"state_bytes": 4, "same_state": False},  # one tuple where optax has two
    # 60 steps are too few from a distance of 1e-6.
    "prodigy": {"state_bytes": 16, "scalar_bytes": 8, "descends": False},
    "dadapt_adamw": {"state_bytes": 12, "scalar_bytes": 8, "descends": False},
    "dog": {  # at a rate of 1 the second distance is the first, where the maximum has a kink
        "make": lambda: jgd.dog(0.5),
        "oracle": lambda: optax.contrib.dog(0.5),
        "state_bytes": 4,
        "scalar_bytes": 8,
        "descends": False,
    },
    # optax takes the root of the count in float32, under x64 as well
    "madgrad": {"state_bytes": 12, "complex": False, "oracle_error": 1e-5},
    "dowg": {"state_bytes": 4, "scalar_bytes": 8},
}

ROWS = [
    Row("scale_by_sign", jgd.scale_by_sign, optax.scale_by_sign, descends=False),
    Row(
        "prodigy_options",
        lambda: jgd.prodigy(0.9, (0.8, 0.99), 0.9, 1e-6, 0.1, 0.8, 0.01, True),
        lambda: optax.contrib.prodigy(0.9, (0.8, 0.99), 0.9, 1e-6, 0.1, 0.8, 0.01, True),
        state_bytes=16,
        scalar_bytes=8,
        reference="prodigyopt:prodigy",
    ),
    Row(
        "dadapt_adamw_options",
        lambda: jgd.dadapt_adamw(0.9, (0.8, 0.99), 1e-6, 0.1, 0.01),
        lambda: optax.contrib.dadapt_adamw(0.9, (0.8, 0.99), 1e-6, 0.1, 0.01),
        state_bytes=12,
        scalar_bytes=8,
        reference="dadaptation:dadapt_adamw",
    ),
    Row(
        "dog_options",
        lambda: jgd.dog(0.9, ("learning_rate", 0.1), 1e-4, 0.01),
        lambda: optax.contrib.dog(0.9, ("learning_rate", 0.1), 1e-4, 0.01),
        state_bytes=4,
        scalar_bytes=8,
        same_state=False,  # the decay is a link of a chain in both
    ),
]
