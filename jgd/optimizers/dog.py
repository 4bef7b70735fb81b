"""Distance over gradients: gradient descent whose rate is the distance travelled over the gradients seen."""

from dataclasses import KW_ONLY
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jgd.core import Rule, global_norm, hyper, record, static
from jgd.core.arguments import checked, one_of
from jgd.core.errors import RefusalError
from jgd.core.frozen import dtype_name
from jgd.core.outline import shown
from jgd.core.pair import Pair
from jgd.core.tree import (
    abs_sq,
    check_params,
    copied,
    global_dot,
    map_unzip,
    map_updates,
    moment_dtype,
    ratio,
    safe_sqrt,
    scalar_of,
    widen,
)
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain, WeightDecay, add_decayed_weights, chain, identity, scale_by_learning_rate
from jgd.transforms.decay import Decay

_Beginning = tuple[Literal["distance", "learning_rate", "heuristic"], Scalar]
KINDS = one_of("distance", "learning_rate", "heuristic")


@record
class ScaleByDog(Pair):
    """Scale by the distance from the start over the gradients so far, of all leaves together.

    u = g r / sqrt(G + eps), r = max(r, ||x - x0||), G = G + ||g||^2, over all leaves (arXiv:2302.12022).

    `kind` says what `value` is: the first r (`distance`), its ratio to 1 + ||x0|| (`heuristic`), or the first rate
    (`learning_rate`). State: the first parameters, a flag and two scalars.
    """

    kind: str = static(default="heuristic", expect=KINDS)
    value: Scalar = hyper(default=1e-6, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    called = "scale_by_dog"

    def init(self, params: Params) -> State:
        """Return the parameters as they are, and the first distance."""
        first = {"distance": 1.0, "learning_rate": 0.0, "heuristic": 1 + global_norm(params)}[self.kind]
        return optax.contrib.DoGState(
            is_init_step=jnp.array(True),
            init_params=copied(params),
            max_dist=scalar_of(params, self.value * first),
            sum_sq_norm_grads=scalar_of(params),
        )

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the scaled gradients."""
        distance, squares = _travelled("ScaleByDog.update", grads, state, params)
        r = jnp.maximum(state.max_dist, safe_sqrt(distance)).astype(state.max_dist.dtype)
        total = (state.sum_sq_norm_grads + squares).astype(r.dtype)
        rate = ratio(r, safe_sqrt(total + self.eps))
        if self.kind == "learning_rate":
            rate = jnp.where(state.is_init_step, self.value, rate)
        return map_updates(lambda g: rate * g, grads, place="scale_by_dog.update"), state._replace(
            is_init_step=jnp.array(False), max_dist=r, sum_sq_norm_grads=total
        )

    def __repr__(self) -> str:
        return f"scale_by_dog(init_step=({self.kind!r}, {self.value!r}), eps={self.eps!r})"


@checked()
def scale_by_dog(init_step: _Beginning, eps: Scalar = 1e-8) -> ScaleByDog:
    """Scale gradients by the distance over the gradients; `init_step` is (kind, value)."""
    if not isinstance(init_step, tuple) or len(init_step) != 2:
        expected = 'be a pair of a kind and its value, such as ("heuristic", 1e-6)'
        raise RefusalError("scale_by_dog", "init_step", init_step, expected, shown)
    return ScaleByDog(*init_step, eps)


@record
class ScaleByDowg(Pair):
    """Scale by the distance from the start over gradients weighted by it.

    u = g D / (sqrt(V) + eps), D = max(D, ||x - x0||^2), V = V + D ||g||^2, over all leaves (arXiv:2305.16284).

    D begins at `init_estim_sq_dist`, or at eps. State: the first parameters and two scalars.
    """

    init_estim_sq_dist: Scalar | None = hyper(default=None, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-4, interval="[0, inf)")

    def init(self, params: Params) -> State:
        """Return the parameters as they are, and the first distance."""
        first = self.eps if self.init_estim_sq_dist is None else self.init_estim_sq_dist
        return optax.contrib.DoWGState(copied(params), scalar_of(params), scalar_of(params, first))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the scaled gradients."""
        distance, squares = _travelled("ScaleByDowg.update", grads, state, params)
        far = jnp.maximum(state.estim_sq_dist, distance).astype(state.estim_sq_dist.dtype)
        total = (state.weighted_sq_norm_grads + far * squares).astype(far.dtype)
        rate = ratio(far, safe_sqrt(total) + self.eps)
        return map_updates(lambda g: rate * g, grads, place="scale_by_dog.update"), state._replace(
            weighted_sq_norm_grads=total, estim_sq_dist=far
        )


scale_by_dowg = ScaleByDowg


@record
class ScaleByDistanceOverGradients(Rule):
    """Scale by the distance from the start over the gradients so far.

    u = c g r / sqrt(G + eps) for each leaf by itself: r = max(r, ||x - x0||), G = G + ||g||^2.

    Layer-wise DoG (Ivgi et al. 2023, arXiv:2302.12022); r begins at reps_rel (1 + ||x0||), or at zero where `init_eta`
    is given, which is then the first rate. x0 is kept in `param_dtype`, the parameters' own if that is `None`. Its
    state is not optax's, which is not public and whose sums have shape (1,).
    """

    reps_rel: Scalar = hyper(default=1e-6, interval="[0, inf)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    param_dtype: Any = static(default="float32", convert=dtype_name)
    global_scale: Scalar = hyper(default=1.0)
    _: KW_ONLY
    init_eta: Scalar | None = hyper(default=None, interval="[0, inf)")
    layout = ("max_dist", "grad_sum_of_squares", "init_params")
    entrywise = False

    def slots(self, p: Any) -> tuple[jax.Array, ...]:
        r = self.reps_rel * (1 + safe_sqrt(jnp.sum(abs_sq(widen(p))))) if self.init_eta is None else 0.0
        dtype = None if self.param_dtype is None else moment_dtype(p, self.param_dtype)
        return scalar_of(p, r), scalar_of(p), copied(p, dtype)

    def step(self, t: Any, g: Any, r: Any, total: Any, x0: Any, *, p: Any) -> tuple[jax.Array, ...]:
        r = jnp.maximum(r, safe_sqrt(jnp.sum(abs_sq(p - x0))))
        total = total + jnp.sum(abs_sq(g))
        rate = ratio(r, safe_sqrt(total + self.eps))
        rate = rate if self.init_eta is None else jnp.where(t == 1, self.init_eta, rate)
        return self.global_scale * rate * g, r, total, x0


scale_by_distance_over_gradients = ScaleByDistanceOverGradients


@optimizer(rates=None)
def dog(
    learning_rate: Rate = 1.0,
    init_step: _Beginning = ("heuristic", 1e-6),
    eps: Scalar = 1e-8,
    weight_decay: Decay | None = None,
    mask: Any = None,
) -> Chain:
    """Descend at a rate of the distance over the gradients (Ivgi et al. 2023, arXiv:2302.12022).

    The authors evaluate an average of the parameters: see `ema_params`. `weight_decay` is an L2 penalty.
    """
    return _descent(scale_by_dog(init_step, eps), learning_rate, weight_decay, mask)


@optimizer(rates=None)
def dowg(
    learning_rate: Rate = 1.0,
    init_estim_sq_dist: Scalar | None = None,
    eps: Scalar = 1e-4,
    weight_decay: Decay | None = None,
    mask: Any = None,
) -> Chain:
    """Descend at a rate of the distance over weighted gradients (Khaled et al. 2023, arXiv:2305.16284).

    `weight_decay` is an L2 penalty.
    """
    return _descent(ScaleByDowg(init_estim_sq_dist, eps), learning_rate, weight_decay, mask)


@optimizer(rates=None)
def ldog(
    learning_rate: Rate = 1.0,
    reps_rel: Scalar = 1e-6,
    eps: Scalar = 1e-8,
    init_eta: Scalar | None = None,
    weight_decay: Decay = 0.0,
    mask: Any = None,
) -> Chain:
    """Descend at a rate of the distance over the gradients of each leaf by itself (Ivgi et al. 2023, arXiv:2302.12022).

    The authors evaluate an average of the parameters: see `ema_params`. `weight_decay` is an L2 penalty. With
    `init_eta`, the first rate, `reps_rel` has no effect; `learning_rate` multiplies it too, which it does not in the
    authors' package. State: 4 bytes a parameter, the first ones, and two scalars a leaf.
    """
    rule = ScaleByDistanceOverGradients(reps_rel, eps, None, init_eta=init_eta)
    return _descent(rule, learning_rate, weight_decay, mask)


def _descent(rule: Any, learning_rate: Rate, weight_decay: Decay | None, mask: Any) -> Chain:
    if isinstance(weight_decay, WeightDecay):
        return descend(rule, learning_rate, weight_decay, mask)
    decay = identity() if weight_decay is None else add_decayed_weights(weight_decay, mask)
    return chain(decay, rule, scale_by_learning_rate(learning_rate))


def _travelled(place: str, grads: Grads, state: Any, params: Params) -> tuple[jax.Array, jax.Array]:
    """Return ||x - x0||^2 and ||g||^2 over all leaves."""
    check_params(place, params)
    map_unzip(lambda g, x0, p: (g, x0), grads, state.init_params, place=place, read=(params,))  # checks that they fit
    away = jax.tree.map(lambda p, x0: widen(p) - widen(x0), params, state.init_params)
    return global_dot(away, away), global_dot(grads, grads)
