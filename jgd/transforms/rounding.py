"""Half-precision parameters that small updates still move: rounded at random, with a residue, or with a remainder."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, Transform, part, record, static
from jgd.core.arguments import TRANSFORM, Kind
from jgd.core.cost import Cost, with_other_state
from jgd.core.counter_hash import mixed, random_bits
from jgd.core.leaves import fixed_leaves, is_whole
from jgd.core.pair import Pair
from jgd.core.rounding import in_24_bits, is_narrow, remainder, rounded, straight_through, upper_half, with_remainder
from jgd.core.tree import check_fits, check_params, increment, name_of, widen, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.moments import state_arrays

BITS = Kind("be 16, 24 or 32", lambda x: not isinstance(x, bool) and x in (16, 24, 32))
WEIGHTS, MOMENT = 0, 1  # streams of random bits


class StochasticRoundingState(NamedTuple):
    """The number of steps taken, and the inner state with its moments in bfloat16."""

    count: jax.Array  # i32[]
    inner_state: State


class KahanState(NamedTuple):
    """The part of each narrow parameter's updates that is still due, in its dtype, and the inner state."""

    residue: Params
    inner_state: State


class MasterWeightsState(NamedTuple):
    """The number of steps taken, the lower bits of each bfloat16 weight (i8 or i16), and the inner state."""

    count: jax.Array  # i32[]
    remainder: Params
    inner_state: State


@record
class StochasticRounding(Pair):
    """Train bfloat16 and float16 parameters, and keep moments in bfloat16, by unbiased rounding.

    `inner` computes in float32, from parameters and gradients that are widened. Its step p + u is rounded at random to
    one of its two neighbours in p's dtype, so that the mean is p + u: to nearest, a bfloat16 parameter swallows every
    update below 0.2 % of it (Gupta et al. 2015, arXiv:1502.02551). With `moments` every moment in float32, which is
    what a state holds under a name such as `mu` and `nu` in its parameter's shape, is kept in bfloat16 likewise: one of
    decay 0.999 would stall at nearest. Parameters in float32 and wider are not rounded.

    The updates are float32 and end on the rounded value: `params + updates`, cast to the parameters' dtype as
    `jgd.apply_updates`, optax's and `jgd.fit` do, is that value. (Where a parameter falls by more than 2^15 at once it
    may be off by 2^-24 of what it was.) So it goes outermost among what changes updates: put clips and rates inside.
    Random bits are a hash of (count, leaf, entry), the same on all devices and in all lanes of a `vmap`. Derivatives
    pass as if nothing was rounded. What is not finite stays; what is finite does not become infinite.

    State: the inner one's, 2 bytes for each moment; with bfloat16 weights and gradients AdamW needs 8 bytes a parameter
    in all.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    moments: bool = static(default=True)

    def init(self, params: Params) -> State:
        """Return a counter at zero, and the inner state of widened parameters, its moments in bfloat16."""
        wide = self.inner.init(_wide(params))
        chosen = self._chosen(wide, params)
        _check_acts("StochasticRounding", params, any(chosen), "nothing is in bfloat16 or float16, and no moments are")
        leaves, structure = jax.tree.flatten(wide)
        kept = [x.astype(jnp.bfloat16) if one else x for x, one in zip(leaves, chosen, strict=True)]
        return StochasticRoundingState(zero_count(), structure.unflatten(kept))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates in float32 that end on parameters in their own dtype."""
        count, nodes = increment(state.count), state.inner_state
        chosen = self._chosen(nodes, grads)

        leaves, structure = jax.tree.flatten(nodes)
        inner = structure.unflatten([widen(x) if one else x for x, one in zip(leaves, chosen, strict=True)])
        updates, new = _inner_step(self, grads, inner, params, _wide(params), extra)

        def landed(i: int, u: jax.Array, p: jax.Array) -> tuple[jax.Array]:
            return (_gap(_at_random(widen(p) + u, p.dtype, mixed(count, WEIGHTS, i)), widen(p)),)

        (updates,) = _narrow_leaves(landed, updates, params)
        kept = [
            _at_random(x, jnp.bfloat16, mixed(count, MOMENT, i)).astype(jnp.bfloat16) if one else x
            for i, (x, one) in enumerate(zip(structure.flatten_up_to(new), chosen, strict=True))
        ]
        return updates, StochasticRoundingState(count, structure.unflatten(kept))

    def cost(self, params: Params) -> Cost:
        """Return the inner cost with the bytes of this state in the place of the inner one's."""
        return with_other_state(self, params)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)

    def _chosen(self, state: State, params: Params) -> list[bool]:
        """Tell whether each array of the inner state is a moment that is kept in bfloat16."""
        narrow = ("float32", "bfloat16")
        found = state_arrays(state, params)
        return [self.moments and one.is_moment and jnp.result_type(one.leaf).name in narrow for one in found]


