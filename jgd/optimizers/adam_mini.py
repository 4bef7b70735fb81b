"""Adam-mini: Adam with one second moment for each block of parameters, such as a neuron's or a head's."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import InputError, Rule, hyper, record, static
from jgd.core.arguments import WHOLE
from jgd.core.frozen import frozen, thaw
from jgd.core.leaves import check_patterns, fits, leaf_paths, prefix_mismatch
from jgd.core.matrices import cut
from jgd.core.tree import abs_sq, check_fits, check_inexact, moment_dtype, name_of, ratio, safe_sqrt, zero_count, zeros
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.optimizers.adam import bias_corrections
from jgd.optimizers.catalogue import descend, optimizer
from jgd.transforms import Chain, every_matrix_axes
from jgd.transforms.decay import Decay

BIAS = re.compile("bias", re.IGNORECASE)
EMBEDDING = re.compile("embed|embd|wte", re.IGNORECASE)
QUERY_OR_KEY = re.compile(r"(^|/)w?_?(q|k|query|key)(_proj\w*)?(/|$)", re.IGNORECASE)


class MiniBlocks:
    """Divide a leaf into blocks of one second moment: how many along each axis, `None` for one at each index.

    Of a kernel f[in, out], `mini_blocks(1, None)` is one for each output, `mini_blocks(1, 12)` one for each of twelve
    heads whose outputs lie together; of a query f[in, heads, size], `mini_blocks(1, None, 1)` one for each head; of an
    embedding f[words, size], `mini_blocks(None, 1)` one for each word. Without numbers the whole leaf is one.
    """

    def __init__(self, *counts: int | None) -> None:
        for count in counts:
            if count is not None and not WHOLE.admits(count):
                raise InputError(
                    f"mini_blocks(counts={counts!r}): {count!r} must be a whole number, at least 1, or None for one "
                    "at each index."
                )
        self.counts = counts

    def shape(self, place: str, leaf: tuple[int, ...]) -> tuple[int, ...]:
        """Return the numbers of blocks of a leaf of this shape; `place` names it in an error."""
        counts = self.counts or (1,) * len(leaf)
        found = tuple(n if count is None or not n else count for n, count in zip(leaf, counts, strict=False))
        if len(counts) != len(leaf) or any(n and n % count for n, count in zip(leaf, found, strict=True)):
            raise InputError(
                f"{place} has shape {leaf} and {self!r}: expected a number for each axis, which divides its length; "
                "declare others."
            )
        return found

    def __repr__(self) -> str:
        return f"mini_blocks({', '.join(map(repr, self.counts))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MiniBlocks) and self.counts == other.counts

    def __hash__(self) -> int:
        return hash(self.counts)


mini_blocks = MiniBlocks


def guess_mini_blocks(params: Params) -> Any:
    """Guess the blocks of every leaf from its path and shape: a tree of `mini_blocks`.

    One for each entry of a bias, each row of an embedding, each head of a query or key whose heads are an axis, and
    each output of other matrices; other vectors are one block. Inputs and outputs are those of `matrix_axes`.
    """
    rows = jax.tree_util.tree_leaves_with_path(params)
    structure = jax.tree.structure(params)
    axes = structure.flatten_up_to(every_matrix_axes(params))
    found = [
        _guess(path, name_of(where), jnp.shape(leaf), one)
        for path, (where, leaf), one in zip(leaf_paths(params), rows, axes, strict=True)
    ]
    return structure.unflatten(found)


def mini_blocks_by_path(patterns: Mapping[str, MiniBlocks | None]) -> "MiniBlocksByPath":
    """Declare blocks by regular expressions that are searched in the leaves' paths, `None` for one at each entry.

    The first pattern that fits a leaf decides; where none fits, `guess_mini_blocks` does. With fused heads:
    `mini_blocks_by_path({"(query|key)/kernel": mini_blocks(1, 12)})`.
    """
    return MiniBlocksByPath(tuple(patterns.items()))


@dataclasses.dataclass(frozen=True)
class MiniBlocksByPath:
    """A function of the parameters that `mini_blocks_by_path` makes."""

    patterns: tuple[tuple[str, MiniBlocks | None], ...]

    def __call__(self, params: Params) -> Any:
        """Return a tree of `mini_blocks` and `None`."""
        check_patterns("mini_blocks_by_path", dict(self.patterns), params)
        guess = jax.tree.leaves(guess_mini_blocks(params))
        found = [
            next((blocks for pattern, blocks in self.patterns if fits(pattern, path)), one)
            for path, one in zip(leaf_paths(params), guess, strict=True)
        ]
        return jax.tree.unflatten(jax.tree.structure(params), found)

    def __repr__(self) -> str:
        return f"mini_blocks_by_path({dict(self.patterns)!r})"


@dataclasses.dataclass(frozen=True)
class DeclaredBlocks:
    """The blocks of the leaves of one tree by their paths; they hold for a masked tree too, which lacks neighbours."""

    by_path: tuple[tuple[str, MiniBlocks | None], ...]


def _frozen(declared: Any) -> Any:
    return declared if isinstance(declared, DeclaredBlocks) else frozen(declared)


@record
class ScaleByAdamMini(Rule):
    """Scale by Adam's moments, with one second moment for each block.

    m = b1 m + (1-b1) g; v = b2 v + (1-b2) mean of |g|^2 over a block; u = m^ / (sqrt(v^) + eps).

    (Zhang et al. 2024, arXiv:2406.16793.) `blocks` is a tree of `mini_blocks`, the parameters' or a prefix of it, with
    `None` for leaves that get plain Adam; a function of the parameters that returns one; or `mini_blocks_by_path`.
    Without it `guess_mini_blocks` goes by names, as the authors' package does. State: 4 bytes a parameter, and 4 for
    each block.
    """

    b1: Scalar = hyper(default=0.9, interval="[0, 1)")
    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    eps: Scalar = hyper(default=1e-8, interval="[0, inf)")
    blocks: Any = static(default=None, convert=_frozen)
    layout = ("m", "v")  # of v the shape is the number of blocks along each axis
    entrywise = False

    def init(self, params: Params) -> State:
        """Return a counter, a mean for each entry and a second moment for each block, at zero."""
        check_inexact("ScaleByAdamMini.init", params)
        rows = jax.tree_util.tree_leaves_with_path(params)
        v = [
            jnp.zeros(
                MiniBlocks(*[None] * jnp.ndim(p)).shape("", jnp.shape(p))
                if one is None
                else one.shape(f"ScaleByAdamMini.init: the leaf at {name_of(path)}", jnp.shape(p)),
                moment_dtype(p, real=True),
            )
            for (path, p), one in zip(rows, self._declared(params), strict=True)
        ]
        return self._packed(zero_count(), [jax.tree.map(zeros, params), jax.tree.structure(params).unflatten(v)])

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of each leaf, and the next state."""
        check_fits("ScaleByAdamMini.update", grads, state.slots["m"])
        return super().update(grads, state, params, **extra)

    def shared(self, t: jax.Array) -> tuple[jax.Array, ...]:
        return bias_corrections(self.b1, self.b2, t)

    def step(self, shared: Any, g: jax.Array, m: jax.Array, v: jax.Array) -> tuple[jax.Array, ...]:
        r1, r2, _ = shared
        split = [size for n, count in zip(g.shape, v.shape, strict=True) for size in (count, n // max(count, 1))]
        within = tuple(range(1, 2 * g.ndim, 2))
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * jnp.mean(abs_sq(g).reshape(split), within)
        bottom = jnp.expand_dims(safe_sqrt(r2 * v) + self.eps, within)
        return ratio((r1 * m).reshape(split), bottom).reshape(g.shape), m, v

    def for_params(self, params: Params) -> "ScaleByAdamMini":
        """Return the same with the blocks fixed that are declared or guessed for these parameters.

        A mask may hide some.
        """
        paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
        declared = DeclaredBlocks(tuple(zip(paths, self._declared(params), strict=True)))
        return dataclasses.replace(self, blocks=declared)  # type: ignore[type-var]

    def _declared(self, params: Params) -> list[MiniBlocks | None]:
        """Return the blocks of each leaf, `None` for one at each entry."""
        if isinstance(self.blocks, DeclaredBlocks):
            known = dict(self.blocks.by_path)
            return [known[jax.tree_util.keystr(path)] for path, _ in jax.tree_util.tree_leaves_with_path(params)]
        tree = guess_mini_blocks(params) if self.blocks is None else thaw(self.blocks, params)
        found: list[MiniBlocks | None] = []
        try:
            jax.tree.map(
                lambda one, below: found.extend([one] * len(jax.tree.leaves(below))), tree, params, is_leaf=_is_blocks
            )
        except (ValueError, TypeError) as error:
            where = prefix_mismatch(tree, params, _is_blocks) or str(error).splitlines()[0]
            raise InputError(
                f"ScaleByAdamMini(blocks={tree!r}): expected a tree of mini_blocks with the parameters' structure "
                f"{jax.tree.structure(params)} or a prefix of it: {where}."
            ) from None
        if wrong := [one for one in found if not _is_blocks(one)]:
            raise InputError(
                f"ScaleByAdamMini(blocks): it has {wrong[0]!r} for a leaf, expected mini_blocks(...), or None for one "
                "at each entry."
            )
        return found


scale_by_adam_mini = ScaleByAdamMini


@optimizer(rates=(3e-5, 3e-1))
def adam_mini(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    blocks: Any = None,
) -> Chain:
    """AdamW with one second moment for each neuron, head or word: half its state (Zhang et al. 2024, arXiv:2406.16793).

    Of queries and keys whose heads lie together in one axis, tell their number:
    `blocks=mini_blocks_by_path({"(query|key)/kernel": mini_blocks(1, heads)})`.
    """
    return descend(ScaleByAdamMini(b1, b2, eps, blocks), learning_rate, weight_decay, mask)


def _is_blocks(x: Any) -> bool:
    return x is None or isinstance(x, MiniBlocks)


def _guess(path: str, name: str, shape: tuple[int, ...], axes: Any) -> MiniBlocks:
    """Return the blocks of one leaf."""
    if BIAS.search(path):
        return MiniBlocks(*[None] * len(shape))
    if len(shape) < 2:
        return MiniBlocks()
    if EMBEDDING.search(path):
        return MiniBlocks(None, *[1] * (len(shape) - 1))
    one = cut(name, shape, axes)
    summed = {*one.inputs, *(one.outputs[1:] if QUERY_OR_KEY.search(path) else ())}
    return MiniBlocks(*(1 if axis in summed else None for axis in range(len(shape))))
