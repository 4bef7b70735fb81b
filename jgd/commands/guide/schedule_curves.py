"""Pictures of the curves of schedules, each with the call that draws it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd import schedules
from jgd.commands.guide.drawing import Panel, picture

STEPS = 100
_COSINES = [schedules.cosine_decay_schedule(1.0, 40.0), schedules.linear_schedule(0.5, 0.1, 40.0)]
EXAMPLES: dict[str, dict[str, Any]] = {
    "constant_schedule": {"value": 0.5},
    "cosine_decay_schedule": {"init_value": 1.0, "decay_steps": 80, "alpha": 0.1},
    "cosine_onecycle_schedule": {"transition_steps": 100, "peak_value": 1.0},
    "cosine_restarts_schedule": {"init_value": 1.0, "decay_steps": 15, "cycle_multiplier": 2.0, "peak_multiplier": 0.7},
    "exponential_decay": {"init_value": 1.0, "transition_steps": 20, "decay_rate": 0.5, "staircase": True},
    "inverse_sqrt_schedule": {"peak_value": 1.0, "warmup_steps": 10},
    "join_schedules": {"schedules": _COSINES, "boundaries": [50]},
    "linear_onecycle_schedule": {"transition_steps": 100, "peak_value": 1.0},
    "linear_schedule": {"init_value": 1.0, "end_value": 0.1, "transition_steps": 60, "transition_begin": 20},
    "linear_warmup_schedule": {"peak_value": 1.0, "warmup_steps": 30},
    "piecewise_constant_schedule": {"init_value": 1.0, "boundaries_and_scales": {40: 0.5, 70: 0.2}},
    "piecewise_interpolate_schedule": {
        "interpolate_type": "cosine",
        "init_value": 1.0,
        "boundaries_and_scales": {40: 0.5, 70: 0.2},
    },
    "polynomial_schedule": {"init_value": 1.0, "end_value": 0.0, "power": 2, "transition_steps": 80},
    "sgdr_schedule": {
        "cosine_kwargs": [
            {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 5, "decay_steps": 40, "end_value": 0.0},
            {"init_value": 0.0, "peak_value": 0.6, "warmup_steps": 5, "decay_steps": 60, "end_value": 0.0},
        ]
    },
    "switch_schedule": {"values": [1.0, 0.3, 0.1], "boundaries": [30, 70]},
    "warmup_constant_schedule": {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 20},
    "warmup_cosine_decay_schedule": {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 10, "decay_steps": 100},
    "warmup_exponential_decay_schedule": {
        "init_value": 0.0,
        "peak_value": 1.0,
        "warmup_steps": 10,
        "transition_steps": 30,
        "decay_rate": 0.5,
    },
    "warmup_stable_decay_schedule": {"peak_value": 1.0, "warmup_steps": 10, "stable_steps": 60, "decay_steps": 30},
}


def curve_pictures() -> dict[str, str]:
    """Draw every schedule that has an example, over the first steps: {name: SVG}."""
    return {name: _drawn(name, getattr(schedules, name)(**given)) for name, given in EXAMPLES.items()}


def example_call(name: str) -> str:
    """Return the call of the schedule that is drawn."""
    return f"jgd.{name}({', '.join(f'{key}={value!r}' for key, value in EXAMPLES[name].items())})"


def _drawn(name: str, schedule: Any) -> str:
    values = np.asarray(jax.vmap(schedule)(jnp.arange(STEPS + 1)))
    panel = Panel("value over steps", (0.0, float(STEPS)), (0.0, 1.1))
    panel.line([(float(step), float(value)) for step, value in enumerate(values)])
    return picture([panel], f"The curve of {name}")
