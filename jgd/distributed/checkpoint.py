"""Checkpoints of arrays that are spread over devices and processes, each of which writes and reads its own parts."""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding, SingleDeviceSharding

from jgd.core import InputError, storage
from jgd.core.arguments import ARRAYS, FOLDER, Kind, checked
from jgd.core.leaves import prefix_mismatch
from jgd.core.optional import require
from jgd.core.processes import in_any

SHARDINGS = Kind(
    "be a jax.sharding.Sharding, or a tree of them like the arrays",
    lambda x: bool(jax.tree.leaves(x)) and all(isinstance(leaf, Sharding) for leaf in jax.tree.leaves(x)),
)


@checked(dir=FOLDER, tree=ARRAYS)
def save_checkpoint(dir: str | os.PathLike[str], tree: Any) -> None:
    """Write a tree of arrays into a new folder, however they lie on devices and processes: no array is put together.

    All processes call it, with a folder that all of them see, and each writes its own parts; it returns when the folder
    is whole, and until then the folder is not there. A folder for each step, `save_checkpoint(f"run/{step}", (params,
    state))`, leaves the last whole one after a kill. Random keys are stored as their numbers. The engine is orbax (`pip
    install 'jgd[orbax]'`), which reads the folder too: a flat dict by the paths that `jax.tree_util.keystr` prints.
    Arrays without entries are not stored. `jgd.fit(dir=)` needs none of this: its checkpoint is one file, which any
    mesh reads, but each process holds all of it in memory while the first writes.
    """
    place, path = f"save_checkpoint(dir={os.fspath(dir)!r})", _whole_path("save_checkpoint", dir)
    ocp = require("orbax.checkpoint", "save_checkpoint", "orbax")
    if in_any(path.exists()):
        raise InputError(f"{place}: there is something at {path} already; name another folder for each step.")
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, _stored(tree))


@checked(dir=FOLDER, like=ARRAYS, shardings=SHARDINGS)
def restore_checkpoint(dir: str | os.PathLike[str], like: Any, shardings: Any = None) -> Any:
    """Read what `save_checkpoint` wrote into a tree like `like`, on however many devices there are now.

    `like` is of arrays or of shapes. Each array comes to lie as `shardings` says, one for all or a tree of them, a
    prefix too; unless given, as the leaf of `like` does, which for a shape without a sharding is the first device. Each
    process reads its own parts. As `jax.eval_shape(optimizer.init, params)` gives the shapes of a state, and
    `jgd.distributed.state_specs` its specs, nothing needs to be made before it is read. Leaves that are Python's
    numbers remain so. What differs in path, shape or dtype is an error that names the first such path.
    """
    place, path = f"restore_checkpoint(dir={os.fspath(dir)!r})", _whole_path("restore_checkpoint", dir)
    ocp = require("orbax.checkpoint", "restore_checkpoint", "orbax")
    wanted = _stored(like if shardings is None else _lying(like, shardings))
    with ocp.StandardCheckpointer() as checkpointer:
        found = _held(checkpointer, path) if path.is_dir() else {}
        if not found:
            raise InputError(
                f"{place}: {path} is no whole checkpoint of jgd.distributed.save_checkpoint; name one that is."
            )
        for name in {**wanted, **found}:
            theirs, ours = (_kind(tree.get(name)) for tree in (found, wanted))
            if theirs != ours:
                raise InputError(
                    f"{place}: it holds {theirs} at {name}, expected {ours}; pass a tree like the one that was saved, "
                    "or another folder."
                )
        _check_divides(place, wanted)
        try:
            arrays = checkpointer.restore(path, wanted)
        except Exception as error:  # the engine raises this class
            reason = " ".join(str(error).split())[:100]
            raise InputError(f"{place}: the checkpoint is damaged ({reason}); take an older one.") from None

    def leaf(path: Any, like: Any) -> Any:
        found = arrays.get(_name(path))
        if found is None:
            return jnp.zeros(like.shape, like.dtype)  # without entries
        if storage.is_key(like):
            return jax.random.wrap_key_data(found, impl=_generator(like))
        return found.item() if isinstance(like, (bool, int, float, complex)) else found

    return jax.tree_util.tree_map_with_path(leaf, like)


def _stored(tree: Any) -> dict[str, Any]:
    """Return the arrays of a tree, or their shapes, by path: what the engine writes and reads."""
    found = {}
    for path, x in jax.tree_util.tree_leaves_with_path(tree):
        here = getattr(x, "sharding", None) or SingleDeviceSharding(jax.local_devices()[0])
        if storage.is_key(x):
            x = jax.random.key_data(x) if isinstance(x, jax.Array) else jax.eval_shape(jax.random.key_data, x)
        if isinstance(x, jax.ShapeDtypeStruct):
            x = jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here)
        elif not isinstance(x, jax.Array) or (jax.process_count() > 1 and x.is_fully_addressable):
            x = np.asarray(x)  # the same in every process
        if x.size:
            found[_name(path)] = x
    return found


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path) or "."


def _lying(like: Any, shardings: Any) -> Any:
    """Return the shapes of a tree, lying as a prefix of it says."""
    try:
        return jax.tree.map(lambda where, part: jax.tree.map(lambda x: _shape(x, where), part), shardings, like)
    except ValueError as error:
        reason = prefix_mismatch(shardings, like) or str(error).splitlines()[0]
        raise InputError(
            f"restore_checkpoint(shardings): it must be a sharding, or a tree of them like `like`: {reason}."
        ) from None


def _shape(x: Any, where: Sharding) -> jax.ShapeDtypeStruct:
    x = x if hasattr(x, "dtype") else np.asarray(x)
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where)


def _held(checkpointer: Any, path: Path) -> dict[str, Any]:
    """Return the shapes that a checkpoint holds, by path; none where it is no checkpoint."""
    metadata = checkpointer.metadata(path).item_metadata
    return {} if metadata is None or not isinstance(metadata.tree, dict) else metadata.tree


def _check_divides(place: str, wanted: dict[str, Any]) -> None:
    for name, x in wanted.items():
        try:
            x.sharding.shard_shape(x.shape) if hasattr(x, "sharding") else None
        except ValueError:
            raise InputError(
                f"{place}: {x.sharding.spec} splits the array at {name}, of shape {x.shape}, into parts which do not "
                "divide it; leave that axis whole with None."
            ) from None


def _kind(x: Any) -> str:
    return "nothing" if x is None else f"{np.dtype(x.dtype).name}{list(x.shape)}"


def _generator(key: Any) -> str:
    """Return the name of the generator of typed keys, or of their shape."""
    names = []
    jax.eval_shape(lambda key: names.append(str(jax.random.key_impl(key))), key)
    return names[0]


def _whole_path(place: str, dir: Any) -> Path:
    return storage.folder_path(place, dir).absolute()
