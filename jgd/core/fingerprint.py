"""Texts by which two runs are compared: structures, numbers, checksums of arrays, and the programs of functions."""

import dataclasses
import functools
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

import jax
import numpy as np

from jgd.core.storage import is_key
from jgd.core.subprograms import programs_within
from jgd.core.values import names

SHOWN = 3  # differences in a message
_WITH = " with constants "
CONSTANTS = 64  # of a program, kept in its text
# Parameters of JAX's primitives that say where code stands and how it is called, or how arrays lie on devices.
OF_CODE = frozenset(
    (
        *("name", "name_and_src_info", "src_info", "debug_info", "debug", "inline", "keep_unused", "donated_invars"),
        *("jvp_jaxpr_fun", "fwd_jaxpr_thunk", "bwd", "out_trees"),
    )
)
OF_PLACES = frozenset(
    (
        *("sharding", "out_sharding", "shardings", "in_shardings", "out_shardings", "in_layouts", "out_layouts"),
        "ctx_mesh",
    )
)


def steady_repr(value: Any) -> str:
    """Return the repr without the addresses that Python puts into the names of functions."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def structure_text(value: Any) -> str:
    """Return a value without its numbers."""
    return steady_repr(jax.tree.map(lambda _: _Star(), value))


def leaf_texts(title: str, value: Any) -> dict[str, str]:
    """Return the leaves of a value by name: a number as itself, an array by its checksum."""
    leaves = jax.tree.leaves(value)
    return {f"{title}.{name}": _text(leaf) for name, leaf in zip(names(value), leaves, strict=True)}


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Return the first few entries that differ, as a clause; empty where none does."""
    there, here = (
        {name: text if text.startswith("program ") else _as_called(text) for name, text in texts.items()}
        for texts in (theirs, ours)
    )
    differing = [name for name in {**there, **here} if here.get(name) != there.get(name)]
    return "; ".join(_clause(name, theirs.get(name, "absent"), ours.get(name, "absent")) for name in differing[:SHOWN])


def _as_called(text: str) -> str:
    """Return a text with records by the names that they are called by: `ScaleByAdam(...)`, as 0.1.0 wrote it, is one.

    0.1.0 wrote `Function(fn=loss)` for a function, too.
    """

    def called(found: re.Match[str]) -> str:
        lower = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", found[1]).lower()
        return f"{lower.removesuffix('_schedule')}("

    return re.sub(r"\b([A-Za-z_]\w*)\(", called, re.sub(r"\bFunction\(fn=([^()]*)\)", r"\1", text))


def _clause(name: str, theirs: str, ours: str) -> str:
    """Tell how an entry differs; two programs by the constants that only one of them has."""
    there, here = (set(text.partition(_WITH)[2].split(", ")) - {""} for text in (theirs, ours))
    if not (theirs.startswith("program ") and ours.startswith("program ")):
        return f"{name} is {theirs} there and {ours} here"
    held = [(sorted(there - here), "there"), (sorted(here - there), "here")]
    numbers = [f"{', '.join(only[:SHOWN])} only {place}" for only, place in held if only]
    return f"{name} is another program here" + (f", with {' and '.join(numbers)}" if numbers else "")


def program_fingerprint(fn: Callable[..., Any], *args: Any) -> str:
    """Describe what `fn` computes for arguments of these shapes: a hash of its traced program, and its constants.

    Everything that a function closes over is in its program, so a changed number or array is seen, and what changes
    nothing that is computed (a comment, a name, a place in a file) is not. Arguments may be `jax.ShapeDtypeStruct`.
    A derivative rule is part of the program only where it is applied: pass `jax.value_and_grad(loss)` for a loss. A
    host function in a callback is known by its code (`code_fingerprint`). Other versions of JAX may trace another
    program, so compare texts of one version only. Costs a trace.
    """
    return jaxpr_fingerprint(jax.make_jaxpr(fn)(*args))


def jaxpr_fingerprint(closed: Any, *, places: bool = False) -> str:
    """Describe a traced program as `program_fingerprint` does; with `places` by how arrays lie within it as well."""
    constants: dict[str, None] = {}
    digest = _digest_closed(closed, constants, _Seen(OF_CODE if places else OF_CODE | OF_PLACES))
    shown = ", ".join(list(constants)[:CONSTANTS]) + (", ..." if len(constants) > CONSTANTS else "")
    return f"program {digest}" + (f"{_WITH}{shown}" if shown else "")


def calls_host(closed: Any) -> bool:
    """Tell whether a traced program calls functions of the host while it runs."""
    seen: set[int] = set()

    def calls(jaxpr: Any) -> bool:
        if id(jaxpr) in seen:
            return False
        seen.add(id(jaxpr))
        return any("callback" in eqn.primitive.name or any(map(calls, programs_within(eqn))) for eqn in jaxpr.eqns)

    return calls(getattr(closed, "jaxpr", closed))


def code_fingerprint(fn: Any) -> str:
    """Describe a function that is not traced: a hash of its bytecode, its defaults and what it closes over.

    Globals count by name, not by what they hold, and lists and sets not at all: they are where functions keep count.
    Bytecode is Python's own, so another version of Python is another function.
    """
    return f"code {_hash(_code_text(fn, set()))}"


class _Seen(dict[int, tuple[Any, str, list[str]]]):
    """Programs that were read, their hashes and constants by their ids; and the parameters that are passed over."""

    def __init__(self, ignored: frozenset[str]) -> None:
        super().__init__()
        self.ignored = ignored


