"""Gradient transformations that are no optimizer: CapWords records, called by lower-case names.

Written by `python -m tests.exports`; names are imported on first use.
"""

from jgd.core.lazy import lazy

lazy(
    __name__,
    {
        "jgd.transforms.accumulation": "ApplyEveryK apply_every skip_large_updates skip_not_finite",
        "jgd.transforms.adaptive_clip": "AdaptiveGradClip adaptive_grad_clip unitwise_clip unitwise_norm",
        "jgd.transforms.aggregating": (
            "AccumulateAvgUpdates AverageIncrementallyUpdates AveragePerElementUpdates Axes "
            "GetPerElementMeanAndSumSqDiffGrads TrackPerElementMeanAndVarianceWithEma accumulate_avg_updates "
            "average_incrementally_updates average_per_element_updates get_batch_size_from_per_elt_updates "
            "get_per_element_mean_and_sum_sq_diff_grads get_unbiased_mean_and_variance_ema "
            "track_per_element_mean_and_variance_with_ema"
        ),
        "jgd.transforms.as_transform": "Foreign as_transform",
        "jgd.transforms.averaging": "eval_params inner_states schedule_free_eval_params",
        "jgd.transforms.backtracking_linesearch": "ScaleByBacktrackingLinesearch scale_by_backtracking_linesearch",
        "jgd.transforms.block_scale": (
            "ScaleByParamBlockNorm ScaleByParamBlockRms scale_by_param_block_norm scale_by_param_block_rms"
        ),
        "jgd.transforms.by_path": "ByPath Layerwise Scaled by_path layerwise scaled",
        "jgd.transforms.cautious": "Cautious CautiousState add_cautious_decayed_weights cautious",
        "jgd.transforms.chunks": "Chunks Step in_chunks shorter",
        "jgd.transforms.clip": (
            "Clip ClipByBlockRms ClipByGlobalNorm ClipByNorm clip clip_by_block_rms clip_by_global_norm "
            "clip_by_norm shrink"
        ),
        "jgd.transforms.compose": (
            "Chain Links Masked Partition Scheduled ScheduledState chain masked partition scheduled"
        ),
        "jgd.transforms.conditional": (
            "ConditionallyMask ConditionallyTransform conditionally_mask conditionally_transform"
        ),
        "jgd.transforms.constraints": (
            "KeepParamsNonnegative SetToZero ZeroNans keep_params_nonnegative set_to_zero zero_nans"
        ),
        "jgd.transforms.decay": (
            "AddCautiousDecay AddDecayedWeights AddInitialDecay DecayRule InitialDecayState SubtractDecayedWeights "
            "WeightDecay add_cautious_decay add_decayed_weights add_initial_decay agreement "
            "subtract_decayed_weights weight_decay"
        ),
        "jgd.transforms.freezing": "FreezeUntil FreezeUntilState freeze_until",
        "jgd.transforms.grafting": "Graft GraftState graft",
        "jgd.transforms.grokfast": "GrokfastEma OrthogonalizeGradients grokfast_ema orthogonalize_gradients",
        "jgd.transforms.hyperball": "Hyperball HyperballState hyperball",
        "jgd.transforms.in_effect": "check_metrics current_hyperparams known_metrics observe",
        "jgd.transforms.inject": "InjectHyperparams inject_hyperparams inject_stateful_hyperparams",
        "jgd.transforms.inner_transforms": "InnerTransform inner_transforms",
        "jgd.transforms.layouts": "Flatten RealAndImaginary SplitRealAndImaginary flatten split_real_and_imaginary",
        "jgd.transforms.line_search": (
            "RayPoint StepSearch begin_search next_step no_gradient ray receive scaled_updates wolfe_errors zoom_search"
        ),
        "jgd.transforms.lookahead": "Lookahead LookaheadSlowState lookahead",
        "jgd.transforms.loss_scale": "DynamicLossScale LossScaleState dynamic_loss_scale loss_scale",
        "jgd.transforms.low_bit": "LowBit LowBitState low_bit",
        "jgd.transforms.matrix_axes": "MatrixAxesByPath every_matrix_axes matrix_axes matrix_axes_by_path",
        "jgd.transforms.moments": "StateArray state_arrays",
        "jgd.transforms.momentum": "Ema Trace ema trace",
        "jgd.transforms.monitor": ("Measure MeasureSnapshot MeasureWithEma Monitor measure_with_ema monitor snapshot"),
        "jgd.transforms.named": "NamedChain named_chain",
        "jgd.transforms.noise": "AddNoise add_noise one_key",
        "jgd.transforms.normalize": "Centralize NormalizeByUpdateNorm centralize normalize_by_update_norm",
        "jgd.transforms.parameter_averages": (
            "EmaParams Lawa LawaState ParameterAverage ParameterAverageState PolynomialAverage Swa ema_params lawa "
            "moved polynomial_average swa"
        ),
        "jgd.transforms.per_example": (
            "DifferentiallyPrivateAggregate differentially_private_aggregate per_example_global_norm_clip "
            "per_example_layer_norm_clip"
        ),
        "jgd.transforms.plateau": "ReduceOnPlateau reduce_on_plateau",
        "jgd.transforms.primal_averaging": "PrimalAveraging PrimalAveragingState primal_averaging",
        "jgd.transforms.process": "Process ProcessPerElement add_mean_variance_to_opt process",
        "jgd.transforms.qk_clip": "qk_clip",
        "jgd.transforms.rate_and_decay": (
            "CorrectedDecayState ScaleThenDecay ScaleThenDecayState ScaleWithCorrectedDecay scale_then_decay "
            "scale_with_corrected_decay"
        ),
        "jgd.transforms.rounding": (
            "Kahan KahanState MasterWeights MasterWeightsState StochasticRounding StochasticRoundingState kahan "
            "master_weights stochastic_rounding"
        ),
        "jgd.transforms.running_clip": "Adagc AdagcState Zclip ZclipState adagc zclip",
        "jgd.transforms.scale": (
            "Identity Negate Scale ScaleByLearningRate ScaleBySchedule apply_updates as_rule identity init_rate "
            "negate next_rate scale scale_by_learning_rate scale_by_schedule"
        ),
        "jgd.transforms.selective": "FreezeLabels freeze selective_transform",
        "jgd.transforms.stateful": "WrappedSchedule",
        "jgd.transforms.stateless": (
            "Stateless StatelessWithTreeMap init_empty_state stateless stateless_with_tree_map with_extra_args_support"
        ),
        "jgd.transforms.targets": "incremental_update periodic_update",
        "jgd.transforms.value_and_grad": "value_and_grad_from_state",
        "jgd.transforms.width": "ByWidth Mup SpectralRates WidthState mup mup_init spectral_rates",
        "jgd.transforms.wrappers": "ApplyIfFinite MultiSteps apply_if_finite multi_steps step_if",
        "jgd.transforms.zoom_linesearch": "ScaleByZoomLinesearch scale_by_zoom_linesearch",
    },
)
