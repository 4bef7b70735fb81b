"""Prodigy and D-Adaptation: AdamW whose rate is an estimate of the distance to the solution."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.record import hypers
from jgd.core.tree import (
    abs_sq,
    check_params,
    copied,
    full_like,
    global_dot,
    increment,
    map_unzip,
    one_minus_pow,
    ratio,
    safe_sqrt,
    scalar_of,
    widen,
    zero_count,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import optimizer


@record
class Prodigy:
    """AdamW at the rate lr d, where d grows to a lower bound of the distance ||x0 - x*|| (arXiv:2306.06101, Alg. 4).

    With l = lr d sqrt(1-b2^t)/(1-b1^t): m = b1 m + (1-b1) d g; v = b2 v + (1-b2) |d g|^2;
    r = b3 r + (d/d0) l <g, x0 - x>; s = b3 s + (d/d0) l g; d = max(d, c r / ||s||_1); u = -l (m / (sqrt(v) + d eps) +
    wd p). b3 is sqrt(b2) unless given; c is `estim_lr_coef`, d0 `estim_lr0`. State: 16 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    betas: tuple[Scalar, ...] = hypers(default=(0.9, 0.999), interval="[0, 1)")
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
        """No moments, the first parameters, and d0."""
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
        """The step, and a distance that never shrinks."""
        check_params("Prodigy.update", params)
        rule: Prodigy = jax.tree.map(jnp.asarray, self)
        (b1, b2), d, t = rule.betas, state.estim_lr, increment(state.count)
        b3 = jnp.sqrt(b2) if rule.beta3 is None else rule.beta3
        rate = _rate(rule, state.count, t, d)
        weight = (d if self.safeguard_warmup else rate) * d / rule.estim_lr0

        def gather(g: Any, m: Any, v: Any, s: Any) -> tuple[Any, ...]:
            return g, b1 * m + (1 - b1) * d * g, b2 * v + (1 - b2) * abs_sq(d * g), b3 * s + weight * g

        slots = state.exp_avg, state.exp_avg_sq, state.grad_sum
        _, m, v, s = map_unzip(gather, grads, *slots, place="Prodigy.update")
        away = jax.tree.map(lambda p0, p: widen(p0) - widen(p), state.params0, params)
        r = b3 * state.numerator_weighted + d / rule.estim_lr0 * rate * global_dot(grads, away)
        new = jnp.maximum(d, rule.estim_lr_coef * ratio(r, _sum_of_moduli(s)))

        def step(g: Any, m: Any, v: Any, p: Any) -> tuple[Any, ...]:
            return -rate * (_quotient(m, safe_sqrt(v) + new * rule.eps) + rule.weight_decay * p), m, v

        updates, m, v = map_unzip(step, grads, m, v, place="Prodigy.update", read=(params,))
        d, r = new.astype(d.dtype), r.astype(d.dtype)
        return updates, optax.contrib.ProdigyState(m, v, s, state.params0, d, r, t)


@record
class DAdaptAdamw:
    """AdamW at the rate lr d by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733, Alg. 5).

    With l = lr d sqrt(1-b2^t)/(1-b1^t), c = sqrt(b2): r = c r + (1-c) l <g, s / (sqrt(v) + eps)> with the old s and v;
    m = b1 m + (1-b1) l g; v = b2 v + (1-b2) |g|^2; s = c s + (1-c) l g; d = max(d, r / ((1-c) ||s||_1));
    u = -m / (sqrt(v) + eps) - l wd p. State: 12 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    betas: tuple[Scalar, ...] = hypers(default=(0.9, 0.999), interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    estim_lr0: Scalar = hyper(default=1e-6, interval="(0, inf)")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    _: KW_ONLY
    bias_correction: bool = static(default=True)
    called = "dadapt_adamw"

    def init(self, params: Params) -> State:
        """No moments, and d0."""
        return optax.contrib.DAdaptAdamWState(
            exp_avg=full_like(params),
            exp_avg_sq=full_like(params, real=True),
            grad_sum=full_like(params),
            estim_lr=scalar_of(params, self.estim_lr0),
            numerator_weighted=scalar_of(params),
            count=zero_count(),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The step, and a distance that never shrinks."""
        check_params("DAdaptAdamw.update", params)
        rule: DAdaptAdamw = jax.tree.map(jnp.asarray, self)
        (b1, b2), d, t = rule.betas, state.estim_lr, increment(state.count)
        c, rate = jnp.sqrt(b2), _rate(rule, state.count, t, d)

        def step(g: Any, m: Any, v: Any, s: Any, p: Any) -> tuple[Any, ...]:
            m, v = b1 * m + (1 - b1) * rate * g, b2 * v + (1 - b2) * abs_sq(g)
            u = -_quotient(m, safe_sqrt(v) + rule.eps) - rate * rule.weight_decay * p
            return u, m, v, c * s + (1 - c) * rate * g

        slots = state.exp_avg, state.exp_avg_sq, state.grad_sum
        updates, m, v, s = map_unzip(step, grads, *slots, place="DAdaptAdamw.update", read=(params,))
        old = jax.tree.map(
            lambda s, v: _quotient(widen(s), safe_sqrt(widen(v)) + rule.eps), state.grad_sum, state.exp_avg_sq
        )
        r = c * state.numerator_weighted + (1 - c) * rate * global_dot(grads, old)
        new = jnp.maximum(d, ratio(r, (1 - c) * _sum_of_moduli(s))).astype(d.dtype)
        return updates, optax.contrib.DAdaptAdamWState(m, v, s, new, r.astype(d.dtype), t)


def _rate(rule: Any, count: jax.Array, t: jax.Array, d: jax.Array) -> jax.Array:
    """Lr d, with Adam's bias correction."""
    rate: Any = rule.learning_rate(count) if callable(rule.learning_rate) else rule.learning_rate
    b1, b2 = rule.betas
    correction = jnp.sqrt(one_minus_pow(b2, t)) / one_minus_pow(b1, t) if rule.bias_correction else 1.0
    return rate * d * correction


def _sum_of_moduli(tree: Any) -> jax.Array:
    return sum((jnp.sum(jnp.abs(widen(x))) for x in jax.tree.leaves(tree)), start=jnp.zeros((), jnp.float32))


def _quotient(top: Any, bottom: Any) -> jax.Array:
    """Top / bottom; zero where the bottom is zero, as it is for an entry without gradients and eps = 0."""
    zero = bottom == 0
    return jnp.where(zero, 0.0, top / jnp.where(zero, 1.0, bottom))


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


@optimizer(rates=None)
def dadapt_adamw(
    learning_rate: Rate = 1.0,
    betas: tuple[Scalar, Scalar] = (0.9, 0.999),
    eps: Scalar = 1e-8,
    estim_lr0: Scalar = 1e-6,
    weight_decay: Scalar = 0.0,
    *,
    bias_correction: bool = True,
) -> DAdaptAdamw:
    """AdamW that finds its own rate by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733).

    As in optax, Adam's bias correction is on; the authors' package has it off (`bias_correction=False`).
    """
    return DAdaptAdamw(learning_rate, betas, eps, estim_lr0, weight_decay, bias_correction=bias_correction)
