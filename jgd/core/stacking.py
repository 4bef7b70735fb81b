"""Leaves of one kind stacked into one, so that a tree of a thousand arrays is updated like a few large ones."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from jgd.core.arguments import ARRAYS, checked
from jgd.core.errors import InputError
from jgd.core.record import record, static
from jgd.core.types import Params


@record
class LeafStacks:
    """Where each leaf of a tree lies among stacks; calling it with the stacks gives the tree back.

    It is structure alone, so it may be closed over or passed through `jax.jit`.
    """

    structure: Any = static()
    kinds: tuple[str, ...] = static()  # the name of each leaf's stack

    def __call__(self, stacked: dict[str, jax.Array]) -> Params:
        """Return the tree whose leaves the stacks hold. Differentiable: gradients arrive stacked."""
        found = {kind: x.shape[0] for kind, x in stacked.items()}
        wanted = {kind: self.kinds.count(kind) for kind in dict.fromkeys(self.kinds)}
        if found != wanted:
            raise InputError(
                f"LeafStacks: got stacks of {found} leaves, expected {wanted}; pass what stack_leaves returned."
            )
        # Split, whose derivative is one concatenation; that of x[i] is a sum of as many arrays as there are leaves.
        parts = {kind: iter(jax.lax.split(x, (1,) * x.shape[0])) for kind, x in stacked.items()}
        return self.structure.unflatten([next(parts[kind])[0] for kind in self.kinds])

    def stack(self, tree: Params) -> dict[str, jax.Array]:
        """Return another tree of the same structure and shapes, such as a gradient, as stacks."""
        groups: dict[str, list[Any]] = {kind: [] for kind in self.kinds}
        for kind, leaf in zip(self.kinds, self.structure.flatten_up_to(tree), strict=True):
            groups[kind].append(leaf)
        return {kind: _stack(leaves) for kind, leaves in groups.items()}


@checked(tree=ARRAYS)
def stack_leaves(tree: Params) -> tuple[dict[str, jax.Array], LeafStacks]:
    """Stack leaves of one shape, dtype and sharding into one array, and the way back.

    `stacked, unstack = jgd.stack_leaves(params)`.

    An optimizer's step costs a few microseconds and its compilation milliseconds for each leaf, however small. Keep the
    stacks as the parameters and let the loss unstack them: `jax.grad(lambda s: loss(unstack(s)))(stacked)`. Moments and
    gradients are then stacked too, in memory that can be donated. `stacked` is a dict with keys such as
    `float32[64, 64]` and arrays f[n, 64, 64]; the new axis is never sharded, the others stay as they were.

    Rules that act on entries, or on all of them together, do the same on stacks. Those that act on a leaf as a whole
    (`clip_by_norm`, masks and labels by rank) see a stack as one leaf; Muon takes its leading axis as a batch.
    """
    leaves, structure = jax.tree.flatten(tree)
    layout = LeafStacks(structure, tuple(map(_kind, leaves)))
    return layout.stack(tree), layout


def _kind(leaf: Any) -> str:
    """Return the name of the stack that a leaf belongs to."""
    sharding = _sharding(leaf)
    place = "" if sharding is None else f" {sharding.spec}"
    return f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}{place}"


def _stack(leaves: list[Any]) -> jax.Array:
    stacked, sharding = jnp.stack(leaves), _sharding(leaves[0])
    if sharding is None:
        return stacked
    # Put back explicitly: a computation outside of jit is free to gather what it is given.
    spec = PartitionSpec(None, *sharding.spec)
    return jax.device_put(stacked, NamedSharding(sharding.mesh, spec, memory_kind=sharding.memory_kind))


def _sharding(leaf: Any) -> NamedSharding | None:
    """Tell how an array lies on a mesh; None for one that does not, and within a trace, where the compiler decides."""
    if isinstance(leaf, jax.core.Tracer):
        return None
    sharding = getattr(leaf, "sharding", None)
    return sharding if isinstance(sharding, NamedSharding) else None
