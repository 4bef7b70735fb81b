"""Adam and its kin: steps scaled by moments of the gradient, with bias correction."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import abs_sq, full_like, increment, map_unzip, one_minus_pow, safe_sqrt, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates


@record
class ScaleByAdam:
    """m = b1 m + (1-b1) g; v = b2 v + (1-b2) |g|^2; u = m^ / (sqrt(v^ + eps_root) + eps), with m^ = m / (1 - b1^t).

    (Kingma & Ba 2015, arXiv:1412.6980, Alg. 1.) With `nesterov`, m^ looks ahead: b1 m / (1 - b1^(t+1)) +
    (1-b1) g / (1 - b1^t), as in Dozat 2016 without his stray factor b2; `torch.optim.NAdam` uses another schedule.
    State: 8 bytes a parameter and a counter. Moments are float32 or wider unless `mu_dtype` or `nu_dtype` says
    otherwise (optax keeps them in the parameters' dtype, where a bfloat16 v stalls); 1 - b and 1 - b^t come from the
    same arithmetic, so the first step is the gradient's sign to a bit or two (optax's is off by 7e-6, its issue 1532).
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    nesterov: bool = static(default=False)
    nu_dtype: Any = static(default=None, convert=dtype_name)

    def init(self, params: Params) -> State:
        """Zero moments."""
        mu, nu = full_like(params, dtype=self.mu_dtype), full_like(params, dtype=self.nu_dtype, real=True)
        return optax.ScaleByAdamState(zero_count(), mu, nu)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The step that Adam would take at learning rate -1."""
        count = increment(state.count)
        b1, b2 = jnp.asarray(self.b1), jnp.asarray(self.b2)
        # One division for each scalar and not for each entry.
        r1, r2, ahead = (1 / one_minus_pow(b, t) for b, t in ((b1, count), (b2, count), (b1, increment(count))))

        def rule(g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * abs_sq(g)
            look = ahead * b1 * m + r1 * (1 - b1) * g if self.nesterov else r1 * m
            return look / (safe_sqrt(r2 * v + self.eps_root) + self.eps), m, v

        updates, mu, nu = map_unzip(rule, grads, state.mu, state.nu, place="ScaleByAdam.update")
        return updates, optax.ScaleByAdamState(count, mu, nu)


@record
class ScaleByAmsgrad:
    """Adam whose second moment never shrinks: u = m^ / (sqrt(max over time of v^ + eps_root) + eps).

    (Reddi et al. 2018, arXiv:1904.09237.) The maximum is taken after bias correction, as in optax; the paper has no
    correction (`bias_correction_mu=False, bias_correction_nu=False`) and `torch.optim.Adam(amsgrad=True)` takes the
    maximum of the raw v and corrects it then. State: 12 bytes a parameter and a counter.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    bias_correction_mu: bool = static(default=True)
    bias_correction_nu: bool = static(default=True)

    def init(self, params: Params) -> State:
        """Zero moments and a zero maximum."""
        mu, nu = full_like(params, dtype=self.mu_dtype), full_like(params, real=True)
        return optax.ScaleByAmsgradState(zero_count(), mu, nu, full_like(params, real=True))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The step that AMSGrad would take at learning rate -1."""
        count = increment(state.count)
        b1, b2 = jnp.asarray(self.b1), jnp.asarray(self.b2)
        r1 = 1 / one_minus_pow(b1, count) if self.bias_correction_mu else 1.0
        r2 = 1 / one_minus_pow(b2, count) if self.bias_correction_nu else 1.0

        def rule(g: jax.Array, m: jax.Array, v: jax.Array, top: jax.Array) -> tuple[jax.Array, ...]:
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * abs_sq(g)
            top = jnp.maximum(top, r2 * v)
            return r1 * m / (safe_sqrt(top + self.eps_root) + self.eps), m, v, top

        slots = (state.mu, state.nu, state.nu_max)
        updates, mu, nu, nu_max = map_unzip(rule, grads, *slots, place="ScaleByAmsgrad.update")
        return updates, optax.ScaleByAmsgradState(count, mu, nu, nu_max)


def scale_by_adam(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
) -> ScaleByAdam:
    """Rescale gradients by Adam's moments."""
    return ScaleByAdam(b1, b2, eps, eps_root, mu_dtype, nesterov, nu_dtype)


def scale_by_amsgrad(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> ScaleByAmsgrad:
    """Rescale gradients by Adam's moments with a second moment that never shrinks."""
    return ScaleByAmsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu)
