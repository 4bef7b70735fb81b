"""Whether a traced function acts on each entry of its arrays alone, and alike on arrays of other lengths."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.core

from jgd.core.subprograms import program_of, programs_within

ENTRYWISE = frozenset(
    (
        *("abs", "add", "and", "atan2", "cbrt", "ceil", "clamp", "convert_element_type", "copy", "cos", "cosh", "div"),
        *("eq", "erf", "erf_inv", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log"),
        *("log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter", "not", "or", "pow", "rem", "round"),
        *("rsqrt", "select_n", "sign", "sin", "sinh", "sqrt", "square", "sub", "tan", "tanh", "xor"),
    )
)
"""Primitives whose result at an entry is made of their operands' there."""
MIXED = -1  # of several leaves, or of an array that is no leaf


def acts_entrywise(
    update: Callable[..., Any], args: Any, owners: Sequence[int | None], shorter: Callable[[Any], Any]
) -> bool:
    """Tell whether `update(args)` makes each entry of its results of scalars and of that entry of one leaf alone.

    `args` is a tree of shapes, `owners` has the leaf that each of its arrays belongs to, `None` for scalars that all
    share. `shorter(args)` are the same with shorter arrays, for which the same arithmetic with the same constants must
    be traced: a rule may read a shape in Python. Costs two traces.
    """
    whole = jax.make_jaxpr(update)(args)
    known = [MIXED if x.aval.shape else None for x in whole.jaxpr.constvars]
    found = _owners(whole.jaxpr, [*known, *owners])
    if found is None or MIXED in found:
        return False
    return _arithmetic(whole.jaxpr) == _arithmetic(jax.make_jaxpr(update)(shorter(args)).jaxpr)


def _owners(jaxpr: Any, given: Sequence[int | None]) -> list[int | None] | None:
    """Return the leaf that each result is made of; `None` where an equation is not entrywise."""
    owner: dict[Any, int | None] = dict(zip([*jaxpr.constvars, *jaxpr.invars], given, strict=True))
    for equation in jaxpr.eqns:
        mine = [None if hasattr(x, "val") else owner[x] for x in equation.invars]
        leaves = {x for x in mine if x is not None}
        if MIXED in leaves or len(leaves) > 1:
            return None
        program = program_of(equation)
        scalars = not any(x.aval.shape for x in (*equation.invars, *equation.outvars))
        name = equation.primitive.name
        if scalars and not leaves:
            results: Any = [None] * len(equation.outvars)
        elif program is not None:
            consts = [MIXED if x.aval.shape else None for x in program.constvars]
            results = _owners(program, [*consts, *mine]) if len(mine) == len(program.invars) else None
        elif name in ENTRYWISE or (name == "broadcast_in_dim" and not equation.invars[0].aval.shape and not leaves):
            results = [next(iter(leaves), None)] * len(equation.outvars)
        else:
            results = None
        if results is None:
            return None
        owner.update(zip(equation.outvars, results, strict=True))
    return [None if hasattr(x, "val") else owner[x] for x in jaxpr.outvars]


def _arithmetic(jaxpr: Any) -> list[Any]:
    """Return the primitives and the constants of a program in their order, without shapes."""
    found: list[Any] = []
    for equation in jaxpr.eqns:
        numbers = [repr(x.val) for x in equation.invars if hasattr(x, "val") and not x.aval.shape]
        found.append((equation.primitive.name, numbers))
        found.extend(map(_arithmetic, programs_within(equation)))
    return found
