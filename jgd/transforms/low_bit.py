"""Moments in 8 or 4 bits around any optimizer."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, part, record, static
from jgd.core.arguments import COUNT, TRANSFORM, WHOLE, Kind, function_of, one_of
from jgd.core.batches import unfolded
from jgd.core.cost import Cost, with_other_state
from jgd.core.counter_hash import mixed
from jgd.core.entrywise import acts_entrywise
from jgd.core.leaves import fixed_leaves
from jgd.core.mesh import devices_in_use, laid_like
from jgd.core.pair import Pair
from jgd.core.quantized import Coding, can_encode, dequantize, is_quantized, quantize
from jgd.core.tree import increment, name_of, path_names, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.chunks import in_chunks, shorter
from jgd.transforms.moments import state_arrays

BITS = Kind("be 8 or 4", lambda x: not isinstance(x, bool) and x in (8, 4))


class LowBitState(NamedTuple):
    """The number of steps taken, and the state of the optimizer with a `LowBitArray` for each large moment."""

    count: jax.Array  # i32[]
    inner_state: State


@record
class LowBit(Pair):
    """Keep the moments of `inner` in 8 or 4 bits a number, in place of 32, and let it step in float32.

    A moment is what a state holds in a field of a name in `MOMENTS` (`mu`, `nu`, `trace`, ...), shaped like its
    parameter or stacked in blocks of it, with at least `min_size` entries. All else stays as it is: counters, factors
    and bases of matrices, averages of parameters, distances, and momenta that are made orthogonal (Muon, Scion, Dion):
    what rounding adds to their small singular directions would be lifted to full size. A matrix of 128 x 128 whose
    singular values fall to a thousandth changes by 1.4 % when it is rounded to 8 bits, Muon's step along it by 24 %,
    and by 18 % still with blocks of 16; in bfloat16, by `stochastic_rounding`, by 4 %. A small perceptron's loss does
    not feel that in 8 bits, and is 7 % higher in 4. `leaves(path, leaf) -> bool` replaces that rule, but for what is no
    array of real floats; `jgd.describe` shows what is kept how.

    The last axis is cut into equal blocks of at most `block` entries (256; 128 with 4 bits). A block is scaled by its
    largest modulus and rounded to the levels of `code` (`jgd.core.codebooks`): "log" gives a block without negative
    entries, such as a second moment, levels of equal ratio, so that its root is off by 5.6 % at most in a rounding at
    random and by 2.8 % to nearest; "dynamic" and "companded" are the published codes. Never does a number of such a
    block become zero. Rounding is at random ("stochastic"), by hash of (count, leaf, entry): a moment of decay 0.999
    moves by less than half a level in a step, so that "nearest" would keep it where it is for ever. The bits are the
    same on all devices and in every lane of a `vmap`.

    A second moment that is rounded at random is right in the mean, and one over its root is above it then: AdamW's
    steps are longer, on digits by 1.2 % with 8 bits and 5.5 % with 4 (to nearest, as it lags, by 16 %). Where a larger
    rate would lower the loss it is lower by that much: 0.980 of float32's with 8 bits, and 1.003 +- 0.003 at a rate
    that is 1.2 % lower.

    With 4 bits a coordinate of an Adam step is off by a fifth and more, and a second moment of decay 0.999 lags far
    behind gradients that shrink: take it for momentum, or b2 = 0.95 at most.

    The first step is that of `inner` bit for bit, for zeros are exact. Derivatives stop at the state, which is made of
    whole numbers: a hypergradient sees each step alone. Put it innermost, around what holds the moments:
    `multi_steps(apply_if_finite(chain(clip, low_bit(adamw(1e-3)))))`; a NaN stays in its block.

    State: 1 + 4 / block bytes a number, 2.03 bytes a parameter for AdamW with 8 bits and 1.06 with 4. Where `inner`
    acts on each entry alone, which its traced program tells, leaves of more than `chunk` entries are updated a chunk at
    a time in place, with no temporaries as large as they are but for the updates; other leaves need 20 bytes a number
    while they are updated (AdamW on a CPU), and all do where gradients and parameters have different dtypes. On a mesh
    (`jax.set_mesh`, or `fit(mesh=)`) chunks are cut within devices, and nothing passes between them where each has
    whole blocks of the last axis.
    """

    inner: Transform = part(convert=as_transform, expect=TRANSFORM)
    bits: int = static(default=8, expect=BITS)
    block: int | None = static(default=None, expect=WHOLE)
    min_size: int = static(default=4096, expect=COUNT)
    leaves: Callable[..., Any] | None = static(default=None, expect=function_of("(path, leaf) -> True or False", 2))
    rounding: str = static(default="stochastic", expect=one_of("stochastic", "nearest"))
    code: str = static(default="log", expect=one_of("log", "dynamic", "companded"))
    chunk: int = static(default=2**18, expect=WHOLE)

    def check_fields(self) -> None:
        """Refuse a code that there is not with so many bits, and moments that are in few bits already."""
        if self.bits == 4 and self.code == "companded":
            raise InputError("LowBit(bits=4, code='companded'): it has 8 bits; take code='log' or 'dynamic' with 4.")
        if any(isinstance(x, LowBit) for x in _records(self.inner)):
            raise InputError("LowBit(inner): inner holds a LowBit already; put one around what holds the moments.")

    @property
    def coding(self) -> Coding:
        """How a moment is encoded."""
        block = (256 if self.bits == 8 else 128) if self.block is None else self.block
        return Coding(self.bits, block, self.code, self.rounding == "stochastic")

    def init(self, params: Params) -> State:
        """Return a counter at zero, and the inner state with its moments encoded."""
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            if jnp.iscomplexobj(leaf):
                raise InputError(
                    f"LowBit.init: the leaf at {name_of(path)} is {jnp.result_type(leaf)}, expected real numbers; put "
                    "jgd.split_real_and_imaginary around it."
                )
        inner = self.inner.init(params)
        chosen = self._chosen(inner, params)
        leaves, structure = jax.tree.flatten(inner)
        nearest = self.coding._replace(stochastic=False)
        kept = [quantize(x, nearest, 0) if one else x for x, one in zip(leaves, chosen, strict=True)]
        return LowBitState(zero_count(), structure.unflatten(kept))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner updates, from moments that are decoded before and encoded after them."""
        return laid_like(LowBit._step, (grads, state), self, grads, state, params, extra)

    def _step(self, grads: Grads, state: State, params: Params, extra: Any) -> tuple[Updates, State]:
        count, coding = increment(state.count), self.coding
        nodes, structure = jax.tree.flatten(state.inner_state, is_leaf=is_quantized)
        seeds = [mixed(count, i) for i in unfolded(range(len(nodes)), count)]

        def step(grads: Grads, nodes: list[Any], params: Params, starts: list[Any]) -> tuple[Updates, list[Any]]:
            wide = structure.unflatten([dequantize(x, coding) if is_quantized(x) else x for x in nodes])
            updates, new = self.inner.update(grads, wide, params, **extra)
            kept = [
                quantize(x, coding, seed, old.scale.shape, start) if is_quantized(old) else x
                for x, old, seed, start in zip(structure.flatten_up_to(new), nodes, seeds, starts, strict=True)
            ]
            return updates, kept

        owners = self._cut(grads, state.inner_state, params, extra)
        if owners is None:
            updates, nodes = step(grads, nodes, params, [0] * len(nodes))
        else:
            updates, nodes = in_chunks(step, grads, nodes, params, owners, self.chunk, devices_in_use())
        return updates, LowBitState(count, structure.unflatten(nodes))

    def cost(self, params: Params) -> Cost:
        """Give the inner cost with the bytes of this state, read and written once, in the place of the inner one's."""
        return with_other_state(self, params)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)

    def formats(self, params: Params) -> list[str]:
        """Tell for each leaf which fields of its state are in few bits, and which as they were."""
        inner = jax.eval_shape(self.inner.init, params)
        texts: list[tuple[list[str], list[str]]] = [([], []) for _ in jax.tree.leaves(params)]
        for one, few in zip(state_arrays(inner, params), self._chosen(inner, params), strict=True):
            if one.owner is not None:
                texts[one.owner][not few].append(one.name)
        return [
            "; ".join(
                f"{', '.join(names)} in {how}" for names, how in ((few, f"{self.bits} bits"), (wide, "full")) if names
            )
            for few, wide in texts
        ]

    def _chosen(self, inner: State, params: Params) -> list[bool]:
        """Tell whether each array of the inner state is encoded."""
        kept = state_arrays(inner, params)
        able = [
            jnp.issubdtype(jnp.result_type(one.leaf), jnp.floating) and can_encode(jnp.shape(one.leaf), self.bits)
            for one in kept
        ]
        if self.leaves is not None:
            asked = [bool(self.leaves("/".join(path_names(one.path)), one.leaf)) for one in kept]
            return [a and b for a, b in zip(able, asked, strict=True)]
        if jax.tree.leaves(params) and not any(one.may_be_coarse for one in kept):
            raise InputError(
                f"LowBit.init: the state of {type(self.inner).__name__} has no moments that are shaped like parameters "
                "and may be rounded, so there is nothing to keep in few bits; leave low_bit away, or choose by leaves=."
            )
        return [
            a and one.may_be_coarse and math.prod(jnp.shape(one.leaf)) >= self.min_size
            for a, one in zip(able, kept, strict=True)
        ]

    def _cut(self, grads: Grads, state: State, params: Params, extra: dict[str, Any]) -> list[int | None] | None:
        """Return the leaf that each array of the state belongs to, where the update can be made in chunks.

        Else `None`.
        """
        shapes = [jnp.shape(g) for g in jax.tree.leaves(grads)]
        dtypes = [[jnp.result_type(x) for x in jax.tree.leaves(tree)] for tree in (grads, params)]
        if params is not None and dtypes[0] != dtypes[1]:
            return None  # an update has another dtype than its gradient, in whose place it is written
        if all(math.prod(shape) <= self.chunk for shape in shapes):
            return None
        nodes, structure = jax.tree.flatten(state, is_leaf=is_quantized)
        wide = [jax.eval_shape(lambda x: dequantize(x, self.coding), x) if is_quantized(x) else x for x in nodes]
        kept = state_arrays(structure.unflatten(wide), grads)
        if any(one.owner is None and jnp.ndim(one.leaf) for one in kept):
            return None
        given = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), (grads, wide, params))
        own = [one.owner for one in kept]
        leaves = list(range(len(shapes)))
        args_owners = [*leaves, *own, *(leaves if params is not None else [])]

        def update(args: Any) -> Any:
            grads, wide, params = args
            return self.inner.update(grads, structure.unflatten(wide), params, **extra)

        def short(args: Any) -> Any:
            return jax.tree.map(shorter, args)

        return own if acts_entrywise(update, given, args_owners, short) else None


low_bit = LowBit


def _records(value: Any) -> Iterator[Any]:
    """Yield a value, and the records within it."""
    yield value
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _records(getattr(value, field.name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _records(one)
    elif isinstance(value, tuple) and not hasattr(value, "init"):
        for one in value:
            yield from _records(one)
