"""Adam and its kin: steps scaled by two moments of the gradient, with bias correction."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, hyper, record, static
from jgd.core.frozen import dtype_name
from jgd.core.tree import abs_sq, increment, one_minus_pow, ratio, safe_sqrt, zeros
from jgd.core.types import Rate, Scalar
from jgd.optimizers.adagrad import root_above
from jgd.optimizers.catalogue import descend, optimizer, variant
from jgd.transforms import Chain
from jgd.transforms.decay import Decay


@record
class ScaleByAdam(Rule):
    """Scale gradients by running means of them and of their squares.

    m = b1 m + (1-b1) g; v = b2 v + (1-b2) |g|^2; u = m^ / (sqrt(v^ + eps_root) + eps), with m^ = m / (1 - b1^t).

    (Kingma & Ba 2015, arXiv:1412.6980, Alg. 1.) With `nesterov`, m^ looks ahead: b1 m / (1 - b1^(t+1)) +
    (1-b1) g / (1 - b1^t), as in Dozat 2016 without his stray factor b2; `torch.optim.NAdam` uses another schedule.
    Moments are float32 or wider unless `mu_dtype` or `nu_dtype` says otherwise (optax keeps them in the parameters'
    dtype, where a bfloat16 v stalls); 1 - b and 1 - b^t come from the same arithmetic, so the first step is the
    gradient's sign to a bit or two (optax's is off by 7e-6, its issue 1532).
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    _: KW_ONLY
    nesterov: bool = static(default=False)
    nu_dtype: Any = static(default=None, convert=dtype_name)
    layout = optax.ScaleByAdamState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, self.mu_dtype), zeros(p, self.nu_dtype, real=True)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        return bias_corrections(self.b1, self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        look = corrected_mean(shared, self.b1, g, m, nesterov=self.nesterov)
        return look / self.metric(shared, v), m, v

    def metric(self, shared: Any, v: jax.Array) -> jax.Array:
        """Return the divisor of the step: sqrt(v^ + eps_root) + eps, and 1 where that is 0, as m is there."""
        return root_above(shared[1] * v + self.eps_root, self.eps, eps_in_sqrt=False)


scale_by_adam = ScaleByAdam


@record
class ScaleByAmsgrad(Rule):
    """Scale by Adam's rule with a second moment that never shrinks: u = m^ / (sqrt(max over t of v^ + eps_root) + eps).

    (Reddi et al. 2018, arXiv:1904.09237.) The maximum is taken after bias correction, as in optax; the paper has no
    correction (`bias_correction_mu=False, bias_correction_nu=False`) and `torch.optim.Adam(amsgrad=True)` takes the
    maximum of the raw v and corrects it then.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    eps_root: Scalar = hyper(default=0.0, interval="[0, inf)")
    mu_dtype: Any = static(default=None, convert=dtype_name)
    bias_correction_mu: bool = static(default=True)
    bias_correction_nu: bool = static(default=True)
    layout = optax.ScaleByAmsgradState

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        return zeros(p, self.mu_dtype), zeros(p, real=True), zeros(p, real=True)

    def shared(self, t: jax.Array) -> tuple[Any, Any]:
        """Return both bias corrections as factors: a division for each scalar and none for an entry."""
        r1 = 1 / one_minus_pow(self.b1, t) if self.bias_correction_mu else 1.0
        return r1, 1 / one_minus_pow(self.b2, t) if self.bias_correction_nu else 1.0

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array, top: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2 = shared
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * abs_sq(g)
        top = jnp.maximum(top, r2 * v)
        return ratio(r1 * m, safe_sqrt(top + self.eps_root) + self.eps), m, v, top


scale_by_amsgrad = ScaleByAmsgrad


@optimizer(rates=(3e-5, 3e-1))
def adam(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
) -> Chain:
    """Adam: a mean of gradients over the root of that of their squares (Kingma & Ba 2015, arXiv:1412.6980).

    For Adam with an L2 penalty, `torch.optim.Adam(weight_decay=)`, put `add_decayed_weights` before it in a chain.
    """
    rule = ScaleByAdam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, nu_dtype=nu_dtype)
    return descend(rule, learning_rate)


@optimizer(rates=(3e-5, 3e-1))
def adamw(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    weight_decay: Decay = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
) -> Chain:
    """Adam with decoupled weight decay where `mask` is true (Loshchilov & Hutter 2019, arXiv:1711.05101).

    p <- p - lr (u + wd p): the decay is multiplied by the learning rate, as in torch. The default decay is optax's
    1e-4; torch's is 1e-2.
    """
    rule = ScaleByAdam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, nu_dtype=nu_dtype)
    return descend(rule, learning_rate, weight_decay, mask)


nadam = variant(adam, "nadam", "Adam with Nesterov's look-ahead (Dozat 2016).", nesterov=True)
nadamw = variant(
    adamw,
    "nadamw",
    "NAdam with decoupled weight decay: AlgoPerf's baseline (Dahl et al. 2023, arXiv:2306.07179).",
    nesterov=True,
)


@optimizer(rates=(3e-5, 3e-1))
def amsgrad(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> Chain:
    """AMSGrad: Adam whose second moment never shrinks (Reddi et al. 2018, arXiv:1904.09237)."""
    rule = ScaleByAmsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu)
    return descend(rule, learning_rate)


def bias_corrections(b1: Scalar, b2: Scalar, t: jax.Array) -> tuple[jax.Array, ...]:
    """Compute 1 / (1 - b1^t), 1 / (1 - b2^t), 1 / (1 - b1^(t+1)): one division a scalar and none an entry."""
    pairs = ((b1, t), (b2, t), (b1, increment(t)))
    return tuple(1 / one_minus_pow(b, count) for b, count in pairs)


def corrected_mean(shared: Any, b1: Scalar, g: jax.Array, m: jax.Array, *, nesterov: bool) -> jax.Array:
    """Return the first moment without its bias, a step ahead with `nesterov`; `shared` is of `bias_corrections`."""
    r1, _, ahead = shared
    return ahead * b1 * m + r1 * (1 - b1) * g if nesterov else r1 * m
