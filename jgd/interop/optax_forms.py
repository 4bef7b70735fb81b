"""Optimizers whose default is their source's form, in optax's form for the drop-in namespace."""

import warnings
from typing import Any

from jgd.core.types import Rate, Scalar
from jgd.optimizers.adadelta import ScaleByAdadelta
from jgd.optimizers.adan import ScaleByAdan
from jgd.optimizers.catalogue import descend
from jgd.optimizers.galore import ScaleByGalore
from jgd.optimizers.lbfgs import WOLFE, ScaleByLBFGS
from jgd.optimizers.lbfgs import lbfgs as own_lbfgs
from jgd.optimizers.momo import Momo, MomoAdam
from jgd.optimizers.optimistic import optimistic_adam as own_optimistic_adam
from jgd.optimizers.polyak import ScaleByPolyak
from jgd.optimizers.rprop import ScaleByRprop
from jgd.optimizers.schedule_free import ScheduleFree
from jgd.optimizers.schedule_free import schedule_free_adamw as own_schedule_free_adamw
from jgd.optimizers.schedule_free import schedule_free_sgd as own_schedule_free_sgd
from jgd.optimizers.sophia import HutchinsonEstimatorDiagHessian, ScaleBySophia
from jgd.transforms import Chain, Lookahead, add_decayed_weights, chain, scale, scale_by_learning_rate


def scale_by_adan(
    b1: Scalar = 0.98, b2: Scalar = 0.92, b3: Scalar = 0.99, eps: Scalar = 1e-8, eps_root: Scalar = 0.0
) -> ScaleByAdan:
    """Adan's rule as optax has it: 1 - b2 weighs the change of the gradient, where the paper has b2."""
    return ScaleByAdan(b1, b2, b3, eps, eps_root, one_minus_b2=True)


def adan(
    learning_rate: Rate,
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    mask: Any = None,
) -> Chain:
    """Adan as optax has it."""
    return descend(scale_by_adan(b1, b2, b3, eps, eps_root), learning_rate, weight_decay, mask)


def adadelta(
    learning_rate: Rate | None = None,
    rho: Scalar = 0.9,
    eps: Scalar = 1e-6,
    weight_decay: Rate = 0.0,
    weight_decay_mask: Any = None,
) -> Chain:
    """Adadelta as optax has it: without a rate, the scaled gradient itself, which ascends."""
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        ScaleByAdadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )


def scale_by_lbfgs(memory_size: int = 10, scale_init_precond: bool = True) -> ScaleByLBFGS:
    """L-BFGS's rule as optax has it: it learns pairs of negative curvature too."""
    return ScaleByLBFGS(memory_size, scale_init_precond, curvature_rtol=-2.0)


def lbfgs(
    learning_rate: Rate | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: Any = WOLFE,
) -> Chain:
    """L-BFGS as optax has it: it learns pairs of negative curvature too."""
    return own_lbfgs(learning_rate, memory_size, scale_init_precond, linesearch, curvature_rtol=-2.0)


def optimistic_adam(
    learning_rate: Rate,
    optimism: Rate | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> Chain:
    """Adam with optimism, which optax has deprecated."""
    warnings.warn("optimistic_adam is deprecated; use `optimistic_adam_v2` instead.", DeprecationWarning, 2)
    return own_optimistic_adam(learning_rate, optimism, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def scale_by_rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> ScaleByRprop:
    """Rprop's rule as optax has it: each step is returned one call late."""
    return ScaleByRprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size, delayed=True)


def rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> Chain:
    """Rprop as optax has it."""
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size), scale(-1.0))


def schedule_free(
    base_optimizer: Any,
    learning_rate: Rate,
    b1: Scalar = 0.9,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
) -> ScheduleFree:
    """Schedule-free learning as optax has it: a schedule weighs the average one step ahead of the base's."""
    return ScheduleFree(base_optimizer, learning_rate, b1, weight_lr_power, state_dtype, weights_ahead=True)


def schedule_free_sgd(
    learning_rate: Scalar = 1.0,
    warmup_steps: Scalar | None = None,
    b1: Scalar = 0.9,
    weight_decay: Rate | None = None,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
) -> ScheduleFree:
    """Schedule-free SGD as optax has it: the warm-up's first step has a rate of zero."""
    return own_schedule_free_sgd(
        learning_rate, warmup_steps, b1, weight_decay, weight_lr_power, state_dtype, warmup_from_zero=True
    )


