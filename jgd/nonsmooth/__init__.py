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
    from jgd.nonsmooth.group_l2 import GroupL2 as GroupL2
    from jgd.nonsmooth.group_l2 import LabelledGroupL2 as LabelledGroupL2
    from jgd.nonsmooth.group_l2 import Labels as Labels
    from jgd.nonsmooth.group_l2 import group_l2 as group_l2
    from jgd.nonsmooth.group_l2 import remaining as remaining
    from jgd.nonsmooth.nonsmooth import ConvexSet as ConvexSet
    from jgd.nonsmooth.nonsmooth import Nonsmooth as Nonsmooth
    from jgd.nonsmooth.nonsmooth import Shape as Shape
    from jgd.nonsmooth.nonsmooth import along as along
    from jgd.nonsmooth.nonsmooth import broadcasts as broadcasts
    from jgd.nonsmooth.nonsmooth import fitted as fitted
    from jgd.nonsmooth.nonsmooth import lacking as lacking
    from jgd.nonsmooth.nonsmooth import nth_name as nth_name
    from jgd.nonsmooth.nonsmooth import number as number
    from jgd.nonsmooth.nonsmooth import spread as spread
    from jgd.nonsmooth.nonsmooth import vectors as vectors
    from jgd.nonsmooth.nuclear import Nuclear as Nuclear
    from jgd.nonsmooth.nuclear import nuclear as nuclear
    from jgd.nonsmooth.nuclear import singular_values_shrunk as singular_values_shrunk
    from jgd.nonsmooth.separable import ElasticNet as ElasticNet
    from jgd.nonsmooth.separable import Huber as Huber
    from jgd.nonsmooth.separable import SquaredL2 as SquaredL2
    from jgd.nonsmooth.separable import elastic_net as elastic_net
    from jgd.nonsmooth.separable import huber as huber
    from jgd.nonsmooth.separable import l1 as l1
    from jgd.nonsmooth.separable import shrunk as shrunk
    from jgd.nonsmooth.separable import squared_l2 as squared_l2
    from jgd.nonsmooth.simplex import L1Ball as L1Ball
    from jgd.nonsmooth.simplex import L2Ball as L2Ball
    from jgd.nonsmooth.simplex import Simplex as Simplex
    from jgd.nonsmooth.simplex import Vectors as Vectors
    from jgd.nonsmooth.simplex import l1_ball as l1_ball
    from jgd.nonsmooth.simplex import l2_ball as l2_ball
    from jgd.nonsmooth.simplex import norm as norm
    from jgd.nonsmooth.simplex import on_simplex as on_simplex
    from jgd.nonsmooth.simplex import simplex as simplex
    from jgd.nonsmooth.total_variation import Message as Message
    from jgd.nonsmooth.total_variation import TotalVariation as TotalVariation
    from jgd.nonsmooth.total_variation import denoised as denoised
    from jgd.nonsmooth.total_variation import total_variation as total_variation

lazy(
    __name__,
    {
        "jgd.nonsmooth.bounds": ("Box", "NonNegative", "box", "non_negative"),
        "jgd.nonsmooth.by_path": ("PenaltyByPath", "by_path"),
        "jgd.nonsmooth.group_l2": ("GroupL2", "LabelledGroupL2", "Labels", "group_l2", "remaining"),
        "jgd.nonsmooth.nonsmooth": (
            "ConvexSet",
            "Nonsmooth",
            "Shape",
            "along",
            "broadcasts",
            "fitted",
            "lacking",
            "nth_name",
            "number",
            "spread",
            "vectors",
        ),
        "jgd.nonsmooth.nuclear": ("Nuclear", "nuclear", "singular_values_shrunk"),
        "jgd.nonsmooth.separable": (
            "ElasticNet",
            "Huber",
            "SquaredL2",
            "elastic_net",
            "huber",
            "l1",
            "shrunk",
            "squared_l2",
        ),
        "jgd.nonsmooth.simplex": (
            "L1Ball",
            "L2Ball",
            "Simplex",
            "Vectors",
            "l1_ball",
            "l2_ball",
            "norm",
            "on_simplex",
            "simplex",
        ),
        "jgd.nonsmooth.total_variation": ("Message", "TotalVariation", "denoised", "total_variation"),
    },
)
