"""Broadcasts of a traced program: outputs of all examples that meet the data of all examples."""

from collections.abc import Sequence
from typing import Any

from jgd.health.lineage import Known

PAIRING = frozenset(("sub", "add", "mul", "div", "max", "min", "pow"))


def crossing(eqn: Any, mine: Sequence[Known]) -> int:
    """Return n where a column of n outputs meets a row of n numbers of data, or a row a column; 0 elsewhere.

    So outputs of shape (n, 1) meet labels of shape (n,). Two outputs, or two of data, meet so in losses of pairs, and
    data meet so parameters that are centres.
    """
    if eqn.primitive.name not in PAIRING or {x.learnt for x in mine} != {True, False}:
        return 0
    a, b = (x.aval.shape for x in eqn.invars)
    n = max(a, default=0)
    return n if n > 1 and {a, b} == {(n, 1), (1, n)} and all(x.leaves is None for x in mine) else 0
