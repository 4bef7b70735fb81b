"""D-Adaptation: SGD, AdaGrad, AdamW and Lion whose rate is an estimate of the distance to the solution."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import global_norm, hyper, record, static
from jgd.core.pair import Pair
from jgd.core.record import hypers
from jgd.core.tree import (
    abs_sq,
    cast_like,
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
from jgd.core.values import at_count
from jgd.optimizers.catalogue import optimizer


@record
class DAdaptAdamw(Pair):
    """AdamW at the rate lr d by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733, Alg. 5).

    With l = lr d sqrt(1-b2^t)/(1-b1^t), c = sqrt(b2): r = c r + (1-c) l <g, s / (sqrt(v) + eps)> with the old s and v;
    m = b1 m + (1-b1) l g; v = b2 v + (1-b2) |g|^2; s = c s + (1-c) l g; d = max(d, r / ((1-c) ||s||_1));
    u = -m / (sqrt(v) + eps) - l wd p. State: 12 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    betas: tuple[Scalar, ...] = hypers(default=(0.9, 0.999), interval="[0, 1)", lengths=(2, 2))
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    estim_lr0: Scalar = hyper(default=1e-6, interval="(0, inf)")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    _: KW_ONLY
    bias_correction: bool = static(default=True)
    called = "dadapt_adamw"

    def init(self, params: Params) -> State:
        """Return no moments, and d0."""
        return optax.contrib.DAdaptAdamWState(
            exp_avg=full_like(params),
            exp_avg_sq=full_like(params, real=True),
            grad_sum=full_like(params),
            estim_lr=scalar_of(params, self.estim_lr0),
            numerator_weighted=scalar_of(params),
            count=zero_count(),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step, and a distance that never shrinks."""
        check_params("DAdaptAdamw.update", params)
        rule: DAdaptAdamw = jax.tree.map(jnp.asarray, self)
        (b1, b2), d, t = rule.betas, state.estim_lr, increment(state.count)
        c, rate = safe_sqrt(b2), adam_rate(rule, state.count, t, d)

        def step(g: Any, m: Any, v: Any, s: Any, p: Any) -> tuple[Any, ...]:
            m, v = b1 * m + (1 - b1) * rate * g, b2 * v + (1 - b2) * abs_sq(g)
            u = -ratio(m, safe_sqrt(v) + rule.eps) - rate * rule.weight_decay * p
            return u, m, v, c * s + (1 - c) * rate * g

        slots = state.exp_avg, state.exp_avg_sq, state.grad_sum
        updates, m, v, s = map_unzip(step, grads, *slots, place="DAdaptAdamw.update", read=(params,))
        old = jax.tree.map(
            lambda s, v: ratio(widen(s), safe_sqrt(widen(v)) + rule.eps), state.grad_sum, state.exp_avg_sq
        )
        r = c * state.numerator_weighted + (1 - c) * rate * global_dot(grads, old)
        new = jnp.maximum(d, ratio(r, (1 - c) * sum_of_moduli(s))).astype(d.dtype)
        return updates, optax.contrib.DAdaptAdamWState(m, v, s, new, r.astype(d.dtype), t)


class DAdaptState(NamedTuple):
    """The state of D-Adaptation of SGD, Lion and AdaGrad."""

    slots: tuple[State, ...]
    numerator: jax.Array  # f32[], what <s, g> sums to
    estim_lr: jax.Array  # f32[], the distance
    count: jax.Array  # i32[]
    first_norm: Any = None  # f32[], of SGD's first gradient


@record
class DAdaptSgd(Pair):
    """SGD at the rate lr d / ||g_1|| by D-Adaptation, as a sum s of steps from x0 (arXiv:2301.07733, Alg. 4).

    With l = lr d / ||g_1||: r = r + l <g, s>; s = s + l g; d = max(d, 2 r / ||s||); x = b x + (1-b) (x0 - s), b the
    momentum. ||g_1|| is the norm of the first gradient that is not zero. State: 8 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    momentum: Scalar = hyper(default=0.0, interval="[0, 1)")
    estim_lr0: Scalar = hyper(default=1e-6, interval="(0, inf)")
    called = "dadapt_sgd"

    def init(self, params: Params) -> State:
        """Return no steps, the first parameters, and d0."""
        slots = full_like(params), copied(params)
        return _begun(params, self.estim_lr0, slots)._replace(first_norm=scalar_of(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step, and a distance that never shrinks."""
        check_params("DAdaptSgd.update", params)
        rule: DAdaptSgd = jax.tree.map(jnp.asarray, self)
        first = jnp.where(state.first_norm == 0, global_norm(grads), state.first_norm)
        rate = ratio(at_count(rule, "learning_rate", state.count) * state.estim_lr, first)

        def step(g: Any, s: Any, x0: Any, p: Any) -> tuple[Any, ...]:
            s = s + rate * g
            return (1 - rule.momentum) * (x0 - s - p), s, x0

        updates, *slots = map_unzip(step, grads, *state.slots, place="DAdaptSgd.update", read=(params,))
        r = state.numerator + rate * global_dot(grads, state.slots[0])
        new = _grown(state, slots, r, ratio(2 * r, global_norm(slots[0])))
        return updates, new._replace(first_norm=first.astype(state.first_norm.dtype))


@record
class DAdaptLion(Pair):
    """Lion at the rate lr d by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733, in the authors' package).

    With l = lr d, c = sqrt(b2): v = sign(b1 m + (1-b1) g); m = b2 m + (1-b2) l g; r = c r + (1-c) l <v, s>;
    s = c s + (1-c) l v; d = max(d, r / ((1-c) ||s||_1)); u = -l (v + wd p). State: 8 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    estim_lr0: Scalar = hyper(default=1e-6, interval="(0, inf)")
    weight_decay: Scalar = hyper(default=0.0, interval="[0, inf)")
    called = "dadapt_lion"

    def init(self, params: Params) -> State:
        """Return no momentum, no steps, and d0."""
        return _begun(params, self.estim_lr0, (full_like(params), full_like(params)))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step, and a distance that never shrinks."""
        check_params("DAdaptLion.update", params)
        rule: DAdaptLion = jax.tree.map(jnp.asarray, self)
        b1, b2, rate = rule.b1, rule.b2, at_count(rule, "learning_rate", state.count) * state.estim_lr
        c = safe_sqrt(b2)

        def direction(g: Any, m: Any) -> Any:
            return jnp.sign(b1 * m + (1 - b1) * g)

        def step(g: Any, m: Any, s: Any, p: Any) -> tuple[Any, ...]:
            v = direction(g, m)
            return -rate * (v + rule.weight_decay * p), b2 * m + (1 - b2) * rate * g, c * s + (1 - c) * rate * v

        updates, *slots = map_unzip(step, grads, *state.slots, place="DAdaptLion.update", read=(params,))
        signs = jax.tree.map(lambda g, m: direction(widen(g), widen(m)), grads, state.slots[0])
        r = c * state.numerator + (1 - c) * rate * global_dot(signs, state.slots[1])
        return updates, _grown(state, slots, r, ratio(r, (1 - c) * sum_of_moduli(slots[1])))


@record
class DAdaptAdagrad(Pair):
    """AdaGrad at the rate lr d by D-Adaptation, as a sum s of gradients (arXiv:2301.07733, in the authors' package).

    With l = lr d and ||x||^2_a = sum |x|^2 / (sqrt(a) + eps): a = a + |g|^2, from 1e-6; s = s + l g;
    r = r + l^2 ||g||^2_a; d = max(d, (||s||^2_a - r) / ||s||_1); x = b x + (1-b) (x0 - s / (sqrt(a) + eps)), b the
    momentum. The package's eps is 1e-6 unless given. State: 12 bytes a parameter.
    """

    learning_rate: Rate = hyper(default=1.0, interval="[0, inf)")
    momentum: Scalar = hyper(default=0.0, interval="[0, 1)")
    eps: Scalar = hyper(default=0.0, interval="[0, inf)")
    estim_lr0: Scalar = hyper(default=1e-6, interval="(0, inf)")
    called = "dadapt_adagrad"

    def init(self, params: Params) -> State:
        """Return no gradients, squares of 1e-6, the first parameters, and d0."""
        slots = full_like(params), full_like(params, 1e-6, real=True), copied(params)
        return _begun(params, self.estim_lr0, slots)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step, and a distance that never shrinks."""
        check_params("DAdaptAdagrad.update", params)
        rule: DAdaptAdagrad = jax.tree.map(jnp.asarray, self)
        rate = at_count(rule, "learning_rate", state.count) * state.estim_lr

        def step(g: Any, s: Any, a: Any, x0: Any, p: Any) -> tuple[Any, ...]:
            s, a = s + rate * g, a + abs_sq(g)
            return (1 - rule.momentum) * (x0 - s / (jnp.sqrt(a) + rule.eps) - p), s, a, x0

        updates, *slots = map_unzip(step, grads, *state.slots, place="DAdaptAdagrad.update", read=(params,))
        s, a, _ = slots

        def weighted(tree: Any) -> jax.Array:
            return global_dot(tree, jax.tree.map(lambda x, a: widen(x) / (jnp.sqrt(a) + rule.eps), tree, a))

        r = state.numerator + rate * rate * weighted(grads)
        return updates, _grown(state, slots, r, ratio(weighted(s) - r, sum_of_moduli(s)))


def _begun(params: Params, d: Scalar, slots: tuple[State, ...]) -> DAdaptState:
    return DAdaptState(slots, scalar_of(params), scalar_of(params, d), zero_count())


def _grown(state: DAdaptState, slots: Sequence[State], r: jax.Array, estimate: jax.Array) -> DAdaptState:
    """Return the next state, with a distance that never shrinks."""
    r, d = cast_like((r, jnp.maximum(state.estim_lr, estimate)), (state.numerator, state.estim_lr))
    return DAdaptState(tuple(slots), r, d, increment(state.count), state.first_norm)


def adam_rate(rule: Any, count: jax.Array, t: jax.Array, d: jax.Array) -> jax.Array:
    """Compute the rate lr d, with Adam's bias correction."""
    b1, b2 = rule.betas
    correction = jnp.sqrt(one_minus_pow(b2, t)) / one_minus_pow(b1, t) if rule.bias_correction else 1.0
    return at_count(rule, "learning_rate", count) * d * correction


def sum_of_moduli(tree: Any) -> jax.Array:
    """Sum the moduli of all entries of all leaves."""
    return sum((jnp.sum(jnp.abs(widen(x))) for x in jax.tree.leaves(tree)), start=jnp.zeros((), jnp.float32))


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


@optimizer(rates=None)
def dadapt_sgd(learning_rate: Rate = 1.0, momentum: Scalar = 0.0, estim_lr0: Scalar = 1e-6) -> DAdaptSgd:
    """SGD that finds its own rate by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733)."""
    return DAdaptSgd(learning_rate, momentum, estim_lr0)


@optimizer(rates=None)
def dadapt_lion(
    learning_rate: Rate = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    estim_lr0: Scalar = 1e-6,
    weight_decay: Scalar = 0.0,
) -> DAdaptLion:
    """Lion that finds its own rate by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733).

    b2 is Lion's, as in the authors' package, which calls it experimental. A step of signs at the distance to the
    solution is large: where training stalls or diverges, lower `learning_rate`, such as to 0.3.
    """
    return DAdaptLion(learning_rate, b1, b2, estim_lr0, weight_decay)


@optimizer(rates=None)
def dadapt_adagrad(
    learning_rate: Rate = 1.0, momentum: Scalar = 0.0, eps: Scalar = 0.0, estim_lr0: Scalar = 1e-6
) -> DAdaptAdagrad:
    """AdaGrad that finds its own rate by D-Adaptation (Defazio & Mishchenko 2023, arXiv:2301.07733)."""
    return DAdaptAdagrad(learning_rate, momentum, eps, estim_lr0)
