"""Optimizers, one file a family: rules (CapWords, called by their lower-case names) and recipes.

Written by `python -m tests.exports`; names are imported on first use.
"""

from typing import TYPE_CHECKING

from jgd.core.lazy import lazy

if TYPE_CHECKING:
    from jgd.optimizers.accsgd import A2grad as A2grad
    from jgd.optimizers.accsgd import Accsgd as Accsgd
    from jgd.optimizers.accsgd import a2grad as a2grad
    from jgd.optimizers.accsgd import accsgd as accsgd
    from jgd.optimizers.acprop import ScaleByAcprop as ScaleByAcprop
    from jgd.optimizers.acprop import acprop as acprop
    from jgd.optimizers.acprop import scale_by_acprop as scale_by_acprop
    from jgd.optimizers.adabelief import ScaleByBelief as ScaleByBelief
    from jgd.optimizers.adabelief import adabelief as adabelief
    from jgd.optimizers.adabelief import scale_by_belief as scale_by_belief
    from jgd.optimizers.adabound import ScaleByAdabound as ScaleByAdabound
    from jgd.optimizers.adabound import adabound as adabound
    from jgd.optimizers.adabound import scale_by_adabound as scale_by_adabound
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
    from jgd.optimizers.adahessian import ScaleByAdahessian as ScaleByAdahessian
    from jgd.optimizers.adahessian import ScaleByAdahessianState as ScaleByAdahessianState
    from jgd.optimizers.adahessian import adahessian as adahessian
    from jgd.optimizers.adahessian import scale_by_adahessian as scale_by_adahessian
    from jgd.optimizers.adai import AdaiState as AdaiState
    from jgd.optimizers.adai import ScaleByAdai as ScaleByAdai
    from jgd.optimizers.adai import adai as adai
    from jgd.optimizers.adai import scale_by_adai as scale_by_adai
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
    from jgd.optimizers.adam_atan2 import ScaleByAdamAtan2 as ScaleByAdamAtan2
    from jgd.optimizers.adam_atan2 import adam_atan2 as adam_atan2
    from jgd.optimizers.adam_atan2 import scale_by_adam_atan2 as scale_by_adam_atan2
    from jgd.optimizers.adam_mini import DeclaredBlocks as DeclaredBlocks
    from jgd.optimizers.adam_mini import MiniBlocks as MiniBlocks
    from jgd.optimizers.adam_mini import MiniBlocksByPath as MiniBlocksByPath
    from jgd.optimizers.adam_mini import ScaleByAdamMini as ScaleByAdamMini
    from jgd.optimizers.adam_mini import adam_mini as adam_mini
    from jgd.optimizers.adam_mini import guess_mini_blocks as guess_mini_blocks
    from jgd.optimizers.adam_mini import mini_blocks as mini_blocks
    from jgd.optimizers.adam_mini import mini_blocks_by_path as mini_blocks_by_path
    from jgd.optimizers.adam_mini import scale_by_adam_mini as scale_by_adam_mini
    from jgd.optimizers.adamax import ScaleByAdamax as ScaleByAdamax
    from jgd.optimizers.adamax import adamax as adamax
    from jgd.optimizers.adamax import adamaxw as adamaxw
    from jgd.optimizers.adamax import scale_by_adamax as scale_by_adamax
    from jgd.optimizers.adamod import ScaleByAdamod as ScaleByAdamod
    from jgd.optimizers.adamod import adamod as adamod
    from jgd.optimizers.adamod import scale_by_adamod as scale_by_adamod
    from jgd.optimizers.adamp import ScaleByAdamp as ScaleByAdamp
    from jgd.optimizers.adamp import ScaleBySgdp as ScaleBySgdp
    from jgd.optimizers.adamp import adamp as adamp
    from jgd.optimizers.adamp import scale_by_adamp as scale_by_adamp
    from jgd.optimizers.adamp import scale_by_sgdp as scale_by_sgdp
    from jgd.optimizers.adamp import sgdp as sgdp
    from jgd.optimizers.adan import ScaleByAdan as ScaleByAdan
    from jgd.optimizers.adan import adan as adan
    from jgd.optimizers.adan import scale_by_adan as scale_by_adan
    from jgd.optimizers.adaptive_muon import AdaptiveMuonState as AdaptiveMuonState
    from jgd.optimizers.adaptive_muon import ScaleByAdamuon as ScaleByAdamuon
    from jgd.optimizers.adaptive_muon import ScaleByNormuon as ScaleByNormuon
    from jgd.optimizers.adaptive_muon import adamuon as adamuon
    from jgd.optimizers.adaptive_muon import normuon as normuon
    from jgd.optimizers.adaptive_muon import scale_by_adamuon as scale_by_adamuon
    from jgd.optimizers.adaptive_muon import scale_by_normuon as scale_by_normuon
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
    from jgd.optimizers.aggmo import ScaleByAggmo as ScaleByAggmo
    from jgd.optimizers.aggmo import aggmo as aggmo
    from jgd.optimizers.aggmo import scale_by_aggmo as scale_by_aggmo
    from jgd.optimizers.amos import ScaleByAmos as ScaleByAmos
    from jgd.optimizers.amos import amos as amos
    from jgd.optimizers.amos import scale_by_amos as scale_by_amos
    from jgd.optimizers.ano import ScaleByAno as ScaleByAno
    from jgd.optimizers.ano import ano as ano
    from jgd.optimizers.ano import scale_by_ano as scale_by_ano
    from jgd.optimizers.apollo import ScaleByApollo as ScaleByApollo
    from jgd.optimizers.apollo import apollo as apollo
    from jgd.optimizers.apollo import scale_by_apollo as scale_by_apollo
    from jgd.optimizers.came import ScaleByCame as ScaleByCame
    from jgd.optimizers.came import came as came
    from jgd.optimizers.came import scale_by_came as scale_by_came
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
    from jgd.optimizers.curvature import Family as Family
    from jgd.optimizers.curvature import GaussNewtonBartlettEstimator as GaussNewtonBartlettEstimator
    from jgd.optimizers.curvature import HutchinsonEstimatorDiagHessian as HutchinsonEstimatorDiagHessian
    from jgd.optimizers.curvature import ModelAt as ModelAt
    from jgd.optimizers.curvature import Outputs as Outputs
    from jgd.optimizers.curvature import Product as Product
    from jgd.optimizers.curvature import empirical_metric as empirical_metric
    from jgd.optimizers.curvature import family_metric as family_metric
    from jgd.optimizers.curvature import gauss_newton_bartlett_estimator as gauss_newton_bartlett_estimator
    from jgd.optimizers.curvature import hutchinson_estimator_diag_hessian as hutchinson_estimator_diag_hessian
    from jgd.optimizers.curvature import loss_metric as loss_metric
    from jgd.optimizers.curvature import model_at as model_at
    from jgd.optimizers.curvature import squared_gradients as squared_gradients
    from jgd.optimizers.curvature import targets as targets
    from jgd.optimizers.dadapt import DAdaptAdagrad as DAdaptAdagrad
    from jgd.optimizers.dadapt import DAdaptAdamw as DAdaptAdamw
    from jgd.optimizers.dadapt import DAdaptLion as DAdaptLion
    from jgd.optimizers.dadapt import DAdaptSgd as DAdaptSgd
    from jgd.optimizers.dadapt import DAdaptState as DAdaptState
    from jgd.optimizers.dadapt import adam_rate as adam_rate
    from jgd.optimizers.dadapt import dadapt_adagrad as dadapt_adagrad
    from jgd.optimizers.dadapt import dadapt_adamw as dadapt_adamw
    from jgd.optimizers.dadapt import dadapt_lion as dadapt_lion
    from jgd.optimizers.dadapt import dadapt_sgd as dadapt_sgd
    from jgd.optimizers.dadapt import quotient as quotient
    from jgd.optimizers.dadapt import sum_of_moduli as sum_of_moduli
    from jgd.optimizers.damped_cg import Progress as Progress
    from jgd.optimizers.damped_cg import damped_cg as damped_cg
    from jgd.optimizers.diffgrad import ScaleByDiffgrad as ScaleByDiffgrad
    from jgd.optimizers.diffgrad import diffgrad as diffgrad
    from jgd.optimizers.diffgrad import scale_by_diffgrad as scale_by_diffgrad
    from jgd.optimizers.dion import DionState as DionState
    from jgd.optimizers.dion import ScaleByDion as ScaleByDion
    from jgd.optimizers.dion import dion as dion
    from jgd.optimizers.dion import scale_by_dion as scale_by_dion
    from jgd.optimizers.dog import ScaleByDistanceOverGradients as ScaleByDistanceOverGradients
    from jgd.optimizers.dog import ScaleByDog as ScaleByDog
    from jgd.optimizers.dog import ScaleByDowg as ScaleByDowg
    from jgd.optimizers.dog import dog as dog
    from jgd.optimizers.dog import dowg as dowg
    from jgd.optimizers.dog import ldog as ldog
    from jgd.optimizers.dog import scale_by_distance_over_gradients as scale_by_distance_over_gradients
    from jgd.optimizers.dog import scale_by_dog as scale_by_dog
    from jgd.optimizers.dog import scale_by_dowg as scale_by_dowg
    from jgd.optimizers.exadam import ScaleByExadam as ScaleByExadam
    from jgd.optimizers.exadam import exadam as exadam
    from jgd.optimizers.exadam import scale_by_exadam as scale_by_exadam
    from jgd.optimizers.fira import ScaleByFira as ScaleByFira
    from jgd.optimizers.fira import fira as fira
    from jgd.optimizers.fira import limited_growth as limited_growth
    from jgd.optimizers.fira import scale_by_fira as scale_by_fira
    from jgd.optimizers.fira import scaling as scaling
    from jgd.optimizers.fromage import Fromage as Fromage
    from jgd.optimizers.fromage import fromage as fromage
    from jgd.optimizers.ftrl import Ftrl as Ftrl
    from jgd.optimizers.ftrl import ftrl as ftrl
    from jgd.optimizers.galore import ScaleByGalore as ScaleByGalore
    from jgd.optimizers.galore import galore as galore
    from jgd.optimizers.galore import galore_adamw as galore_adamw
    from jgd.optimizers.galore import scale_by_galore as scale_by_galore
    from jgd.optimizers.grams import ScaleByGrams as ScaleByGrams
    from jgd.optimizers.grams import grams as grams
    from jgd.optimizers.grams import scale_by_grams as scale_by_grams
    from jgd.optimizers.gravity import Gravity as Gravity
    from jgd.optimizers.gravity import gravity as gravity
    from jgd.optimizers.hessian_free import HessianFree as HessianFree
    from jgd.optimizers.hessian_free import HessianFreeState as HessianFreeState
    from jgd.optimizers.hessian_free import hessian_free as hessian_free
    from jgd.optimizers.hypergradient import HypergradientDescent as HypergradientDescent
    from jgd.optimizers.hypergradient import HypergradientDescentState as HypergradientDescentState
    from jgd.optimizers.hypergradient import Osgm as Osgm
    from jgd.optimizers.hypergradient import OsgmState as OsgmState
    from jgd.optimizers.hypergradient import hypergradient_descent as hypergradient_descent
    from jgd.optimizers.hypergradient import osgm as osgm
    from jgd.optimizers.kate import ScaleByKate as ScaleByKate
    from jgd.optimizers.kate import kate as kate
    from jgd.optimizers.kate import scale_by_kate as scale_by_kate
    from jgd.optimizers.kl_shampoo import ScaleByKlShampoo as ScaleByKlShampoo
    from jgd.optimizers.kl_shampoo import ScaleByKlSoap as ScaleByKlSoap
    from jgd.optimizers.kl_shampoo import kl_shampoo as kl_shampoo
    from jgd.optimizers.kl_shampoo import kl_soap as kl_soap
    from jgd.optimizers.kl_shampoo import scale_by_kl_shampoo as scale_by_kl_shampoo
    from jgd.optimizers.kl_shampoo import scale_by_kl_soap as scale_by_kl_soap
    from jgd.optimizers.lamb import ScaleByTrustRatio as ScaleByTrustRatio
    from jgd.optimizers.lamb import lamb as lamb
    from jgd.optimizers.lamb import scale_by_trust_ratio as scale_by_trust_ratio
    from jgd.optimizers.laprop import ScaleByLaprop as ScaleByLaprop
    from jgd.optimizers.laprop import laprop as laprop
    from jgd.optimizers.laprop import scale_by_laprop as scale_by_laprop
    from jgd.optimizers.lars import lars as lars
    from jgd.optimizers.lbfgs import ScaleByLBFGS as ScaleByLBFGS
    from jgd.optimizers.lbfgs import lbfgs as lbfgs
    from jgd.optimizers.lbfgs import scale_by_lbfgs as scale_by_lbfgs
    from jgd.optimizers.lion import ScaleByLion as ScaleByLion
    from jgd.optimizers.lion import lion as lion
    from jgd.optimizers.lion import scale_by_lion as scale_by_lion
    from jgd.optimizers.low_rank import Projection as Projection
    from jgd.optimizers.low_rank import ScaleByLowRankAdam as ScaleByLowRankAdam
    from jgd.optimizers.low_rank import projection_of as projection_of
    from jgd.optimizers.low_rank import scale_by_low_rank_adam as scale_by_low_rank_adam
    from jgd.optimizers.madgrad import ScaleByMadgrad as ScaleByMadgrad
    from jgd.optimizers.madgrad import madgrad as madgrad
    from jgd.optimizers.madgrad import scale_by_madgrad as scale_by_madgrad
    from jgd.optimizers.mars import ScaleByMars as ScaleByMars
    from jgd.optimizers.mars import mars as mars
    from jgd.optimizers.mars import scale_by_mars as scale_by_mars
    from jgd.optimizers.mechanize import Mechanize as Mechanize
    from jgd.optimizers.mechanize import mechanize as mechanize
    from jgd.optimizers.momo import Momo as Momo
    from jgd.optimizers.momo import MomoAdam as MomoAdam
    from jgd.optimizers.momo import MomoAdamState as MomoAdamState
    from jgd.optimizers.momo import momo as momo
    from jgd.optimizers.momo import momo_adam as momo_adam
    from jgd.optimizers.msvag import ScaleByMsvag as ScaleByMsvag
    from jgd.optimizers.msvag import msvag as msvag
    from jgd.optimizers.msvag import scale_by_msvag as scale_by_msvag
    from jgd.optimizers.muon import CorrectedMuonState as CorrectedMuonState
    from jgd.optimizers.muon import MuonLabels as MuonLabels
    from jgd.optimizers.muon import OrthogonalMomentum as OrthogonalMomentum
    from jgd.optimizers.muon import ScaleByMuon as ScaleByMuon
    from jgd.optimizers.muon import ScaleByMuonState as ScaleByMuonState
    from jgd.optimizers.muon import beside_adamw as beside_adamw
    from jgd.optimizers.muon import matrices_and_labels as matrices_and_labels
    from jgd.optimizers.muon import muon as muon
    from jgd.optimizers.muon import muon_labels as muon_labels
    from jgd.optimizers.muon import scale_by_muon as scale_by_muon
    from jgd.optimizers.muon import shape_factor as shape_factor
    from jgd.optimizers.natural_gradient import NaturalGradient as NaturalGradient
    from jgd.optimizers.natural_gradient import NaturalGradientState as NaturalGradientState
    from jgd.optimizers.natural_gradient import natural_gradient as natural_gradient
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
    from jgd.optimizers.padam import ScaleByPadam as ScaleByPadam
    from jgd.optimizers.padam import padam as padam
    from jgd.optimizers.padam import scale_by_padam as scale_by_padam
    from jgd.optimizers.pid import ScaleByPid as ScaleByPid
    from jgd.optimizers.pid import pid as pid
    from jgd.optimizers.pid import scale_by_pid as scale_by_pid
    from jgd.optimizers.pnm import ScaleByPnm as ScaleByPnm
    from jgd.optimizers.pnm import pnm as pnm
    from jgd.optimizers.pnm import scale_by_pnm as scale_by_pnm
    from jgd.optimizers.polyak import ScaleByPolyak as ScaleByPolyak
    from jgd.optimizers.polyak import polyak_sgd as polyak_sgd
    from jgd.optimizers.polyak import scale_by_polyak as scale_by_polyak
    from jgd.optimizers.prodigy import Prodigy as Prodigy
    from jgd.optimizers.prodigy import prodigy as prodigy
    from jgd.optimizers.proximal import ProxAdam as ProxAdam
    from jgd.optimizers.proximal import Proximal as Proximal
    from jgd.optimizers.proximal import ProximalState as ProximalState
    from jgd.optimizers.proximal import prox_adam as prox_adam
    from jgd.optimizers.proximal import proximal as proximal
    from jgd.optimizers.psgd_kron import ScaleByKron as ScaleByKron
    from jgd.optimizers.psgd_kron import psgd_kron as psgd_kron
    from jgd.optimizers.psgd_kron import scale_by_kron as scale_by_kron
    from jgd.optimizers.quasi_hyperbolic import ScaleByQhadam as ScaleByQhadam
    from jgd.optimizers.quasi_hyperbolic import ScaleByQhm as ScaleByQhm
    from jgd.optimizers.quasi_hyperbolic import qhadam as qhadam
    from jgd.optimizers.quasi_hyperbolic import qhm as qhm
    from jgd.optimizers.quasi_hyperbolic import scale_by_qhadam as scale_by_qhadam
    from jgd.optimizers.quasi_hyperbolic import scale_by_qhm as scale_by_qhm
    from jgd.optimizers.racs import ScaleByRacs as ScaleByRacs
    from jgd.optimizers.racs import racs as racs
    from jgd.optimizers.racs import scale_by_racs as scale_by_racs
    from jgd.optimizers.radam import ScaleByRadam as ScaleByRadam
    from jgd.optimizers.radam import radam as radam
    from jgd.optimizers.radam import rectification as rectification
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
    from jgd.optimizers.sam import Asam as Asam
    from jgd.optimizers.sam import Extragradient as Extragradient
    from jgd.optimizers.sam import GradientThereState as GradientThereState
    from jgd.optimizers.sam import Normalize as Normalize
    from jgd.optimizers.sam import Sam as Sam
    from jgd.optimizers.sam import asam as asam
    from jgd.optimizers.sam import extragradient as extragradient
    from jgd.optimizers.sam import normalize as normalize
    from jgd.optimizers.sam import sam as sam
    from jgd.optimizers.schedule_free import RectifiedRate as RectifiedRate
    from jgd.optimizers.schedule_free import ScaleByRectifiedRms as ScaleByRectifiedRms
    from jgd.optimizers.schedule_free import ScheduleFree as ScheduleFree
    from jgd.optimizers.schedule_free import rectified_rate as rectified_rate
    from jgd.optimizers.schedule_free import scale_by_rectified_rms as scale_by_rectified_rms
    from jgd.optimizers.schedule_free import schedule_free as schedule_free
    from jgd.optimizers.schedule_free import schedule_free_adamw as schedule_free_adamw
    from jgd.optimizers.schedule_free import schedule_free_radam as schedule_free_radam
    from jgd.optimizers.schedule_free import schedule_free_sgd as schedule_free_sgd
    from jgd.optimizers.scion import ScaleByScion as ScaleByScion
    from jgd.optimizers.scion import ScaleByScionBias as ScaleByScionBias
    from jgd.optimizers.scion import ScionBiasState as ScionBiasState
    from jgd.optimizers.scion import ScionLabels as ScionLabels
    from jgd.optimizers.scion import scale_by_scion as scale_by_scion
    from jgd.optimizers.scion import scale_by_scion_bias as scale_by_scion_bias
    from jgd.optimizers.scion import scion as scion
    from jgd.optimizers.scion import scion_labels as scion_labels
    from jgd.optimizers.sgd import gradient_descent as gradient_descent
    from jgd.optimizers.sgd import heavy_ball as heavy_ball
    from jgd.optimizers.sgd import nesterov as nesterov
    from jgd.optimizers.sgd import sgd as sgd
    from jgd.optimizers.sgd_sai import ScaleBySgdSai as ScaleBySgdSai
    from jgd.optimizers.sgd_sai import scale_by_sgd_sai as scale_by_sgd_sai
    from jgd.optimizers.sgd_sai import sgd_sai as sgd_sai
    from jgd.optimizers.shampoo import ScaleByShampoo as ScaleByShampoo
    from jgd.optimizers.shampoo import scale_by_shampoo as scale_by_shampoo
    from jgd.optimizers.shampoo import shampoo as shampoo
    from jgd.optimizers.sign_sgd import ScaleBySign as ScaleBySign
    from jgd.optimizers.sign_sgd import ScaleBySignum as ScaleBySignum
    from jgd.optimizers.sign_sgd import scale_by_sign as scale_by_sign
    from jgd.optimizers.sign_sgd import scale_by_signum as scale_by_signum
    from jgd.optimizers.sign_sgd import sign_sgd as sign_sgd
    from jgd.optimizers.sign_sgd import signum as signum
    from jgd.optimizers.sign_sgd import tiger as tiger
    from jgd.optimizers.sm3 import ScaleBySm3 as ScaleBySm3
    from jgd.optimizers.sm3 import scale_by_sm3 as scale_by_sm3
    from jgd.optimizers.sm3 import sm3 as sm3
    from jgd.optimizers.soap import ScaleBySoap as ScaleBySoap
    from jgd.optimizers.soap import scale_by_soap as scale_by_soap
    from jgd.optimizers.soap import soap as soap
    from jgd.optimizers.sophia import ScaleBySophia as ScaleBySophia
    from jgd.optimizers.sophia import scale_by_sophia as scale_by_sophia
    from jgd.optimizers.sophia import sophia as sophia
    from jgd.optimizers.splus import DescendBySplus as DescendBySplus
    from jgd.optimizers.splus import ScaleBySplus as ScaleBySplus
    from jgd.optimizers.splus import descend_by_splus as descend_by_splus
    from jgd.optimizers.splus import scale_by_splus as scale_by_splus
    from jgd.optimizers.splus import splus as splus
    from jgd.optimizers.stable_adamw import ScaleByStableAdamw as ScaleByStableAdamw
    from jgd.optimizers.stable_adamw import scale_by_stable_adamw as scale_by_stable_adamw
    from jgd.optimizers.stable_adamw import stable_adamw as stable_adamw
    from jgd.optimizers.tam import ScaleByTam as ScaleByTam
    from jgd.optimizers.tam import scale_by_tam as scale_by_tam
    from jgd.optimizers.tam import tam as tam
    from jgd.optimizers.yogi import ScaleByYogi as ScaleByYogi
    from jgd.optimizers.yogi import scale_by_yogi as scale_by_yogi
    from jgd.optimizers.yogi import yogi as yogi

