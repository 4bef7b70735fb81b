"""jgd: gradient descent as a value. This file is the table of contents.

Values: InputError, MatrixAxes, Schedule, Status, Stop, Transform, global_norm, hyper, hyperparams, part, record,
    select, stack, stack_leaves, static, with_hyperparams.
Optimizers: adagrad, adam, adamw, amsgrad, gradient_descent, heavy_ball, lion, muon, muon_labels, nadam, nadamw,
    nesterov, rmsprop, sgd.
Schedules: constant_schedule, cosine_decay_schedule, cosine_onecycle_schedule, cosine_restarts_schedule,
    exponential_decay, inverse_sqrt_schedule, join_schedules, linear_onecycle_schedule, linear_schedule,
    piecewise_constant_schedule, piecewise_interpolate_schedule, polynomial_schedule, sgdr_schedule, switch_schedule,
    warmup_constant_schedule, warmup_cosine_decay_schedule, warmup_exponential_decay_schedule,
    warmup_stable_decay_schedule.
Transforms: add_decayed_weights, apply_if_finite, apply_updates, chain, clip, clip_by_block_rms, clip_by_global_norm,
    clip_by_norm, current_hyperparams, ema_params, eval_params, identity, masked, matrix_axes, matrix_axes_by_path,
    multi_steps, partition, scale, scale_by_adam, scale_by_amsgrad, scale_by_learning_rate, scale_by_lion,
    scale_by_muon, scale_by_rms, scale_by_rss, scale_by_schedule, scale_by_stddev, scheduled, trace.
Loops, studies and measures: interop, measure, sweep, tasks, describe, Solution, minimize, multistart, Run, Task, fit,
    on_host.

`help(jgd.fit)` tells of one; `from jgd.interop import optax` is optax's namespace with these values in it.
"""

import importlib
from typing import TYPE_CHECKING, Any

# Values: what every optimizer is.
from jgd.core import InputError as InputError
from jgd.core import MatrixAxes as MatrixAxes
from jgd.core import Schedule as Schedule
from jgd.core import Status as Status
from jgd.core import Stop as Stop
from jgd.core import Transform as Transform
from jgd.core import global_norm as global_norm
from jgd.core import hyper as hyper
from jgd.core import hyperparams as hyperparams
from jgd.core import part as part
from jgd.core import record as record
from jgd.core import select as select
from jgd.core import stack as stack
from jgd.core import stack_leaves as stack_leaves
from jgd.core import static as static
from jgd.core import with_hyperparams as with_hyperparams

# Optimizers.
from jgd.optimizers import adagrad as adagrad
from jgd.optimizers import adam as adam
from jgd.optimizers import adamw as adamw
from jgd.optimizers import amsgrad as amsgrad
from jgd.optimizers import gradient_descent as gradient_descent
from jgd.optimizers import heavy_ball as heavy_ball
from jgd.optimizers import lion as lion
from jgd.optimizers import muon as muon
from jgd.optimizers import muon_labels as muon_labels
from jgd.optimizers import nadam as nadam
from jgd.optimizers import nadamw as nadamw
from jgd.optimizers import nesterov as nesterov
from jgd.optimizers import rmsprop as rmsprop
from jgd.optimizers import sgd as sgd

# Schedules.
from jgd.schedules import constant_schedule as constant_schedule
from jgd.schedules import cosine_decay_schedule as cosine_decay_schedule
from jgd.schedules import cosine_onecycle_schedule as cosine_onecycle_schedule
from jgd.schedules import cosine_restarts_schedule as cosine_restarts_schedule
from jgd.schedules import exponential_decay as exponential_decay
from jgd.schedules import inverse_sqrt_schedule as inverse_sqrt_schedule
from jgd.schedules import join_schedules as join_schedules
from jgd.schedules import linear_onecycle_schedule as linear_onecycle_schedule
from jgd.schedules import linear_schedule as linear_schedule
from jgd.schedules import piecewise_constant_schedule as piecewise_constant_schedule
from jgd.schedules import piecewise_interpolate_schedule as piecewise_interpolate_schedule
from jgd.schedules import polynomial_schedule as polynomial_schedule
from jgd.schedules import sgdr_schedule as sgdr_schedule
from jgd.schedules import switch_schedule as switch_schedule
from jgd.schedules import warmup_constant_schedule as warmup_constant_schedule
from jgd.schedules import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
from jgd.schedules import warmup_exponential_decay_schedule as warmup_exponential_decay_schedule
from jgd.schedules import warmup_stable_decay_schedule as warmup_stable_decay_schedule

# Transforms.
from jgd.transforms import add_decayed_weights as add_decayed_weights
from jgd.transforms import apply_if_finite as apply_if_finite
from jgd.transforms import apply_updates as apply_updates
from jgd.transforms import chain as chain
from jgd.transforms import clip as clip
from jgd.transforms import clip_by_block_rms as clip_by_block_rms
from jgd.transforms import clip_by_global_norm as clip_by_global_norm
from jgd.transforms import clip_by_norm as clip_by_norm
from jgd.transforms import current_hyperparams as current_hyperparams
from jgd.transforms import ema_params as ema_params
from jgd.transforms import eval_params as eval_params
from jgd.transforms import identity as identity
from jgd.transforms import masked as masked
from jgd.transforms import matrix_axes as matrix_axes
from jgd.transforms import matrix_axes_by_path as matrix_axes_by_path
from jgd.transforms import multi_steps as multi_steps
from jgd.transforms import partition as partition
from jgd.transforms import scale as scale
from jgd.transforms import scale_by_adam as scale_by_adam
from jgd.transforms import scale_by_amsgrad as scale_by_amsgrad
from jgd.transforms import scale_by_learning_rate as scale_by_learning_rate
from jgd.transforms import scale_by_lion as scale_by_lion
from jgd.transforms import scale_by_muon as scale_by_muon
from jgd.transforms import scale_by_rms as scale_by_rms
from jgd.transforms import scale_by_rss as scale_by_rss
from jgd.transforms import scale_by_schedule as scale_by_schedule
from jgd.transforms import scale_by_stddev as scale_by_stddev
from jgd.transforms import scheduled as scheduled
from jgd.transforms import trace as trace

# The loops and the studies, imported when they are first used.
if TYPE_CHECKING:
    from jgd import interop as interop
    from jgd import measure as measure
    from jgd import sweep as sweep
    from jgd import tasks as tasks
    from jgd.measure.describe import describe as describe
    from jgd.solvers import Solution as Solution
    from jgd.solvers import minimize as minimize
    from jgd.solvers import multistart as multistart
    from jgd.train import Run as Run
    from jgd.train import Task as Task
    from jgd.train import fit as fit
    from jgd.train import on_host as on_host

_SOLVERS, _TRAIN = ("Solution", "minimize", "multistart"), ("Run", "Task", "fit", "on_host")
_LATER = {
    **dict.fromkeys(_SOLVERS, "jgd.solvers"),
    **dict.fromkeys(_TRAIN, "jgd.train"),
    "describe": "jgd.measure.describe",
}

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    if name == "__all__":  # of `from jgd import *` and of help
        return __dir__()
    if name in ("interop", "measure", "sweep", "tasks"):
        return importlib.import_module(f"jgd.{name}")
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'jgd' has no attribute {name!r}")


def __dir__() -> list[str]:
    here = (name for name, value in globals().items() if getattr(value, "__module__", "").startswith("jgd."))
    return sorted({*here, *_LATER, "interop", "measure", "sweep", "tasks"})
