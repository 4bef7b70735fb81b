"""jgd: gradient descent as a value. This file is the table of contents.

Values: InputError, MatrixAxes, MatrixRule, NoMatrixWarning, Rule, Schedule, SplitAxes, Status, Stop, Transform,
    global_norm, hyper, hyperparams, part, record, select, stack, stack_leaves, static, with_hyperparams.
Optimizers: a2grad, accsgd, acprop, adabelief, adabound, adadelta, adafactor, adagrad, adahessian, adai, adam,
    adam_atan2, adam_mini, adamax, adamaxw, adamod, adamp, adamuon, adamw, adan, ademamix, adopt, aggmo, amos,
    amsgrad, ano, apollo, asam, came, cocob, dadapt_adagrad, dadapt_adamw, dadapt_lion, dadapt_sgd, descend,
    descend_by_splus, descend_then_decay, diffgrad, dion, dog, dowg, dpsgd, exadam, extragradient, fira, fromage,
    ftrl, galore, galore_adamw, gradient_descent, grams, gravity, guess_mini_blocks, heavy_ball,
    hutchinson_estimator_diag_hessian, hypergradient_descent, kate, kl_shampoo, kl_soap, lamb, laprop, lars, lbfgs,
    ldog, lion, madgrad, mars, mechanize, mini_blocks, mini_blocks_by_path, momo, momo_adam, msvag, muon, muon_labels,
    nadam, nadamw, nesterov, noisy_sgd, normalize, normuon, novograd, optimistic_adam, optimistic_adam_v2,
    optimistic_gradient_descent, optimizer, osgm, padam, pid, pnm, polyak_sgd, prodigy, psgd_kron, qhadam, qhm, racs,
    radam, rectified_rate, rmsprop, rprop, sam, scale_by_acprop, scale_by_adabound, scale_by_adadelta,
    scale_by_adahessian, scale_by_adai, scale_by_adam, scale_by_adam_atan2, scale_by_adam_mini, scale_by_adamax,
    scale_by_adamod, scale_by_adamp, scale_by_adamuon, scale_by_adan, scale_by_ademamix, scale_by_adopt,
    scale_by_aggmo, scale_by_amos, scale_by_amsgrad, scale_by_ano, scale_by_apollo, scale_by_belief, scale_by_came,
    scale_by_cocob, scale_by_diffgrad, scale_by_dion, scale_by_distance_over_gradients, scale_by_dog, scale_by_dowg,
    scale_by_exadam, scale_by_factored_rms, scale_by_fira, scale_by_galore, scale_by_grams, scale_by_kate,
    scale_by_kl_shampoo, scale_by_kl_soap, scale_by_kron, scale_by_laprop, scale_by_lbfgs, scale_by_lion,
    scale_by_low_rank_adam, scale_by_madgrad, scale_by_mars, scale_by_msvag, scale_by_muon, scale_by_normuon,
    scale_by_novograd, scale_by_optimistic_gradient, scale_by_padam, scale_by_pid, scale_by_pnm, scale_by_polyak,
    scale_by_qhadam, scale_by_qhm, scale_by_racs, scale_by_radam, scale_by_rectified_rms, scale_by_rms,
    scale_by_rprop, scale_by_rss, scale_by_scion, scale_by_scion_bias, scale_by_sgd_sai, scale_by_sgdp,
    scale_by_shampoo, scale_by_sign, scale_by_signum, scale_by_simplified_ademamix, scale_by_sm3, scale_by_soap,
    scale_by_sophia, scale_by_splus, scale_by_stable_adamw, scale_by_stddev, scale_by_tam, scale_by_trust_ratio,
    scale_by_yogi, schedule_free, schedule_free_adamw, schedule_free_radam, schedule_free_sgd, scion, scion_labels,
    sgd, sgd_sai, sgdp, shampoo, sign_sgd, signum, simplified_ademamix, sm3, soap, sophia, splus, stable_adamw, tam,
    tiger, variant, yogi.
Schedules: constant_schedule, cosine_decay_schedule, cosine_onecycle_schedule, cosine_restarts_schedule,
    exponential_decay, inverse_sqrt_schedule, join_schedules, linear_onecycle_schedule, linear_schedule,
    linear_warmup_schedule, piecewise_constant_schedule, piecewise_interpolate_schedule, polynomial_schedule,
    sgdr_schedule, switch_schedule, warmup_constant_schedule, warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule, warmup_stable_decay_schedule.
Transforms: accumulate_avg_updates, adagc, adaptive_grad_clip, add_cautious_decay, add_cautious_decayed_weights,
    add_decayed_weights, add_initial_decay, add_mean_variance_to_opt, add_noise, apply_every, apply_if_finite,
    apply_updates, average_incrementally_updates, average_per_element_updates, by_path, cautious, centralize, chain,
    clip, clip_by_block_rms, clip_by_global_norm, clip_by_norm, conditionally_mask, conditionally_transform,
    current_hyperparams, differentially_private_aggregate, ema, ema_params, eval_params, every_matrix_axes, flatten,
    freeze, freeze_until, get_batch_size_from_per_elt_updates, get_per_element_mean_and_sum_sq_diff_grads,
    get_unbiased_mean_and_variance_ema, graft, grokfast_ema, hyperball, identity, incremental_update,
    init_empty_state, inject_hyperparams, inject_stateful_hyperparams, keep_params_nonnegative, lawa, layerwise,
    lookahead, masked, matrix_axes, matrix_axes_by_path, measure_with_ema, monitor, multi_steps, mup, mup_init,
    named_chain, negate, normalize_by_update_norm, orthogonalize_gradients, partition, per_example_global_norm_clip,
    per_example_layer_norm_clip, periodic_update, polynomial_average, primal_averaging, process, qk_clip,
    reduce_on_plateau, scale, scale_by_backtracking_linesearch, scale_by_learning_rate, scale_by_param_block_norm,
    scale_by_param_block_rms, scale_by_schedule, scale_by_zoom_linesearch, scale_then_decay,
    scale_with_corrected_decay, scaled, schedule_free_eval_params, scheduled, selective_transform, set_to_zero,
    skip_large_updates, skip_not_finite, snapshot, spectral_rates, split_real_and_imaginary, stateless,
    stateless_with_tree_map, subtract_decayed_weights, swa, trace, track_per_element_mean_and_variance_with_ema,
    unitwise_clip, unitwise_norm, value_and_grad_from_state, weight_decay, with_extra_args_support, zclip, zero_nans.
Loops, studies and measures: interop, measure, nonsmooth, optimizers, schedules, solvers, sweep, tasks, transforms,
    Fit, Run, Solution, Task, anderson, armijo, augmented_lagrangian, barzilai_borwein, bfgs, broyden, check_grads,
    cubic_newton, curve_fit, describe, dfp, dogleg, equality, fista, fit, fixed_point, frank_wolfe, gauss_newton,
    hager_zhang, implicit, inequality, lbfgsb, least_squares, levenberg_marquardt, minimize, minimize_many,
    mirror_descent, multistart, nelder_mead, newton, newton_cg, nonlinear_cg, on_host, projected_gradient,
    prox_gradient, root, sqp, sr1, steepest_descent, strong_wolfe, subgradient, trf, trust_exact, trust_krylov,
    trust_ncg.

`help(jgd.fit)` tells of one; `from jgd.interop import optax` is optax's namespace with these values in it.
Written by `python -m tests.exports`; what is not a value is imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core import InputError as InputError
from jgd.core import MatrixAxes as MatrixAxes
from jgd.core import MatrixRule as MatrixRule
from jgd.core import NoMatrixWarning as NoMatrixWarning
from jgd.core import Rule as Rule
from jgd.core import Schedule as Schedule
from jgd.core import SplitAxes as SplitAxes
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
from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd import interop as interop
    from jgd import measure as measure
    from jgd import nonsmooth as nonsmooth
    from jgd import optimizers as optimizers
    from jgd import schedules as schedules
    from jgd import solvers as solvers
    from jgd import sweep as sweep
    from jgd import tasks as tasks
    from jgd import transforms as transforms
    from jgd.optimizers.accsgd import a2grad as a2grad
    from jgd.optimizers.accsgd import accsgd as accsgd
    from jgd.optimizers.acprop import acprop as acprop
    from jgd.optimizers.acprop import scale_by_acprop as scale_by_acprop
    from jgd.optimizers.adabelief import adabelief as adabelief
    from jgd.optimizers.adabelief import scale_by_belief as scale_by_belief
    from jgd.optimizers.adabound import adabound as adabound
    from jgd.optimizers.adabound import scale_by_adabound as scale_by_adabound
    from jgd.optimizers.adadelta import adadelta as adadelta
    from jgd.optimizers.adadelta import scale_by_adadelta as scale_by_adadelta
    from jgd.optimizers.adafactor import adafactor as adafactor
    from jgd.optimizers.adafactor import scale_by_factored_rms as scale_by_factored_rms
    from jgd.optimizers.adagrad import adagrad as adagrad
    from jgd.optimizers.adagrad import scale_by_rss as scale_by_rss
    from jgd.optimizers.adahessian import adahessian as adahessian
    from jgd.optimizers.adahessian import scale_by_adahessian as scale_by_adahessian
    from jgd.optimizers.adai import adai as adai
    from jgd.optimizers.adai import scale_by_adai as scale_by_adai
    from jgd.optimizers.adam import adam as adam
    from jgd.optimizers.adam import adamw as adamw
    from jgd.optimizers.adam import amsgrad as amsgrad
    from jgd.optimizers.adam import nadam as nadam
    from jgd.optimizers.adam import nadamw as nadamw
    from jgd.optimizers.adam import scale_by_adam as scale_by_adam
    from jgd.optimizers.adam import scale_by_amsgrad as scale_by_amsgrad
    from jgd.optimizers.adam_atan2 import adam_atan2 as adam_atan2
    from jgd.optimizers.adam_atan2 import scale_by_adam_atan2 as scale_by_adam_atan2
    from jgd.optimizers.adam_mini import adam_mini as adam_mini
    from jgd.optimizers.adam_mini import guess_mini_blocks as guess_mini_blocks
    from jgd.optimizers.adam_mini import mini_blocks as mini_blocks
    from jgd.optimizers.adam_mini import mini_blocks_by_path as mini_blocks_by_path
    from jgd.optimizers.adam_mini import scale_by_adam_mini as scale_by_adam_mini
    from jgd.optimizers.adamax import adamax as adamax
    from jgd.optimizers.adamax import adamaxw as adamaxw
    from jgd.optimizers.adamax import scale_by_adamax as scale_by_adamax
    from jgd.optimizers.adamod import adamod as adamod
    from jgd.optimizers.adamod import scale_by_adamod as scale_by_adamod
    from jgd.optimizers.adamp import adamp as adamp
    from jgd.optimizers.adamp import scale_by_adamp as scale_by_adamp
    from jgd.optimizers.adamp import scale_by_sgdp as scale_by_sgdp
    from jgd.optimizers.adamp import sgdp as sgdp
    from jgd.optimizers.adan import adan as adan
    from jgd.optimizers.adan import scale_by_adan as scale_by_adan
    from jgd.optimizers.adaptive_muon import adamuon as adamuon
    from jgd.optimizers.adaptive_muon import normuon as normuon
    from jgd.optimizers.adaptive_muon import scale_by_adamuon as scale_by_adamuon
    from jgd.optimizers.adaptive_muon import scale_by_normuon as scale_by_normuon
    from jgd.optimizers.ademamix import ademamix as ademamix
    from jgd.optimizers.ademamix import scale_by_ademamix as scale_by_ademamix
    from jgd.optimizers.ademamix import scale_by_simplified_ademamix as scale_by_simplified_ademamix
    from jgd.optimizers.ademamix import simplified_ademamix as simplified_ademamix
    from jgd.optimizers.adopt import adopt as adopt
    from jgd.optimizers.adopt import scale_by_adopt as scale_by_adopt
    from jgd.optimizers.aggmo import aggmo as aggmo
    from jgd.optimizers.aggmo import scale_by_aggmo as scale_by_aggmo
    from jgd.optimizers.amos import amos as amos
    from jgd.optimizers.amos import scale_by_amos as scale_by_amos
    from jgd.optimizers.ano import ano as ano
    from jgd.optimizers.ano import scale_by_ano as scale_by_ano
    from jgd.optimizers.apollo import apollo as apollo
    from jgd.optimizers.apollo import scale_by_apollo as scale_by_apollo
    from jgd.optimizers.came import came as came
    from jgd.optimizers.came import scale_by_came as scale_by_came
    from jgd.optimizers.catalogue import descend as descend
    from jgd.optimizers.catalogue import descend_then_decay as descend_then_decay
    from jgd.optimizers.catalogue import optimizer as optimizer
    from jgd.optimizers.catalogue import variant as variant
    from jgd.optimizers.cocob import cocob as cocob
    from jgd.optimizers.cocob import scale_by_cocob as scale_by_cocob
    from jgd.optimizers.dadapt import dadapt_adagrad as dadapt_adagrad
    from jgd.optimizers.dadapt import dadapt_adamw as dadapt_adamw
    from jgd.optimizers.dadapt import dadapt_lion as dadapt_lion
    from jgd.optimizers.dadapt import dadapt_sgd as dadapt_sgd
    from jgd.optimizers.diffgrad import diffgrad as diffgrad
    from jgd.optimizers.diffgrad import scale_by_diffgrad as scale_by_diffgrad
    from jgd.optimizers.dion import dion as dion
    from jgd.optimizers.dion import scale_by_dion as scale_by_dion
    from jgd.optimizers.dog import dog as dog
    from jgd.optimizers.dog import dowg as dowg
    from jgd.optimizers.dog import ldog as ldog
    from jgd.optimizers.dog import scale_by_distance_over_gradients as scale_by_distance_over_gradients
    from jgd.optimizers.dog import scale_by_dog as scale_by_dog
    from jgd.optimizers.dog import scale_by_dowg as scale_by_dowg
    from jgd.optimizers.exadam import exadam as exadam
    from jgd.optimizers.exadam import scale_by_exadam as scale_by_exadam
    from jgd.optimizers.fira import fira as fira
    from jgd.optimizers.fira import scale_by_fira as scale_by_fira
    from jgd.optimizers.fromage import fromage as fromage
    from jgd.optimizers.ftrl import ftrl as ftrl
    from jgd.optimizers.galore import galore as galore
    from jgd.optimizers.galore import galore_adamw as galore_adamw
    from jgd.optimizers.galore import scale_by_galore as scale_by_galore
    from jgd.optimizers.grams import grams as grams
    from jgd.optimizers.grams import scale_by_grams as scale_by_grams
    from jgd.optimizers.gravity import gravity as gravity
    from jgd.optimizers.hypergradient import hypergradient_descent as hypergradient_descent
    from jgd.optimizers.hypergradient import osgm as osgm
    from jgd.optimizers.kate import kate as kate
    from jgd.optimizers.kate import scale_by_kate as scale_by_kate
    from jgd.optimizers.kl_shampoo import kl_shampoo as kl_shampoo
    from jgd.optimizers.kl_shampoo import kl_soap as kl_soap
    from jgd.optimizers.kl_shampoo import scale_by_kl_shampoo as scale_by_kl_shampoo
    from jgd.optimizers.kl_shampoo import scale_by_kl_soap as scale_by_kl_soap
    from jgd.optimizers.lamb import lamb as lamb
    from jgd.optimizers.lamb import scale_by_trust_ratio as scale_by_trust_ratio
    from jgd.optimizers.laprop import laprop as laprop
    from jgd.optimizers.laprop import scale_by_laprop as scale_by_laprop
    from jgd.optimizers.lars import lars as lars
    from jgd.optimizers.lbfgs import lbfgs as lbfgs
    from jgd.optimizers.lbfgs import scale_by_lbfgs as scale_by_lbfgs
    from jgd.optimizers.lion import lion as lion
    from jgd.optimizers.lion import scale_by_lion as scale_by_lion
    from jgd.optimizers.low_rank import scale_by_low_rank_adam as scale_by_low_rank_adam
    from jgd.optimizers.madgrad import madgrad as madgrad
    from jgd.optimizers.madgrad import scale_by_madgrad as scale_by_madgrad
    from jgd.optimizers.mars import mars as mars
    from jgd.optimizers.mars import scale_by_mars as scale_by_mars
    from jgd.optimizers.mechanize import mechanize as mechanize
    from jgd.optimizers.momo import momo as momo
    from jgd.optimizers.momo import momo_adam as momo_adam
    from jgd.optimizers.msvag import msvag as msvag
    from jgd.optimizers.msvag import scale_by_msvag as scale_by_msvag
    from jgd.optimizers.muon import muon as muon
    from jgd.optimizers.muon import muon_labels as muon_labels
    from jgd.optimizers.muon import scale_by_muon as scale_by_muon
    from jgd.optimizers.noisy_sgd import dpsgd as dpsgd
    from jgd.optimizers.noisy_sgd import noisy_sgd as noisy_sgd
    from jgd.optimizers.novograd import novograd as novograd
    from jgd.optimizers.novograd import scale_by_novograd as scale_by_novograd
    from jgd.optimizers.optimistic import optimistic_adam as optimistic_adam
    from jgd.optimizers.optimistic import optimistic_adam_v2 as optimistic_adam_v2
    from jgd.optimizers.optimistic import optimistic_gradient_descent as optimistic_gradient_descent
    from jgd.optimizers.optimistic import scale_by_optimistic_gradient as scale_by_optimistic_gradient
    from jgd.optimizers.padam import padam as padam
    from jgd.optimizers.padam import scale_by_padam as scale_by_padam
    from jgd.optimizers.pid import pid as pid
    from jgd.optimizers.pid import scale_by_pid as scale_by_pid
    from jgd.optimizers.pnm import pnm as pnm
    from jgd.optimizers.pnm import scale_by_pnm as scale_by_pnm
    from jgd.optimizers.polyak import polyak_sgd as polyak_sgd
    from jgd.optimizers.polyak import scale_by_polyak as scale_by_polyak
    from jgd.optimizers.prodigy import prodigy as prodigy
    from jgd.optimizers.psgd_kron import psgd_kron as psgd_kron
    from jgd.optimizers.psgd_kron import scale_by_kron as scale_by_kron
    from jgd.optimizers.quasi_hyperbolic import qhadam as qhadam
    from jgd.optimizers.quasi_hyperbolic import qhm as qhm
    from jgd.optimizers.quasi_hyperbolic import scale_by_qhadam as scale_by_qhadam
    from jgd.optimizers.quasi_hyperbolic import scale_by_qhm as scale_by_qhm
    from jgd.optimizers.racs import racs as racs
    from jgd.optimizers.racs import scale_by_racs as scale_by_racs
    from jgd.optimizers.radam import radam as radam
    from jgd.optimizers.radam import scale_by_radam as scale_by_radam
    from jgd.optimizers.rmsprop import rmsprop as rmsprop
    from jgd.optimizers.rmsprop import scale_by_rms as scale_by_rms
    from jgd.optimizers.rmsprop import scale_by_stddev as scale_by_stddev
    from jgd.optimizers.rprop import rprop as rprop
    from jgd.optimizers.rprop import scale_by_rprop as scale_by_rprop
    from jgd.optimizers.sam import asam as asam
    from jgd.optimizers.sam import extragradient as extragradient
    from jgd.optimizers.sam import normalize as normalize
    from jgd.optimizers.sam import sam as sam
    from jgd.optimizers.schedule_free import rectified_rate as rectified_rate
    from jgd.optimizers.schedule_free import scale_by_rectified_rms as scale_by_rectified_rms
    from jgd.optimizers.schedule_free import schedule_free as schedule_free
    from jgd.optimizers.schedule_free import schedule_free_adamw as schedule_free_adamw
    from jgd.optimizers.schedule_free import schedule_free_radam as schedule_free_radam
    from jgd.optimizers.schedule_free import schedule_free_sgd as schedule_free_sgd
    from jgd.optimizers.scion import scale_by_scion as scale_by_scion
    from jgd.optimizers.scion import scale_by_scion_bias as scale_by_scion_bias
    from jgd.optimizers.scion import scion as scion
    from jgd.optimizers.scion import scion_labels as scion_labels
    from jgd.optimizers.sgd import gradient_descent as gradient_descent
    from jgd.optimizers.sgd import heavy_ball as heavy_ball
    from jgd.optimizers.sgd import nesterov as nesterov
    from jgd.optimizers.sgd import sgd as sgd
    from jgd.optimizers.sgd_sai import scale_by_sgd_sai as scale_by_sgd_sai
    from jgd.optimizers.sgd_sai import sgd_sai as sgd_sai
    from jgd.optimizers.shampoo import scale_by_shampoo as scale_by_shampoo
    from jgd.optimizers.shampoo import shampoo as shampoo
    from jgd.optimizers.sign_sgd import scale_by_sign as scale_by_sign
    from jgd.optimizers.sign_sgd import scale_by_signum as scale_by_signum
    from jgd.optimizers.sign_sgd import sign_sgd as sign_sgd
    from jgd.optimizers.sign_sgd import signum as signum
    from jgd.optimizers.sign_sgd import tiger as tiger
    from jgd.optimizers.sm3 import scale_by_sm3 as scale_by_sm3
    from jgd.optimizers.sm3 import sm3 as sm3
    from jgd.optimizers.soap import scale_by_soap as scale_by_soap
    from jgd.optimizers.soap import soap as soap
    from jgd.optimizers.sophia import hutchinson_estimator_diag_hessian as hutchinson_estimator_diag_hessian
    from jgd.optimizers.sophia import scale_by_sophia as scale_by_sophia
    from jgd.optimizers.sophia import sophia as sophia
    from jgd.optimizers.splus import descend_by_splus as descend_by_splus
    from jgd.optimizers.splus import scale_by_splus as scale_by_splus
    from jgd.optimizers.splus import splus as splus
    from jgd.optimizers.stable_adamw import scale_by_stable_adamw as scale_by_stable_adamw
    from jgd.optimizers.stable_adamw import stable_adamw as stable_adamw
    from jgd.optimizers.tam import scale_by_tam as scale_by_tam
    from jgd.optimizers.tam import tam as tam
    from jgd.optimizers.yogi import scale_by_yogi as scale_by_yogi
    from jgd.optimizers.yogi import yogi as yogi
    from jgd.schedules.basic import constant_schedule as constant_schedule
    from jgd.schedules.basic import cosine_decay_schedule as cosine_decay_schedule
    from jgd.schedules.basic import exponential_decay as exponential_decay
    from jgd.schedules.basic import linear_schedule as linear_schedule
    from jgd.schedules.basic import polynomial_schedule as polynomial_schedule
    from jgd.schedules.join import cosine_restarts_schedule as cosine_restarts_schedule
    from jgd.schedules.join import join_schedules as join_schedules
    from jgd.schedules.join import sgdr_schedule as sgdr_schedule
    from jgd.schedules.join import switch_schedule as switch_schedule
    from jgd.schedules.piecewise import cosine_onecycle_schedule as cosine_onecycle_schedule
    from jgd.schedules.piecewise import linear_onecycle_schedule as linear_onecycle_schedule
    from jgd.schedules.piecewise import piecewise_constant_schedule as piecewise_constant_schedule
    from jgd.schedules.piecewise import piecewise_interpolate_schedule as piecewise_interpolate_schedule
    from jgd.schedules.warmup import inverse_sqrt_schedule as inverse_sqrt_schedule
    from jgd.schedules.warmup import linear_warmup_schedule as linear_warmup_schedule
    from jgd.schedules.warmup import warmup_constant_schedule as warmup_constant_schedule
    from jgd.schedules.warmup import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
    from jgd.schedules.warmup import warmup_exponential_decay_schedule as warmup_exponential_decay_schedule
    from jgd.schedules.warmup import warmup_stable_decay_schedule as warmup_stable_decay_schedule
    from jgd.transforms.accumulation import apply_every as apply_every
    from jgd.transforms.accumulation import skip_large_updates as skip_large_updates
    from jgd.transforms.accumulation import skip_not_finite as skip_not_finite
    from jgd.transforms.adaptive_clip import adaptive_grad_clip as adaptive_grad_clip
    from jgd.transforms.adaptive_clip import unitwise_clip as unitwise_clip
    from jgd.transforms.adaptive_clip import unitwise_norm as unitwise_norm
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
    from jgd.transforms.averaging import eval_params as eval_params
    from jgd.transforms.averaging import schedule_free_eval_params as schedule_free_eval_params
    from jgd.transforms.backtracking_linesearch import (
        scale_by_backtracking_linesearch as scale_by_backtracking_linesearch,
    )
    from jgd.transforms.block_scale import scale_by_param_block_norm as scale_by_param_block_norm
    from jgd.transforms.block_scale import scale_by_param_block_rms as scale_by_param_block_rms
    from jgd.transforms.by_path import by_path as by_path
    from jgd.transforms.by_path import layerwise as layerwise
    from jgd.transforms.by_path import scaled as scaled
    from jgd.transforms.cautious import add_cautious_decayed_weights as add_cautious_decayed_weights
    from jgd.transforms.cautious import cautious as cautious
    from jgd.transforms.clip import clip as clip
    from jgd.transforms.clip import clip_by_block_rms as clip_by_block_rms
    from jgd.transforms.clip import clip_by_global_norm as clip_by_global_norm
    from jgd.transforms.clip import clip_by_norm as clip_by_norm
    from jgd.transforms.compose import chain as chain
    from jgd.transforms.compose import masked as masked
    from jgd.transforms.compose import partition as partition
    from jgd.transforms.compose import scheduled as scheduled
    from jgd.transforms.conditional import conditionally_mask as conditionally_mask
    from jgd.transforms.conditional import conditionally_transform as conditionally_transform
    from jgd.transforms.constraints import keep_params_nonnegative as keep_params_nonnegative
    from jgd.transforms.constraints import set_to_zero as set_to_zero
    from jgd.transforms.constraints import zero_nans as zero_nans
    from jgd.transforms.decay import add_cautious_decay as add_cautious_decay
    from jgd.transforms.decay import add_decayed_weights as add_decayed_weights
    from jgd.transforms.decay import add_initial_decay as add_initial_decay
    from jgd.transforms.decay import subtract_decayed_weights as subtract_decayed_weights
    from jgd.transforms.decay import weight_decay as weight_decay
    from jgd.transforms.freezing import freeze_until as freeze_until
    from jgd.transforms.grafting import graft as graft
    from jgd.transforms.grokfast import grokfast_ema as grokfast_ema
    from jgd.transforms.grokfast import orthogonalize_gradients as orthogonalize_gradients
    from jgd.transforms.hyperball import hyperball as hyperball
    from jgd.transforms.in_effect import current_hyperparams as current_hyperparams
    from jgd.transforms.inject import inject_hyperparams as inject_hyperparams
    from jgd.transforms.inject import inject_stateful_hyperparams as inject_stateful_hyperparams
    from jgd.transforms.layouts import flatten as flatten
    from jgd.transforms.layouts import split_real_and_imaginary as split_real_and_imaginary
    from jgd.transforms.lookahead import lookahead as lookahead
    from jgd.transforms.matrix_axes import every_matrix_axes as every_matrix_axes
    from jgd.transforms.matrix_axes import matrix_axes as matrix_axes
    from jgd.transforms.matrix_axes import matrix_axes_by_path as matrix_axes_by_path
    from jgd.transforms.momentum import ema as ema
    from jgd.transforms.momentum import trace as trace
    from jgd.transforms.monitor import measure_with_ema as measure_with_ema
    from jgd.transforms.monitor import monitor as monitor
    from jgd.transforms.monitor import snapshot as snapshot
    from jgd.transforms.named import named_chain as named_chain
    from jgd.transforms.noise import add_noise as add_noise
    from jgd.transforms.normalize import centralize as centralize
    from jgd.transforms.normalize import normalize_by_update_norm as normalize_by_update_norm
    from jgd.transforms.parameter_averages import ema_params as ema_params
    from jgd.transforms.parameter_averages import lawa as lawa
    from jgd.transforms.parameter_averages import polynomial_average as polynomial_average
    from jgd.transforms.parameter_averages import swa as swa
    from jgd.transforms.per_example import differentially_private_aggregate as differentially_private_aggregate
    from jgd.transforms.per_example import per_example_global_norm_clip as per_example_global_norm_clip
    from jgd.transforms.per_example import per_example_layer_norm_clip as per_example_layer_norm_clip
    from jgd.transforms.plateau import reduce_on_plateau as reduce_on_plateau
    from jgd.transforms.primal_averaging import primal_averaging as primal_averaging
    from jgd.transforms.process import add_mean_variance_to_opt as add_mean_variance_to_opt
    from jgd.transforms.process import process as process
    from jgd.transforms.qk_clip import qk_clip as qk_clip
    from jgd.transforms.rate_and_decay import scale_then_decay as scale_then_decay
    from jgd.transforms.rate_and_decay import scale_with_corrected_decay as scale_with_corrected_decay
    from jgd.transforms.running_clip import adagc as adagc
    from jgd.transforms.running_clip import zclip as zclip
    from jgd.transforms.scale import apply_updates as apply_updates
    from jgd.transforms.scale import identity as identity
    from jgd.transforms.scale import negate as negate
    from jgd.transforms.scale import scale as scale
    from jgd.transforms.scale import scale_by_learning_rate as scale_by_learning_rate
    from jgd.transforms.scale import scale_by_schedule as scale_by_schedule
    from jgd.transforms.selective import freeze as freeze
    from jgd.transforms.selective import selective_transform as selective_transform
    from jgd.transforms.stateless import init_empty_state as init_empty_state
    from jgd.transforms.stateless import stateless as stateless
    from jgd.transforms.stateless import stateless_with_tree_map as stateless_with_tree_map
    from jgd.transforms.stateless import with_extra_args_support as with_extra_args_support
    from jgd.transforms.targets import incremental_update as incremental_update
    from jgd.transforms.targets import periodic_update as periodic_update
    from jgd.transforms.value_and_grad import value_and_grad_from_state as value_and_grad_from_state
    from jgd.transforms.width import mup as mup
    from jgd.transforms.width import mup_init as mup_init
    from jgd.transforms.width import spectral_rates as spectral_rates
    from jgd.transforms.wrappers import apply_if_finite as apply_if_finite
    from jgd.transforms.wrappers import multi_steps as multi_steps
    from jgd.transforms.zoom_linesearch import scale_by_zoom_linesearch as scale_by_zoom_linesearch
    from jgd.solvers import Fit as Fit
    from jgd.solvers import Solution as Solution
    from jgd.solvers import anderson as anderson
    from jgd.solvers import armijo as armijo
    from jgd.solvers import augmented_lagrangian as augmented_lagrangian
    from jgd.solvers import barzilai_borwein as barzilai_borwein
    from jgd.solvers import bfgs as bfgs
    from jgd.solvers import broyden as broyden
    from jgd.solvers import check_grads as check_grads
    from jgd.solvers import cubic_newton as cubic_newton
    from jgd.solvers import curve_fit as curve_fit
    from jgd.solvers import dfp as dfp
    from jgd.solvers import dogleg as dogleg
    from jgd.solvers import equality as equality
    from jgd.solvers import fista as fista
    from jgd.solvers import fixed_point as fixed_point
    from jgd.solvers import frank_wolfe as frank_wolfe
    from jgd.solvers import gauss_newton as gauss_newton
    from jgd.solvers import hager_zhang as hager_zhang
    from jgd.solvers import implicit as implicit
    from jgd.solvers import inequality as inequality
    from jgd.solvers import lbfgsb as lbfgsb
    from jgd.solvers import least_squares as least_squares
    from jgd.solvers import levenberg_marquardt as levenberg_marquardt
    from jgd.solvers import minimize as minimize
    from jgd.solvers import minimize_many as minimize_many
    from jgd.solvers import mirror_descent as mirror_descent
    from jgd.solvers import multistart as multistart
    from jgd.solvers import nelder_mead as nelder_mead
    from jgd.solvers import newton as newton
    from jgd.solvers import newton_cg as newton_cg
    from jgd.solvers import nonlinear_cg as nonlinear_cg
    from jgd.solvers import projected_gradient as projected_gradient
    from jgd.solvers import prox_gradient as prox_gradient
    from jgd.solvers import root as root
    from jgd.solvers import sqp as sqp
    from jgd.solvers import sr1 as sr1
    from jgd.solvers import steepest_descent as steepest_descent
    from jgd.solvers import strong_wolfe as strong_wolfe
    from jgd.solvers import subgradient as subgradient
    from jgd.solvers import trf as trf
    from jgd.solvers import trust_exact as trust_exact
    from jgd.solvers import trust_krylov as trust_krylov
    from jgd.solvers import trust_ncg as trust_ncg
    from jgd.train import Run as Run
    from jgd.train import Task as Task
    from jgd.train import fit as fit
    from jgd.train import on_host as on_host
    from jgd.measure.describe import describe as describe

lazy(
    __name__,
    {
        "jgd.optimizers.accsgd": ("a2grad", "accsgd"),
        "jgd.optimizers.acprop": ("acprop", "scale_by_acprop"),
        "jgd.optimizers.adabelief": ("adabelief", "scale_by_belief"),
        "jgd.optimizers.adabound": ("adabound", "scale_by_adabound"),
        "jgd.optimizers.adadelta": ("adadelta", "scale_by_adadelta"),
        "jgd.optimizers.adafactor": ("adafactor", "scale_by_factored_rms"),
        "jgd.optimizers.adagrad": ("adagrad", "scale_by_rss"),
        "jgd.optimizers.adahessian": ("adahessian", "scale_by_adahessian"),
        "jgd.optimizers.adai": ("adai", "scale_by_adai"),
        "jgd.optimizers.adam": ("adam", "adamw", "amsgrad", "nadam", "nadamw", "scale_by_adam", "scale_by_amsgrad"),
        "jgd.optimizers.adam_atan2": ("adam_atan2", "scale_by_adam_atan2"),
        "jgd.optimizers.adam_mini": (
            "adam_mini",
            "guess_mini_blocks",
            "mini_blocks",
            "mini_blocks_by_path",
            "scale_by_adam_mini",
        ),
        "jgd.optimizers.adamax": ("adamax", "adamaxw", "scale_by_adamax"),
        "jgd.optimizers.adamod": ("adamod", "scale_by_adamod"),
        "jgd.optimizers.adamp": ("adamp", "scale_by_adamp", "scale_by_sgdp", "sgdp"),
        "jgd.optimizers.adan": ("adan", "scale_by_adan"),
        "jgd.optimizers.adaptive_muon": ("adamuon", "normuon", "scale_by_adamuon", "scale_by_normuon"),
        "jgd.optimizers.ademamix": (
            "ademamix",
            "scale_by_ademamix",
            "scale_by_simplified_ademamix",
            "simplified_ademamix",
        ),
        "jgd.optimizers.adopt": ("adopt", "scale_by_adopt"),
        "jgd.optimizers.aggmo": ("aggmo", "scale_by_aggmo"),
        "jgd.optimizers.amos": ("amos", "scale_by_amos"),
        "jgd.optimizers.ano": ("ano", "scale_by_ano"),
        "jgd.optimizers.apollo": ("apollo", "scale_by_apollo"),
        "jgd.optimizers.came": ("came", "scale_by_came"),
        "jgd.optimizers.catalogue": ("descend", "descend_then_decay", "optimizer", "variant"),
        "jgd.optimizers.cocob": ("cocob", "scale_by_cocob"),
        "jgd.optimizers.dadapt": ("dadapt_adagrad", "dadapt_adamw", "dadapt_lion", "dadapt_sgd"),
        "jgd.optimizers.diffgrad": ("diffgrad", "scale_by_diffgrad"),
        "jgd.optimizers.dion": ("dion", "scale_by_dion"),
        "jgd.optimizers.dog": (
            "dog",
            "dowg",
            "ldog",
            "scale_by_distance_over_gradients",
            "scale_by_dog",
            "scale_by_dowg",
        ),
        "jgd.optimizers.exadam": ("exadam", "scale_by_exadam"),
        "jgd.optimizers.fira": ("fira", "scale_by_fira"),
        "jgd.optimizers.fromage": ("fromage",),
        "jgd.optimizers.ftrl": ("ftrl",),
        "jgd.optimizers.galore": ("galore", "galore_adamw", "scale_by_galore"),
        "jgd.optimizers.grams": ("grams", "scale_by_grams"),
        "jgd.optimizers.gravity": ("gravity",),
        "jgd.optimizers.hypergradient": ("hypergradient_descent", "osgm"),
        "jgd.optimizers.kate": ("kate", "scale_by_kate"),
        "jgd.optimizers.kl_shampoo": ("kl_shampoo", "kl_soap", "scale_by_kl_shampoo", "scale_by_kl_soap"),
        "jgd.optimizers.lamb": ("lamb", "scale_by_trust_ratio"),
        "jgd.optimizers.laprop": ("laprop", "scale_by_laprop"),
        "jgd.optimizers.lars": ("lars",),
        "jgd.optimizers.lbfgs": ("lbfgs", "scale_by_lbfgs"),
        "jgd.optimizers.lion": ("lion", "scale_by_lion"),
        "jgd.optimizers.low_rank": ("scale_by_low_rank_adam",),
        "jgd.optimizers.madgrad": ("madgrad", "scale_by_madgrad"),
        "jgd.optimizers.mars": ("mars", "scale_by_mars"),
        "jgd.optimizers.mechanize": ("mechanize",),
        "jgd.optimizers.momo": ("momo", "momo_adam"),
        "jgd.optimizers.msvag": ("msvag", "scale_by_msvag"),
        "jgd.optimizers.muon": ("muon", "muon_labels", "scale_by_muon"),
        "jgd.optimizers.noisy_sgd": ("dpsgd", "noisy_sgd"),
        "jgd.optimizers.novograd": ("novograd", "scale_by_novograd"),
        "jgd.optimizers.optimistic": (
            "optimistic_adam",
            "optimistic_adam_v2",
            "optimistic_gradient_descent",
            "scale_by_optimistic_gradient",
        ),
        "jgd.optimizers.padam": ("padam", "scale_by_padam"),
        "jgd.optimizers.pid": ("pid", "scale_by_pid"),
        "jgd.optimizers.pnm": ("pnm", "scale_by_pnm"),
        "jgd.optimizers.polyak": ("polyak_sgd", "scale_by_polyak"),
        "jgd.optimizers.prodigy": ("prodigy",),
        "jgd.optimizers.psgd_kron": ("psgd_kron", "scale_by_kron"),
        "jgd.optimizers.quasi_hyperbolic": ("qhadam", "qhm", "scale_by_qhadam", "scale_by_qhm"),
        "jgd.optimizers.racs": ("racs", "scale_by_racs"),
        "jgd.optimizers.radam": ("radam", "scale_by_radam"),
        "jgd.optimizers.rmsprop": ("rmsprop", "scale_by_rms", "scale_by_stddev"),
        "jgd.optimizers.rprop": ("rprop", "scale_by_rprop"),
        "jgd.optimizers.sam": ("asam", "extragradient", "normalize", "sam"),
        "jgd.optimizers.schedule_free": (
            "rectified_rate",
            "scale_by_rectified_rms",
            "schedule_free",
            "schedule_free_adamw",
            "schedule_free_radam",
            "schedule_free_sgd",
        ),
        "jgd.optimizers.scion": ("scale_by_scion", "scale_by_scion_bias", "scion", "scion_labels"),
        "jgd.optimizers.sgd": ("gradient_descent", "heavy_ball", "nesterov", "sgd"),
        "jgd.optimizers.sgd_sai": ("scale_by_sgd_sai", "sgd_sai"),
        "jgd.optimizers.shampoo": ("scale_by_shampoo", "shampoo"),
        "jgd.optimizers.sign_sgd": ("scale_by_sign", "scale_by_signum", "sign_sgd", "signum", "tiger"),
        "jgd.optimizers.sm3": ("scale_by_sm3", "sm3"),
        "jgd.optimizers.soap": ("scale_by_soap", "soap"),
        "jgd.optimizers.sophia": ("hutchinson_estimator_diag_hessian", "scale_by_sophia", "sophia"),
        "jgd.optimizers.splus": ("descend_by_splus", "scale_by_splus", "splus"),
        "jgd.optimizers.stable_adamw": ("scale_by_stable_adamw", "stable_adamw"),
        "jgd.optimizers.tam": ("scale_by_tam", "tam"),
        "jgd.optimizers.yogi": ("scale_by_yogi", "yogi"),
        "jgd.schedules.basic": (
            "constant_schedule",
            "cosine_decay_schedule",
            "exponential_decay",
            "linear_schedule",
            "polynomial_schedule",
        ),
        "jgd.schedules.join": ("cosine_restarts_schedule", "join_schedules", "sgdr_schedule", "switch_schedule"),
        "jgd.schedules.piecewise": (
            "cosine_onecycle_schedule",
            "linear_onecycle_schedule",
            "piecewise_constant_schedule",
            "piecewise_interpolate_schedule",
        ),
        "jgd.schedules.warmup": (
            "inverse_sqrt_schedule",
            "linear_warmup_schedule",
            "warmup_constant_schedule",
            "warmup_cosine_decay_schedule",
            "warmup_exponential_decay_schedule",
            "warmup_stable_decay_schedule",
        ),
        "jgd.transforms.accumulation": ("apply_every", "skip_large_updates", "skip_not_finite"),
        "jgd.transforms.adaptive_clip": ("adaptive_grad_clip", "unitwise_clip", "unitwise_norm"),
        "jgd.transforms.aggregating": (
            "accumulate_avg_updates",
            "average_incrementally_updates",
            "average_per_element_updates",
            "get_batch_size_from_per_elt_updates",
            "get_per_element_mean_and_sum_sq_diff_grads",
            "get_unbiased_mean_and_variance_ema",
            "track_per_element_mean_and_variance_with_ema",
        ),
        "jgd.transforms.averaging": ("eval_params", "schedule_free_eval_params"),
        "jgd.transforms.backtracking_linesearch": ("scale_by_backtracking_linesearch",),
        "jgd.transforms.block_scale": ("scale_by_param_block_norm", "scale_by_param_block_rms"),
        "jgd.transforms.by_path": ("by_path", "layerwise", "scaled"),
        "jgd.transforms.cautious": ("add_cautious_decayed_weights", "cautious"),
        "jgd.transforms.clip": ("clip", "clip_by_block_rms", "clip_by_global_norm", "clip_by_norm"),
        "jgd.transforms.compose": ("chain", "masked", "partition", "scheduled"),
        "jgd.transforms.conditional": ("conditionally_mask", "conditionally_transform"),
        "jgd.transforms.constraints": ("keep_params_nonnegative", "set_to_zero", "zero_nans"),
        "jgd.transforms.decay": (
            "add_cautious_decay",
            "add_decayed_weights",
            "add_initial_decay",
            "subtract_decayed_weights",
            "weight_decay",
        ),
        "jgd.transforms.freezing": ("freeze_until",),
        "jgd.transforms.grafting": ("graft",),
        "jgd.transforms.grokfast": ("grokfast_ema", "orthogonalize_gradients"),
        "jgd.transforms.hyperball": ("hyperball",),
        "jgd.transforms.in_effect": ("current_hyperparams",),
        "jgd.transforms.inject": ("inject_hyperparams", "inject_stateful_hyperparams"),
        "jgd.transforms.layouts": ("flatten", "split_real_and_imaginary"),
        "jgd.transforms.lookahead": ("lookahead",),
        "jgd.transforms.matrix_axes": ("every_matrix_axes", "matrix_axes", "matrix_axes_by_path"),
        "jgd.transforms.momentum": ("ema", "trace"),
        "jgd.transforms.monitor": ("measure_with_ema", "monitor", "snapshot"),
        "jgd.transforms.named": ("named_chain",),
        "jgd.transforms.noise": ("add_noise",),
        "jgd.transforms.normalize": ("centralize", "normalize_by_update_norm"),
        "jgd.transforms.parameter_averages": ("ema_params", "lawa", "polynomial_average", "swa"),
        "jgd.transforms.per_example": (
            "differentially_private_aggregate",
            "per_example_global_norm_clip",
            "per_example_layer_norm_clip",
        ),
        "jgd.transforms.plateau": ("reduce_on_plateau",),
        "jgd.transforms.primal_averaging": ("primal_averaging",),
        "jgd.transforms.process": ("add_mean_variance_to_opt", "process"),
        "jgd.transforms.qk_clip": ("qk_clip",),
        "jgd.transforms.rate_and_decay": ("scale_then_decay", "scale_with_corrected_decay"),
        "jgd.transforms.running_clip": ("adagc", "zclip"),
        "jgd.transforms.scale": (
            "apply_updates",
            "identity",
            "negate",
            "scale",
            "scale_by_learning_rate",
            "scale_by_schedule",
        ),
        "jgd.transforms.selective": ("freeze", "selective_transform"),
        "jgd.transforms.stateless": (
            "init_empty_state",
            "stateless",
            "stateless_with_tree_map",
            "with_extra_args_support",
        ),
        "jgd.transforms.targets": ("incremental_update", "periodic_update"),
        "jgd.transforms.value_and_grad": ("value_and_grad_from_state",),
        "jgd.transforms.width": ("mup", "mup_init", "spectral_rates"),
        "jgd.transforms.wrappers": ("apply_if_finite", "multi_steps"),
        "jgd.transforms.zoom_linesearch": ("scale_by_zoom_linesearch",),
        "jgd.solvers": (
            "Fit",
            "Solution",
            "anderson",
            "armijo",
            "augmented_lagrangian",
            "barzilai_borwein",
            "bfgs",
            "broyden",
            "check_grads",
            "cubic_newton",
            "curve_fit",
            "dfp",
            "dogleg",
            "equality",
            "fista",
            "fixed_point",
            "frank_wolfe",
            "gauss_newton",
            "hager_zhang",
            "implicit",
            "inequality",
            "lbfgsb",
            "least_squares",
            "levenberg_marquardt",
            "minimize",
            "minimize_many",
            "mirror_descent",
            "multistart",
            "nelder_mead",
            "newton",
            "newton_cg",
            "nonlinear_cg",
            "projected_gradient",
            "prox_gradient",
            "root",
            "sqp",
            "sr1",
            "steepest_descent",
            "strong_wolfe",
            "subgradient",
            "trf",
            "trust_exact",
            "trust_krylov",
            "trust_ncg",
        ),
        "jgd.train": ("Run", "Task", "fit", "on_host"),
        "jgd.measure.describe": ("describe",),
    },
    folders=("interop", "measure", "nonsmooth", "optimizers", "schedules", "solvers", "sweep", "tasks", "transforms"),
    also=(
        "InputError",
        "MatrixAxes",
        "MatrixRule",
        "NoMatrixWarning",
        "Rule",
        "Schedule",
        "SplitAxes",
        "Status",
        "Stop",
        "Transform",
        "global_norm",
        "hyper",
        "hyperparams",
        "part",
        "record",
        "select",
        "stack",
        "stack_leaves",
        "static",
        "with_hyperparams",
    ),
)

__version__ = "0.5.0"
