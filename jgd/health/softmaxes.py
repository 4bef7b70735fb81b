"""Softmaxes of a traced program: which operations take logits into one."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jax.extend.core import Literal

from jgd.core.subprograms import program_of

# Through which a maximum or a sum of exponentials is followed from where it is used.
THROUGH = frozenset((
    "stop_gradient", "broadcast_in_dim", "reshape", "squeeze", "transpose", "convert_element_type", "max", "select_n",
    "abs", "jit", "pjit", "custom_jvp_call", "reduce_sum",
))  # fmt: skip


class Softmax(NamedTuple):
    """Hold the variable whose values enter a softmax."""

    logits: Any
    is_loss: bool  # whether the logarithm of its sum is taken
    axes: tuple[int, ...]  # that it sums over


def softmaxed(jaxpr: Any) -> dict[Any, Softmax]:
    """Find the equations that take logits into a softmax, by the variable of their first result.

    A softmax is `exp(x - m)`, where m comes from a maximum, in the program itself or in a function with a derivative of
    its own that it calls. Of losses only those over one axis are found.
    """
    made = {out: eqn for eqn in jaxpr.eqns for out in eqn.outvars}
    losses = [x for eqn in jaxpr.eqns if eqn.primitive.name == "log" for x in _sources(eqn.invars[0], made, "exp")]
    found = {}
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "custom_jvp_call":
            program = program_of(eqn)
            for softmax in softmaxed(program).values():
                entering = (x for x, y in zip(eqn.invars, program.invars, strict=True) if y is softmax.logits)
                found.update((eqn.outvars[0], softmax._replace(logits=x)) for x in entering)
        elif eqn.primitive.name == "exp":
            shift, is_loss = _maker(eqn.invars[0], made), any(eqn is x for x in losses)
            if shift is None or shift.primitive.name != "sub":
                continue
            shape = shift.invars[0].aval.shape
            maxima = list(_sources(shift.invars[1], made, "reduce_max"))
            own = [tuple(x.params["axes"]) for x in maxima if x.invars[0].aval.shape == shape]
            axes = own[0] if own else (len(shape) - 1,)
            if maxima and (len(axes) == 1 or not is_loss):
                found[shift.outvars[0]] = Softmax(shift.invars[0], is_loss, axes)
    return {result: x for result, x in found.items() if not isinstance(x.logits, Literal)}


def _maker(x: Any, made: Mapping[Any, Any]) -> Any:
    return None if isinstance(x, Literal) else made.get(x)


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
