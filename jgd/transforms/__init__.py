"""Gradient transformations that are no optimizer: CapWords records, called by lower-case names.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.transforms.accumulation import ApplyEveryK as ApplyEveryK
    from jgd.transforms.accumulation import apply_every as apply_every
    from jgd.transforms.accumulation import skip_large_updates as skip_large_updates
    from jgd.transforms.accumulation import skip_not_finite as skip_not_finite
    from jgd.transforms.adaptive_clip import AdaptiveGradClip as AdaptiveGradClip
    from jgd.transforms.adaptive_clip import adaptive_grad_clip as adaptive_grad_clip
    from jgd.transforms.adaptive_clip import unitwise_clip as unitwise_clip
    from jgd.transforms.adaptive_clip import unitwise_norm as unitwise_norm
    from jgd.transforms.aggregating import AccumulateAvgUpdates as AccumulateAvgUpdates
    from jgd.transforms.aggregating import AverageIncrementallyUpdates as AverageIncrementallyUpdates
    from jgd.transforms.aggregating import AveragePerElementUpdates as AveragePerElementUpdates
    from jgd.transforms.aggregating import Axes as Axes
    from jgd.transforms.aggregating import GetPerElementMeanAndSumSqDiffGrads as GetPerElementMeanAndSumSqDiffGrads
    from jgd.transforms.aggregating import (
        TrackPerElementMeanAndVarianceWithEma as TrackPerElementMeanAndVarianceWithEma,
    )
    from jgd.transforms.aggregating import accumulate_avg_updates as accumulate_avg_updates
    from jgd.transforms.aggregating import average_incrementally_updates as average_incrementally_updates
    from jgd.transforms.aggregating import average_per_element_updates as average_per_element_updates
    from jgd.transforms.aggregating import get_batch_size_from_per_elt_updates as get_batch_size_from_per_elt_updates
    from jgd.transforms.aggregating import (
        get_per_element_mean_and_sum_sq_diff_grads as get_per_element_mean_and_sum_sq_diff_grads,
    )
    from jgd.transforms.aggregating import get_unbiased_mean_and_variance_ema as get_unbiased_mean_and_variance_ema
    from jgd.transforms.aggregating import (
        track_per_element_mean_and_variance_with_ema as track_per_element_mean_and_variance_with_ema,
    )
    from jgd.transforms.as_transform import Foreign as Foreign
    from jgd.transforms.as_transform import as_transform as as_transform
    from jgd.transforms.averaging import eval_params as eval_params
    from jgd.transforms.averaging import inner_states as inner_states
    from jgd.transforms.averaging import schedule_free_eval_params as schedule_free_eval_params
    from jgd.transforms.backtracking_linesearch import ScaleByBacktrackingLinesearch as ScaleByBacktrackingLinesearch
    from jgd.transforms.backtracking_linesearch import (
        scale_by_backtracking_linesearch as scale_by_backtracking_linesearch,
    )
    from jgd.transforms.block_scale import ScaleByParamBlockNorm as ScaleByParamBlockNorm
    from jgd.transforms.block_scale import ScaleByParamBlockRms as ScaleByParamBlockRms
    from jgd.transforms.block_scale import scale_by_param_block_norm as scale_by_param_block_norm
    from jgd.transforms.block_scale import scale_by_param_block_rms as scale_by_param_block_rms
    from jgd.transforms.by_path import ByPath as ByPath
    from jgd.transforms.by_path import Layerwise as Layerwise
    from jgd.transforms.by_path import Scaled as Scaled
    from jgd.transforms.by_path import by_path as by_path
    from jgd.transforms.by_path import layerwise as layerwise
    from jgd.transforms.by_path import scaled as scaled
    from jgd.transforms.cautious import Cautious as Cautious
    from jgd.transforms.cautious import CautiousState as CautiousState
    from jgd.transforms.cautious import add_cautious_decayed_weights as add_cautious_decayed_weights
    from jgd.transforms.cautious import cautious as cautious
    from jgd.transforms.chunks import Step as Step
    from jgd.transforms.chunks import in_chunks as in_chunks
    from jgd.transforms.chunks import shorter as shorter
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
    from jgd.transforms.conditional import ConditionallyMask as ConditionallyMask
    from jgd.transforms.conditional import ConditionallyTransform as ConditionallyTransform
    from jgd.transforms.conditional import conditionally_mask as conditionally_mask
    from jgd.transforms.conditional import conditionally_transform as conditionally_transform
    from jgd.transforms.constraints import KeepParamsNonnegative as KeepParamsNonnegative
    from jgd.transforms.constraints import SetToZero as SetToZero
    from jgd.transforms.constraints import ZeroNans as ZeroNans
    from jgd.transforms.constraints import keep_params_nonnegative as keep_params_nonnegative
    from jgd.transforms.constraints import set_to_zero as set_to_zero
    from jgd.transforms.constraints import zero_nans as zero_nans
    from jgd.transforms.decay import AddCautiousDecay as AddCautiousDecay
    from jgd.transforms.decay import AddDecayedWeights as AddDecayedWeights
    from jgd.transforms.decay import AddInitialDecay as AddInitialDecay
    from jgd.transforms.decay import DecayRule as DecayRule
    from jgd.transforms.decay import InitialDecayState as InitialDecayState
    from jgd.transforms.decay import SubtractDecayedWeights as SubtractDecayedWeights
    from jgd.transforms.decay import WeightDecay as WeightDecay
    from jgd.transforms.decay import add_cautious_decay as add_cautious_decay
    from jgd.transforms.decay import add_decayed_weights as add_decayed_weights
    from jgd.transforms.decay import add_initial_decay as add_initial_decay
    from jgd.transforms.decay import agreement as agreement
    from jgd.transforms.decay import subtract_decayed_weights as subtract_decayed_weights
    from jgd.transforms.decay import weight_decay as weight_decay
    from jgd.transforms.freezing import FreezeUntil as FreezeUntil
    from jgd.transforms.freezing import FreezeUntilState as FreezeUntilState
    from jgd.transforms.freezing import freeze_until as freeze_until
    from jgd.transforms.grafting import Graft as Graft
    from jgd.transforms.grafting import GraftState as GraftState
    from jgd.transforms.grafting import graft as graft
    from jgd.transforms.grokfast import GrokfastEma as GrokfastEma
    from jgd.transforms.grokfast import OrthogonalizeGradients as OrthogonalizeGradients
    from jgd.transforms.grokfast import grokfast_ema as grokfast_ema
    from jgd.transforms.grokfast import orthogonalize_gradients as orthogonalize_gradients
    from jgd.transforms.hyperball import Hyperball as Hyperball
    from jgd.transforms.hyperball import HyperballState as HyperballState
    from jgd.transforms.hyperball import hyperball as hyperball
    from jgd.transforms.in_effect import check_metrics as check_metrics
    from jgd.transforms.in_effect import current_hyperparams as current_hyperparams
    from jgd.transforms.in_effect import known_metrics as known_metrics
    from jgd.transforms.in_effect import observe as observe
    from jgd.transforms.inject import InjectHyperparams as InjectHyperparams
    from jgd.transforms.inject import inject_hyperparams as inject_hyperparams
    from jgd.transforms.inject import inject_stateful_hyperparams as inject_stateful_hyperparams
    from jgd.transforms.layouts import Flatten as Flatten
    from jgd.transforms.layouts import RealAndImaginary as RealAndImaginary
    from jgd.transforms.layouts import SplitRealAndImaginary as SplitRealAndImaginary
    from jgd.transforms.layouts import flatten as flatten
    from jgd.transforms.layouts import split_real_and_imaginary as split_real_and_imaginary
    from jgd.transforms.line_search import RayPoint as RayPoint
    from jgd.transforms.line_search import StepSearch as StepSearch
    from jgd.transforms.line_search import begin_search as begin_search
    from jgd.transforms.line_search import next_step as next_step
    from jgd.transforms.line_search import no_gradient as no_gradient
    from jgd.transforms.line_search import ray as ray
    from jgd.transforms.line_search import receive as receive
    from jgd.transforms.line_search import scaled_updates as scaled_updates
    from jgd.transforms.line_search import wolfe_errors as wolfe_errors
    from jgd.transforms.line_search import zoom_search as zoom_search
    from jgd.transforms.lookahead import Lookahead as Lookahead
    from jgd.transforms.lookahead import LookaheadSlowState as LookaheadSlowState
    from jgd.transforms.lookahead import lookahead as lookahead
    from jgd.transforms.low_bit import LowBit as LowBit
    from jgd.transforms.low_bit import LowBitState as LowBitState
    from jgd.transforms.low_bit import low_bit as low_bit
    from jgd.transforms.matrix_axes import MatrixAxesByPath as MatrixAxesByPath
    from jgd.transforms.matrix_axes import every_matrix_axes as every_matrix_axes
    from jgd.transforms.matrix_axes import matrix_axes as matrix_axes
    from jgd.transforms.matrix_axes import matrix_axes_by_path as matrix_axes_by_path
    from jgd.transforms.momentum import Ema as Ema
    from jgd.transforms.momentum import Trace as Trace
    from jgd.transforms.momentum import ema as ema
    from jgd.transforms.momentum import trace as trace
    from jgd.transforms.monitor import Measure as Measure
    from jgd.transforms.monitor import MeasureSnapshot as MeasureSnapshot
    from jgd.transforms.monitor import MeasureWithEma as MeasureWithEma
    from jgd.transforms.monitor import Monitor as Monitor
    from jgd.transforms.monitor import measure_with_ema as measure_with_ema
    from jgd.transforms.monitor import monitor as monitor
    from jgd.transforms.monitor import snapshot as snapshot
    from jgd.transforms.named import NamedChain as NamedChain
    from jgd.transforms.named import named_chain as named_chain
    from jgd.transforms.noise import AddNoise as AddNoise
    from jgd.transforms.noise import add_noise as add_noise
    from jgd.transforms.noise import one_key as one_key
    from jgd.transforms.normalize import Centralize as Centralize
    from jgd.transforms.normalize import NormalizeByUpdateNorm as NormalizeByUpdateNorm
    from jgd.transforms.normalize import centralize as centralize
    from jgd.transforms.normalize import normalize_by_update_norm as normalize_by_update_norm
    from jgd.transforms.parameter_averages import EmaParams as EmaParams
    from jgd.transforms.parameter_averages import Lawa as Lawa
    from jgd.transforms.parameter_averages import LawaState as LawaState
    from jgd.transforms.parameter_averages import ParameterAverage as ParameterAverage
    from jgd.transforms.parameter_averages import ParameterAverageState as ParameterAverageState
    from jgd.transforms.parameter_averages import PolynomialAverage as PolynomialAverage
    from jgd.transforms.parameter_averages import Swa as Swa
    from jgd.transforms.parameter_averages import ema_params as ema_params
    from jgd.transforms.parameter_averages import lawa as lawa
    from jgd.transforms.parameter_averages import moved as moved
    from jgd.transforms.parameter_averages import polynomial_average as polynomial_average
    from jgd.transforms.parameter_averages import swa as swa
    from jgd.transforms.per_example import DifferentiallyPrivateAggregate as DifferentiallyPrivateAggregate
    from jgd.transforms.per_example import differentially_private_aggregate as differentially_private_aggregate
    from jgd.transforms.per_example import per_example_global_norm_clip as per_example_global_norm_clip
    from jgd.transforms.per_example import per_example_layer_norm_clip as per_example_layer_norm_clip
    from jgd.transforms.plateau import ReduceOnPlateau as ReduceOnPlateau
    from jgd.transforms.plateau import reduce_on_plateau as reduce_on_plateau
    from jgd.transforms.primal_averaging import PrimalAveraging as PrimalAveraging
    from jgd.transforms.primal_averaging import PrimalAveragingState as PrimalAveragingState
    from jgd.transforms.primal_averaging import primal_averaging as primal_averaging
    from jgd.transforms.process import Process as Process
    from jgd.transforms.process import ProcessPerElement as ProcessPerElement
    from jgd.transforms.process import add_mean_variance_to_opt as add_mean_variance_to_opt
    from jgd.transforms.process import process as process
    from jgd.transforms.qk_clip import qk_clip as qk_clip
    from jgd.transforms.rate_and_decay import CorrectedDecayState as CorrectedDecayState
    from jgd.transforms.rate_and_decay import ScaleThenDecay as ScaleThenDecay
    from jgd.transforms.rate_and_decay import ScaleThenDecayState as ScaleThenDecayState
    from jgd.transforms.rate_and_decay import ScaleWithCorrectedDecay as ScaleWithCorrectedDecay
    from jgd.transforms.rate_and_decay import scale_then_decay as scale_then_decay
    from jgd.transforms.rate_and_decay import scale_with_corrected_decay as scale_with_corrected_decay
    from jgd.transforms.running_clip import Adagc as Adagc
    from jgd.transforms.running_clip import AdagcState as AdagcState
    from jgd.transforms.running_clip import Zclip as Zclip
    from jgd.transforms.running_clip import ZclipState as ZclipState
    from jgd.transforms.running_clip import adagc as adagc
    from jgd.transforms.running_clip import zclip as zclip
    from jgd.transforms.scale import Identity as Identity
    from jgd.transforms.scale import Negate as Negate
    from jgd.transforms.scale import Scale as Scale
    from jgd.transforms.scale import ScaleByLearningRate as ScaleByLearningRate
    from jgd.transforms.scale import ScaleBySchedule as ScaleBySchedule
    from jgd.transforms.scale import apply_updates as apply_updates
    from jgd.transforms.scale import as_rule as as_rule
    from jgd.transforms.scale import identity as identity
    from jgd.transforms.scale import init_rate as init_rate
    from jgd.transforms.scale import negate as negate
    from jgd.transforms.scale import next_rate as next_rate
    from jgd.transforms.scale import scale as scale
    from jgd.transforms.scale import scale_by_learning_rate as scale_by_learning_rate
    from jgd.transforms.scale import scale_by_schedule as scale_by_schedule
    from jgd.transforms.selective import FreezeLabels as FreezeLabels
    from jgd.transforms.selective import freeze as freeze
    from jgd.transforms.selective import selective_transform as selective_transform
    from jgd.transforms.stateful import WrappedSchedule as WrappedSchedule
    from jgd.transforms.stateless import Stateless as Stateless
    from jgd.transforms.stateless import StatelessWithTreeMap as StatelessWithTreeMap
    from jgd.transforms.stateless import init_empty_state as init_empty_state
    from jgd.transforms.stateless import stateless as stateless
    from jgd.transforms.stateless import stateless_with_tree_map as stateless_with_tree_map
    from jgd.transforms.stateless import with_extra_args_support as with_extra_args_support
    from jgd.transforms.targets import incremental_update as incremental_update
    from jgd.transforms.targets import periodic_update as periodic_update
    from jgd.transforms.value_and_grad import value_and_grad_from_state as value_and_grad_from_state
    from jgd.transforms.width import ByWidth as ByWidth
    from jgd.transforms.width import Mup as Mup
    from jgd.transforms.width import SpectralRates as SpectralRates
    from jgd.transforms.width import WidthState as WidthState
    from jgd.transforms.width import mup as mup
    from jgd.transforms.width import mup_init as mup_init
    from jgd.transforms.width import spectral_rates as spectral_rates
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
        "jgd.transforms.accumulation": ("ApplyEveryK", "apply_every", "skip_large_updates", "skip_not_finite"),
        "jgd.transforms.adaptive_clip": ("AdaptiveGradClip", "adaptive_grad_clip", "unitwise_clip", "unitwise_norm"),
        "jgd.transforms.aggregating": (
            "AccumulateAvgUpdates",
            "AverageIncrementallyUpdates",
            "AveragePerElementUpdates",
            "Axes",
            "GetPerElementMeanAndSumSqDiffGrads",
            "TrackPerElementMeanAndVarianceWithEma",
            "accumulate_avg_updates",
            "average_incrementally_updates",
            "average_per_element_updates",
            "get_batch_size_from_per_elt_updates",
            "get_per_element_mean_and_sum_sq_diff_grads",
            "get_unbiased_mean_and_variance_ema",
            "track_per_element_mean_and_variance_with_ema",
        ),
        "jgd.transforms.as_transform": ("Foreign", "as_transform"),
        "jgd.transforms.averaging": ("eval_params", "inner_states", "schedule_free_eval_params"),
        "jgd.transforms.backtracking_linesearch": ("ScaleByBacktrackingLinesearch", "scale_by_backtracking_linesearch"),
        "jgd.transforms.block_scale": (
            "ScaleByParamBlockNorm",
            "ScaleByParamBlockRms",
            "scale_by_param_block_norm",
            "scale_by_param_block_rms",
        ),
        "jgd.transforms.by_path": ("ByPath", "Layerwise", "Scaled", "by_path", "layerwise", "scaled"),
        "jgd.transforms.cautious": ("Cautious", "CautiousState", "add_cautious_decayed_weights", "cautious"),
        "jgd.transforms.chunks": ("Step", "in_chunks", "shorter"),
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
        "jgd.transforms.conditional": (
            "ConditionallyMask",
            "ConditionallyTransform",
            "conditionally_mask",
            "conditionally_transform",
        ),
        "jgd.transforms.constraints": (
            "KeepParamsNonnegative",
            "SetToZero",
            "ZeroNans",
            "keep_params_nonnegative",
            "set_to_zero",
            "zero_nans",
        ),
        "jgd.transforms.decay": (
            "AddCautiousDecay",
            "AddDecayedWeights",
            "AddInitialDecay",
            "DecayRule",
            "InitialDecayState",
            "SubtractDecayedWeights",
            "WeightDecay",
            "add_cautious_decay",
            "add_decayed_weights",
            "add_initial_decay",
            "agreement",
            "subtract_decayed_weights",
            "weight_decay",
        ),
        "jgd.transforms.freezing": ("FreezeUntil", "FreezeUntilState", "freeze_until"),
        "jgd.transforms.grafting": ("Graft", "GraftState", "graft"),
        "jgd.transforms.grokfast": ("GrokfastEma", "OrthogonalizeGradients", "grokfast_ema", "orthogonalize_gradients"),
        "jgd.transforms.hyperball": ("Hyperball", "HyperballState", "hyperball"),
        "jgd.transforms.in_effect": ("check_metrics", "current_hyperparams", "known_metrics", "observe"),
        "jgd.transforms.inject": ("InjectHyperparams", "inject_hyperparams", "inject_stateful_hyperparams"),
        "jgd.transforms.layouts": (
            "Flatten",
            "RealAndImaginary",
            "SplitRealAndImaginary",
            "flatten",
            "split_real_and_imaginary",
        ),
        "jgd.transforms.line_search": (
            "RayPoint",
            "StepSearch",
            "begin_search",
            "next_step",
            "no_gradient",
            "ray",
            "receive",
            "scaled_updates",
            "wolfe_errors",
            "zoom_search",
        ),
        "jgd.transforms.lookahead": ("Lookahead", "LookaheadSlowState", "lookahead"),
        "jgd.transforms.low_bit": ("LowBit", "LowBitState", "low_bit"),
        "jgd.transforms.matrix_axes": ("MatrixAxesByPath", "every_matrix_axes", "matrix_axes", "matrix_axes_by_path"),
        "jgd.transforms.momentum": ("Ema", "Trace", "ema", "trace"),
        "jgd.transforms.monitor": (
            "Measure",
            "MeasureSnapshot",
            "MeasureWithEma",
            "Monitor",
            "measure_with_ema",
            "monitor",
            "snapshot",
        ),
        "jgd.transforms.named": ("NamedChain", "named_chain"),
        "jgd.transforms.noise": ("AddNoise", "add_noise", "one_key"),
        "jgd.transforms.normalize": ("Centralize", "NormalizeByUpdateNorm", "centralize", "normalize_by_update_norm"),
        "jgd.transforms.parameter_averages": (
            "EmaParams",
            "Lawa",
            "LawaState",
            "ParameterAverage",
            "ParameterAverageState",
            "PolynomialAverage",
            "Swa",
            "ema_params",
            "lawa",
            "moved",
            "polynomial_average",
            "swa",
        ),
        "jgd.transforms.per_example": (
            "DifferentiallyPrivateAggregate",
            "differentially_private_aggregate",
            "per_example_global_norm_clip",
            "per_example_layer_norm_clip",
        ),
        "jgd.transforms.plateau": ("ReduceOnPlateau", "reduce_on_plateau"),
        "jgd.transforms.primal_averaging": ("PrimalAveraging", "PrimalAveragingState", "primal_averaging"),
        "jgd.transforms.process": ("Process", "ProcessPerElement", "add_mean_variance_to_opt", "process"),
        "jgd.transforms.qk_clip": ("qk_clip",),
        "jgd.transforms.rate_and_decay": (
            "CorrectedDecayState",
            "ScaleThenDecay",
            "ScaleThenDecayState",
            "ScaleWithCorrectedDecay",
            "scale_then_decay",
            "scale_with_corrected_decay",
        ),
        "jgd.transforms.running_clip": ("Adagc", "AdagcState", "Zclip", "ZclipState", "adagc", "zclip"),
        "jgd.transforms.scale": (
            "Identity",
            "Negate",
            "Scale",
            "ScaleByLearningRate",
            "ScaleBySchedule",
            "apply_updates",
            "as_rule",
            "identity",
            "init_rate",
            "negate",
            "next_rate",
            "scale",
            "scale_by_learning_rate",
            "scale_by_schedule",
        ),
        "jgd.transforms.selective": ("FreezeLabels", "freeze", "selective_transform"),
        "jgd.transforms.stateful": ("WrappedSchedule",),
        "jgd.transforms.stateless": (
            "Stateless",
            "StatelessWithTreeMap",
            "init_empty_state",
            "stateless",
            "stateless_with_tree_map",
            "with_extra_args_support",
        ),
        "jgd.transforms.targets": ("incremental_update", "periodic_update"),
        "jgd.transforms.value_and_grad": ("value_and_grad_from_state",),
        "jgd.transforms.width": ("ByWidth", "Mup", "SpectralRates", "WidthState", "mup", "mup_init", "spectral_rates"),
        "jgd.transforms.wrappers": ("ApplyIfFinite", "MultiSteps", "apply_if_finite", "multi_steps", "step_if"),
        "jgd.transforms.zoom_linesearch": ("ScaleByZoomLinesearch", "scale_by_zoom_linesearch"),
    },
)
