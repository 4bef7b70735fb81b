"""Sharpness-aware minimization: steps by the gradient at the worst point near the parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, Kind, whole_from
from jgd.core.cost import Cost, cost, total
from jgd.core.errors import CallError
from jgd.core.pair import Pair
from jgd.core.tree import (
    cast_like,
    check_extra,
    check_fits,
    check_inexact,
    check_params,
    copied,
    global_norm,
    map_unzip,
    map_updates,
    ratio,
    tree_bytes,
    where,
)
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms import apply_updates, as_transform, eval_params

AXIS = Kind("be the name of a mapped axis, or None", lambda x: x is None or isinstance(x, str))


@record
class Normalize(Pair):
    """Scale the gradient to a norm of 1.

    u = g / ||g||, the norm taken over all leaves; zero where that is zero, where optax gives NaN.
    """

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients with a norm of 1."""
        norm = global_norm(grads)
        factor = jnp.where(norm == 0, 0.0, 1 / jnp.where(norm == 0, 1.0, norm))
        return map_updates(lambda g: factor * g, grads, place="Normalize.update"), state

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients, for their norm."""
        return Cost(tree_bytes(params))


normalize = Normalize


@record
class Sam(Pair):
    """Climb by `adv_optimizer` for `sync_period - 1` steps, then let `optimizer` step from where the climb began.

    (Foret et al. 2021, arXiv:2010.01412.) With `adv_optimizer = chain(normalize(), sgd(rho))` and a period of 2 it is
    the paper's: p <- p - lr g(p + rho g(p) / ||g(p)||). `reset_state` begins each climb with a new state.

    Each call is one step of the climb or of the optimizer, and the parameters in between are those of the climb;
    `jgd.eval_params` gives those where it began. In `opaque_mode` a call does all of it, and needs the gradients
    elsewhere: `update(grads, state, params, grad_fn=...)`, where `grad_fn(params, i)` returns the gradients for step i
    of the climb, averaged over the mapped axis `batch_axis_name` if one is given.

    With a period of 1 it is `optimizer`; optax steps from the parameters before last. State: 4 bytes a parameter (none
    in opaque mode), a counter and the two states.
    """

    optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    adv_optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    sync_period: int = static(default=2, expect=whole_from(1))
    reset_state: bool = static(default=True)
    opaque_mode: bool = static(default=False)
    batch_axis_name: str | None = static(default=None, expect=AXIS)

    def init(self, params: Params) -> State:
        """Return the two states, and a copy of the parameters where the climb begins."""
        if self.batch_axis_name is not None and not self.opaque_mode:
            raise InputError(
                f"Sam(batch_axis_name={self.batch_axis_name!r}): only opaque_mode takes gradients itself; average "
                "them before update, or set opaque_mode=True."
            )
        return optax.contrib.SAMState(
            steps_since_sync=jnp.zeros((), jnp.int32),
            opt_state=self.optimizer.init(params),
            adv_state=self.adv_optimizer.init(params),
            cache=None if self.opaque_mode else copied(params),
        )

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        grad_fn: Callable[[Params, int], Grads] | None = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return a step of the climb or of the optimizer; in opaque mode all of them."""
        check_params("Sam.update", params)
        check_fits("Sam.update", grads, params)
        if not self.opaque_mode:
            return self._one_step(grads, state, params, extra)
        if grad_fn is None:
            raise CallError(
                "Sam.update: grad_fn is missing; call update(grads, state, params, grad_fn=...) in opaque_mode, where "
                "grad_fn(params, i) returns the gradients for step i."
            )
        return self._all_steps(grads, state, params, grad_fn, extra)

    def eval_params(self, state: State, params: Params) -> Params:
        """Return where the climb began, as `optimizer` means it to be evaluated."""
        if not self.opaque_mode:
            params = where(state.steps_since_sync == 0, params, state.cache)
        return eval_params(self.optimizer, state.opt_state, params)

    def cost(self, params: Params) -> Cost:
        """Return the costs of the two by their shares of the calls, and the copy read and written once a period."""
        climbs = self.sync_period - 1
        inner = cost(self.optimizer, params), cost(self.adv_optimizer, params)
        if self.opaque_mode:
            return total([inner[0], total([inner[1]], share=climbs)])
        copy = Cost(2 * tree_bytes(params))
        return total([copy, inner[0], total([inner[1]], share=climbs)], share=1 / self.sync_period)

    def _one_step(self, grads: Grads, state: State, params: Params, extra: dict[str, Any]) -> tuple[Updates, State]:
        first = state.steps_since_sync == 0

        def begin(g: jax.Array, kept: jax.Array, p: jax.Array) -> tuple[jax.Array, jax.Array]:
            return g, jnp.where(first, p, kept)

        _, start = map_unzip(begin, grads, state.cache, place="Sam.update", read=(params,))

        def descend() -> tuple[Updates, State, State]:
            updates, new = self.optimizer.update(grads, state.opt_state, start, **extra)
            back = map_unzip(lambda u, s, p: (s - p + u,), updates, place="Sam.update", read=(start, params))[0]
            adv = self.adv_optimizer.init(params) if self.reset_state else state.adv_state
            return back, cast_like(new, state.opt_state), cast_like(adv, state.adv_state)

        def climb() -> tuple[Updates, State, State]:
            updates, new = self.adv_optimizer.update(grads, state.adv_state, params, **extra)
            up = map_unzip(lambda u, p: (-u,), updates, place="Sam.update", read=(params,))[0]
            return up, cast_like(state.opt_state, state.opt_state), cast_like(new, state.adv_state)

        last = state.steps_since_sync == self.sync_period - 1
        updates, opt_state, adv_state = jax.lax.cond(last, descend, climb)
        steps = (state.steps_since_sync + 1) % self.sync_period
        return updates, optax.contrib.SAMState(steps, opt_state, adv_state, start)

    def _all_steps(
        self, grads: Grads, state: State, params: Params, grad_fn: Callable[[Params, int], Grads], extra: dict[str, Any]
    ) -> tuple[Updates, State]:
        there, adv = params, state.adv_state
        for i in range(self.sync_period - 1):
            updates, adv = self.adv_optimizer.update(grads, adv, there, **extra)
            there = apply_updates(there, jax.tree.map(jnp.negative, updates))
            grads = grad_fn(there, i)
            if self.batch_axis_name is not None:
                grads = jax.lax.pmean(grads, self.batch_axis_name)
        updates, new = self.optimizer.update(grads, state.opt_state, params, **extra)
        adv = self.adv_optimizer.init(params) if self.reset_state else adv
        return updates, optax.contrib.SAMState(jnp.zeros((), jnp.int32), new, adv, None)


