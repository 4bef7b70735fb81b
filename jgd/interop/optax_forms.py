"""Optimizers whose default is their source's form, in optax's form for the drop-in namespace."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from jgd import optimizers
from jgd.core.types import Rate, Scalar
from jgd.optimizers.catalogue import descend
from jgd.transforms import Chain, add_decayed_weights, chain, scale_by_learning_rate
from jgd.transforms import lookahead as own_lookahead


def _form(own: Callable[..., Any], name: str, **options: Any) -> Callable[..., Any]:
    """Return `own` in optax's form and under optax's signature: with options of its own fixed."""
    signature = inspect.signature(own)

    def call(*args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs, **options)

    call.__name__ = call.__qualname__ = name
    fixed = ", ".join(f"{key}={value!r}" for key, value in options.items())
    call.__doc__ = f"`jgd.{name}` as optax has it: with {fixed}."
    parameters = [p for key, p in signature.parameters.items() if key not in options]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


scale_by_adan = _form(optimizers.scale_by_adan, "scale_by_adan", one_minus_b2=True)
adan = _form(optimizers.adan, "adan", one_minus_b2=True)
scale_by_lbfgs = _form(optimizers.scale_by_lbfgs, "scale_by_lbfgs", curvature_rtol=-2.0)
lbfgs = _form(optimizers.lbfgs, "lbfgs", curvature_rtol=-2.0)
scale_by_rprop = _form(optimizers.scale_by_rprop, "scale_by_rprop", delayed=True)
rprop = _form(optimizers.rprop, "rprop", delayed=True)
schedule_free = _form(optimizers.schedule_free, "schedule_free", weights_ahead=True)
schedule_free_sgd = _form(optimizers.schedule_free_sgd, "schedule_free_sgd", warmup_from_zero=True)
schedule_free_adamw = _form(optimizers.schedule_free_adamw, "schedule_free_adamw", warmup_from_zero=True)
scale_by_galore = _form(optimizers.scale_by_galore, "scale_by_galore", project_longer=True)
galore = _form(optimizers.galore, "galore", project_longer=True)
polyak_sgd = _form(optimizers.polyak_sgd, "polyak_sgd", scaling_first=True)
momo = _form(optimizers.momo, "momo", divide_step=False)
momo_adam = _form(optimizers.momo_adam, "momo_adam", divide_step=False)
lookahead = _form(own_lookahead, "lookahead", slow_in_state=False)


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
        optimizers.scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )


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
    return optimizers.optimistic_adam(learning_rate, optimism, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


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
    rule = optimizers.scale_by_sophia(
        b1,
        b2,
        eps,
        gamma,
        clip_threshold,
        update_interval,
        optimizers.hutchinson_estimator_diag_hessian() if hessian_diagonal_fn is None else hessian_diagonal_fn,
        mu_dtype,
        prints,
        print_win_rate_every_n_steps if prints else 0,
        hessian_first=False,
        bias_correction=True,
    )
    return descend(rule, learning_rate, weight_decay, weight_decay_mask)
