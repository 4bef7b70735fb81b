"""Floating-point operations of a function, counted on its trace: nothing is lowered or compiled."""

import math
from collections.abc import Callable
from typing import Any

import jax

from jgd.core.subprograms import programs_within


def operations(fn: Callable[..., Any], *args: Any) -> float:
    """Count the operations of `fn(*args)`: two for a term of a matrix product or convolution, one for any other number.

    So sums and decompositions of matrices count less than they take. Loops over a known length count whole, `while`
    loops once, and of branches the most expensive counts. Arguments may be shapes. XLA's own count takes lowering or
    compiling, and has the body of a scan only once.
    """
    return _count(jax.make_jaxpr(fn)(*args).jaxpr)


def _count(jaxpr: Any) -> float:
    return sum(map(_of_equation, jaxpr.eqns))


def _of_equation(eqn: Any) -> float:
    made = sum(math.prod(getattr(x.aval, "shape", ())) for x in eqn.outvars)
    match eqn.primitive.name:
        case "dot_general":
            contracted, _ = eqn.params["dimension_numbers"][0]
            return 2.0 * made * math.prod(eqn.invars[0].aval.shape[i] for i in contracted)
        case "conv_general_dilated":
            kernel, spec = eqn.invars[1].aval.shape, eqn.params["dimension_numbers"].rhs_spec
            return 2.0 * made * math.prod(kernel) / kernel[spec[0]]
    inner = [_count(program) for program in programs_within(eqn)]
    if not inner:
        return float(made)
    return max(inner) if eqn.primitive.name == "cond" else sum(inner) * eqn.params.get("length", 1)
