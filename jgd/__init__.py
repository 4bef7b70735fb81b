"""jgd: gradient descent as a value.

`help(jgd.fit)` tells of one; `from jgd.interop import optax` is optax's namespace with these values in it.
This file is the table of contents, written by `python -m tests.exports`; names are imported on first use.
"""

from jgd.core.lazy import lazy

lazy(
    __name__,
    {
        "jgd.core": (
            "InputError MatrixAxes MatrixRule NoMatrixWarning Rule Schedule SplitAxes Status Stop Transform "
            "global_norm hyper hyperparams part record select stack stack_leaves static with_hyperparams"
        ),
        "jgd.optimizers": (
            "a2grad accsgd acprop adabelief adabound adadelta adafactor adagrad adahessian adai adam adam_atan2 "
            "adam_mini adamax adamaxw adamod adamp adamuon adamw adan ademamix adopt aggmo amos amsgrad ano apollo "
            "asam came citation cocob dadapt_adagrad dadapt_adamw dadapt_lion dadapt_sgd descend descend_by_splus "
            "descend_then_decay diffgrad dion dog dowg dpsgd exadam extragradient fira fromage ftrl galore "
            "galore_adamw gauss_newton_bartlett_estimator gradient_descent grams gravity guess_mini_blocks "
            "heavy_ball hessian_free hutchinson_estimator_diag_hessian hypergradient_descent kate kl_shampoo "
            "kl_soap lamb laprop lars lbfgs ldog lion madgrad mars mechanize mini_blocks mini_blocks_by_path momo "
            "momo_adam msvag muon muon_labels nadam nadamw natural_gradient nesterov noisy_sgd normalize normuon "
            "novograd optimistic_adam optimistic_adam_v2 optimistic_gradient_descent optimizer osgm padam pid pnm "
            "polyak_sgd prodigy prox_adam proximal psgd_kron qhadam qhm racs radam rectified_rate rmsprop rprop sam "
            "scale_by_acprop scale_by_adabound scale_by_adadelta scale_by_adahessian scale_by_adai scale_by_adam "
            "scale_by_adam_atan2 scale_by_adam_mini scale_by_adamax scale_by_adamod scale_by_adamp scale_by_adamuon "
            "scale_by_adan scale_by_ademamix scale_by_adopt scale_by_aggmo scale_by_amos scale_by_amsgrad "
            "scale_by_ano scale_by_apollo scale_by_belief scale_by_came scale_by_cocob scale_by_diffgrad "
            "scale_by_dion scale_by_distance_over_gradients scale_by_dog scale_by_dowg scale_by_exadam "
            "scale_by_factored_rms scale_by_fira scale_by_galore scale_by_grams scale_by_kate scale_by_kl_shampoo "
            "scale_by_kl_soap scale_by_kron scale_by_laprop scale_by_lbfgs scale_by_lion scale_by_low_rank_adam "
            "scale_by_madgrad scale_by_mars scale_by_msvag scale_by_muon scale_by_normuon scale_by_novograd "
            "scale_by_optimistic_gradient scale_by_padam scale_by_pid scale_by_pnm scale_by_polyak scale_by_qhadam "
            "scale_by_qhm scale_by_racs scale_by_radam scale_by_rectified_rms scale_by_rms scale_by_rprop "
            "scale_by_rss scale_by_scion scale_by_scion_bias scale_by_sgd_sai scale_by_sgdp scale_by_shampoo "
            "scale_by_sign scale_by_signum scale_by_simplified_ademamix scale_by_sm3 scale_by_soap scale_by_sophia "
            "scale_by_splus scale_by_stable_adamw scale_by_stddev scale_by_tam scale_by_trust_ratio scale_by_yogi "
            "schedule_free schedule_free_adamw schedule_free_radam schedule_free_sgd scion scion_labels sgd sgd_sai "
            "sgdp shampoo sign_sgd signum simplified_ademamix sm3 soap sophia splus stable_adamw tam tiger variant "
            "yogi"
        ),
        "jgd.schedules": (
            "constant_schedule cosine_decay_schedule cosine_onecycle_schedule cosine_restarts_schedule "
            "exponential_decay inverse_sqrt_schedule join_schedules linear_onecycle_schedule linear_schedule "
            "linear_warmup_schedule piecewise_constant_schedule piecewise_interpolate_schedule polynomial_schedule "
            "sgdr_schedule switch_schedule warmup_constant_schedule warmup_cosine_decay_schedule "
            "warmup_exponential_decay_schedule warmup_stable_decay_schedule"
        ),
        "jgd.transforms": (
            "accumulate_avg_updates adagc adaptive_grad_clip add_cautious_decay add_cautious_decayed_weights "
            "add_decayed_weights add_initial_decay add_mean_variance_to_opt add_noise apply_every apply_if_finite "
            "apply_updates average_incrementally_updates average_per_element_updates by_path cautious centralize "
            "chain clip clip_by_block_rms clip_by_global_norm clip_by_norm conditionally_mask "
            "conditionally_transform current_hyperparams differentially_private_aggregate dynamic_loss_scale ema "
            "ema_params eval_params every_matrix_axes flatten freeze freeze_until "
            "get_batch_size_from_per_elt_updates get_per_element_mean_and_sum_sq_diff_grads "
            "get_unbiased_mean_and_variance_ema graft grokfast_ema hyperball identity incremental_update "
            "init_empty_state inject_hyperparams inject_stateful_hyperparams kahan keep_params_nonnegative lawa "
            "layerwise lookahead loss_scale low_bit masked master_weights matrix_axes matrix_axes_by_path "
            "measure_with_ema monitor multi_steps mup mup_init named_chain negate normalize_by_update_norm "
            "orthogonalize_gradients partition per_example_global_norm_clip per_example_layer_norm_clip "
            "periodic_update polynomial_average primal_averaging process qk_clip reduce_on_plateau scale "
            "scale_by_backtracking_linesearch scale_by_learning_rate scale_by_param_block_norm "
            "scale_by_param_block_rms scale_by_schedule scale_by_zoom_linesearch scale_then_decay "
            "scale_with_corrected_decay scaled schedule_free_eval_params scheduled selective_transform set_to_zero "
            "skip_large_updates skip_not_finite snapshot spectral_rates split_real_and_imaginary stateless "
            "stateless_with_tree_map stochastic_rounding subtract_decayed_weights swa trace "
            "track_per_element_mean_and_variance_with_ema unitwise_clip unitwise_norm value_and_grad_from_state "
            "weight_decay with_extra_args_support zclip zero_nans"
        ),
        "jgd.solvers": (
            "Fit Solution admm anderson armijo augmented_lagrangian barzilai_borwein basin_hopping bfgs broyden "
            "check_grads cubic_newton curve_fit dfp dogleg equality fista fixed_point frank_wolfe gauss_newton "
            "hager_zhang implicit inequality lbfgsb least_squares levenberg_marquardt minimize minimize_many "
            "mirror_descent multistart nelder_mead newton newton_cg nonlinear_cg projected_gradient prox_gradient "
            "root sqp sr1 steepest_descent strong_wolfe subgradient trf trust_exact trust_krylov trust_ncg"
        ),
        "jgd.train": "Health Microbatch Run Task fit loss_of_outputs on_host",
        "jgd.sweep": "rate_range",
        "jgd.measure": "audit describe",
    },
    folders="distributed health interop law measure nonsmooth optimizers schedules solvers sweep tasks transforms",
)

__version__ = "0.13.0"
