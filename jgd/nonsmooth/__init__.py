"""Penalties and sets with value, prox and, for sets, a linear minimisation oracle.

Written by `python -m tests.exports`; names are imported on first use.
"""

from jgd.core.lazy import lazy

lazy(
    __name__,
    {
        "jgd.nonsmooth.bounds": "Box NonNegative box non_negative",
        "jgd.nonsmooth.by_path": "PenaltyByPath by_path",
        "jgd.nonsmooth.composed": "Composed compose",
        "jgd.nonsmooth.group_l2": "GroupL2 LabelledGroupL2 group_l2",
        "jgd.nonsmooth.mirror": "MirrorMap",
        "jgd.nonsmooth.nonsmooth": "ConvexSet Nonsmooth",
        "jgd.nonsmooth.nuclear": "Nuclear nuclear",
        "jgd.nonsmooth.separable": "ElasticNet Huber L1Norm SquaredL2 elastic_net huber l1 squared_l2",
        "jgd.nonsmooth.simplex": "L1Ball L2Ball Simplex l1_ball l2_ball simplex",
        "jgd.nonsmooth.total_variation": "TotalVariation total_variation",
    },
)
