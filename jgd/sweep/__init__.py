"""Sweeps: spaces of tasks and optimizers, sampled, run in compiled lanes, and ranked."""

from jgd.sweep.answers.importance import Importance as Importance
from jgd.sweep.answers.result import Result as Result
from jgd.sweep.answers.result import Standing as Standing
from jgd.sweep.answers.statistics import BestOfK as BestOfK
from jgd.sweep.answers.statistics import Paired as Paired
from jgd.sweep.answers.statistics import Summary as Summary
from jgd.sweep.lanes.stopping import at_target as at_target
from jgd.sweep.lanes.stopping import halving as halving
from jgd.sweep.lanes.stopping import hyperband as hyperband
from jgd.sweep.lanes.stopping import median_rule as median_rule
from jgd.sweep.load import load as load
from jgd.sweep.load import merge as merge
from jgd.sweep.replay import Replay as Replay
from jgd.sweep.replay import replay as replay
from jgd.sweep.samplers.optuna import from_optuna as from_optuna
from jgd.sweep.spaces.axes import Trial as Trial
from jgd.sweep.spaces.build import choice as choice
from jgd.sweep.spaces.build import grid as grid
from jgd.sweep.spaces.build import integer as integer
from jgd.sweep.spaces.build import loguniform as loguniform
from jgd.sweep.spaces.build import normal as normal
from jgd.sweep.spaces.build import quantized as quantized
from jgd.sweep.spaces.build import uniform as uniform
from jgd.sweep.spaces.distribution import Distribution as Distribution
from jgd.sweep.study import run as run
