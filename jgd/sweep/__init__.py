"""Sweeps: spaces of tasks and optimizers, sampled, run in compiled lanes, and ranked."""

from jgd.sweep.axes import Trial as Trial
from jgd.sweep.distribution import Distribution as Distribution
from jgd.sweep.importance import Importance as Importance
from jgd.sweep.load import load as load
from jgd.sweep.load import merge as merge
from jgd.sweep.optuna import from_optuna as from_optuna
from jgd.sweep.replay import Replay as Replay
from jgd.sweep.replay import replay as replay
from jgd.sweep.result import Result as Result
from jgd.sweep.result import Standing as Standing
from jgd.sweep.space import choice as choice
from jgd.sweep.space import grid as grid
from jgd.sweep.space import integer as integer
from jgd.sweep.space import loguniform as loguniform
from jgd.sweep.space import normal as normal
from jgd.sweep.space import quantized as quantized
from jgd.sweep.space import uniform as uniform
from jgd.sweep.statistics import BestOfK as BestOfK
from jgd.sweep.statistics import Paired as Paired
from jgd.sweep.statistics import Summary as Summary
from jgd.sweep.stopping import at_target as at_target
from jgd.sweep.stopping import halving as halving
from jgd.sweep.stopping import hyperband as hyperband
from jgd.sweep.stopping import median_rule as median_rule
from jgd.sweep.study import run as run
