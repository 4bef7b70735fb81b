"""Lineage: the parameters and layers that a traced program's variables come from, known without their values."""

from collections.abc import Sequence
from posixpath import commonpath
from typing import Any, NamedTuple

MASKING = frozenset((  # through which such products are followed to their softmax
    "mul", "div", "add", "add_any", "sub", "neg", "tanh", "select_n", "max", "min", "convert_element_type", "copy",
    "reshape", "transpose", "broadcast_in_dim", "squeeze", "slice", "concatenate", "name", "optimization_barrier",
))  # fmt: skip


class Known(NamedTuple):
    """Hold what is known of a variable."""

    leaves: frozenset[int] | None = None  # that alone it is made of; None of data
    units: tuple[int, ...] | None = None  # axes
    layer: str = ""  # that it comes from
    scores: bool = False  # whether it is a product of data with data, scaled or masked
    learnt: bool = False  # whether a parameter is among what it comes from
    sliced: tuple[int, ...] = ()  # depths of the scans each pass of which has its own part of it

    def joined(self, other: "Known") -> "Known":
        """Know of a variable that is now this and now the other what it is made of."""
        one, two = self.leaves, other.leaves
        leaves = None if one is None or two is None else one | two
        return self._replace(leaves=leaves, learnt=self.learnt or other.learnt)


def follow(eqn: Any, mine: Sequence[Known]) -> list[Known]:
    """Tell what is known of an equation's results: made of parameters alone, where their units are, and the layer."""
    leaves = None
    if all(x.leaves is not None for x in mine) and mine:
        leaves = frozenset().union(*(x.leaves or () for x in mine))
    products = [x for x in mine if x.scores and eqn.primitive.name in MASKING]
    layer = max((x.layer for x in products or mine[::-1]), key=bool, default="")
    if eqn.primitive.name == "dot_general" and all(x.leaves is None for x in mine):
        products, layer = list(mine), commonpath(x.layer for x in mine)  # the module that both layers are in
    sliced = max((x.sliced for x in mine), key=len, default=())
    learnt = any(x.learnt for x in mine)
    return [Known(leaves, _units(eqn, mine, out), layer, bool(products), learnt, sliced) for out in eqn.outvars]


def shifted(known: Known, by: int) -> Known:
    """Know the same of a variable that has an axis more or less in front, as a scan makes it."""
    units = None if known.units is None else tuple(i + by for i in known.units if i + by >= 0)
    return known._replace(units=units or None)


def _units(eqn: Any, mine: Sequence[Known], out: Any) -> tuple[int, ...] | None:
    name, rank = eqn.primitive.name, len(getattr(out.aval, "shape", ()))
    if name == "conv_general_dilated":
        return (eqn.params["dimension_numbers"].out_spec[1],)
    if name == "dot_general":
        contracted, (batch, _) = eqn.params["dimension_numbers"]
        free = [len(x.aval.shape) - len(c) - len(batch) for x, c in zip(eqn.invars, contracted, strict=True)]
        left = range(len(batch), len(batch) + free[0])
        if mine[0].leaves and not mine[1].leaves:
            return tuple(left)
        return tuple(range(len(batch) + free[0], rank)) if mine[1].leaves else None
    carried = [(x, k.units) for x, k in zip(eqn.invars, mine, strict=True) if k.units is not None]
    if not carried:
        return None
    source, units = carried[0]
    if name == "transpose":
        order = list(eqn.params["permutation"])
        return tuple(sorted(order.index(i) for i in units))
    return units if source.aval.shape == out.aval.shape else None
