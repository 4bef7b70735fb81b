"""Schedules: hyperparameters as functions of the number of steps taken before.

Written by `python -m tests.exports`; names are imported on first use.
"""

from jgd.core.lazy import lazy

lazy(
    __name__,
    {
        "jgd.schedules.basic": (
            "Constant CosineDecay ExponentialDecay Linear Polynomial constant_schedule cosine_decay_schedule "
            "exponential_decay linear_schedule polynomial_schedule"
        ),
        "jgd.schedules.curves": (
            "are_plain blend geometric half_cosine power_curve progress reciprocal transition whole_steps"
        ),
        "jgd.schedules.join": (
            "CosineRestarts Join Restarts Switch cosine_restarts_schedule join_schedules sgdr_schedule switch_schedule"
        ),
        "jgd.schedules.piecewise": (
            "CosineOneCycle LinearOneCycle PiecewiseConstant PiecewiseInterpolate cosine_onecycle_schedule "
            "linear_onecycle_schedule piecewise_constant_schedule piecewise_interpolate_schedule"
        ),
        "jgd.schedules.time": "OfTime Time ask time_of",
        "jgd.schedules.warmup": (
            "InverseSqrt LinearWarmup WarmupConstant WarmupCosineDecay WarmupExponentialDecay WarmupStableDecay "
            "inverse_sqrt_schedule linear_warmup_schedule warmup_constant_schedule warmup_cosine_decay_schedule "
            "warmup_exponential_decay_schedule warmup_stable_decay_schedule"
        ),
    },
)
