"""Equations of traced programs: what a scan carries, and running one by itself, under any version of JAX."""

from collections.abc import Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun


def carried_by(eqn: Any, program: Any) -> tuple[int, int]:
    """Count a scan's constants and what it carries, by the ranks that they have within it."""
    along = sum(len(x.aval.shape) > len(y.aval.shape) for x, y in zip(eqn.invars, program.invars, strict=True))
    carried = sum(len(x.aval.shape) == len(y.aval.shape) for x, y in zip(eqn.outvars, program.outvars, strict=True))
    return len(eqn.invars) - along - carried, carried


def run_equation(program: Any, eqn: Any, given: Sequence[Any]) -> list[Any]:
    """Run one equation as a program of its own, which keeps the derivatives that its functions define themselves."""
    if _is_plain(eqn):
        outs = eqn.primitive.bind(*given, **eqn.params)
        return list(outs) if eqn.primitive.multiple_results else [outs]
    known = {x: value for x, value in zip(eqn.invars, given, strict=True) if not isinstance(x, Literal)}
    about = program.debug_info._replace(arg_names=None, result_paths=None)
    one = program.replace(
        constvars=[], invars=list(known), outvars=list(eqn.outvars), eqns=[eqn], effects=eqn.effects, debug_info=about
    )
    return list(jaxpr_as_fun(ClosedJaxpr(one, ()))(*known.values()))


def _is_plain(eqn: Any) -> bool:
    """Tell whether no parameter of it is a program or a function."""
    return not any(
        hasattr(x, "eqns") or hasattr(x, "jaxpr") or callable(x)
        for x in jax.tree.leaves(list(eqn.params.values()), is_leaf=lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr"))
    )
