"""Optimizers, one file a family: rules (CapWords, called by their lower-case names) and recipes.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.optimizers.adagrad import ScaleByRss as ScaleByRss
    from jgd.optimizers.adagrad import adagrad as adagrad
    from jgd.optimizers.adagrad import root_above as root_above
    from jgd.optimizers.adagrad import scale_by_rss as scale_by_rss
    from jgd.optimizers.adam import ScaleByAdam as ScaleByAdam
    from jgd.optimizers.adam import ScaleByAmsgrad as ScaleByAmsgrad
    from jgd.optimizers.adam import adam as adam
    from jgd.optimizers.adam import adamw as adamw
    from jgd.optimizers.adam import amsgrad as amsgrad
    from jgd.optimizers.adam import nadam as nadam
    from jgd.optimizers.adam import nadamw as nadamw
    from jgd.optimizers.adam import scale_by_adam as scale_by_adam
    from jgd.optimizers.adam import scale_by_amsgrad as scale_by_amsgrad
    from jgd.optimizers.catalogue import Given as Given
    from jgd.optimizers.catalogue import Made as Made
    from jgd.optimizers.catalogue import OptimizerEntry as OptimizerEntry
    from jgd.optimizers.catalogue import catalogue as catalogue
    from jgd.optimizers.catalogue import descend as descend
    from jgd.optimizers.catalogue import optimizer as optimizer
    from jgd.optimizers.catalogue import variant as variant
    from jgd.optimizers.lion import ScaleByLion as ScaleByLion
    from jgd.optimizers.lion import lion as lion
    from jgd.optimizers.lion import scale_by_lion as scale_by_lion
    from jgd.optimizers.muon import CorrectedMuonState as CorrectedMuonState
    from jgd.optimizers.muon import MuonLabels as MuonLabels
    from jgd.optimizers.muon import ScaleByMuon as ScaleByMuon
    from jgd.optimizers.muon import ScaleByMuonState as ScaleByMuonState
    from jgd.optimizers.muon import matrices_and_labels as matrices_and_labels
    from jgd.optimizers.muon import muon as muon
    from jgd.optimizers.muon import muon_labels as muon_labels
    from jgd.optimizers.muon import scale_by_muon as scale_by_muon
    from jgd.optimizers.rmsprop import ScaleByRms as ScaleByRms
    from jgd.optimizers.rmsprop import ScaleByRmsWithCountState as ScaleByRmsWithCountState
    from jgd.optimizers.rmsprop import ScaleByStddev as ScaleByStddev
    from jgd.optimizers.rmsprop import ScaleByStddevWithCountState as ScaleByStddevWithCountState
    from jgd.optimizers.rmsprop import rmsprop as rmsprop
    from jgd.optimizers.rmsprop import scale_by_rms as scale_by_rms
    from jgd.optimizers.rmsprop import scale_by_stddev as scale_by_stddev
    from jgd.optimizers.sgd import gradient_descent as gradient_descent
    from jgd.optimizers.sgd import heavy_ball as heavy_ball
    from jgd.optimizers.sgd import nesterov as nesterov
    from jgd.optimizers.sgd import sgd as sgd

lazy(
    __name__,
    {
        "jgd.optimizers.adagrad": ("ScaleByRss", "adagrad", "root_above", "scale_by_rss"),
        "jgd.optimizers.adam": (
            "ScaleByAdam",
            "ScaleByAmsgrad",
            "adam",
            "adamw",
            "amsgrad",
            "nadam",
            "nadamw",
            "scale_by_adam",
            "scale_by_amsgrad",
        ),
        "jgd.optimizers.catalogue": ("Given", "Made", "OptimizerEntry", "catalogue", "descend", "optimizer", "variant"),
        "jgd.optimizers.lion": ("ScaleByLion", "lion", "scale_by_lion"),
        "jgd.optimizers.muon": (
            "CorrectedMuonState",
            "MuonLabels",
            "ScaleByMuon",
            "ScaleByMuonState",
            "matrices_and_labels",
            "muon",
            "muon_labels",
            "scale_by_muon",
        ),
        "jgd.optimizers.rmsprop": (
            "ScaleByRms",
            "ScaleByRmsWithCountState",
            "ScaleByStddev",
            "ScaleByStddevWithCountState",
            "rmsprop",
            "scale_by_rms",
            "scale_by_stddev",
        ),
        "jgd.optimizers.sgd": ("gradient_descent", "heavy_ball", "nesterov", "sgd"),
    },
)
