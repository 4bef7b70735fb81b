"""Sophia: momentum over the Hessian's diagonal, entry by entry, clipped where that is flat."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, whole_from
from jgd.core.errors import RefusalError
from jgd.core.frozen import dtype_name
from jgd.core.leaves import PARTS, check_real
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, check_params, full_like, increment, map_unzip, one_minus_pow, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.curvature import hutchinson_estimator_diag_hessian
from jgd.transforms import Chain, as_transform

_SIGNS = hutchinson_estimator_diag_hessian()


@record
class ScaleBySophia(Pair):
    """Scale a momentum by the Hessian's diagonal, and clip it.

    u = clip(m / max(gamma h, eps), -c, c), m = b1 m + (1-b1) g, h a mean of the Hessian's diagonal, c a threshold.

    Every k = `update_interval` steps, the first included, h = b2 h + (1-b2) d with the diagonal d as
    `hessian_diagonal_fn` estimates it (Liu et al. 2023, arXiv:2305.14342, Alg. 3), a transform that is given what
    `update` is given; Hutchinson's estimator needs `obj_fn`, and `gauss_newton_bartlett_estimator()` makes it the
    paper's Sophia-G, for which gamma is 0.05. Its signs stand for the paper's normal draws, with less
    variance. As in the paper h is renewed before it scales the step, and m begins at zero; optax renews it after the
    step (`hessian_first=False`), whose first one is then one of signs, and divides m by 1 - b1^t (`bias_correction`).

    With `verbose` every `print_win_rate_every_n_steps` steps the share of entries that were not clipped is printed,
    which should lie between 0.1 and 0.5. Under `vmap` over optimizers or states the diagonal is estimated each step.
    State: 8 bytes a parameter, a counter and the estimator's.
    """

    b1: Scalar = hyper(default=0.965, interval="[0, 1)")
    b2: Scalar = hyper(default=0.99, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    gamma: Scalar = hyper(default=0.01, interval="[0, inf)")
    clip_threshold: Scalar | None = hyper(default=1.0, interval="[0, inf]", optional=True)
    update_interval: Scalar = hyper(default=10.0, interval="[1, inf)", whole=True)
    hessian_diagonal_fn: Transform = part(default=_SIGNS, convert=as_transform, expect=TRANSFORM)
    mu_dtype: Any = static(default=None, convert=dtype_name)
    verbose: bool = static(default=False)
    print_win_rate_every_n_steps: int = static(default=0, expect=whole_from(0))
    _: KW_ONLY
    hessian_first: bool = static(default=True)
    bias_correction: bool = static(default=False)

    def check_fields(self) -> None:
        """Refuse a printing that is asked for by half."""
        every, name = self.print_win_rate_every_n_steps, type(self).__name__
        if self.verbose and (not every or self.clip_threshold is None):
            expected = "come with print_win_rate_every_n_steps, at least 1, and with a clip_threshold"
            raise RefusalError(name, "verbose", True, expected, repr)
        if every and not self.verbose:
            expected = "be 0 unless verbose=True, since nothing is printed otherwise"
            raise RefusalError(name, "print_win_rate_every_n_steps", every, expected, repr)

    def init(self, params: Params) -> State:
        """Return a counter and the moments at zero, and the estimator's state."""
        check_real("ScaleBySophia.init", params, "complex numbers have no order", PARTS)
        return optax.contrib.SophiaState(
            count=zero_count(),
            mu=full_like(params, dtype=self.mu_dtype),
            nu=full_like(params),
            hessian_fn_state=self.hessian_diagonal_fn.init(params),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the clipped quotients."""
        check_params("ScaleBySophia.update", params)
        t, rule = increment(state.count), jax.tree.map(jnp.asarray, self)

        def step(g: jax.Array, m: jax.Array, h: jax.Array) -> tuple[jax.Array, ...]:
            m = rule.b1 * m + (1 - rule.b1) * g
            mean = m / one_minus_pow(rule.b1, t) if self.bias_correction else m
            u = mean / jnp.maximum(rule.gamma * h, rule.eps)
            return u if rule.clip_threshold is None else jnp.clip(u, -rule.clip_threshold, rule.clip_threshold), m, h

        renewed, hessian_state = self._renewed(grads, state, params, extra)
        nu = renewed if self.hessian_first else state.nu
        updates, mu, _ = map_unzip(step, grads, state.mu, nu, place="ScaleBySophia.update")
        if self.verbose:
            self._print_win_rate(t, updates)
        return updates, optax.contrib.SophiaState(t, mu, renewed, hessian_state)

    def _renewed(self, grads: Grads, state: State, params: Params, extra: dict[str, Any]) -> tuple[State, State]:
        """Return the mean of the diagonal and the estimator's state, at the steps that are due."""

        def renew() -> tuple[State, State]:
            diagonal, new = self.hessian_diagonal_fn.update(grads, state.hessian_fn_state, params, **extra)
            nu = map_unzip(
                lambda d, h: (d, self.b2 * h + (1 - self.b2) * d),
                diagonal,
                state.nu,
                place="ScaleBySophia.update",
                what="Hessian's diagonal",
            )[1]
            return nu, cast_like(new, state.hessian_fn_state)

        due = state.count % as_whole(self.update_interval) == 0
        return jax.lax.cond(due, renew, lambda: jax.tree.map(jnp.asarray, (state.nu, state.hessian_fn_state)))

    def _print_win_rate(self, t: jax.Array, updates: Updates) -> None:
        leaves = jax.tree.leaves(updates)
        free = sum(jnp.sum(jnp.abs(u) < jnp.asarray(self.clip_threshold)) for u in leaves)
        rate = free / max(sum(u.size for u in leaves), 1)
        jax.lax.cond(
            t % self.print_win_rate_every_n_steps == 0,
            lambda: jax.debug.print("Sophia optimizer win rate: {}", rate),
            lambda: None,
        )


scale_by_sophia = ScaleBySophia


@optimizer(rates=(1e-5, 1e-1), needs=("obj_fn",))
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
    hessian_diagonal_fn: Any = _SIGNS,
    mu_dtype: Any = None,
    verbose: bool = False,
    print_win_rate_every_n_steps: int = 0,
    *,
    hessian_first: bool = True,
    bias_correction: bool = False,
) -> Chain:
    """Descend by a clipped momentum over the Hessian's diagonal (Liu et al. 2023, arXiv:2305.14342).

    `update` needs the objective as `obj_fn`, a function of the parameters alone; `jgd.fit` and `jgd.minimize` pass it
    as `value_fn`, which serves as well. Its default is the paper's algorithm: see `ScaleBySophia` for optax's.
    """
    rule = ScaleBySophia(
        b1,
        b2,
        eps,
        gamma,
        clip_threshold,
        update_interval,
        hessian_diagonal_fn,
        mu_dtype,
        verbose,
        print_win_rate_every_n_steps,
        hessian_first=hessian_first,
        bias_correction=bias_correction,
    )
    return descend(rule, learning_rate, weight_decay, weight_decay_mask)
