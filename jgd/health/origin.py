"""The operation in which a number that is not finite arose, traced back from the result that it reached."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal, jaxpr_as_fun

from jgd.core.subprograms import constants_of, program_of
from jgd.core.tree import path_names
from jgd.health.programs import carried_by, run_equation

FINITE, INFINITE, UNDEFINED = 0, 1, 2  # of an array: the worst of its entries
ENTERED = frozenset(
    ("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call")
)


class FailedOperation(NamedTuple):
    """Hold the first operation on the way to a result whose output is not finite although what enters it is."""

    operation: str  # of JAX: log, div, dot_general; "argument" where an argument of the program was not finite
    undefined: bool  # NaN, else an infinity
    operands: tuple[float, ...]  # at the entry that failed, or the largest modulus where shapes differ
    index: tuple[int, ...]  # of that entry in the output
    shape: tuple[int, ...]  # of the output
    source: str  # file:line and function of the caller's code, as far as it is known; an argument's path
    backward: bool  # whether it belongs to the gradient's way back
    passes: tuple[int, ...]  # of the scans that it lies in


class _Record(NamedTuple):
    """Hold what was seen of a program: the worst entries of its inputs and of each result, and where they failed."""

    inputs: list[Any]
    equations: list[Any]  # ([worst of each result], a `_Record` within or None, [(entry, operands) of each] or None)


class _Frame(NamedTuple):
    """Hold a program, its record for one pass, and where it is called."""

    program: Any
    record: _Record
    caller: "tuple[_Frame, Any, int | None, Any] | None"  # its frame, equation, pass and the records of all passes
    passes: tuple[int, ...]


def find_origin(fn: Callable[..., Any], *args: Any) -> FailedOperation | None:
    """Trace the array `fn(*args)` back to where it became infinite or undefined; `None` where it is finite.

    Compiles the function once with a flag for each of its operations, calls, scans, conditionals and rematerialised
    parts taken apart; of a while loop, which runs twice for it, the first pass after which more is not finite. Only
    what reaches the result is followed, so that a NaN that `where` masks away is not reported; nor are infinities that
    are written as constants.
    """
    closed = jax.make_jaxpr(fn)(*args)
    paths, flat = zip(*jax.tree_util.tree_leaves_with_path(args), strict=True)
    outs, record = jax.device_get(jax.jit(lambda *x: _recorded(closed.jaxpr, closed.consts, x))(*flat))
    if np.all(np.isfinite(np.asarray(outs[0], np.complex64 if np.iscomplexobj(outs[0]) else np.float64))):
        return None
    found = _trace(_Frame(closed.jaxpr, record, None, ()), closed.jaxpr.outvars[0])
    if found is None or found.operation != "argument":
        return found
    (i,) = found.index
    value = np.asarray(flat[i])
    index = np.argwhere(np.isnan(value) if found.undefined else ~np.isfinite(value))[0]
    return found._replace(
        index=tuple(map(int, index)), shape=value.shape, source="/".join(path_names(paths[i][1:])),
    )  # fmt: skip


def _recorded(program: Any, consts: Sequence[Any], args: Sequence[Any]) -> tuple[list[Any], _Record]:
    held: dict[Any, Any] = dict(zip((*program.constvars, *program.invars), (*consts, *args), strict=True))

    def read(x: Any) -> Any:
        return x.val if isinstance(x, Literal) else held[x]

    equations = []
    for eqn in program.eqns:
        given, inner, failed = [read(x) for x in eqn.invars], None, None
        kind = _kind(eqn)
        if kind == "call":
            outs, inner = _recorded(program_of(eqn), constants_of(eqn), given)
        elif kind == "scan":
            outs, inner = _recorded_scan(eqn, given)
        elif kind in ("cond", "while"):
            outs = run_equation(program, eqn, given)
            inner = (_recorded_branches if kind == "cond" else _recorded_while)(eqn, given)
        else:
            outs = run_equation(program, eqn, given)
            failed = [_failed(x, given) for x in outs]
        held.update(zip(eqn.outvars, outs, strict=True))
        equations.append(([_worst(x) for x in outs], inner, failed))
    return [read(x) for x in program.outvars], _Record([_worst(x) for x in args], equations)


def _recorded_scan(eqn: Any, given: Sequence[Any]) -> tuple[list[Any], _Record]:
    program, consts = program_of(eqn), constants_of(eqn)
    fixed, carried = carried_by(eqn, program)

    def body(carry: Any, along: Any) -> Any:
        outs, record = _recorded(program, consts, [*given[:fixed], *carry, *along])
        return outs[:carried], (outs[carried:], record)

    first, along = list(given[fixed : fixed + carried]), list(given[fixed + carried :])
    options = {"length": eqn.params["length"], "reverse": eqn.params["reverse"]}
    last, (outs, record) = jax.lax.scan(body, first, along, **options)
    return [*last, *outs], record


def _recorded_branches(eqn: Any, given: Sequence[Any]) -> tuple[Any, list[_Record]]:
    """Record the branch of a conditional that is taken: its number, and the records of all, blank but for that one."""
    index, *args = given

    def record(i: int, branch: Any) -> Any:
        def taken() -> _Record:
            return _recorded(branch.jaxpr, branch.consts, args)[1]

        blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(taken))
        return jax.lax.cond(index == i, taken, lambda: blank)

    return index, [record(i, branch) for i, branch in enumerate(eqn.params["branches"])]


def _recorded_while(eqn: Any, given: Sequence[Any]) -> tuple[Any, _Record]:
    """Record the first pass of a loop after which more is not finite than before it: its number, and what it did."""
    ask, body = eqn.params["cond_jaxpr"], eqn.params["body_jaxpr"]
    a = eqn.params["cond_nconsts"]
    b = a + eqn.params["body_nconsts"]

    def goes_on(now: Any) -> Any:
        _, carry, _, failed = now
        return jaxpr_as_fun(ask)(*given[:a], *carry)[0] & ~failed

    def take(now: Any) -> Any:
        _, carry, number, _ = now
        new = jaxpr_as_fun(body)(*given[a:b], *carry)
        worse = [_worst(x) > _worst(y) for x, y in zip(new, carry, strict=True)]
        return carry, new, number + 1, jnp.any(jnp.stack(worse))

    first = [jnp.asarray(x, v.aval.dtype) if np.isscalar(x) else x for x, v in zip(given, eqn.invars, strict=True)][b:]
    front, _, number, _ = jax.lax.while_loop(goes_on, take, (first, first, jnp.int32(0), jnp.array(False)))
    return number - 1, _recorded(body.jaxpr, body.consts, [*given[a:b], *front])[1]


def _kind(eqn: Any) -> str:
    name, program = eqn.primitive.name, program_of(eqn)
    if name in ("scan", "cond", "while"):
        return name
    return "call" if name in ENTERED and program is not None and len(program.invars) == len(eqn.invars) else "whole"


def _is_floating(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.inexact)


def _worst(x: Any) -> jax.Array:
    if not hasattr(x, "dtype") or not _is_floating(x) or not np.size(x):
        return jnp.int8(FINITE)
    undefined, finite = jnp.any(jnp.isnan(x)), jnp.all(jnp.isfinite(x))
    return jnp.where(undefined, UNDEFINED, jnp.where(finite, FINITE, INFINITE)).astype(jnp.int8)


def _failed(out: Any, given: Sequence[Any]) -> Any:
    """Return the first entry that is not finite, and the operands there."""
    if not hasattr(out, "dtype") or not _is_floating(out) or not out.size:
        return None
    flat = out.ravel()
    bad = jnp.isnan(flat)
    entry = jnp.argmax(jnp.where(jnp.any(bad), bad, ~jnp.isfinite(flat)))
    operands = []
    for x in given:
        if not hasattr(x, "dtype") or not jnp.issubdtype(x.dtype, jnp.number) or jnp.iscomplexobj(x) or not np.size(x):
            operands.append(jnp.float32(jnp.nan))
        elif jnp.shape(x) == out.shape:
            operands.append(jnp.asarray(x).ravel()[entry].astype(jnp.float32))
        else:
            wide = jnp.asarray(x).astype(jnp.float32)
            operands.append(wide if jnp.ndim(x) == 0 else jnp.max(jnp.abs(wide)))
    return entry, operands


def _trace(frame: _Frame, var: Any) -> FailedOperation | None:
    """Follow a variable that is not finite back to where it arose."""
    if isinstance(var, Literal) or var in frame.program.constvars:
        return None  # an infinity that somebody wrote
    if var in frame.program.invars:
        return _trace_argument(frame, frame.program.invars.index(var))
    i = next(i for i, eqn in enumerate(frame.program.eqns) if var in eqn.outvars)
    eqn, (_, inner, failed) = frame.program.eqns[i], frame.record.equations[i]
    which = eqn.outvars.index(var)
    if inner is not None and eqn.primitive.name == "cond":
        index, records = inner
        within = eqn.params["branches"][int(index)].jaxpr
        return _trace(
            _Frame(within, records[int(index)], (frame, eqn, None, None), frame.passes), within.outvars[which]
        )
    if inner is not None and eqn.primitive.name == "while":
        number, record = inner
        body = _Frame(eqn.params["body_jaxpr"].jaxpr, record, (frame, eqn, None, None), (*frame.passes, int(number)))
        outs = body.program.outvars
        bad = [x for x in (outs[which], *outs) if _state(body, x) != FINITE]
        return _trace(body, bad[0]) if bad else _trace(frame, eqn.invars[len(eqn.invars) - len(outs) + which])
    if inner is not None:
        within = program_of(eqn)
        if eqn.primitive.name != "scan":
            return _trace(_Frame(within, inner, (frame, eqn, None, None), frame.passes), within.outvars[which])
        return _trace(_pass(frame, eqn, inner, _which_pass(eqn, inner, which)), within.outvars[which])
    mine, entering = _state(frame, var), [(x, _state(frame, x)) for x in eqn.invars]
    undefined = [x for x, state in entering if state == UNDEFINED]
    infinite = [x for x, state in entering if state == INFINITE]
    if mine == UNDEFINED and undefined:
        return _trace(frame, undefined[0])
    for x in infinite:
        if found := _trace(frame, x):
            return found
    if mine == INFINITE and (infinite or all(isinstance(x, Literal) for x in eqn.invars)):
        return None
    return _origin(frame, eqn, var, failed[which])


def _trace_argument(frame: _Frame, i: int) -> FailedOperation | None:
    if frame.caller is None:
        return FailedOperation("argument", int(frame.record.inputs[i]) == UNDEFINED, (), (i,), (), "", False, ())
    above, eqn, now, records = frame.caller
    if now is None:  # a conditional has its number in front, a loop what its condition alone looks at
        return _trace(above, eqn.invars[i + len(eqn.invars) - len(frame.program.invars)])
    fixed, carried = carried_by(eqn, frame.program)
    before = now + 1 if eqn.params["reverse"] else now - 1
    if fixed <= i < fixed + carried and 0 <= before < eqn.params["length"]:
        return _trace(_pass(above, eqn, records, before), frame.program.outvars[i - fixed])
    return _trace(above, eqn.invars[i])


def _pass(frame: _Frame, eqn: Any, records: Any, now: int) -> _Frame:
    record = jax.tree.map(lambda x: x[now], records)
    return _Frame(program_of(eqn), record, (frame, eqn, now, records), (*frame.passes, now))


def _which_pass(eqn: Any, records: _Record, which: int) -> int:
    """Find the pass of a scan that a result comes from: the last of a carry, the first that failed of a stack."""
    program, length = program_of(eqn), eqn.params["length"]
    order = list(range(length))[:: -1 if eqn.params["reverse"] else 1]
    if which < carried_by(eqn, program)[1]:
        return order[-1]
    whole = _Frame(program, records, None, ())
    states = np.broadcast_to(_state(whole, program.outvars[which]), (length,))
    return next((t for t in order if states[t] != FINITE), order[-1])


def _state(frame: _Frame, var: Any) -> Any:
    """Return the worst entry of a variable."""
    if isinstance(var, Literal):
        return FINITE if np.all(np.isfinite(np.asarray(var.val, np.complex128))) else INFINITE
    if var in frame.program.invars:
        return frame.record.inputs[frame.program.invars.index(var)]
    for eqn, (states, _, _) in zip(frame.program.eqns, frame.record.equations, strict=True):
        if var in eqn.outvars:
            return states[eqn.outvars.index(var)]
    return FINITE


def _origin(frame: _Frame, eqn: Any, var: Any, failed: Any) -> FailedOperation:
    shape = tuple(var.aval.shape)
    entry, operands = failed if failed is not None else (0, [])
    index = tuple(int(i) for i in np.unravel_index(int(entry), shape)) if shape else ()
    source, backward, above = source_of(eqn), _is_backward(eqn), frame
    while above.caller is not None:  # a function that JAX traced before, as jnp.linalg.norm, has no line of its own
        above, call = above.caller[:2]
        source, backward = source or source_of(call), backward or _is_backward(call)
    return FailedOperation(
        eqn.primitive.name, int(_state(frame, var)) == UNDEFINED, tuple(map(float, operands)), index, shape, source,
        backward, frame.passes,
    )  # fmt: skip


def _is_backward(eqn: Any) -> bool:
    return "transpose" in str(eqn.source_info.name_stack)


def source_of(eqn: Any) -> str:
    """Return the innermost line of code outside of JAX and jgd that made an equation; empty where it is not known."""
    traceback = eqn.source_info.traceback
    for frame in traceback.frames if traceback is not None else ():
        if not any(
            f"/{package}/" in frame.file_name.replace("\\", "/")
            for package in ("jax", "jgd/health", "jgd/train", "jgd/core")
        ):
            return f"{frame.file_name}:{frame.line_num} ({frame.function_name.rpartition('.')[2]})"
    return ""
