"""Workers that train apart and meet every so many steps: local SGD, and DiLoCo's outer optimizer."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, WHOLE
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import check_fits, check_params, increment, name_of, tree_bytes, where, widen, zero_count
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.transforms.as_transform import as_transform
from jgd.transforms.scale import apply_updates


class LocalSgdState(NamedTuple):
    """The steps since the workers met, and the states of their optimizers, which have the worker axis."""

    steps_since_sync: jax.Array  # i32[]
    inner_state: State


class DilocoState(NamedTuple):
    """As `LocalSgdState`; the outer optimizer's state and the parameters of the last meeting lack the workers' axis."""

    steps_since_sync: jax.Array  # i32[]
    inner_state: State
    outer_state: State
    anchor: Params


@record
class LocalSgd(Pair):
    """Let `workers` train apart with `inner`, and move all to the mean of their parameters after every H steps.

    H is `every`, a leaf: `jax.vmap` and `jgd.sweep.run` try many in one program (Stich 2018, arXiv:1805.09767). Each
    leaf of parameters, gradients and inner state has a leading axis of `workers`; the workers begin alike. On one
    device that axis is a `vmap`; sharded over an axis of a mesh, the workers are its devices, and the mean is the only
    communication, in a `lax.cond` that runs once in H steps (under a `vmap` over optimizers it always runs, as a
    select). Averages and other inner state are each worker's own.

    `jgd.distributed.per_worker(task, workers)` gives each worker its part of the batch, so that `jgd.fit` and sweeps
    train it. In a loop of one's own `update(..., alive=mask)` says which workers take part, bool[workers]: the others
    neither step nor count in the mean, take the mean over when the others meet, and are met as soon as one is there.

    Updates are float32 at least, so that half-precision workers meet at one point: put it outermost. Other extra
    arguments of a step are those of all workers and do not reach `inner`. Work that `inner` does rarely, such as a new
    basis of SOAP, is done at each step, since each worker counts for itself. State: the inner one's, for each worker.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    workers: int = static(expect=WHOLE)
    every: Scalar = hyper(interval="[1, inf)", whole=True)

    def init(self, params: Params) -> State:
        """Return the inner state of each worker."""
        check_worker_axis("LocalSgd.init", params, self.workers)
        return LocalSgdState(zero_count(), jax.vmap(self.inner.init)(params))

    def update(
        self, grads: Grads, state: State, params: Params = None, *, alive: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Return the inner updates of each worker, or those that lead all to their mean."""
        updates, inner = step_apart(self, grads, state.inner_state, params, alive)
        meet, steps = _meet(self, state, alive)

        def together() -> Updates:
            mean = mean_of(sums(params, updates), alive)
            return jax.tree.map(lambda m, p: m[None] - widen(p), mean, params)

        return jax.lax.cond(meet, together, lambda: updates), LocalSgdState(steps, inner)

    def cost(self, params: Params) -> Cost:
        """Return the inner cost of each worker, and the parameters read once more in `every` steps."""
        return cost_of(self, params)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


@record
class Diloco(Pair):
    """Let `workers` train apart with `inner`; after every H steps `outer` steps along the mean of their ways.

    With t the parameters at which the workers last met and t_k those of worker k, D = t - mean_k t_k is the gradient
    that `outer` is given; t moves by its update, and all workers go on from there, each with its own inner state
    (DiLoCo, Douillard et al. 2023, arXiv:2311.08105: `inner` AdamW, `outer` `jgd.nesterov(0.7, 0.9)`, `every` 500; with
    Muon inside MuLoCo, Therien et al. 2025, arXiv:2505.23725: 0.8 and 30). With `outer = jgd.sgd(1.0)` it is
    `local_sgd`. On a quadratic, where H gradient steps of rate r leave s = (1 - r a)^H of an error along the curvature
    a, Nesterov's outer momentum m is stable up to a rate of 2 (1 + m) / ((1 + 2 m) (1 - s)): 1.36 for 0.9 and s = 0.

    `every` and the numbers of `outer` are leaves, which a sweep tries in one program. The worker axis, devices, `alive`
    and the rest are as in `local_sgd`. State: beside the workers' one set of parameters t, in float32 at least, and the
    state of `outer`, 8 bytes a parameter with a momentum, not for each worker but once.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    outer: Transform = part(convert=as_transform, expect=TRANSFORM)
    workers: int = static(expect=WHOLE)
    every: Scalar = hyper(interval="[1, inf)", whole=True)

    def init(self, params: Params) -> State:
        """Return the inner state of each worker, the first worker's parameters, and the outer state."""
        check_worker_axis("Diloco.init", params, self.workers)
        anchor = jax.tree.map(lambda p: jnp.array(widen(p)[0], copy=True), params)
        return DilocoState(zero_count(), jax.vmap(self.inner.init)(params), self.outer.init(anchor), anchor)

    def update(
        self, grads: Grads, state: State, params: Params = None, *, alive: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Return the inner updates of each worker, or those that lead all to where the outer step ends."""
        updates, inner = step_apart(self, grads, state.inner_state, params, alive)
        meet, steps = _meet(self, state, alive)
        before = jax.tree.map(jnp.asarray, (state.outer_state, state.anchor))

        def together() -> tuple[Updates, State]:
            ways = jax.tree.map(jnp.subtract, state.anchor, mean_of(sums(params, updates), alive))
            step, outer = self.outer.update(ways, state.outer_state, state.anchor)
            anchor = apply_updates(state.anchor, step)
            after = jax.tree.map(lambda x, old: jnp.asarray(x).astype(old.dtype), (outer, anchor), before)
            return jax.tree.map(lambda a, p: a[None] - widen(p), anchor, params), after

        updates, (outer, anchor) = jax.lax.cond(meet, together, lambda: (updates, before))
        return updates, DilocoState(steps, inner, outer, anchor)

    def cost(self, params: Params) -> Cost:
        """Return the inner cost of each worker, and once in `every` steps the parameters and the outer step."""
        return cost_of(self, params, self.outer)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


local_sgd = LocalSgd
diloco = Diloco


def step_apart(wrapper: Any, grads: Grads, state: State, params: Params, alive: Any) -> tuple[Updates, State]:
    """Return the step of each worker by itself; none of those that are not there."""
    place = f"{type(wrapper).__name__}.update"
    check_params(place, params)
    check_fits(place, grads, params)
    check_worker_axis(place, params, wrapper.workers)
    updates, new = jax.vmap(lambda g, s, p: wrapper.inner.update(g, s, p))(grads, state, params)
    updates = jax.tree.map(widen, updates)
    new = jax.tree.map(lambda x, old: x.astype(jnp.result_type(old)), new, state)
    if alive is None:
        return updates, new
    there = _mask(place, alive, wrapper.workers)
    chosen = jax.vmap(lambda yes, a, b: where(yes, a, b))
    return chosen(there, updates, jax.tree.map(jnp.zeros_like, updates)), chosen(there, new, state)


def _meet(wrapper: Any, state: State, alive: Any) -> tuple[jax.Array, jax.Array]:
    """Tell whether the workers meet after this step, and the steps since."""
    meet = state.steps_since_sync >= as_whole(wrapper.every) - 1
    if alive is not None:
        meet = meet & jnp.any(jnp.asarray(alive))
    return meet, jnp.where(meet, 0, increment(state.steps_since_sync))


def sums(params: Params, updates: Updates) -> Params:
    """Return the parameters of each worker after its own step."""
    return jax.tree.map(lambda p, u: widen(p) + u, params, updates)


def mean_of(tree: Any, alive: Any) -> Any:
    """Return the mean over the workers that are there."""
    if alive is None:
        return jax.tree.map(lambda x: jnp.mean(x, axis=0), tree)
    there = jnp.asarray(alive, bool)
    count = jnp.sum(there)

    def mean(x: jax.Array) -> jax.Array:
        kept = jnp.where(there.reshape(-1, *(1,) * (x.ndim - 1)), x, 0)
        return jnp.sum(kept, axis=0) / jnp.maximum(count, 1)

    return jax.tree.map(mean, tree)


def _mask(place: str, alive: Any, workers: int) -> jax.Array:
    if jnp.shape(alive) != (workers,):
        raise InputError(
            f"{place}(alive): its shape is {jnp.shape(alive)}, expected ({workers},), a flag for each worker."
        )
    return jnp.asarray(alive, bool)


def check_worker_axis(place: str, params: Params, workers: int) -> None:
    """Refuse parameters without the worker axis."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if jnp.shape(leaf)[:1] != (workers,):
            raise InputError(
                f"{place}: the leaf at {name_of(path)} has shape {jnp.shape(leaf)}, expected a leading axis of "
                f"{workers} workers; stack the parameters, or train jgd.distributed.per_worker(task, {workers})."
            )


def cost_of(wrapper: Any, params: Params, outer: Transform | None = None) -> Cost:
    """Return the inner cost for each worker, and once in `every` steps what it takes to meet."""
    one = jax.tree.map(lambda p: jax.ShapeDtypeStruct(jnp.shape(p)[1:], jnp.result_type(p)), params)
    meeting = [Cost(tree_bytes(params))] + ([] if outer is None else [cost(outer, one), Cost(2 * tree_bytes(one))])
    return total([total([cost(wrapper.inner, one)], share=wrapper.workers), total(meeting, share=1 / wrapper.every)])
