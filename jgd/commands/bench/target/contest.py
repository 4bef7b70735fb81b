"""A contest: on every goal, the steps and the time that the studies of every optimizer needed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.commands.bench.target.goals import Goal
from jgd.core.types import Transform
from jgd.measure import interleave
from jgd.measure.program import Program
from jgd.sweep.pruners.rules import at_target
from jgd.sweep.result import Result
from jgd.sweep.results.performance_profiles import Score, scores, typical
from jgd.sweep.samplers.by_name import make_sampler
from jgd.sweep.spaces.space import Axis
from jgd.sweep.study import run
from jgd.train.loop import Carry, begin, root_key, segment
from jgd.train.task import Task

BLOCKS, BLOCK_SECONDS = 5, 0.05


class Budget(NamedTuple):
    """Bound the tuning that every optimizer gets on every task."""

    studies: int
    trials: int  # settings in a study


class Round(NamedTuple):
    """One goal."""

    goal: Goal
    steps: np.ndarray  # f[optimizers, studies], of each study's best trial; infinity for a miss
    step_seconds: np.ndarray  # f[optimizers], of a lone run
    compile_seconds: np.ndarray  # f[optimizers]
    sweeps: list[Result]  # one for each study

    @property
    def seconds(self) -> np.ndarray:
        """The seconds of each study's best trial, f[optimizers, studies], without compiling."""
        return self.steps * self.step_seconds[:, None]

    @property
    def seconds_in_all(self) -> np.ndarray:
        """The same with compiling, once."""
        return self.seconds + self.compile_seconds[:, None]


MEASURES = {"steps": "steps", "time": "seconds", "time with compiling": "seconds_in_all"}


class Drawn:
    """A sampler of one study: its part of all studies' settings, which one quasi-random draw gives.

    As in AlgoPerf they are shared out at random. In the order of the sequence each study would cover the range evenly,
    which chance does not.
    """

    def __init__(self, budget: Budget, study: int, axes: Sequence[Axis], seed: int) -> None:
        points = make_sampler("sobol", axes, seed).ask(budget.studies * budget.trials)
        shuffled = np.random.default_rng(seed).permutation(points)
        self._points = shuffled[study * budget.trials : (study + 1) * budget.trials]

    def ask(self, count: int) -> np.ndarray:
        """Return all of them."""
        return self._points[:count]

    def tell(self, ids: Sequence[int], values: Sequence[float]) -> None:
        """Do nothing: the points do not depend on the values."""


def run_round(
    goal: Goal, optimizers: Mapping[str, Transform], budget: Budget, begin: Callable[[int], None] = lambda study: None
) -> Round | None:
    """Sweep each study until its lanes are at the target, then time a lone run of each optimizer.

    A study has settings and a seed of its own, the same for all optimizers. `begin` is told of each. None where Ctrl-C
    ended it.
    """
    every, sweeps = max(1, goal.steps // 100), []
    for study in range(budget.studies):
        begin(study)
        sweep = run(
            goal.task, optimizers, steps=goal.steps, eval_every=every, num_trials=budget.trials, seeds=[study],
            sampler=partial(Drawn, budget, study), metric=goal.metric, mode=goal.mode, target=goal.target,
            stop=at_target(), progress=False,
        )  # fmt: skip
        if sweep.interrupted:
            return None
        sweeps.append(sweep)
    steps = np.stack([_best(sweep, optimizers) for sweep in sweeps], axis=1)
    firsts = [next(trial.optimizer for trial in sweeps[0].trials if trial.space == name) for name in optimizers]
    return Round(goal, steps, *time_steps(goal.task, firsts, every), sweeps)


def time_steps(
    task: Task,
    optimizers: Sequence[Transform],
    length: int,
    *,
    blocks: int = BLOCKS,
    block_seconds: float = BLOCK_SECONDS,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the seconds of a step in a lone run, and of compiling it, f[optimizers] each.

    The programs take `length` steps each, in turn.
    """
    key, programs = root_key(0), {}
    for name, optimizer in enumerate(optimizers):
        carry = jax.jit(begin)(task, optimizer, key)
        programs[str(name)] = Program(partial(_train, length), carry, optimizer, task, 0, carry=1)
    timings = interleave(programs, blocks=blocks, block_seconds=block_seconds).values()
    compiling = [program.compilation.seconds for program in programs.values()]
    return np.array([timing.median / length for timing in timings]), np.array(compiling)


def standings(rounds: Sequence[Round], names: Sequence[str], measure: str) -> list[Score]:
    """Return the optimizers by their scores in "steps", "time" or "time with compiling"."""
    return scores(names, _table(rounds, measure))


def costs(rounds: Sequence[Round], names: Sequence[str], measure: str) -> dict[str, list[float]]:
    """Return the cost of each optimizer on each goal: the median over its studies."""
    return dict(zip(names, typical(_table(rounds, measure)).tolist(), strict=True))


def _table(rounds: Sequence[Round], measure: str) -> np.ndarray:
    """Return a table f[optimizers, goals, studies, 1]: a study has one seed."""
    return np.stack([getattr(one, MEASURES[measure]) for one in rounds], axis=1)[..., None]


def _best(sweep: Result, names: Iterable[str]) -> np.ndarray:
    """Return the steps of each optimizer's best trial, f[optimizers]."""
    reached = np.nan_to_num(sweep.steps_to_target()[:, 0], nan=np.inf)
    return np.array([min(reached[trial.number] for trial in sweep.trials if trial.space == name) for name in names])


def _train(length: int, carry: Carry, optimizer: Any, task: Task, start: Any) -> Carry:
    return segment(task, optimizer, carry, start, length)[0]