@record
class Kahan(Pair):
    """Train bfloat16 and float16 parameters with a residue c in their dtype: y = u + c; p' = p + y; c = y - (p' - p).

    p' is rounded to nearest and c is what that lost, so that updates too small for p add up in c until they move it
    (Kahan 1965; for parameters Zamirai et al. 2020, arXiv:2010.06192). `inner` computes in float32, from parameters and
    gradients that are widened. In bfloat16 c has 8 bits itself: after 1,000 updates of 1e-4, 1 becomes 1.103, not 1.1;
    `master_weights` keeps more for the same bytes. Parameters in float32 and wider pass as they are.

    The updates are float32 and end on p', as those of `stochastic_rounding`: put it outermost among what changes
    updates. Derivatives pass as if nothing was rounded. State: 2 bytes a parameter and the inner one's.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)

    def init(self, params: Params) -> State:
        """Return residues at zero, and the inner state of widened parameters."""
        _check_acts("Kahan", params, False, "nothing is in bfloat16 or float16")
        residue = jax.tree.map(lambda p: jnp.zeros_like(p) if is_narrow(p) else optax.MaskedNode(), params)
        return KahanState(residue, self.inner.init(_wide(params)))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates in float32 that end on parameters in their own dtype."""
        updates, inner = _inner_step(self, grads, state.inner_state, params, _wide(params), extra)

        def compensated(i: int, u: jax.Array, p: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
            start, y = widen(p), u + widen(c)
            update = _gap(rounded(start + y, p.dtype), start)
            lost = y - _gap(rounded(start + update, p.dtype), start)
            lost = jax.lax.stop_gradient(jnp.where(jnp.isfinite(lost), lost, 0))
            return straight_through(y, update), lost.astype(c.dtype)

        updates, residue = _narrow_leaves(compensated, updates, params, state.residue)
        return updates, KahanState(residue, inner)

    def cost(self, params: Params) -> Cost:
        """Return the inner cost, and the residues read and written once."""
        return with_other_state(self, params)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)


