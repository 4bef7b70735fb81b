"""Penalties and sets with value, prox and, for sets, a linear minimisation oracle.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.nonsmooth.bounds import Box as Box
    from jgd.nonsmooth.bounds import NonNegative as NonNegative
    from jgd.nonsmooth.bounds import box as box
    from jgd.nonsmooth.bounds import non_negative as non_negative
    from jgd.nonsmooth.by_path import PenaltyByPath as PenaltyByPath
    from jgd.nonsmooth.by_path import by_path as by_path
    from jgd.nonsmooth.composed import Composed as Composed
    from jgd.nonsmooth.composed import compose as compose
    from jgd.nonsmooth.group_l2 import GroupL2 as GroupL2
    from jgd.nonsmooth.group_l2 import LabelledGroupL2 as LabelledGroupL2
    from jgd.nonsmooth.group_l2 import group_l2 as group_l2
    from jgd.nonsmooth.nonsmooth import ConvexSet as ConvexSet
    from jgd.nonsmooth.nonsmooth import Nonsmooth as Nonsmooth
    from jgd.nonsmooth.nuclear import Nuclear as Nuclear
    from jgd.nonsmooth.nuclear import nuclear as nuclear
    from jgd.nonsmooth.separable import ElasticNet as ElasticNet
    from jgd.nonsmooth.separable import Huber as Huber
    from jgd.nonsmooth.separable import L1Norm as L1Norm
    from jgd.nonsmooth.separable import SquaredL2 as SquaredL2
    from jgd.nonsmooth.separable import elastic_net as elastic_net
    from jgd.nonsmooth.separable import huber as huber
    from jgd.nonsmooth.separable import l1 as l1
    from jgd.nonsmooth.separable import squared_l2 as squared_l2
    from jgd.nonsmooth.simplex import L1Ball as L1Ball
    from jgd.nonsmooth.simplex import L2Ball as L2Ball
    from jgd.nonsmooth.simplex import Simplex as Simplex
    from jgd.nonsmooth.simplex import l1_ball as l1_ball
    from jgd.nonsmooth.simplex import l2_ball as l2_ball
    from jgd.nonsmooth.simplex import simplex as simplex
    from jgd.nonsmooth.total_variation import TotalVariation as TotalVariation
    from jgd.nonsmooth.total_variation import total_variation as total_variation

lazy(
    __name__,
    {
        "jgd.nonsmooth.bounds": ("Box", "NonNegative", "box", "non_negative"),
        "jgd.nonsmooth.by_path": ("PenaltyByPath", "by_path"),
        "jgd.nonsmooth.composed": ("Composed", "compose"),
        "jgd.nonsmooth.group_l2": ("GroupL2", "LabelledGroupL2", "group_l2"),
        "jgd.nonsmooth.nonsmooth": ("ConvexSet", "Nonsmooth"),
        "jgd.nonsmooth.nuclear": ("Nuclear", "nuclear"),
        "jgd.nonsmooth.separable": (
            "ElasticNet",
            "Huber",
            "L1Norm",
            "SquaredL2",
            "elastic_net",
            "huber",
            "l1",
            "squared_l2",
        ),
        "jgd.nonsmooth.simplex": ("L1Ball", "L2Ball", "Simplex", "l1_ball", "l2_ball", "simplex"),
        "jgd.nonsmooth.total_variation": ("TotalVariation", "total_variation"),
    },
)
