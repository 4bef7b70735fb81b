"""The programs within an equation of a traced program: bodies, branches and called functions."""

from collections.abc import Sequence
from typing import Any

import jax


def programs_within(eqn: Any) -> list[Any]:
    """Find the programs among the parameters of an equation."""
    return [getattr(x, "jaxpr", x) for x in _found(eqn)]


def program_of(eqn: Any) -> Any:
    """Return the program within an equation, `None` where it has none, or several."""
    found = programs_within(eqn)
    return found[0] if len(found) == 1 else None


def constants_of(eqn: Any) -> Sequence[Any]:
    """Return the constants of the one program within an equation."""
    return getattr(_found(eqn)[0], "consts", ())


def _found(eqn: Any) -> list[Any]:
    return [x for x in jax.tree.leaves(tuple(eqn.params.values())) if hasattr(x, "eqns")]
