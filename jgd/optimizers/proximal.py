"""Stochastic proximal methods: the step of any optimizer, or Adam's in its own metric, then a prox."""

import math
from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, admits
from jgd.core.errors import ExpectationError
from jgd.core.frozen import dtype_name
from jgd.core.pair import Pair
from jgd.core.tree import check_fits, check_params, increment, widen
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.nonsmooth.nonsmooth import NONSMOOTH
from jgd.nonsmooth.separable import l1
from jgd.optimizers.adam import ScaleByAdam
from jgd.optimizers.catalogue import optimizer as enters_catalogue
from jgd.transforms import as_transform
from jgd.transforms.in_effect import current_hyperparams
from jgd.transforms.momentum import Trace
from jgd.transforms.scale import init_rate, next_rate

RATE = "learning_rate"
RATES = (RATE, "adam_learning_rate")  # the names that rates of parts have
SPARSE = l1(1e-4)


class ProximalState(NamedTuple):
    """The state of the optimizer, and a counter where the prox has a schedule of its own."""

    opt_state: State
    rate_state: State


@record
class Proximal(Pair):
    """Follow each step of an optimizer with the prox of a penalty or a set.

    p <- prox(p + u, lr), where u is the step of `optimizer` and the prox that of `nonsmooth`: a penalty or a set.

    With SGD this is the stochastic proximal gradient method, with momentum ProxGen's (Yun, Lozano & Yang 2020,
    arXiv:2007.07484, Alg. 1 with C = I): entries, groups or ranks become exactly zero, and parameters never leave a
    set. lr is the size of the optimizer's steps: its `learning_rate` in effect, schedules included, over 1 - decay
    where a `trace` sums gradients up, so that a search over the rate moves both. Another must be passed where the
    optimizer has none or several, and where that number is only a factor of the step's size, as in `prodigy`. The prox
    is in the Euclidean metric: beside an adaptive step, such as Adam's, an entry is then penalised in proportion to the
    size of its gradients; see `prox_adam`. Last link of a chain. State: the optimizer's. Cost: the prox's.
    """

    optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    nonsmooth: Any = part(expect=NONSMOOTH)
    learning_rate: Rate | None = hyper(default=None, interval="[0, inf)")

    def init(self, params: Params) -> State:
        """Return the optimizer's state."""
        state = ProximalState(self.optimizer.init(params), init_rate(self.learning_rate))
        self._rate(state)
        return state

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the way to the prox of where the optimizer steps."""
        check_params("Proximal.update", params)
        check_fits("Proximal.update", grads, params)
        rate, rate_state = self._rate(state)
        updates, opt_state = self.optimizer.update(grads, state.opt_state, params, **extra)
        moved = jax.tree.map(lambda p, u: widen(p) + widen(u), params, updates)
        return _way(self.nonsmooth.prox(moved, rate), params, grads), ProximalState(opt_state, rate_state)

    def _rate(self, state: State) -> tuple[jax.Array, State]:
        """Return the step of the prox, and the state of its schedule."""
        if self.learning_rate is not None:
            rate, rate_state = next_rate(self, RATE, state.rate_state)
            return jnp.asarray(rate), rate_state
        known = current_hyperparams(self.optimizer, state.opt_state)
        sums = [x.decay for x in jax.tree.leaves(self.optimizer, is_leaf=_is_trace) if _is_trace(x)]
        several = sorted(name for name in known if name.rpartition(".")[2] in RATES)
        if several != [RATE] or any(map(callable, sums)):
            has = f"{len(several)}, {', '.join(several)}" if len(several) > 1 else "none that can be read"
            raise InputError(
                f"Proximal(learning_rate=None): the optimizer must have one learning_rate, and it has {has}; pass "
                "learning_rate, the step of the prox."
            )
        return jnp.asarray(known[RATE]) / math.prod(1 - jnp.asarray(decay) for decay in sums), state.rate_state


proximal = Proximal


def _is_trace(x: Any) -> bool:
    return isinstance(x, Trace)


def _separable(value: Any) -> Any:
    if admits(NONSMOOTH, value) and not getattr(value, "separable", False):
        raise ExpectationError(
            "nonsmooth",
            "be separable, such as l1, elastic_net or box, since every entry has a step of its own; for any other take "
            "jgd.proximal(optimizer, nonsmooth)",
        )
    return value


@record
class ProxAdam(Pair):
    """p <- prox(p - lr m^ / d, lr / d), entry by entry, with Adam's m^ and its metric d = sqrt(v^ + eps_root) + eps.

    That is the p that minimises <m^, p> + h(p) + sum d |p - p_t|^2 / (2 lr) (Yun, Lozano & Yang 2020,
    arXiv:2007.07484, Alg. 1; Melchior, Joseph & Moolekamp 2019, arXiv:1910.10094, AdaProx), so that it stays where the
    mean gradient and h balance, whatever the metric. An entry without gradients so far has an infinite step but for
    eps, and goes at once to where h is least. `nonsmooth` must be separable. State: as `scale_by_adam`'s.
    """

    learning_rate: Rate = hyper(interval="[0, inf)")
    nonsmooth: Any = part(default=SPARSE, convert=_separable, expect=NONSMOOTH)
    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="(0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    _: KW_ONLY
    nesterov: bool = static(default=False)
    nu_dtype: Any = static(default=None, convert=dtype_name)
    called = "prox_adam"

    @property
    def rule(self) -> ScaleByAdam:
        """Adam's."""
        numbers = (self.b1, self.b2, self.eps, self.eps_root)
        return ScaleByAdam(*numbers, self.mu_dtype, nesterov=self.nesterov, nu_dtype=self.nu_dtype)

    def init(self, params: Params) -> State:
        """Return Adam's state."""
        return self.rule.init(params)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the way to the prox of Adam's step."""
        check_params("ProxAdam.update", params)
        rate = jnp.asarray(at_count(self, RATE, state.count))
        rule = jax.tree.map(jnp.asarray, self.rule)
        quotients, new = rule.update(jax.tree.map(widen, grads), state, params)
        shared = rule.shared(increment(state.count))
        steps = jax.tree.map(lambda v: rate / rule.metric(shared, widen(v)), new.nu)
        moved = jax.tree.map(lambda p, u: widen(p) - rate * u, params, quotients)
        return _way(self.nonsmooth.prox(moved, steps), params, grads), new


def _way(there: Params, params: Params, grads: Grads) -> Updates:
    """Return the updates from the parameters to a point, which lead to its zeros exactly: p + (0 - p) is 0."""

    def way(x: jax.Array, p: jax.Array, g: jax.Array) -> jax.Array:
        return (x - widen(p)).astype(jnp.result_type(g, p))

    return jax.tree.map(way, there, params, grads)


@enters_catalogue(rates=(3e-5, 3e-1))
def prox_adam(
    learning_rate: Rate,
    nonsmooth: Any = SPARSE,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
) -> ProxAdam:
    """Adam with the prox of a penalty or a set in Adam's own metric (Yun et al. 2020, arXiv:2007.07484).

    Weights become exactly zero under `jgd.nonsmooth.l1`, alone or by path, and stay within a `box`. No reference runs;
    held to a transcription of the paper.
    """
    numbers = (b1, b2, eps, eps_root)
    return ProxAdam(learning_rate, nonsmooth, *numbers, mu_dtype, nesterov=nesterov, nu_dtype=nu_dtype)