def schedule_free_adamw(
    learning_rate: Scalar = 0.0025,
    warmup_steps: Scalar | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 0.0,
    weight_lr_power: Scalar = 2.0,
    state_dtype: Any = None,
) -> ScheduleFree:
    """Schedule-free AdamW as optax has it: the warm-up's first step has a rate of zero."""
    return own_schedule_free_adamw(
        learning_rate, warmup_steps, b1, b2, eps, weight_decay, weight_lr_power, state_dtype, warmup_from_zero=True
    )


def scale_by_galore(
    rank: int = 128,
    update_proj_gap: Scalar = 200,
    scale: Scalar = 1.0,
    base_optimizer: Any = None,
    weight_dimension_numbers: Any = None,
) -> ScaleByGalore:
    """GaLore's rule as optax has it: the longer side of a matrix is projected."""
    return ScaleByGalore(rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers, project_longer=True)


def galore(
    learning_rate: Rate,
    rank: int = 128,
    update_proj_gap: Scalar = 200,
    scale: Scalar = 1.0,
    base_optimizer: Any = None,
    weight_decay: Rate = 0.0,
    mask: Any = None,
    weight_dimension_numbers: Any = None,
) -> Chain:
    """GaLore as optax has it."""
    rule = scale_by_galore(rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers)
    return descend(rule, learning_rate, weight_decay, mask)


def polyak_sgd(
    max_learning_rate: Scalar = 1.0,
    scaling: Rate = 1.0,
    f_min: Scalar = 0.0,
    eps: Scalar = 0.0,
    variant: str = "sps",
) -> Chain:
    """Polyak's step as optax has it: of gradients that are scaled first."""
    return chain(scale_by_learning_rate(scaling), ScaleByPolyak(f_min, max_learning_rate, eps, variant))


def momo(
    learning_rate: Rate = 1.0,
    beta: Scalar = 0.9,
    lower_bound: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    adapt_lower_bound: bool = False,
) -> Momo:
    """MoMo as optax has it: the decay does not divide the step."""
    return Momo(learning_rate, beta, lower_bound, weight_decay, adapt_lower_bound, divide_step=False)


def momo_adam(
    learning_rate: Rate = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    lower_bound: Scalar = 0.0,
    weight_decay: Scalar = 0.0,
    adapt_lower_bound: bool = False,
) -> MomoAdam:
    """MoMo-Adam as optax has it: the decay does not divide the step."""
    return MomoAdam(learning_rate, b1, b2, eps, lower_bound, weight_decay, adapt_lower_bound, divide_step=False)


def sophia(
    learning_rate: Rate,
    b1: Scalar = 0.965,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-8,
    weight_decay: Rate = 1e-4,
    weight_decay_mask: Any = None,
    gamma: Scalar = 0.01,
    clip_threshold: Scalar | None = 1.0,
    update_interval: Scalar = 10,
    hessian_diagonal_fn: Any = None,
    mu_dtype: Any = None,
    verbose: bool = False,
    print_win_rate_every_n_steps: int = 0,
) -> Chain:
    """Sophia as optax has it: the diagonal is renewed after the step, and the momentum divided by 1 - b1^t."""
    prints = verbose and clip_threshold is not None and print_win_rate_every_n_steps > 0
    rule = ScaleBySophia(
        b1,
        b2,
        eps,
        gamma,
        clip_threshold,
        update_interval,
        HutchinsonEstimatorDiagHessian() if hessian_diagonal_fn is None else hessian_diagonal_fn,
        mu_dtype,
        prints,
        print_win_rate_every_n_steps if prints else 0,
        hessian_first=False,
        bias_correction=True,
    )
    return descend(rule, learning_rate, weight_decay, weight_decay_mask)


def lookahead(fast_optimizer: Any, sync_period: Scalar, slow_step_size: Scalar, reset_state: bool = False) -> Lookahead:
    """Lookahead as optax has it: the slow parameters are kept with the fast ones, in `LookaheadParams`."""
    return Lookahead(fast_optimizer, sync_period, slow_step_size, reset_state, slow_in_state=False)
