"""Schedules: hyperparameters as functions of the number of steps taken before.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.schedules.basic import Constant as Constant
    from jgd.schedules.basic import CosineDecay as CosineDecay
    from jgd.schedules.basic import ExponentialDecay as ExponentialDecay
    from jgd.schedules.basic import Linear as Linear
    from jgd.schedules.basic import Polynomial as Polynomial
    from jgd.schedules.basic import constant_schedule as constant_schedule
    from jgd.schedules.basic import cosine_decay_schedule as cosine_decay_schedule
    from jgd.schedules.basic import exponential_decay as exponential_decay
    from jgd.schedules.basic import linear_schedule as linear_schedule
    from jgd.schedules.basic import polynomial_schedule as polynomial_schedule
    from jgd.schedules.curves import are_plain as are_plain
    from jgd.schedules.curves import blend as blend
    from jgd.schedules.curves import geometric as geometric
    from jgd.schedules.curves import half_cosine as half_cosine
    from jgd.schedules.curves import power_curve as power_curve
    from jgd.schedules.curves import progress as progress
    from jgd.schedules.curves import reciprocal as reciprocal
    from jgd.schedules.curves import transition as transition
    from jgd.schedules.curves import whole_steps as whole_steps
    from jgd.schedules.join import CosineRestarts as CosineRestarts
    from jgd.schedules.join import Join as Join
    from jgd.schedules.join import Restarts as Restarts
    from jgd.schedules.join import Switch as Switch
    from jgd.schedules.join import cosine_restarts_schedule as cosine_restarts_schedule
    from jgd.schedules.join import join_schedules as join_schedules
    from jgd.schedules.join import sgdr_schedule as sgdr_schedule
    from jgd.schedules.join import switch_schedule as switch_schedule
    from jgd.schedules.piecewise import CosineOneCycle as CosineOneCycle
    from jgd.schedules.piecewise import LinearOneCycle as LinearOneCycle
    from jgd.schedules.piecewise import PiecewiseConstant as PiecewiseConstant
    from jgd.schedules.piecewise import PiecewiseInterpolate as PiecewiseInterpolate
    from jgd.schedules.piecewise import cosine_onecycle_schedule as cosine_onecycle_schedule
    from jgd.schedules.piecewise import linear_onecycle_schedule as linear_onecycle_schedule
    from jgd.schedules.piecewise import piecewise_constant_schedule as piecewise_constant_schedule
    from jgd.schedules.piecewise import piecewise_interpolate_schedule as piecewise_interpolate_schedule
    from jgd.schedules.time import OfTime as OfTime
    from jgd.schedules.time import Time as Time
    from jgd.schedules.time import ask as ask
    from jgd.schedules.time import time_of as time_of
    from jgd.schedules.warmup import InverseSqrt as InverseSqrt
    from jgd.schedules.warmup import LinearWarmup as LinearWarmup
    from jgd.schedules.warmup import WarmupConstant as WarmupConstant
    from jgd.schedules.warmup import WarmupCosineDecay as WarmupCosineDecay
    from jgd.schedules.warmup import WarmupExponentialDecay as WarmupExponentialDecay
    from jgd.schedules.warmup import WarmupStableDecay as WarmupStableDecay
    from jgd.schedules.warmup import inverse_sqrt_schedule as inverse_sqrt_schedule
    from jgd.schedules.warmup import linear_warmup_schedule as linear_warmup_schedule
    from jgd.schedules.warmup import warmup_constant_schedule as warmup_constant_schedule
    from jgd.schedules.warmup import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
    from jgd.schedules.warmup import warmup_exponential_decay_schedule as warmup_exponential_decay_schedule
    from jgd.schedules.warmup import warmup_stable_decay_schedule as warmup_stable_decay_schedule

lazy(
    __name__,
    {
        "jgd.schedules.basic": (
            "Constant",
            "CosineDecay",
            "ExponentialDecay",
            "Linear",
            "Polynomial",
            "constant_schedule",
            "cosine_decay_schedule",
            "exponential_decay",
            "linear_schedule",
            "polynomial_schedule",
        ),
        "jgd.schedules.curves": (
            "are_plain",
            "blend",
            "geometric",
            "half_cosine",
            "power_curve",
            "progress",
            "reciprocal",
            "transition",
            "whole_steps",
        ),
        "jgd.schedules.join": (
            "CosineRestarts",
            "Join",
            "Restarts",
            "Switch",
            "cosine_restarts_schedule",
            "join_schedules",
            "sgdr_schedule",
            "switch_schedule",
        ),
        "jgd.schedules.piecewise": (
            "CosineOneCycle",
            "LinearOneCycle",
            "PiecewiseConstant",
            "PiecewiseInterpolate",
            "cosine_onecycle_schedule",
            "linear_onecycle_schedule",
            "piecewise_constant_schedule",
            "piecewise_interpolate_schedule",
        ),
        "jgd.schedules.time": ("OfTime", "Time", "ask", "time_of"),
        "jgd.schedules.warmup": (
            "InverseSqrt",
            "LinearWarmup",
            "WarmupConstant",
            "WarmupCosineDecay",
            "WarmupExponentialDecay",
            "WarmupStableDecay",
            "inverse_sqrt_schedule",
            "linear_warmup_schedule",
            "warmup_constant_schedule",
            "warmup_cosine_decay_schedule",
            "warmup_exponential_decay_schedule",
            "warmup_stable_decay_schedule",
        ),
    },
)
