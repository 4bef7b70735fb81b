"""DiLoCo whose parameters meet in fragments, one after another, and are told later what came of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, hyper, part, record, static
from jgd.core.arguments import TRANSFORM, WHOLE
from jgd.core.cost import Cost
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import increment, widen
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import as_whole
from jgd.distributed.local_steps import check_worker_axis, cost_of, mean_of, step_apart, sums
from jgd.transforms.as_transform import as_transform
from jgd.transforms.scale import apply_updates


class StreamingDilocoState(NamedTuple):
    """Hold the steps of each fragment, the states of inner and outer optimizers, and the points of meeting."""

    steps_since_sync: jax.Array  # i32[fragments]
    steps_to_merge: jax.Array  # i32[fragments], below 0: nothing is under way
    inner_state: State  # with the worker axis
    outer_state: tuple[State, ...]  # of each fragment
    anchor: Params


@record
class StreamingDiloco(Pair):
    """Let `workers` train apart; of the `fragments` of their parameters each takes `outer`'s step at its own time.

    As in `diloco`, with t the fragment where the workers last met and t_k that of worker k, t moves every H steps by
    the update of `outer` for t - mean_k t_k; the fragments do so in turn, H / `fragments` steps apart. Only `overlap`
    steps later, fewer than H, the workers hear of it: t_k <- alpha t_k + (1 - alpha) t (Streaming DiLoCo, Douillard et
    al. 2025, arXiv:2501.18512, whose reductions are in 4 bits besides). So a meeting moves a part of the parameters,
    and a network has `overlap` steps for it; one program on one machine waits for it all the same, and tells what such
    a run would learn. With 1, 0 and 0 it is `diloco`.

    A fragment is whole leaves: each, the largest first, comes to the fragment that has the fewest entries. H is
    `every`; it, `overlap`, `alpha` and the numbers of `outer` are leaves, which a sweep tries in one program. The rest
    is as in `diloco`. State: that of `diloco`.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    outer: Transform = part(convert=as_transform, expect=TRANSFORM)
    workers: int = static(expect=WHOLE)
    every: Scalar = hyper(interval="[1, inf)", whole=True)
    fragments: int = static(default=1, expect=WHOLE)
    overlap: Scalar = hyper(default=0, interval="[0, inf)", whole=True)
    alpha: Scalar = hyper(default=0.0, interval="[0, 1)")

    def check_fields(self) -> None:
        """Refuse steps that the next meeting of the fragment would overtake."""
        if isinstance(self.overlap, float) and isinstance(self.every, float) and self.overlap >= self.every:
            raise InputError(
                f"streaming_diloco(overlap={self.overlap:g}, every={self.every:g}): overlap must be below every, the "
                "steps until the fragment meets again."
            )

    def init(self, params: Params) -> State:
        """Give the inner state of each worker, the first worker's parameters, and the outer state of each fragment."""
        check_worker_axis("StreamingDiloco.init", params, self.workers)
        anchor = jax.tree.map(lambda p: jnp.array(widen(p)[0], copy=True), params)
        every = as_whole(self.every)
        since = every - (1 + jnp.arange(self.fragments, dtype=jnp.int32)) * every // self.fragments
        outer = tuple(self.outer.init(_only(places, anchor)) for places in self._places(params))
        return StreamingDilocoState(since, jnp.full_like(since, -1), jax.vmap(self.inner.init)(params), outer, anchor)

    def update(
        self, grads: Grads, state: State, params: Params = None, *, alive: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Give the inner updates of each worker; of a fragment that is due those that lead to where they were to go."""
        updates, inner = step_apart(self, grads, state.inner_state, params, alive)
        meet = state.steps_since_sync >= as_whole(self.every) - 1
        meet = meet if alive is None else meet & jnp.any(jnp.asarray(alive))
        since = jnp.where(meet, 0, increment(state.steps_since_sync))
        left = jnp.where(meet, as_whole(self.overlap), jnp.maximum(state.steps_to_merge - 1, -1))
        anchors, moves, outers = state.anchor, updates, []
        for i, places in enumerate(self._places(params)):
            p, u, anchor = (_only(places, tree) for tree in (params, updates, state.anchor))
            anchor, outer = self._met(meet[i], p, u, anchor, state.outer_state[i], alive)
            move = jax.lax.cond(left[i] == 0, self._merged, lambda p, u, anchor: u, p, u, anchor)
            anchors, moves = _put(places, anchor, anchors), _put(places, move, moves)
            outers.append(outer)
        return moves, StreamingDilocoState(since, left, inner, tuple(outers), anchors)

    def _met(self, meet: Any, params: Any, updates: Any, anchor: Any, outer: Any, alive: Any) -> tuple[Any, Any]:
        """Return the point of meeting of a fragment and its outer state, after the outer step where it meets."""
        before = jax.tree.map(jnp.asarray, (anchor, outer))

        def together() -> Any:
            ways = jax.tree.map(jnp.subtract, anchor, mean_of(sums(params, updates), alive))
            step, state = self.outer.update(ways, outer, anchor)
            after = apply_updates(anchor, step), state
            return jax.tree.map(lambda x, old: jnp.asarray(x).astype(old.dtype), after, before)

        return jax.lax.cond(meet, together, lambda: before)

    def _merged(self, params: Any, updates: Any, anchor: Any) -> Any:
        """Return the updates that lead the workers to alpha t_k + (1 - alpha) t."""

        def merge(p: jax.Array, u: jax.Array, a: jax.Array) -> jax.Array:
            return self.alpha * (widen(p) + u) + (1 - self.alpha) * a[None] - widen(p)

        return jax.tree.map(merge, params, updates, anchor)

    def _places(self, params: Params) -> list[list[int]]:
        """Return the leaves of each fragment by their numbers."""
        sizes = [leaf.size for leaf in jax.tree.leaves(params)]
        if self.fragments > max(1, len(sizes)):
            raise InputError(
                f"streaming_diloco(fragments={self.fragments}): the parameters have {len(sizes)} leaves, and a "
                "fragment needs one at least; take fewer."
            )
        found: list[list[int]] = [[] for _ in range(self.fragments)]
        for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
            min(found, key=lambda mine: (sum(sizes[j] for j in mine), len(mine))).append(i)
        return [sorted(mine) for mine in found]

    def cost(self, params: Params) -> Cost:
        """Return the inner cost of each worker, and once in `every` steps the parameters and the outer step."""
        return cost_of(self, params, self.outer)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


streaming_diloco = StreamingDiloco


def _only(places: list[int], tree: Any) -> Any:
    """Return a tree with the leaves of these numbers alone, at their paths."""
    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten([x if i in places else None for i, x in enumerate(leaves)])


def _put(places: list[int], part: Any, tree: Any) -> Any:
    """Return a tree with those leaves from `part`."""
    leaves, structure = jax.tree.flatten(tree)
    for i, x in zip(places, jax.tree.leaves(part), strict=True):
        leaves[i] = x
    return structure.unflatten(leaves)
