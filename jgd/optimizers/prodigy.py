"""Prodigy: AdamW whose rate is an estimate of the distance to the solution."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.pair import Pair
from jgd.core.record import hypers
from jgd.core.tree import (
    abs_sq,
    check_params,
    copied,
    full_like,
    global_dot,
    increment,
    map_unzip,
    ratio,
    safe_sqrt,
    scalar_of,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import optimizer
from jgd.optimizers.dadapt import adam_rate, sum_of_moduli


@record
class Prodigy(Pair):
    """AdamW at the rate lr d, where d grows to a lower bound of the distance ||x0 - x*|| (arXiv:2306.06101, Alg. 4).

    With l = lr d sqrt(1-b2^t)/(1-b1^t): m = b1 m + (1-b1) d g; v = b2 v + (1-b2) |d g|^2;
    r = b3 r + (d/d0) l <g, x0 - x>; s = b3 s + (d/d0) l g; d = max(d, c r / ||s||_1); u = -l (m / (sqrt(v) + d eps) +
    wd p). b3 is sqrt(b2) unless given; c is `estim_lr_coef`, d0 `estim_lr0`. State: 16 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    betas: tuple[Scalar, ...] = hypers(default=(0.9, 0.999), interval="[0, 1)", lengths=(2, 2))
    beta3: Scalar | None = hyper(default=None, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    estim_lr0: Scalar = hyper(default=1e-6, interval="(0, inf)")
    estim_lr_coef: Scalar = hyper(default=1.0, interval="[0, inf)")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    safeguard_warmup: bool = static(default=False)
    _: KW_ONLY
    bias_correction: bool = static(default=True)
    called = "prodigy"

    def init(self, params: Params) -> State:
        """Return no moments, the first parameters, and d0."""
        return optax.contrib.ProdigyState(
            exp_avg=full_like(params),
            exp_avg_sq=full_like(params, real=True),
            grad_sum=full_like(params),
            params0=copied(params),
            estim_lr=scalar_of(params, self.estim_lr0),
            numerator_weighted=scalar_of(params),
            count=zero_count(),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step, and a distance that never shrinks."""
        check_params("Prodigy.update", params)
        rule: Prodigy = jax.tree.map(jnp.asarray, self)
        (b1, b2), d, t = rule.betas, state.estim_lr, increment(state.count)
        b3 = safe_sqrt(b2) if rule.beta3 is None else rule.beta3
        rate = adam_rate(rule, state.count, t, d)
        weight = (d if self.safeguard_warmup else rate) * d / rule.estim_lr0

        def gather(g: Any, m: Any, v: Any, s: Any) -> tuple[Any, ...]:
            return g, b1 * m + (1 - b1) * d * g, b2 * v + (1 - b2) * abs_sq(d * g), b3 * s + weight * g

        slots = state.exp_avg, state.exp_avg_sq, state.grad_sum
        _, m, v, s = map_unzip(gather, grads, *slots, place="Prodigy.update")
        away = jax.tree.map(lambda p0, p: widen(p0) - widen(p), state.params0, params)
        r = b3 * state.numerator_weighted + d / rule.estim_lr0 * rate * global_dot(grads, away)
        new = jnp.maximum(d, rule.estim_lr_coef * ratio(r, sum_of_moduli(s)))

        def step(g: Any, m: Any, v: Any, p: Any) -> tuple[Any, ...]:
            return -rate * (ratio(m, safe_sqrt(v) + new * rule.eps) + rule.weight_decay * p), m, v

        updates, m, v = map_unzip(step, grads, m, v, place="Prodigy.update", read=(params,))
        d, r = new.astype(d.dtype), r.astype(d.dtype)
        return updates, optax.contrib.ProdigyState(m, v, s, state.params0, d, r, t)


@optimizer(rates=None)
def prodigy(
    learning_rate: Rate = 1.0,
    betas: tuple[Scalar, Scalar] = (0.9, 0.999),
    beta3: Scalar | None = None,
    eps: Scalar = 1e-8,
    estim_lr0: Scalar = 1e-6,
    estim_lr_coef: Scalar = 1.0,
    weight_decay: Scalar = 0.0,
    safeguard_warmup: bool = False,
    *,
    bias_correction: bool = True,
) -> Prodigy:
    """AdamW that finds its own rate (Mishchenko & Defazio 2023, arXiv:2306.06101).

    The rate is a multiplier, 1 unless a schedule shrinks it. As in optax, Adam's bias correction is on; the authors'
    package has it off (`bias_correction=False`).
    """
    return Prodigy(
        learning_rate,
        betas,
        beta3,
        eps,
        estim_lr0,
        estim_lr_coef,
        weight_decay,
        safeguard_warmup,
        bias_correction=bias_correction,
    )
