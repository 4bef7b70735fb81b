"""Optimizers, one file a family: rules (CapWords, called by their lower-case names) and recipes.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.optimizers.acprop import ScaleByAcprop as ScaleByAcprop
    from jgd.optimizers.acprop import acprop as acprop
    from jgd.optimizers.acprop import scale_by_acprop as scale_by_acprop
    from jgd.optimizers.adabelief import ScaleByBelief as ScaleByBelief
    from jgd.optimizers.adabelief import adabelief as adabelief
    from jgd.optimizers.adabelief import scale_by_belief as scale_by_belief
    from jgd.optimizers.adadelta import ScaleByAdadelta as ScaleByAdadelta
    from jgd.optimizers.adadelta import adadelta as adadelta
    from jgd.optimizers.adadelta import scale_by_adadelta as scale_by_adadelta
    from jgd.optimizers.adafactor import ScaleByFactoredRms as ScaleByFactoredRms
    from jgd.optimizers.adafactor import adafactor as adafactor
    from jgd.optimizers.adafactor import scale_by_factored_rms as scale_by_factored_rms
    from jgd.optimizers.adagrad import ScaleByRss as ScaleByRss
    from jgd.optimizers.adagrad import adagrad as adagrad
    from jgd.optimizers.adagrad import root_above as root_above
    from jgd.optimizers.adagrad import scale_by_rss as scale_by_rss
    from jgd.optimizers.adam import ScaleByAdam as ScaleByAdam
    from jgd.optimizers.adam import ScaleByAmsgrad as ScaleByAmsgrad
    from jgd.optimizers.adam import adam as adam
    from jgd.optimizers.adam import adamw as adamw
    from jgd.optimizers.adam import amsgrad as amsgrad
    from jgd.optimizers.adam import bias_corrections as bias_corrections
    from jgd.optimizers.adam import corrected_mean as corrected_mean
    from jgd.optimizers.adam import nadam as nadam
    from jgd.optimizers.adam import nadamw as nadamw
    from jgd.optimizers.adam import scale_by_adam as scale_by_adam
    from jgd.optimizers.adam import scale_by_amsgrad as scale_by_amsgrad
    from jgd.optimizers.adamax import ScaleByAdamax as ScaleByAdamax
    from jgd.optimizers.adamax import adamax as adamax
    from jgd.optimizers.adamax import adamaxw as adamaxw
    from jgd.optimizers.adamax import scale_by_adamax as scale_by_adamax
    from jgd.optimizers.adan import ScaleByAdan as ScaleByAdan
    from jgd.optimizers.adan import adan as adan
    from jgd.optimizers.adan import scale_by_adan as scale_by_adan
    from jgd.optimizers.ademamix import ScaleByAdemamix as ScaleByAdemamix
    from jgd.optimizers.ademamix import ScaleBySimplifiedAdemamix as ScaleBySimplifiedAdemamix
    from jgd.optimizers.ademamix import ademamix as ademamix
    from jgd.optimizers.ademamix import scale_by_ademamix as scale_by_ademamix
    from jgd.optimizers.ademamix import scale_by_simplified_ademamix as scale_by_simplified_ademamix
    from jgd.optimizers.ademamix import simplified_ademamix as simplified_ademamix
    from jgd.optimizers.adopt import ScaleByAdopt as ScaleByAdopt
    from jgd.optimizers.adopt import adopt as adopt
    from jgd.optimizers.adopt import quarter_root as quarter_root
    from jgd.optimizers.adopt import scale_by_adopt as scale_by_adopt
    from jgd.optimizers.catalogue import Given as Given
    from jgd.optimizers.catalogue import Made as Made
    from jgd.optimizers.catalogue import OptimizerEntry as OptimizerEntry
    from jgd.optimizers.catalogue import OptimizerTable as OptimizerTable
    from jgd.optimizers.catalogue import catalogue as catalogue
    from jgd.optimizers.catalogue import descend as descend
    from jgd.optimizers.catalogue import descend_then_decay as descend_then_decay
    from jgd.optimizers.catalogue import list as list
    from jgd.optimizers.catalogue import named_recipe as named_recipe
    from jgd.optimizers.catalogue import optimizer as optimizer
    from jgd.optimizers.catalogue import variant as variant
    from jgd.optimizers.cocob import ScaleByCocob as ScaleByCocob
    from jgd.optimizers.cocob import cocob as cocob
    from jgd.optimizers.cocob import scale_by_cocob as scale_by_cocob
    from jgd.optimizers.dog import ScaleByDistanceOverGradients as ScaleByDistanceOverGradients
    from jgd.optimizers.dog import ScaleByDog as ScaleByDog
    from jgd.optimizers.dog import ScaleByDowg as ScaleByDowg
    from jgd.optimizers.dog import dog as dog
    from jgd.optimizers.dog import dowg as dowg
    from jgd.optimizers.dog import scale_by_distance_over_gradients as scale_by_distance_over_gradients
    from jgd.optimizers.dog import scale_by_dog as scale_by_dog
    from jgd.optimizers.dog import scale_by_dowg as scale_by_dowg
    from jgd.optimizers.fromage import Fromage as Fromage
    from jgd.optimizers.fromage import fromage as fromage
    from jgd.optimizers.galore import ScaleByGalore as ScaleByGalore
    from jgd.optimizers.galore import galore as galore
    from jgd.optimizers.galore import scale_by_galore as scale_by_galore
    from jgd.optimizers.kl_shampoo import ScaleByKlShampoo as ScaleByKlShampoo
    from jgd.optimizers.kl_shampoo import ScaleByKlSoap as ScaleByKlSoap
    from jgd.optimizers.kl_shampoo import kl_shampoo as kl_shampoo
    from jgd.optimizers.kl_shampoo import kl_soap as kl_soap
    from jgd.optimizers.kl_shampoo import scale_by_kl_shampoo as scale_by_kl_shampoo
    from jgd.optimizers.kl_shampoo import scale_by_kl_soap as scale_by_kl_soap
    from jgd.optimizers.lamb import ScaleByTrustRatio as ScaleByTrustRatio
    from jgd.optimizers.lamb import lamb as lamb
    from jgd.optimizers.lamb import scale_by_trust_ratio as scale_by_trust_ratio
    from jgd.optimizers.lars import lars as lars
    from jgd.optimizers.lbfgs import ScaleByLBFGS as ScaleByLBFGS
    from jgd.optimizers.lbfgs import lbfgs as lbfgs
    from jgd.optimizers.lbfgs import scale_by_lbfgs as scale_by_lbfgs
    from jgd.optimizers.lion import ScaleByLion as ScaleByLion
    from jgd.optimizers.lion import lion as lion
    from jgd.optimizers.lion import scale_by_lion as scale_by_lion
    from jgd.optimizers.madgrad import ScaleByMadgrad as ScaleByMadgrad
    from jgd.optimizers.madgrad import madgrad as madgrad
    from jgd.optimizers.madgrad import scale_by_madgrad as scale_by_madgrad
    from jgd.optimizers.mechanize import Mechanize as Mechanize
    from jgd.optimizers.mechanize import mechanize as mechanize
    from jgd.optimizers.momo import Momo as Momo
    from jgd.optimizers.momo import MomoAdam as MomoAdam
    from jgd.optimizers.momo import MomoAdamState as MomoAdamState
    from jgd.optimizers.momo import momo as momo
    from jgd.optimizers.momo import momo_adam as momo_adam
    from jgd.optimizers.muon import CorrectedMuonState as CorrectedMuonState
    from jgd.optimizers.muon import MuonLabels as MuonLabels
    from jgd.optimizers.muon import ScaleByMuon as ScaleByMuon
    from jgd.optimizers.muon import ScaleByMuonState as ScaleByMuonState
    from jgd.optimizers.muon import matrices_and_labels as matrices_and_labels
    from jgd.optimizers.muon import muon as muon
    from jgd.optimizers.muon import muon_labels as muon_labels
    from jgd.optimizers.muon import scale_by_muon as scale_by_muon
    from jgd.optimizers.noisy_sgd import dpsgd as dpsgd
    from jgd.optimizers.noisy_sgd import noisy_sgd as noisy_sgd
    from jgd.optimizers.novograd import ScaleByNovograd as ScaleByNovograd
    from jgd.optimizers.novograd import novograd as novograd
    from jgd.optimizers.novograd import scale_by_novograd as scale_by_novograd
    from jgd.optimizers.optimistic import ScaleByOptimisticGradient as ScaleByOptimisticGradient
    from jgd.optimizers.optimistic import optimistic_adam as optimistic_adam
    from jgd.optimizers.optimistic import optimistic_adam_v2 as optimistic_adam_v2
    from jgd.optimizers.optimistic import optimistic_gradient_descent as optimistic_gradient_descent
    from jgd.optimizers.optimistic import scale_by_optimistic_gradient as scale_by_optimistic_gradient
    from jgd.optimizers.polyak import ScaleByPolyak as ScaleByPolyak
    from jgd.optimizers.polyak import polyak_sgd as polyak_sgd
    from jgd.optimizers.polyak import scale_by_polyak as scale_by_polyak
    from jgd.optimizers.prodigy import DAdaptAdamw as DAdaptAdamw
    from jgd.optimizers.prodigy import Prodigy as Prodigy
    from jgd.optimizers.prodigy import dadapt_adamw as dadapt_adamw
    from jgd.optimizers.prodigy import prodigy as prodigy
    from jgd.optimizers.psgd_kron import ScaleByKron as ScaleByKron
    from jgd.optimizers.psgd_kron import psgd_kron as psgd_kron
    from jgd.optimizers.psgd_kron import scale_by_kron as scale_by_kron
    from jgd.optimizers.radam import ScaleByRadam as ScaleByRadam
    from jgd.optimizers.radam import radam as radam
    from jgd.optimizers.radam import scale_by_radam as scale_by_radam
    from jgd.optimizers.rmsprop import ScaleByRms as ScaleByRms
    from jgd.optimizers.rmsprop import ScaleByRmsWithCountState as ScaleByRmsWithCountState
    from jgd.optimizers.rmsprop import ScaleByStddev as ScaleByStddev
    from jgd.optimizers.rmsprop import ScaleByStddevWithCountState as ScaleByStddevWithCountState
    from jgd.optimizers.rmsprop import rmsprop as rmsprop
    from jgd.optimizers.rmsprop import scale_by_rms as scale_by_rms
    from jgd.optimizers.rmsprop import scale_by_stddev as scale_by_stddev
    from jgd.optimizers.rprop import ScaleByRprop as ScaleByRprop
    from jgd.optimizers.rprop import rprop as rprop
    from jgd.optimizers.rprop import scale_by_rprop as scale_by_rprop
    from jgd.optimizers.sam import Normalize as Normalize
    from jgd.optimizers.sam import Sam as Sam
    from jgd.optimizers.sam import normalize as normalize
    from jgd.optimizers.sam import sam as sam
    from jgd.optimizers.schedule_free import ScheduleFree as ScheduleFree
    from jgd.optimizers.schedule_free import schedule_free as schedule_free
    from jgd.optimizers.schedule_free import schedule_free_adamw as schedule_free_adamw
    from jgd.optimizers.schedule_free import schedule_free_sgd as schedule_free_sgd
    from jgd.optimizers.sgd import gradient_descent as gradient_descent
    from jgd.optimizers.sgd import heavy_ball as heavy_ball
    from jgd.optimizers.sgd import nesterov as nesterov
    from jgd.optimizers.sgd import sgd as sgd
    from jgd.optimizers.shampoo import ScaleByShampoo as ScaleByShampoo
    from jgd.optimizers.shampoo import scale_by_shampoo as scale_by_shampoo
    from jgd.optimizers.shampoo import shampoo as shampoo
    from jgd.optimizers.sign_sgd import ScaleBySign as ScaleBySign
    from jgd.optimizers.sign_sgd import ScaleBySignum as ScaleBySignum
    from jgd.optimizers.sign_sgd import scale_by_sign as scale_by_sign
    from jgd.optimizers.sign_sgd import scale_by_signum as scale_by_signum
    from jgd.optimizers.sign_sgd import sign_sgd as sign_sgd
    from jgd.optimizers.sign_sgd import signum as signum
    from jgd.optimizers.sm3 import ScaleBySm3 as ScaleBySm3
    from jgd.optimizers.sm3 import scale_by_sm3 as scale_by_sm3
    from jgd.optimizers.sm3 import sm3 as sm3
    from jgd.optimizers.soap import ScaleBySoap as ScaleBySoap
    from jgd.optimizers.soap import scale_by_soap as scale_by_soap
    from jgd.optimizers.soap import soap as soap
    from jgd.optimizers.sophia import HutchinsonEstimatorDiagHessian as HutchinsonEstimatorDiagHessian
    from jgd.optimizers.sophia import ScaleBySophia as ScaleBySophia
    from jgd.optimizers.sophia import hutchinson_estimator_diag_hessian as hutchinson_estimator_diag_hessian
    from jgd.optimizers.sophia import scale_by_sophia as scale_by_sophia
    from jgd.optimizers.sophia import sophia as sophia
    from jgd.optimizers.splus import DescendBySplus as DescendBySplus
    from jgd.optimizers.splus import ScaleBySplus as ScaleBySplus
    from jgd.optimizers.splus import descend_by_splus as descend_by_splus
    from jgd.optimizers.splus import scale_by_splus as scale_by_splus
    from jgd.optimizers.splus import splus as splus
    from jgd.optimizers.yogi import ScaleByYogi as ScaleByYogi
    from jgd.optimizers.yogi import scale_by_yogi as scale_by_yogi
    from jgd.optimizers.yogi import yogi as yogi

lazy(
    __name__,
    {
        "jgd.optimizers.acprop": ("ScaleByAcprop", "acprop", "scale_by_acprop"),
        "jgd.optimizers.adabelief": ("ScaleByBelief", "adabelief", "scale_by_belief"),
        "jgd.optimizers.adadelta": ("ScaleByAdadelta", "adadelta", "scale_by_adadelta"),
        "jgd.optimizers.adafactor": ("ScaleByFactoredRms", "adafactor", "scale_by_factored_rms"),
        "jgd.optimizers.adagrad": ("ScaleByRss", "adagrad", "root_above", "scale_by_rss"),
        "jgd.optimizers.adam": (
            "ScaleByAdam",
            "ScaleByAmsgrad",
            "adam",
            "adamw",
            "amsgrad",
            "bias_corrections",
            "corrected_mean",
            "nadam",
            "nadamw",
            "scale_by_adam",
            "scale_by_amsgrad",
        ),
        "jgd.optimizers.adamax": ("ScaleByAdamax", "adamax", "adamaxw", "scale_by_adamax"),
        "jgd.optimizers.adan": ("ScaleByAdan", "adan", "scale_by_adan"),
        "jgd.optimizers.ademamix": (
            "ScaleByAdemamix",
            "ScaleBySimplifiedAdemamix",
            "ademamix",
            "scale_by_ademamix",
            "scale_by_simplified_ademamix",
            "simplified_ademamix",
        ),
        "jgd.optimizers.adopt": ("ScaleByAdopt", "adopt", "quarter_root", "scale_by_adopt"),
        "jgd.optimizers.catalogue": (
            "Given",
            "Made",
            "OptimizerEntry",
            "OptimizerTable",
            "catalogue",
            "descend",
            "descend_then_decay",
            "list",
            "named_recipe",
            "optimizer",
            "variant",
        ),
        "jgd.optimizers.cocob": ("ScaleByCocob", "cocob", "scale_by_cocob"),
        "jgd.optimizers.dog": (
            "ScaleByDistanceOverGradients",
            "ScaleByDog",
            "ScaleByDowg",
            "dog",
            "dowg",
            "scale_by_distance_over_gradients",
            "scale_by_dog",
            "scale_by_dowg",
        ),
        "jgd.optimizers.fromage": ("Fromage", "fromage"),
        "jgd.optimizers.galore": ("ScaleByGalore", "galore", "scale_by_galore"),
        "jgd.optimizers.kl_shampoo": (
            "ScaleByKlShampoo",
            "ScaleByKlSoap",
            "kl_shampoo",
            "kl_soap",
            "scale_by_kl_shampoo",
            "scale_by_kl_soap",
        ),
        "jgd.optimizers.lamb": ("ScaleByTrustRatio", "lamb", "scale_by_trust_ratio"),
        "jgd.optimizers.lars": ("lars",),
        "jgd.optimizers.lbfgs": ("ScaleByLBFGS", "lbfgs", "scale_by_lbfgs"),
        "jgd.optimizers.lion": ("ScaleByLion", "lion", "scale_by_lion"),
        "jgd.optimizers.madgrad": ("ScaleByMadgrad", "madgrad", "scale_by_madgrad"),
        "jgd.optimizers.mechanize": ("Mechanize", "mechanize"),
        "jgd.optimizers.momo": ("Momo", "MomoAdam", "MomoAdamState", "momo", "momo_adam"),
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
        "jgd.optimizers.noisy_sgd": ("dpsgd", "noisy_sgd"),
        "jgd.optimizers.novograd": ("ScaleByNovograd", "novograd", "scale_by_novograd"),
        "jgd.optimizers.optimistic": (
            "ScaleByOptimisticGradient",
            "optimistic_adam",
            "optimistic_adam_v2",
            "optimistic_gradient_descent",
            "scale_by_optimistic_gradient",
        ),
        "jgd.optimizers.polyak": ("ScaleByPolyak", "polyak_sgd", "scale_by_polyak"),
        "jgd.optimizers.prodigy": ("DAdaptAdamw", "Prodigy", "dadapt_adamw", "prodigy"),
        "jgd.optimizers.psgd_kron": ("ScaleByKron", "psgd_kron", "scale_by_kron"),
        "jgd.optimizers.radam": ("ScaleByRadam", "radam", "scale_by_radam"),
        "jgd.optimizers.rmsprop": (
            "ScaleByRms",
            "ScaleByRmsWithCountState",
            "ScaleByStddev",
            "ScaleByStddevWithCountState",
            "rmsprop",
            "scale_by_rms",
            "scale_by_stddev",
        ),
        "jgd.optimizers.rprop": ("ScaleByRprop", "rprop", "scale_by_rprop"),
        "jgd.optimizers.sam": ("Normalize", "Sam", "normalize", "sam"),
        "jgd.optimizers.schedule_free": ("ScheduleFree", "schedule_free", "schedule_free_adamw", "schedule_free_sgd"),
        "jgd.optimizers.sgd": ("gradient_descent", "heavy_ball", "nesterov", "sgd"),
        "jgd.optimizers.shampoo": ("ScaleByShampoo", "scale_by_shampoo", "shampoo"),
        "jgd.optimizers.sign_sgd": (
            "ScaleBySign",
            "ScaleBySignum",
            "scale_by_sign",
            "scale_by_signum",
            "sign_sgd",
            "signum",
        ),
        "jgd.optimizers.sm3": ("ScaleBySm3", "scale_by_sm3", "sm3"),
        "jgd.optimizers.soap": ("ScaleBySoap", "scale_by_soap", "soap"),
        "jgd.optimizers.sophia": (
            "HutchinsonEstimatorDiagHessian",
            "ScaleBySophia",
            "hutchinson_estimator_diag_hessian",
            "scale_by_sophia",
            "sophia",
        ),
        "jgd.optimizers.splus": ("DescendBySplus", "ScaleBySplus", "descend_by_splus", "scale_by_splus", "splus"),
        "jgd.optimizers.yogi": ("ScaleByYogi", "scale_by_yogi", "yogi"),
    },
)
