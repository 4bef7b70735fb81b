"""Softmaxes of a traced program: which operations take logits into one."""

from collections.abc import Iterator, Mapping
from typing import Any

from jax.extend.core import Literal

from jgd.core.subprograms import program_of

# Through which a maximum or a sum of exponentials is followed from where it is used.
THROUGH = frozenset((
    "stop_gradient", "broadcast_in_dim", "reshape", "squeeze", "transpose", "convert_element_type", "max", "select_n",
    "abs", "jit", "pjit", "custom_jvp_call", "reduce_sum",
))  # fmt: skip


def softmaxed(jaxpr: Any) -> dict[Any, Any]:
    """Find the equations that take logits into a softmax: the variable of the logits, by that of the equation's result.

    A softmax is `exp(x - m)`, where m comes from a maximum, in the program itself or in a function with a derivative of
    its own that it calls. Where the logarithm of its sum is taken it is a loss, and left out.
    """
    made = {out: eqn for eqn in jaxpr.eqns for out in eqn.outvars}
    losses = [x for eqn in jaxpr.eqns if eqn.primitive.name == "log" for x in _sources(eqn.invars[0], made, "exp")]
    found = {}
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "custom_jvp_call":
            program = program_of(eqn)
            within = softmaxed(program).values()
            entering = (x for x, y in zip(eqn.invars, program.invars, strict=True) if any(y is z for z in within))
            found.update((eqn.outvars[0], x) for x in entering)
        elif eqn.primitive.name == "exp" and not any(eqn is x for x in losses):
            shift = _maker(eqn.invars[0], made)
            if shift is not None and shift.primitive.name == "sub" and _is_any(shift.invars[1], made, "reduce_max"):
                found[shift.outvars[0]] = shift.invars[0]
    return {result: x for result, x in found.items() if not isinstance(x, Literal)}


def _maker(x: Any, made: Mapping[Any, Any]) -> Any:
    return None if isinstance(x, Literal) else made.get(x)


def _is_any(x: Any, made: Mapping[Any, Any], operation: str) -> bool:
    return next(_sources(x, made, operation), None) is not None


def _sources(x: Any, made: Mapping[Any, Any], operation: str) -> Iterator[Any]:
    """Find the equations of an operation that a variable comes from."""
    eqn = _maker(x, made)
    if eqn is None:
        return
    if eqn.primitive.name == operation:
        yield eqn
    elif eqn.primitive.name in THROUGH:
        for y in eqn.invars:
            yield from _sources(y, made, operation)
