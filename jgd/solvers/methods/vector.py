"""Trees of arrays as one real vector, so that methods are written as in the papers."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.types import Params


class Trees(NamedTuple):
    """The form of parameters that stay as they are."""

    def pack(self, tree: Params) -> Params:
        """Return the tree itself."""
        return tree

    def unpack(self, x: Params) -> Params:
        """Return the tree itself."""
        return x


class Vector(NamedTuple):
    """How a tree of arrays becomes a vector f[n], and back. A complex entry is two numbers."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]
    dtype: Any

    @classmethod
    def like(cls, params: Params) -> "Vector":
        """Return the form of the parameters' vector; its dtype is the widest real one of the leaves."""
        leaves, structure = jax.tree.flatten(params)
        dtypes = tuple(jnp.result_type(x) for x in leaves)
        real = [jnp.finfo(dtype).dtype for dtype in dtypes]
        return cls(structure, tuple(jnp.shape(x) for x in leaves), dtypes, jnp.result_type(*real))

    @property
    def tree(self) -> Any:
        """The shapes and dtypes of the tree's leaves, in its structure."""
        return self.structure.unflatten(map(jax.ShapeDtypeStruct, self.shapes, self.dtypes))

    def pack(self, tree: Any) -> jax.Array:
        """Return the vector of a tree of this structure, whose leaves broadcast to the shapes."""
        parts = []
        for x, shape, dtype in zip(self.structure.flatten_up_to(tree), self.shapes, self.dtypes, strict=True):
            x = jnp.ravel(jnp.broadcast_to(jnp.asarray(x), shape))
            if jnp.issubdtype(dtype, jnp.complexfloating):
                x = jnp.concatenate([jnp.real(x), jnp.imag(x)])
            parts.append(x.astype(self.dtype))
        return jnp.concatenate(parts)

    def pack_matrix(self, tree: Any) -> jax.Array:
        """Return the matrix f[n, n] of a tree of this structure whose leaves are such trees, as of `jax.hessian`.

        The leaf at i of the tree at j has the shape of j and then that of i, or as many entries. Of real leaves alone.
        """
        sizes, n = [math.prod(shape) for shape in self.shapes], len(self.shapes)
        rows = [self.structure.flatten_up_to(row) for row in self.structure.flatten_up_to(tree)]
        blocks = [
            [jnp.reshape(rows[i][j], (sizes[i], sizes[j])).astype(self.dtype) for j in range(n)] for i in range(n)
        ]
        return jnp.block(blocks)

    def unpack(self, x: Any) -> Params:
        """Return the tree of a vector."""
        leaves, at = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            size = math.prod(shape)
            if jnp.issubdtype(dtype, jnp.complexfloating):
                leaf = jax.lax.complex(*(x[i : i + size].astype(jnp.finfo(dtype).dtype) for i in (at, at + size)))
                at += size
            else:
                leaf = x[at : at + size]
            at += size
            leaves.append(leaf.reshape(shape).astype(dtype))
        return jax.tree.unflatten(self.structure, leaves)

    def over(self, fn: Callable[[Params], Any]) -> Callable[[jax.Array], Any]:
        """Return the same function of the vector."""
        return lambda x: fn(self.unpack(x))
