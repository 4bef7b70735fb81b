"""Arrays on disk: one checksummed file, written whole or not at all, in the safetensors format; never pickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jgd.core.arguments import FOLDER, admits, shown
from jgd.core.errors import InputError

_CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32",
    "uint64": "U64", "int64": "I64", "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "complex64": "C64",
}  # fmt: skip


REPLACE = "delete it to start afresh, or put a sound copy in its place"
# What reading wrong content raises: a missing key, another type or size, texts nested without end, sizes beyond memory.
_WRONG = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    StopIteration,
)


def folder_path(place: str, dir: Any, name: str = "dir") -> Path:
    """Turn what a user names as a folder into a path, with `~` for the home; `place` is the call, as in `run`.

    What is no path of a folder on this machine is an error, which calls the argument by its name.
    """
    if not admits(FOLDER, dir):
        raise InputError(f"{place}({name}={shown(dir)}): {name} must {FOLDER.expected}.")
    try:
        return Path(dir).expanduser()
    except RuntimeError:
        raise InputError(
            f"{place}({name}={shown(dir)}): the home folder that ~ stands for is not known; write the path in full."
        ) from None


@contextmanager
def intact(path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    """Turn what wrong content of a file raises into one error that calls the file damaged and ends with the remedy."""
    try:
        yield
    except InputError:
        raise
    except _WRONG as error:
        reason = " ".join(str(error).split())[:100] or "unreadable"
        name = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise InputError(f"{os.fspath(path)}: the file is damaged ({name}{reason}); {remedy}.") from None


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Write named arrays and JSON-able `meta`, as `write_whole` writes.

    Dtypes that safetensors has no name for are written as bytes, with the name among the metadata.
    """
    blocks = {name: np.asarray(jax.device_get(x)) for name, x in arrays.items()}
    header, payload = _encode(blocks, dict(meta))
    write_whole(path, [len(header).to_bytes(8, "little"), header, *payload])


def write_whole(path: str | os.PathLike[str], blocks: Iterable[bytes | memoryview]) -> None:
    """Write a file so that a reader finds the old one or the new one, even after a crash.

    The bytes go to a temporary name, are synced, and take the place of `path` in one rename. If that fails, as on a
    full disk, the temporary file is removed, and the error names `path`. A link stays one; and a pipe, or /dev/stdout
    wherever it leads, gets the bytes as they come.
    """
    path = Path(path)
    final, place = path.resolve(), path.parent.resolve()
    if path.exists() and (not path.is_file() or place == Path("/dev") or place.match("/proc/*/fd")):
        with open(path, "ab") as file:
            file.writelines(blocks)
        return
    temporary = final.with_name(final.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if final.exists():
            shutil.copymode(final, temporary)
        os.replace(temporary, final)
    except BaseException as error:
        with suppress(OSError):  # the folder may be none
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError) or error.strerror is None:
            raise
        makes = "" if path.parent.is_dir() else f"; make the folder {path.parent}, or name a file elsewhere"
        raise OSError(error.errno, f"{error.strerror}{makes}", str(path)) from None
    _sync_folder(final.parent)


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a file that `save_arrays` wrote: its arrays and metadata. A damaged one is an error that says what to do."""
    data = Path(path).read_bytes()
    with intact(path, REPLACE):
        return _decode(data)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the metadata alone of a file that `save_arrays` wrote, and so without its checksum; {} of another file."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        head = file.read(min(size, os.fstat(file.fileno()).st_size))  # a torn file may promise any size
    try:
        meta = json.loads(json.loads(head)["__metadata__"]["meta"])
    except _WRONG:
        return {}
    return meta if isinstance(meta, dict) else {}


def named(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a pytree by their paths, PRNG keys as the numbers in them: what `save_arrays` takes."""
    return {
        prefix + jax.tree_util.keystr(path): jax.random.key_data(x) if is_key(x) else x
        for path, x in jax.tree_util.tree_leaves_with_path(tree)
    }


def under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}


def fill(template: Any, arrays: Mapping[str, np.ndarray], prefix: str = "", *, place: str) -> Any:
    """Return the pytree like `template` whose leaves are the arrays saved under its paths: the inverse of `named`.

    An array that is missing, or whose shape or dtype differs, is an error that names `place` and the path. What is
    spread over several devices in the template lies there as it does in the template.
    """

    def leaf(path: Any, like: Any) -> Any:
        name = prefix + jax.tree_util.keystr(path)
        expected = jax.eval_shape(jax.random.key_data, like) if is_key(like) else like
        expected = expected if hasattr(expected, "shape") else np.asarray(expected)
        found = arrays.get(name)
        if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
            shown = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
            raise InputError(
                f"{place}: it holds {shown} at {name}, expected {expected.dtype}{list(expected.shape)}; "
                "it was made by another program, so pass the arguments that it was made with, or another folder."
            )
        if is_key(like):
            where = like.sharding if like.sharding.is_fully_replicated and len(like.sharding.device_set) > 1 else None
            words = jax.device_put(found, where, may_alias=False)
            return jax.random.wrap_key_data(words, impl=jax.random.key_impl(like))
        if isinstance(like, jax.Array) and len(like.sharding.device_set) > 1:
            return jax.device_put(found, like.sharding)
        # A copy, because what is donated later must not be this file's bytes; jnp.array would compile one a shape.
        return jax.device_put(found, may_alias=False)

    return jax.tree_util.tree_map_with_path(leaf, template)


def is_key(x: Any) -> bool:
    """Tell whether `x` is an array of typed PRNG keys."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _encode(blocks: dict[str, np.ndarray], meta: dict[str, Any]) -> tuple[bytes, list[memoryview]]:
    """Return the header of a safetensors file, with a checksum, and the bytes that follow it."""
    header: dict[str, Any] = {}
    payload, names, offset = [], {}, 0
    for name, block in blocks.items():
        raw = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
        code, shape = _CODES.get(block.dtype.name), list(block.shape)
        if code is None:
            names[name], code, shape = block.dtype.name, "U8", [*shape, block.dtype.itemsize]
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [offset, offset + raw.size]}
        offset += raw.size
        payload.append(raw.data)
    # The format wants metadata of strings.
    header["__metadata__"] = {"meta": json.dumps(meta), "dtypes": json.dumps(names)}
    header["__metadata__"]["sha256"] = _digest(header, payload)
    text = _canonical(header)
    return text + b" " * (-len(text) % 8), payload


def _decode(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the metadata of such a file; damage raises one of `_WRONG`."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 + size or size == 0:
        raise ValueError("it ends too early")
    header, payload = json.loads(data[8 : 8 + size]), memoryview(data)[8 + size :]
    digest = header["__metadata__"].pop("sha256")
    if _digest(header, [payload]) != digest:
        raise ValueError("its checksum does not match its content")
    metadata = header.pop("__metadata__")
    names, kinds = json.loads(metadata["dtypes"]), {code: name for name, code in _CODES.items()}
    arrays = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        kind = names.get(name)
        shape = entry["shape"] if kind is None else entry["shape"][:-1]
        block = np.frombuffer(payload[first:last], _dtype(kind or kinds[entry["dtype"]]))
        arrays[name] = block.reshape(shape)
    meta = json.loads(metadata["meta"])
    if not isinstance(meta, dict):
        raise TypeError("its metadata is no mapping")
    return arrays, meta


def _digest(header: dict[str, Any], payload: list[memoryview]) -> str:
    digest = hashlib.sha256(_canonical(header))
    for block in payload:
        digest.update(block)
    return digest.hexdigest()


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where a folder can be synced (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