lazy(
    __name__,
    {
        "jgd.optimizers.accsgd": ("A2grad", "Accsgd", "a2grad", "accsgd"),
        "jgd.optimizers.acprop": ("ScaleByAcprop", "acprop", "scale_by_acprop"),
        "jgd.optimizers.adabelief": ("ScaleByBelief", "adabelief", "scale_by_belief"),
        "jgd.optimizers.adabound": ("ScaleByAdabound", "adabound", "scale_by_adabound"),
        "jgd.optimizers.adadelta": ("ScaleByAdadelta", "adadelta", "scale_by_adadelta"),
        "jgd.optimizers.adafactor": ("ScaleByFactoredRms", "adafactor", "scale_by_factored_rms"),
        "jgd.optimizers.adagrad": ("ScaleByRss", "adagrad", "root_above", "scale_by_rss"),
        "jgd.optimizers.adahessian": (
            "ScaleByAdahessian",
            "ScaleByAdahessianState",
            "adahessian",
            "scale_by_adahessian",
        ),
        "jgd.optimizers.adai": ("AdaiState", "ScaleByAdai", "adai", "scale_by_adai"),
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
        "jgd.optimizers.adam_atan2": ("ScaleByAdamAtan2", "adam_atan2", "scale_by_adam_atan2"),
        "jgd.optimizers.adam_mini": (
            "DeclaredBlocks",
            "MiniBlocks",
            "MiniBlocksByPath",
            "ScaleByAdamMini",
            "adam_mini",
            "guess_mini_blocks",
            "mini_blocks",
            "mini_blocks_by_path",
            "scale_by_adam_mini",
        ),
        "jgd.optimizers.adamax": ("ScaleByAdamax", "adamax", "adamaxw", "scale_by_adamax"),
        "jgd.optimizers.adamod": ("ScaleByAdamod", "adamod", "scale_by_adamod"),
        "jgd.optimizers.adamp": ("ScaleByAdamp", "ScaleBySgdp", "adamp", "scale_by_adamp", "scale_by_sgdp", "sgdp"),
        "jgd.optimizers.adan": ("ScaleByAdan", "adan", "scale_by_adan"),
        "jgd.optimizers.adaptive_muon": (
            "AdaptiveMuonState",
            "ScaleByAdamuon",
            "ScaleByNormuon",
            "adamuon",
            "normuon",
            "scale_by_adamuon",
            "scale_by_normuon",
        ),
        "jgd.optimizers.ademamix": (
            "ScaleByAdemamix",
            "ScaleBySimplifiedAdemamix",
            "ademamix",
            "scale_by_ademamix",
            "scale_by_simplified_ademamix",
            "simplified_ademamix",
        ),
        "jgd.optimizers.adopt": ("ScaleByAdopt", "adopt", "quarter_root", "scale_by_adopt"),
        "jgd.optimizers.aggmo": ("ScaleByAggmo", "aggmo", "scale_by_aggmo"),
        "jgd.optimizers.amos": ("ScaleByAmos", "amos", "scale_by_amos"),
        "jgd.optimizers.ano": ("ScaleByAno", "ano", "scale_by_ano"),
        "jgd.optimizers.apollo": ("ScaleByApollo", "apollo", "scale_by_apollo"),
        "jgd.optimizers.came": ("ScaleByCame", "came", "scale_by_came"),
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
        "jgd.optimizers.curvature": (
            "Family",
            "GaussNewtonBartlettEstimator",
            "HutchinsonEstimatorDiagHessian",
            "ModelAt",
            "Outputs",
            "Product",
            "empirical_metric",
            "family_metric",
            "gauss_newton_bartlett_estimator",
            "hutchinson_estimator_diag_hessian",
            "loss_metric",
            "model_at",
            "squared_gradients",
            "targets",
        ),
        "jgd.optimizers.dadapt": (
            "DAdaptAdagrad",
            "DAdaptAdamw",
            "DAdaptLion",
            "DAdaptSgd",
            "DAdaptState",
            "adam_rate",
            "dadapt_adagrad",
            "dadapt_adamw",
            "dadapt_lion",
            "dadapt_sgd",
            "quotient",
            "sum_of_moduli",
        ),
        "jgd.optimizers.damped_cg": ("Progress", "damped_cg"),
        "jgd.optimizers.diffgrad": ("ScaleByDiffgrad", "diffgrad", "scale_by_diffgrad"),
        "jgd.optimizers.dion": ("DionState", "ScaleByDion", "dion", "scale_by_dion"),
        "jgd.optimizers.dog": (
            "ScaleByDistanceOverGradients",
            "ScaleByDog",
            "ScaleByDowg",
            "dog",
            "dowg",
            "ldog",
            "scale_by_distance_over_gradients",
            "scale_by_dog",
            "scale_by_dowg",
        ),
        "jgd.optimizers.exadam": ("ScaleByExadam", "exadam", "scale_by_exadam"),
        "jgd.optimizers.fira": ("ScaleByFira", "fira", "limited_growth", "scale_by_fira", "scaling"),
        "jgd.optimizers.fromage": ("Fromage", "fromage"),
        "jgd.optimizers.ftrl": ("Ftrl", "ftrl"),
        "jgd.optimizers.galore": ("ScaleByGalore", "galore", "galore_adamw", "scale_by_galore"),
        "jgd.optimizers.grams": ("ScaleByGrams", "grams", "scale_by_grams"),
        "jgd.optimizers.gravity": ("Gravity", "gravity"),
        "jgd.optimizers.hessian_free": ("HessianFree", "HessianFreeState", "hessian_free"),
        "jgd.optimizers.hypergradient": (
            "HypergradientDescent",
            "HypergradientDescentState",
            "Osgm",
            "OsgmState",
            "hypergradient_descent",
            "osgm",
        ),
        "jgd.optimizers.kate": ("ScaleByKate", "kate", "scale_by_kate"),
        "jgd.optimizers.kl_shampoo": (
            "ScaleByKlShampoo",
            "ScaleByKlSoap",
            "kl_shampoo",
            "kl_soap",
            "scale_by_kl_shampoo",
            "scale_by_kl_soap",
        ),
        "jgd.optimizers.lamb": ("ScaleByTrustRatio", "lamb", "scale_by_trust_ratio"),
        "jgd.optimizers.laprop": ("ScaleByLaprop", "laprop", "scale_by_laprop"),
        "jgd.optimizers.lars": ("lars",),
        "jgd.optimizers.lbfgs": ("ScaleByLBFGS", "lbfgs", "scale_by_lbfgs"),
        "jgd.optimizers.lion": ("ScaleByLion", "lion", "scale_by_lion"),
        "jgd.optimizers.low_rank": ("Projection", "ScaleByLowRankAdam", "projection_of", "scale_by_low_rank_adam"),
        "jgd.optimizers.madgrad": ("ScaleByMadgrad", "madgrad", "scale_by_madgrad"),
        "jgd.optimizers.mars": ("ScaleByMars", "mars", "scale_by_mars"),
        "jgd.optimizers.mechanize": ("Mechanize", "mechanize"),
        "jgd.optimizers.momo": ("Momo", "MomoAdam", "MomoAdamState", "momo", "momo_adam"),
        "jgd.optimizers.msvag": ("ScaleByMsvag", "msvag", "scale_by_msvag"),
        "jgd.optimizers.muon": (
            "CorrectedMuonState",
            "MuonLabels",
            "OrthogonalMomentum",
            "ScaleByMuon",
            "ScaleByMuonState",
            "beside_adamw",
            "matrices_and_labels",
            "muon",
            "muon_labels",
            "scale_by_muon",
            "shape_factor",
        ),
        "jgd.optimizers.natural_gradient": ("NaturalGradient", "NaturalGradientState", "natural_gradient"),
        "jgd.optimizers.noisy_sgd": ("dpsgd", "noisy_sgd"),
        "jgd.optimizers.novograd": ("ScaleByNovograd", "novograd", "scale_by_novograd"),
        "jgd.optimizers.optimistic": (
            "ScaleByOptimisticGradient",
            "optimistic_adam",
            "optimistic_adam_v2",
            "optimistic_gradient_descent",
            "scale_by_optimistic_gradient",
        ),
        "jgd.optimizers.padam": ("ScaleByPadam", "padam", "scale_by_padam"),
        "jgd.optimizers.pid": ("ScaleByPid", "pid", "scale_by_pid"),
        "jgd.optimizers.pnm": ("ScaleByPnm", "pnm", "scale_by_pnm"),
        "jgd.optimizers.polyak": ("ScaleByPolyak", "polyak_sgd", "scale_by_polyak"),
        "jgd.optimizers.prodigy": ("Prodigy", "prodigy"),
        "jgd.optimizers.proximal": ("ProxAdam", "Proximal", "ProximalState", "prox_adam", "proximal"),
        "jgd.optimizers.psgd_kron": ("ScaleByKron", "psgd_kron", "scale_by_kron"),
        "jgd.optimizers.quasi_hyperbolic": (
            "ScaleByQhadam",
            "ScaleByQhm",
            "qhadam",
            "qhm",
            "scale_by_qhadam",
            "scale_by_qhm",
        ),
        "jgd.optimizers.racs": ("ScaleByRacs", "racs", "scale_by_racs"),
        "jgd.optimizers.radam": ("ScaleByRadam", "radam", "rectification", "scale_by_radam"),
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
        "jgd.optimizers.sam": (
            "Asam",
            "Extragradient",
            "GradientThereState",
            "Normalize",
            "Sam",
            "asam",
            "extragradient",
            "normalize",
            "sam",
        ),
        "jgd.optimizers.schedule_free": (
            "RectifiedRate",
            "ScaleByRectifiedRms",
            "ScheduleFree",
            "rectified_rate",
            "scale_by_rectified_rms",
            "schedule_free",
            "schedule_free_adamw",
            "schedule_free_radam",
            "schedule_free_sgd",
        ),
        "jgd.optimizers.scion": (
            "ScaleByScion",
            "ScaleByScionBias",
            "ScionBiasState",
            "ScionLabels",
            "scale_by_scion",
            "scale_by_scion_bias",
            "scion",
            "scion_labels",
        ),
        "jgd.optimizers.sgd": ("gradient_descent", "heavy_ball", "nesterov", "sgd"),
        "jgd.optimizers.sgd_sai": ("ScaleBySgdSai", "scale_by_sgd_sai", "sgd_sai"),
        "jgd.optimizers.shampoo": ("ScaleByShampoo", "scale_by_shampoo", "shampoo"),
        "jgd.optimizers.sign_sgd": (
            "ScaleBySign",
            "ScaleBySignum",
            "scale_by_sign",
            "scale_by_signum",
            "sign_sgd",
            "signum",
            "tiger",
        ),
        "jgd.optimizers.sm3": ("ScaleBySm3", "scale_by_sm3", "sm3"),
        "jgd.optimizers.soap": ("ScaleBySoap", "scale_by_soap", "soap"),
        "jgd.optimizers.sophia": ("ScaleBySophia", "scale_by_sophia", "sophia"),
        "jgd.optimizers.splus": ("DescendBySplus", "ScaleBySplus", "descend_by_splus", "scale_by_splus", "splus"),
        "jgd.optimizers.stable_adamw": ("ScaleByStableAdamw", "scale_by_stable_adamw", "stable_adamw"),
        "jgd.optimizers.tam": ("ScaleByTam", "scale_by_tam", "tam"),
        "jgd.optimizers.yogi": ("ScaleByYogi", "scale_by_yogi", "yogi"),
    },
)
