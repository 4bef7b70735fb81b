"""Data as people hold them: arrays of NumPy, JAX, pandas and torch, taken or refused with their path."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jgd.core.call_arguments import takes
from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.core.record import as_function
from jgd.core.tree import name_of
from jgd.pages.text import count


def resident(data: Any) -> Any:
    """Give arrays as JAX arrays, once; a factory of iterators as a `Function`; leaves that are no arrays unchanged."""
    data = as_function(data)
    if callable(data):
        return data
    arrays = as_arrays(data, "Task(data)")

    def put(x: Any) -> Any:
        # With its own dtype it is a copy; with another, or none, JAX 0.10 compiles a program for each shape.
        dtype = jnp.result_type(x)
        return jnp.asarray(x.astype(dtype, copy=False), dtype) if isinstance(x, np.ndarray) else x

    return jax.tree.map(put, arrays)


def as_arrays(data: Any, place: str) -> Any:
    """Make NumPy or JAX arrays of the leaves; what is no array at all is left as it is."""

    def convert(path: Any, leaf: Any) -> Any:
        return _as_array(leaf, f"{place}: the leaf at {name_of(path)}")

    return jax.tree_util.tree_map_with_path(convert, data, is_leaf=lambda x: hasattr(x, "__next__"))


def check_arrays(data: Any, batch_size: int | None, allow_nan: bool) -> Any:
    """Check data that are arrays; the shapes of one batch."""
    rows = [(name_of(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(data)]
    if not rows:
        raise InputError("Task(data): there are no arrays in it; pass a pytree of arrays with one leading axis.")
    for name, leaf in rows:
        if not isinstance(leaf, jax.Array) or leaf.ndim == 0:
            raise InputError(
                f"Task(data): the leaf at {name} is {shown(leaf)}, expected an array with a leading axis of "
                "examples; pass arrays, not lists or numbers."
            )
        if leaf.shape[0] != rows[0][1].shape[0]:
            raise InputError(
                f"Task(data): the leaf at {name} has {count(leaf.shape[0], 'example')}, but the one at {rows[0][0]} "
                f"has {rows[0][1].shape[0]}; all need one leading axis of the same length."
            )
        if leaf.size == 0:
            raise InputError(f"Task(data): the leaf at {name} is empty, {shown(leaf)}; pass at least one example.")
        if not allow_nan:
            _check_finite(f"Task(data): the leaf at {name}", leaf)
    n = rows[0][1].shape[0]
    if batch_size is not None and batch_size > n:
        raise InputError(
            f"Task(batch_size={batch_size}): the data have only {count(n, 'example')}; use a batch_size of at most {n} "
            "or None for all."
        )
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((batch_size or n, *x.shape[1:]), x.dtype), data)


def batches_of(data: Any, epoch: int) -> Iterator[Any]:
    """Return the batches of an epoch, from a factory of iterators."""
    if not takes(getattr(data, "fn", data), 1):
        raise InputError(
            f"Task(data={shown(getattr(data, 'fn', data))}): data must be arrays, or a function data(epoch) that "
            "returns an iterator of batches."
        )
    found = data(epoch)
    if not hasattr(found, "__iter__") or isinstance(found, Mapping):
        raise InputError(f"Task(data): data({epoch}) returned {shown(found)}, expected an iterator of batches.")
    return iter(found)


def check_stream(data: Any, batch_size: int | None, allow_nan: bool) -> Any:
    """Check the first batch of a factory of iterators; its shapes."""
    batch = next(batches_of(data, 0), None)
    if batch is None:
        raise InputError("Task(data): data(0) yields nothing; an epoch needs at least one batch.")
    if batch_size is not None:
        raise InputError(f"Task(batch_size={batch_size}): the data come in batches of their own; leave batch_size out.")
    batch = as_arrays(batch, "Task(data)")
    for path, leaf in jax.tree_util.tree_leaves_with_path(batch):
        if not allow_nan:
            _check_finite(f"Task(data): the leaf at {name_of(path)} of the first batch", leaf)
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), batch)


def _as_array(leaf: Any, place: str) -> Any:
    if hasattr(leaf, "__next__"):
        raise InputError(
            f"{place} is a {type(leaf).__name__}, which can be read only once; pass a function data(epoch) that "
            "returns a fresh iterator."
        )
    module = type(leaf).__module__.partition(".")[0]
    if isinstance(leaf, jax.Array):
        return leaf
    if module == "pandas" and hasattr(leaf, "to_numpy"):
        return _native(_of_pandas(leaf, place), place)
    if module == "torch" and hasattr(leaf, "detach"):
        return _of_torch(leaf)
    if isinstance(leaf, np.ndarray) or (hasattr(leaf, "__array__") and not isinstance(leaf, np.generic)):
        return _native(np.asarray(leaf), place)
    return leaf


def _native(array: np.ndarray, place: str) -> np.ndarray:
    """Return an array in the machine's byte order, of a dtype that JAX has, whose numbers keep their values."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "biufc" and not hasattr(ml_dtypes, array.dtype.name):
        remedy = "convert it to numbers, for example with .astype('float32')"
        raise InputError(f"{place} is an array of dtype {array.dtype}, which JAX does not have; {remedy}.")
    kept = np.dtype(jax.dtypes.canonicalize_dtype(array.dtype))
    if kept != array.dtype and array.dtype.kind in "iu" and array.size:
        low, high = int(array.min()), int(array.max())
        if low < np.iinfo(kept).min or high > np.iinfo(kept).max:
            raise InputError(
                f"{place} holds numbers from {low} to {high}, which {kept} cannot; rescale them, or enable 64 bits "
                "with jax.config.update('jax_enable_x64', True)."
            )
    return array


def _of_pandas(table: Any, place: str) -> np.ndarray:
    """Return a table as an array with a column each, a series as a vector."""
    columns = {place: table} if table.ndim == 1 else {f"{place}, column {name!r}": table[name] for name in table}
    for where, column in columns.items():
        if getattr(column.dtype, "kind", "O") not in "biufc":
            raise InputError(
                f"{where} has dtype {column.dtype}; encode it as numbers, for example with pandas.get_dummies or "
                ".cat.codes, or leave it out."
            )
        if column.isna().any() and column.dtype.kind != "f":
            raise InputError(f"{where} has missing values; fill them, for example with .fillna(0).")
    dtypes = [getattr(column.dtype, "numpy_dtype", column.dtype) for column in columns.values()]
    return table.to_numpy(dtype=np.result_type(*dtypes))


def _of_torch(tensor: Any) -> np.ndarray:
    tensor = tensor.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":  # which NumPy has not
        return tensor.float().numpy().astype(jnp.bfloat16)
    return tensor.numpy()


def _is_finite(leaf: Any) -> bool:
    """Tell whether an array holds neither NaN nor infinities: read where it lies, and by NumPy where that is the host.

    There it compiles nothing; on an accelerator the array would have to be copied.
    """
    if isinstance(leaf, jax.Array) and any(device.platform != "cpu" for device in leaf.devices()):
        return bool(jnp.all(jnp.isfinite(leaf)))
    return bool(np.all(np.isfinite(np.asarray(leaf))))


def _check_finite(place: str, leaf: Any) -> None:
    if not jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) or _is_finite(leaf):
        return
    bad = np.argwhere(~np.isfinite(np.asarray(leaf)))
    raise InputError(
        f"{place} holds {len(bad)} NaN or infinite values, the first at index {tuple(bad[0].tolist())}; "
        "remove or replace them, or pass allow_nan=True where the loss deals with them."
    )
