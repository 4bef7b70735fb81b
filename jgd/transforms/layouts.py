"""Other layouts for an inner transform: all leaves as one vector, and complex leaves as two real ones."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, part, record
from jgd.core.cost import Cost, cost
from jgd.core.mesh import laid_like
from jgd.core.pair import Pair
from jgd.core.tree import check_fits, check_inexact
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform


@record
class Flatten(Pair):
    """Let `inner` see one vector in place of all leaves: fewer operations for many small leaves, but two copies.

    What a rule does leaf by leaf, such as the norm of one, it then does for all leaves together. The vector has the
    dtype that the leaves promote to; the updates have the gradients' dtypes again.
    """

    inner: Transform = part(convert=as_transform)

    def init(self, params: Params) -> State:
        """Return the inner state for the vector."""
        return self.inner.init(_vector(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner update of the vector, in the leaves' shapes."""
        if params is not None:
            check_fits("Flatten.update", grads, params)
        flat = None if params is None else _vector(params)
        updates, state = self.inner.update(_vector(grads), state, flat, **extra)
        return laid_like(_parted, grads, updates, grads), state

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform on the vector; its copies are not counted."""
        return cost(self.inner, jax.eval_shape(_vector, params))


flatten = Flatten


class RealAndImaginary(NamedTuple):
    """The two parts of a complex array, as leaves."""

    real: jax.Array
    imaginary: jax.Array


@record
class SplitRealAndImaginary(Pair):
    """Let `inner` see the real and the imaginary part of each complex leaf as two real leaves."""

    inner: Transform = part(convert=as_transform)

    def init(self, params: Params) -> State:
        """Return the inner state for the parts."""
        return optax.contrib.SplitRealAndImaginaryState(self.inner.init(_parts(params)))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner update of the parts, put together."""
        updates, inner = self.inner.update(_parts(grads), state.inner_state, _parts(params), **extra)

        def whole(x: Any) -> Any:
            return jax.lax.complex(*x) if isinstance(x, RealAndImaginary) else x

        whole_updates = jax.tree.map(whole, updates, is_leaf=lambda x: isinstance(x, RealAndImaginary))
        return whole_updates, optax.contrib.SplitRealAndImaginaryState(inner)

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform on the parts."""
        return cost(self.inner, jax.eval_shape(_parts, params))


split_real_and_imaginary = SplitRealAndImaginary


def _vector(tree: Any) -> jax.Array:
    """Return all leaves, one after another; a copy even of one, which the caller may donate."""
    check_inexact("Flatten", tree)

    def joined(tree: Any) -> jax.Array:
        leaves = [jnp.ravel(x) for x in jax.tree.leaves(tree)]
        dtype = jnp.result_type(*leaves) if leaves else jnp.result_type(float)
        return jnp.concatenate([jnp.zeros((0,), dtype), *leaves])

    return laid_like(joined, jnp.zeros(()), tree)


def _parted(vector: jax.Array, like: Any) -> Any:
    """Undo `_vector`, in the dtypes of the leaves of `like`."""
    leaves, structure = jax.tree.flatten(like)
    rows, start = [], 0
    for leaf in leaves:
        row = vector[start : start + jnp.size(leaf)].reshape(jnp.shape(leaf))
        rows.append(_as(row, leaf))
        start += jnp.size(leaf)
    return structure.unflatten(rows)


def _as(x: jax.Array, leaf: Any) -> jax.Array:
    """Return an update in its gradient's dtype; beside a complex leaf, a real one has no imaginary part."""
    real = jnp.iscomplexobj(x) and not jnp.iscomplexobj(leaf)
    return (x.real if real else x).astype(jnp.result_type(leaf))


def _parts(tree: Any) -> Any:
    return jax.tree.map(lambda x: RealAndImaginary(x.real, x.imag) if jnp.iscomplexobj(x) else x, tree)