def _digest_closed(closed: Any, constants: dict[str, None], seen: _Seen) -> str:
    """Give the hash of a program and its constants, which are added to `constants`; each program is read only once."""
    if id(closed) not in seen:
        mine: dict[str, None] = {}
        held = [_constant(x, mine) for x in closed.consts]
        digest = _hash(repr((held, _program_text(closed.jaxpr, mine, seen))))
        seen[id(closed)] = closed, digest, list(mine)  # it is kept, so that nothing else takes its id
    constants.update(dict.fromkeys(seen[id(closed)][2]))
    return seen[id(closed)][1]


def _program_text(jaxpr: Any, constants: dict[str, None], seen: _Seen) -> str:
    """Return the equations, with variables numbered in the order in which they are made."""
    numbers: dict[Any, str] = {}

    def name(var: Any) -> str:
        if hasattr(var, "val"):
            return _constant(var.val, constants)
        numbers.setdefault(var, f"v{len(numbers)}:{_kind(var.aval)}")
        return numbers[var]

    lines = [" ".join(map(name, (*jaxpr.constvars, *jaxpr.invars)))]
    for equation in jaxpr.eqns:
        params = {key: x for key, x in sorted(equation.params.items()) if key not in seen.ignored}
        shown = {key: _param_text(x, constants, seen) for key, x in params.items()}
        inputs, outputs = list(map(name, equation.invars)), list(map(name, equation.outvars))
        lines.append(f"{outputs} = {equation.primitive.name} {shown} {inputs}")
    return "\n".join([*lines, " ".join(map(name, jaxpr.outvars))])


def _param_text(value: Any, constants: dict[str, None], seen: _Seen) -> str:
    """Return a parameter of an equation as a text: programs in it by their hashes, functions by their code."""
    if hasattr(value, "eqns") and hasattr(value, "constvars"):
        return _hash(_program_text(value, constants, seen))
    if hasattr(value, "jaxpr") and hasattr(value, "consts"):
        return _digest_closed(value, constants, seen)
    text = functools.partial(_param_text, constants=constants, seen=seen)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__name__}{[(k, text(x)) for k, x in fields.items() if k not in seen.ignored]}"
    if isinstance(value, (tuple, list)):
        return f"{[text(item) for item in value]}"
    if isinstance(value, (set, frozenset)):
        return f"{sorted(map(text, value))}"
    if isinstance(value, Mapping):
        return f"{sorted((text(key), text(item)) for key, item in value.items())}"
    if isinstance(value, (jax.Array, np.ndarray)):
        return _constant(value, constants)
    if callable(value) and not isinstance(value, type):
        return _code_text(value, set())
    return steady_repr(value)


def _code_text(value: Any, above: set[int]) -> str:
    """Return a function as its code and all that it holds; JAX's own, and what has no code, as a name."""
    if (held := _held_function(value)) is not None:
        return _code_text(held, above)
    if isinstance(value, functools.partial):
        value = (value.func, value.args, value.keywords)
    if isinstance(value, (list, set)):
        return type(value).__name__
    if isinstance(value, tuple):
        return f"{[_code_text(item, above) for item in value]}"
    if isinstance(value, dict):
        return f"{[(repr(key), _code_text(item, above)) for key, item in value.items()]}"
    if isinstance(value, CodeType):
        constants = [_code_text(x, above) for x in value.co_consts if not isinstance(x, str)]
        return (
            f"{value.co_code.hex()} {value.co_names} {[x for x in value.co_consts if isinstance(x, str)]} {constants}"
        )
    if (fn := getattr(value, "__func__", None)) is not None:
        return _code_text((fn, value.__self__), above)
    code = getattr(value, "__code__", None)
    if code is None or str(getattr(value, "__module__", "")).partition(".")[0] in ("jax", "numpy"):
        name = getattr(value, "__qualname__", None) if callable(value) else None
        leaves = leaf_texts("", jax.tree.map(_plain, value)) if name is None else {}
        return f"{name or structure_text(value)} {list(leaves.items())}"
    if id(value) in above:
        return "itself"
    cells = [cell.cell_contents for cell in value.__closure__ or () if not _is_empty(cell)]
    return _code_text((code, value.__defaults__, value.__kwdefaults__, tuple(cells)), above | {id(value)})


def _held_function(value: Any) -> Any:
    """Return the function in a record that holds one."""
    held = getattr(value, "fn", None) if dataclasses.is_dataclass(value) else None
    return held if callable(held) else None


def _plain(leaf: Any) -> Any:
    """Return a number, a text or an array; of anything else, such as a data set that would be read whole, its type."""
    kinds = (bool, int, float, complex, str, bytes, np.generic, np.ndarray, jax.Array)
    return leaf if isinstance(leaf, kinds) else type(leaf).__qualname__


def _is_empty(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False


def _constant(value: Any, constants: dict[str, None]) -> str:
    text = _text(value)
    constants[text] = None
    return f"{text} {np.asarray(value).dtype}" if not is_key(value) else f"{text} key"


def _kind(aval: Any) -> str:
    weak = "~" if getattr(aval, "weak_type", False) else ""
    return f"{getattr(aval, 'dtype', '')}{list(getattr(aval, 'shape', ()))}{weak}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Star:
    def __repr__(self) -> str:
        return "*"


def _text(leaf: Any) -> str:
    array = np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)
    if array.ndim == 0:
        return steady_repr(array.item())
    checksum = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return f"{array.dtype}{list(array.shape)} with checksum {checksum:08x}"
