"""A contest: on every goal, the steps and the time that the studies of every optimizer needed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jgd.commands.target.goals import Goal
from jgd.core.types import Transform
from jgd.measure import interleave
from jgd.measure.program import Program
from jgd.sweep.answers.profiles import Score, scores, studies_of, typical
from jgd.sweep.answers.result import Result
from jgd.sweep.lanes.stopping import at_target
from jgd.sweep.study import run
from jgd.train.loop import Carry, begin, root_key, segment
from jgd.train.task import Task

BLOCKS, BLOCK_SECONDS = 5, 0.05


class Budget(NamedTuple):
    """What every optimizer gets on every task."""

    studies: int  # draws of settings
    trials: int  # settings in a draw
    seeds: int  # under which each draw runs


class Round(NamedTuple):
    """One goal."""

    goal: Goal
    steps: np.ndarray  # f[optimizers, draws, seeds], of each study's best trial; infinity for a miss
    step_seconds: np.ndarray  # f[optimizers], of a lone run
    compile_seconds: np.ndarray  # f[optimizers]
    sweep: Result

    @property
    def seconds(self) -> np.ndarray:
        """Of each study's best trial, f[optimizers, draws, seeds], without compiling."""
        return self.steps * self.step_seconds[:, None, None]

    @property
    def seconds_in_all(self) -> np.ndarray:
        """With compiling, once."""
        return self.seconds + self.compile_seconds[:, None, None]


MEASURES = {"steps": "steps", "time": "seconds", "time with compiling": "seconds_in_all"}


def play(goal: Goal, optimizers: Mapping[str, Transform], budget: Budget) -> Round:
    """Sweep until each lane is at the target, then time a lone run of each optimizer.

    Each draw of settings meets every seed, and that is one study; draws and seeds are the same for all optimizers.
    """
    every = max(1, goal.steps // 100)
    sweep = run(
        goal.task, optimizers, steps=goal.steps, eval_every=every, num_trials=budget.studies * budget.trials,
        seeds=budget.seeds, sampler="sobol", metric=goal.metric, mode=goal.mode, target=goal.target, stop=at_target(),
    )  # fmt: skip
    reached = sweep.steps_to_target()
    members = [[trial.number for trial in sweep.trials if trial.space == name] for name in optimizers]
    steps = np.array([studies_of(reached[rows], budget.trials) for rows in members])
    firsts = [sweep.trials[rows[0]].optimizer for rows in members]
    return Round(goal, steps, *time_steps(goal.task, firsts, every), sweep)


def time_steps(
    task: Task,
    optimizers: Sequence[Transform],
    length: int,
    *,
    blocks: int = BLOCKS,
    block_seconds: float = BLOCK_SECONDS,
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of a step in a lone run, and of compiling it, f[optimizers] each; programs of `length` steps, in turn."""
    key, programs = root_key(0), {}
    for name, optimizer in enumerate(optimizers):
        carry = jax.jit(begin)(task, optimizer, key)
        programs[str(name)] = Program(partial(_train, length), carry, optimizer, task, 0, carry=1)
    timings = interleave(programs, blocks=blocks, block_seconds=block_seconds).values()
    compiling = [program.compilation.seconds for program in programs.values()]
    return np.array([timing.median / length for timing in timings]), np.array(compiling)


def standings(rounds: Sequence[Round], names: Sequence[str], measure: str) -> list[Score]:
    """The optimizers by their scores in "steps", "time" or "time with compiling"."""
    return scores(names, _table(rounds, measure))


def costs(rounds: Sequence[Round], names: Sequence[str], measure: str) -> dict[str, list[float]]:
    """What each optimizer typically needed on each goal, the median over its studies."""
    return dict(zip(names, typical(_table(rounds, measure)).tolist(), strict=True))


def _table(rounds: Sequence[Round], measure: str) -> np.ndarray:
    return np.stack([getattr(one, MEASURES[measure]) for one in rounds], axis=1)


def _train(length: int, carry: Carry, optimizer: Any, task: Task, start: Any) -> Carry:
    return segment(task, optimizer, carry, start, length)[0]