@record
class MasterWeights(Pair):
    """Train bfloat16 parameters as if they had `bits` bits; the state keeps those that they lack.

    32   A remainder in i16: parameter and remainder together are a float32 weight, bit for bit. Training is that of the
         float32 weights (but where a weight falls by more than 2^15 at once and changes its sign), for 4 bytes a
         parameter; a float32 copy beside the parameters takes 6. The parameter is the weight, rounded half up.
    24   A remainder in i8, 3 bytes a parameter. A step is rounded at random to 24 bits, so that its mean is exact: to
         nearest, updates below 2^-17 of a weight would be lost.
    16   No remainder: parameters are rounded at random, as by `stochastic_rounding(inner, moments=False)`.

    `inner` sees the float32 weights, and gradients that are widened; its state is that of float32 parameters. The
    updates are float32 and end on the parameters' next values, as those of `stochastic_rounding`: put it outermost
    among what changes updates. Parameters that something else moves meanwhile take their remainder along. Parameters
    in float32 and wider pass as they are; float16 is refused. Derivatives pass as if nothing was rounded. (The split:
    llm.c, issue 432; with 8 bits: FlashOptim 2026, arXiv:2602.23349, which rounds to nearest.)
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    bits: int = static(default=32, expect=BITS)

    def init(self, params: Params) -> State:
        """Return a counter and remainders at zero, and the inner state of widened parameters."""
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            if jnp.result_type(leaf) == jnp.float16:
                raise InputError(
                    f"MasterWeights.init: the leaf at {name_of(path)} is float16, expected bfloat16, the upper half of "
                    "a float32; take jgd.kahan or jgd.stochastic_rounding."
                )
        _check_acts("MasterWeights", params, False, "nothing is in bfloat16")
        dtype = jnp.int16 if self.bits == 32 else jnp.int8
        rest = jax.tree.map(
            lambda p: jnp.zeros_like(p, dtype) if is_narrow(p) and self.bits > 16 else optax.MaskedNode(), params
        )
        return MasterWeightsState(zero_count(), rest, self.inner.init(_wide(params)))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates in float32 that end on the upper halves of the new weights."""
        count = increment(state.count)
        weights = None if params is None else jax.tree.map(self._weight, params, state.remainder)
        updates, inner = _inner_step(self, grads, state.inner_state, params, weights, extra)

        def kept(i: int, u: jax.Array, p: jax.Array, w: jax.Array, rest: Any) -> tuple[jax.Array, Any]:
            seed = mixed(count, WEIGHTS, i)
            if self.bits == 16:
                return _gap(_at_random(w + u, p.dtype, seed), w), rest
            new = w + u if self.bits == 32 else in_24_bits(w + u, random_bits(seed, u.shape))
            update = straight_through(u, _gap(upper_half(new), widen(p)))
            low = remainder(new, rounded(widen(p) + update, p.dtype))
            return update, low if self.bits == 32 else (low >> 8).astype(jnp.int8)

        updates, rest = _narrow_leaves(kept, updates, params, weights, state.remainder)
        return updates, MasterWeightsState(count, rest, inner)

    def cost(self, params: Params) -> Cost:
        """Return the inner cost, and the remainders read and written once."""
        return with_other_state(self, params)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)

    def _weight(self, p: Any, rest: Any) -> jax.Array:
        """Return a weight in float32."""
        if isinstance(rest, optax.MaskedNode):
            return widen(p)
        return straight_through(widen(p), with_remainder(p, rest if self.bits == 32 else rest.astype(jnp.int16) << 8))


stochastic_rounding = StochasticRounding
kahan = Kahan
master_weights = MasterWeights


def _wide(tree: Any) -> Any:
    return jax.tree.map(widen, tree)


def _gap(end: jax.Array, start: jax.Array) -> jax.Array:
    """Return the update between two numbers, zero between an infinity and itself."""
    return jnp.where(end == start, 0, end - start)


def _at_random(x: jax.Array, dtype: Any, seed: jax.Array) -> jax.Array:
    """Return numbers of a narrow dtype, as f32, whose mean is x, with the derivative of x."""
    return straight_through(x, rounded(x, dtype, random_bits(seed, x.shape)))


def _inner_step(
    wrapper: Any, grads: Grads, state: State, params: Params, weights: Params, extra: dict[str, Any]
) -> tuple[Updates, State]:
    """Return the inner updates in float32 at least."""
    place = f"{type(wrapper).__name__}.update"
    check_params(place, params)
    check_fits(place, grads, params)
    return wrapper.inner.update(_wide(grads), state, weights, **extra)


def _narrow_leaves(
    rule: Callable[..., tuple[Any, ...]], updates: Updates, params: Params, *slots: Any
) -> tuple[Any, ...]:
    """Apply `rule(i, update, parameter, *slots) -> (update, last slot)` to narrow leaves; all else passes.

    Returns the updates, and the last slot's tree where there is one.
    """
    leaves, structure = jax.tree.flatten(params)
    columns = [structure.flatten_up_to(tree) for tree in (updates, *slots)]
    rows = [
        rule(i, widen(u), p, *rest) if is_narrow(p) else (u, *rest[-1:])
        for i, (p, u, *rest) in enumerate(zip(leaves, *columns, strict=True))
    ]
    return tuple(structure.unflatten([row[i] for row in rows]) for i in range(1 + bool(slots)))


def _check_acts(place: str, params: Params, acts: bool, lack: str) -> None:
    """Refuse parameters of which none is rounded, unless a mask hides some."""
    leaves = jax.tree.leaves(params)
    if leaves and is_whole(params) and not acts and not any(map(is_narrow, leaves)):
        kind = jnp.result_type(leaves[0]).name
        raise InputError(f"{place}.init: {lack}, but parameters are {kind}; cast them first, or leave it away.")
