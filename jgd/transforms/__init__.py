"""Gradient transformations that are no optimizer: CapWords records, called by lower-case names.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.transforms.as_transform import Foreign as Foreign
    from jgd.transforms.as_transform import as_transform as as_transform
    from jgd.transforms.averaging import EmaParams as EmaParams
    from jgd.transforms.averaging import EmaParamsState as EmaParamsState
    from jgd.transforms.averaging import ema_params as ema_params
    from jgd.transforms.averaging import eval_params as eval_params
    from jgd.transforms.averaging import inner_states as inner_states
    from jgd.transforms.backtracking_linesearch import ScaleByBacktrackingLinesearch as ScaleByBacktrackingLinesearch
    from jgd.transforms.backtracking_linesearch import (
        scale_by_backtracking_linesearch as scale_by_backtracking_linesearch,
    )
    from jgd.transforms.clip import Clip as Clip
    from jgd.transforms.clip import ClipByBlockRms as ClipByBlockRms
    from jgd.transforms.clip import ClipByGlobalNorm as ClipByGlobalNorm
    from jgd.transforms.clip import ClipByNorm as ClipByNorm
    from jgd.transforms.clip import clip as clip
    from jgd.transforms.clip import clip_by_block_rms as clip_by_block_rms
    from jgd.transforms.clip import clip_by_global_norm as clip_by_global_norm
    from jgd.transforms.clip import clip_by_norm as clip_by_norm
    from jgd.transforms.clip import shrink as shrink
    from jgd.transforms.compose import Chain as Chain
    from jgd.transforms.compose import Masked as Masked
    from jgd.transforms.compose import Partition as Partition
    from jgd.transforms.compose import Scheduled as Scheduled
    from jgd.transforms.compose import ScheduledState as ScheduledState
    from jgd.transforms.compose import chain as chain
    from jgd.transforms.compose import masked as masked
    from jgd.transforms.compose import partition as partition
    from jgd.transforms.compose import scheduled as scheduled
    from jgd.transforms.decay import AddDecayedWeights as AddDecayedWeights
    from jgd.transforms.decay import add_decayed_weights as add_decayed_weights
    from jgd.transforms.in_effect import check_metrics as check_metrics
    from jgd.transforms.in_effect import current_hyperparams as current_hyperparams
    from jgd.transforms.in_effect import known_metrics as known_metrics
    from jgd.transforms.in_effect import observe as observe
    from jgd.transforms.line_search import RayPoint as RayPoint
    from jgd.transforms.line_search import StepSearch as StepSearch
    from jgd.transforms.line_search import no_gradient as no_gradient
    from jgd.transforms.line_search import ray as ray
    from jgd.transforms.line_search import scaled_updates as scaled_updates
    from jgd.transforms.line_search import wolfe_errors as wolfe_errors
    from jgd.transforms.line_search import zoom_search as zoom_search
    from jgd.transforms.matrix_axes import MatrixAxesByPath as MatrixAxesByPath
    from jgd.transforms.matrix_axes import every_matrix_axes as every_matrix_axes
    from jgd.transforms.matrix_axes import matrix_axes as matrix_axes
    from jgd.transforms.matrix_axes import matrix_axes_by_path as matrix_axes_by_path
    from jgd.transforms.momentum import Trace as Trace
    from jgd.transforms.momentum import trace as trace
    from jgd.transforms.scale import Identity as Identity
    from jgd.transforms.scale import Scale as Scale
    from jgd.transforms.scale import ScaleByLearningRate as ScaleByLearningRate
    from jgd.transforms.scale import ScaleBySchedule as ScaleBySchedule
    from jgd.transforms.scale import apply_updates as apply_updates
    from jgd.transforms.scale import identity as identity
    from jgd.transforms.scale import init_rate as init_rate
    from jgd.transforms.scale import next_rate as next_rate
    from jgd.transforms.scale import scale as scale
    from jgd.transforms.scale import scale_by_learning_rate as scale_by_learning_rate
    from jgd.transforms.scale import scale_by_schedule as scale_by_schedule
    from jgd.transforms.value_and_grad import value_and_grad_from_state as value_and_grad_from_state
    from jgd.transforms.wrappers import ApplyIfFinite as ApplyIfFinite
    from jgd.transforms.wrappers import MultiSteps as MultiSteps
    from jgd.transforms.wrappers import apply_if_finite as apply_if_finite
    from jgd.transforms.wrappers import multi_steps as multi_steps
    from jgd.transforms.wrappers import step_if as step_if
    from jgd.transforms.zoom_linesearch import ScaleByZoomLinesearch as ScaleByZoomLinesearch
    from jgd.transforms.zoom_linesearch import scale_by_zoom_linesearch as scale_by_zoom_linesearch

lazy(
    __name__,
    {
        "jgd.transforms.as_transform": ("Foreign", "as_transform"),
        "jgd.transforms.averaging": ("EmaParams", "EmaParamsState", "ema_params", "eval_params", "inner_states"),
        "jgd.transforms.backtracking_linesearch": ("ScaleByBacktrackingLinesearch", "scale_by_backtracking_linesearch"),
        "jgd.transforms.clip": (
            "Clip",
            "ClipByBlockRms",
            "ClipByGlobalNorm",
            "ClipByNorm",
            "clip",
            "clip_by_block_rms",
            "clip_by_global_norm",
            "clip_by_norm",
            "shrink",
        ),
        "jgd.transforms.compose": (
            "Chain",
            "Masked",
            "Partition",
            "Scheduled",
            "ScheduledState",
            "chain",
            "masked",
            "partition",
            "scheduled",
        ),
        "jgd.transforms.decay": ("AddDecayedWeights", "add_decayed_weights"),
        "jgd.transforms.in_effect": ("check_metrics", "current_hyperparams", "known_metrics", "observe"),
        "jgd.transforms.line_search": (
            "RayPoint",
            "StepSearch",
            "no_gradient",
            "ray",
            "scaled_updates",
            "wolfe_errors",
            "zoom_search",
        ),
        "jgd.transforms.matrix_axes": ("MatrixAxesByPath", "every_matrix_axes", "matrix_axes", "matrix_axes_by_path"),
        "jgd.transforms.momentum": ("Trace", "trace"),
        "jgd.transforms.scale": (
            "Identity",
            "Scale",
            "ScaleByLearningRate",
            "ScaleBySchedule",
            "apply_updates",
            "identity",
            "init_rate",
            "next_rate",
            "scale",
            "scale_by_learning_rate",
            "scale_by_schedule",
        ),
        "jgd.transforms.value_and_grad": ("value_and_grad_from_state",),
        "jgd.transforms.wrappers": ("ApplyIfFinite", "MultiSteps", "apply_if_finite", "multi_steps", "step_if"),
        "jgd.transforms.zoom_linesearch": ("ScaleByZoomLinesearch", "scale_by_zoom_linesearch"),
    },
)
