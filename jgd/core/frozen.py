"""Structure that is not a number: pytrees of flags, functions of the parameters and dtypes as hashable values."""

import dataclasses
import numbers
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import ExpectationError


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A pytree of hashable leaves (a mask, labels) as one hashable value, so that it can be structure."""

    leaves: tuple[Hashable, ...]
    structure: Any

    @property
    def tree(self) -> Any:
        """The pytree itself."""
        return jax.tree.unflatten(self.structure, self.leaves)

    def __repr__(self) -> str:
        return repr(self.tree)


def frozen(tree: Any) -> Any:
    """Make `tree` a hashable value; functions, strings, flags and `None` pass unchanged."""
    if tree is None or isinstance(tree, (Frozen, str, bool)) or (callable(tree) and jax.tree_util.all_leaves([tree])):
        return tree
    leaves, structure = jax.tree.flatten(tree)
    return Frozen(tuple(bool(x) if _is_flag(x) else x for x in leaves), structure)


def thaw(tree: Any, params: Any) -> Any:
    """Return the pytree behind `frozen(tree)`; a function of the parameters is called with them."""
    if isinstance(tree, Frozen):
        return tree.tree
    return tree(params) if callable(tree) else tree


def dtype_name(dtype: Any) -> str | None:
    """Return a floating dtype as its name, which can be hashed, pickled and pasted back; `None` stays `None`."""
    if dtype is None:
        return None
    try:
        canonical = jax.dtypes.canonicalize_dtype(dtype)
    except TypeError:
        canonical = None
    if canonical is None or not jnp.issubdtype(canonical, jnp.inexact):
        raise ExpectationError(f"dtype={dtype!r}", "be a floating or complex dtype, such as float32 or 'bfloat16'")
    return np.dtype(canonical).name


class FrozenKey(NamedTuple):
    """A random key as a hashable value, so that it can be structure."""

    data: tuple[int, ...]
    impl: str | None = None


def frozen_key(key: Any) -> int | FrozenKey | None:
    """Return a seed or a random key, typed or raw, as a hashable value; `None` stays `None`."""
    if key is None or isinstance(key, FrozenKey):
        return key
    if isinstance(key, numbers.Integral) and not isinstance(key, bool):
        return int(key)
    dtype, concrete = getattr(key, "dtype", None), not isinstance(key, jax.core.Tracer)
    if dtype is not None and concrete and jnp.issubdtype(dtype, jax.dtypes.prng_key) and not key.shape:
        return FrozenKey(tuple(jax.random.key_data(key).tolist()), str(jax.random.key_impl(key)))
    if dtype is not None and concrete and jnp.issubdtype(dtype, jnp.integer) and key.ndim < 2:
        return FrozenKey(tuple(key.tolist())) if key.ndim else int(key)
    raise ExpectationError(
        f"key={key!r}", "be a seed or a random key that is known before compilation, such as jax.random.key(0)"
    )


def first_key(key: int | FrozenKey | None) -> jax.Array:
    """Return the raw data of a key, u32[words], as a state keeps it; of seed 0 for `None`."""
    if isinstance(key, FrozenKey):
        return jnp.array(key.data, jnp.uint32)
    return jax.random.key_data(jax.random.key(0 if key is None else key))


def split_key(key: int | FrozenKey | None, data: jax.Array, count: int = 2) -> tuple[jax.Array, list[jax.Array]]:
    """Return the raw data to keep, and `count - 1` keys to draw with; `key` tells the generator of `data`."""
    impl = key.impl if isinstance(key, FrozenKey) else None
    kept, *drawn = jax.random.split(jax.random.wrap_key_data(data, impl=impl), count)
    return jax.random.key_data(kept), drawn


def _is_flag(x: Any) -> bool:
    """Tell whether `x` is a boolean scalar whose value is known."""
    return getattr(x, "dtype", None) == np.bool_ and x.ndim == 0 and not isinstance(x, jax.core.Tracer)