sam = Sam


class GradientThereState(NamedTuple):
    """The state of the transform that steps by gradients from another point."""

    inner_state: State


def _gradients_elsewhere(
    place: str, grads: Grads, params: Params, grad_fn: Callable[[Params, int], Grads] | None
) -> Callable[[Params, int], Grads]:
    """Return `grad_fn`, or raise the error that it or the parameters are missing, or do not fit the gradients."""
    check_params(place, params)
    check_fits(place, grads, params)
    check_extra(place, "grad_fn", grad_fn)
    assert grad_fn is not None
    return grad_fn


@record
class Asam(Pair):
    """Let `optimizer` step by the gradient at p + rho T^2 g / ||T g||, with T = |p| + eta.

    (Kwon et al. 2021, arXiv:2102.11600: sharpness that no rescaling of weights changes.) The norm is over all leaves;
    where it is zero nothing is climbed. Needs the gradients elsewhere: `update(grads, state, params, grad_fn=...)`,
    where `grad_fn(params, i)` returns them, i being 0, as `sam` in opaque mode does. State: that of `optimizer`.
    """

    optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    rho: Scalar = hyper(default=0.5, interval="[0, inf)")
    eta: Scalar = hyper(default=0.0, interval="[0, inf)")

    def init(self, params: Params) -> State:
        """Return the state of `optimizer`."""
        check_inexact("Asam.init", params)
        return GradientThereState(self.optimizer.init(params))

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        grad_fn: Callable[[Params, int], Grads] | None = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return the step of `optimizer` by the gradient where the climb ends."""
        grad_fn = _gradients_elsewhere("Asam.update", grads, params, grad_fn)
        rho, eta = jnp.asarray(self.rho), jnp.asarray(self.eta)

        def scaled(g: jax.Array, p: jax.Array) -> jax.Array:
            return (jnp.abs(p) + eta) * g

        up = map_updates(scaled, grads, params, place="Asam.update")
        size = ratio(rho, global_norm(up))
        climb = map_updates(lambda u, p: size * (jnp.abs(p) + eta) * u, up, params, place="Asam.update")
        there = apply_updates(params, climb)
        updates, inner = self.optimizer.update(grad_fn(there, 0), state.inner_state, params, **extra)
        return updates, GradientThereState(inner)

    def eval_params(self, state: State, params: Params) -> Params:
        """Return the parameters that `optimizer` means to be evaluated."""
        return eval_params(self.optimizer, state.inner_state, params)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over gradients and parameters, for the norm, and the cost of `optimizer`."""
        return total([Cost(2 * tree_bytes(params)), cost(self.optimizer, params)])


asam = Asam


@record
class Extragradient(Pair):
    """Let `inner` step from p by the gradient at p + u, where u is its step by the gradient at p.

    (Korpelevich 1976; with Adam, Gidel et al. 2019, arXiv:1802.10551.) It converges on games, such as min_x max_y xy,
    around which gradient descent circles outwards. Both steps begin at one state, and the second's is kept. Needs the
    gradients elsewhere, as `sam` in opaque mode does: `update(grads, state, params, grad_fn=...)`, where
    `grad_fn(params, i)` returns them and i is 0. State: that of `inner`. No reference runs; held to a transcription.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)

    def init(self, params: Params) -> State:
        """Return the state of `inner`."""
        check_inexact("Extragradient.init", params)
        return GradientThereState(self.inner.init(params))

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        grad_fn: Callable[[Params, int], Grads] | None = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return the step by the gradient half-way."""
        grad_fn = _gradients_elsewhere("Extragradient.update", grads, params, grad_fn)
        updates, _ = self.inner.update(grads, state.inner_state, params, **extra)
        there = grad_fn(apply_updates(params, updates), 0)
        updates, inner = self.inner.update(there, state.inner_state, params, **extra)
        return updates, GradientThereState(inner)

    def eval_params(self, state: State, params: Params) -> Params:
        """Return the parameters that `inner` means to be evaluated."""
        return eval_params(self.inner, state.inner_state, params)

    def cost(self, params: Params) -> Cost:
        """Count the point between both steps, written and read, and `inner` twice, whose state is written once."""
        inner, state = cost(self.inner, params), tree_bytes(jax.eval_shape(self.inner.init, params))
        first = inner._replace(bytes=max(inner.bytes - state, inner.bytes / 2))
        return total([Cost(2 * tree_bytes(params)), first, inner])


extragradient = Extragradient
