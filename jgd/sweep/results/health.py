"""The health of a sweep's lanes: the pulse of each, read, and where one that diverged went wrong first."""

import dataclasses
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.health.autopsy import Autopsy, autopsy
from jgd.health.finding import Thresholds
from jgd.health.heard import Heard
from jgd.health.reading import Reading
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.spaces.space import Trial
from jgd.train.pulse import EVERYTHING, QUANTITIES, groups_of
from jgd.train.task import Task, init_model


def has_health(result: Outcomes) -> bool:
    """Tell whether the sweep was asked for the pulse of its lanes."""
    return f"update_ratio/{EVERYTHING}" in result.curves


def first_lost(result: Outcomes) -> tuple[int, int]:
    """Return the trial and the seed of the lane that diverged first."""
    lost = np.where(result.diverged_at >= 0, result.diverged_at, np.iinfo(np.int64).max)
    number, at = np.unravel_index(int(np.argmin(lost)), lost.shape)
    return int(number), result.settings.seeds[int(at)]


def lane_health(
    result: Outcomes, trial: Trial | int | None, seed: int | None, thresholds: Thresholds | None = None
) -> Reading:
    """Read the pulse of a lane, of the best trial and the first seed unless told."""
    chosen, at = _lane(result, "health", trial, seed)
    if not has_health(result):
        raise InputError("Result.health(): the sweep has no pulse; ask for it with jgd.sweep.run(..., health=True).")
    names = [name.partition("/")[2] for name in result.curves if name.startswith("update_ratio/")]
    groups = tuple(name for name in names if name != EVERYTHING)
    lane = {name: np.asarray(curve[chosen.number, at], float) for name, curve in result.curves.items()}
    measured = int(np.sum(np.isfinite(lane[f"gradient_norm/{EVERYTHING}"])))
    beats: dict[str, np.ndarray] = {"step": np.asarray(result.steps[:measured]) - 1}
    beats |= {f"{q}/{group}": lane[f"{q}/{group}"][:measured] for group in (*groups, EVERYTHING) for q in QUANTITIES}
    points, lost = int(np.sum(np.isfinite(lane["loss"]))), int(result.diverged_at[chosen.number, at])
    loss = np.repeat(lane["loss"][:points], np.diff([0, *result.steps[:points]]))
    if lost >= 0:  # the mean of its segment is unknown: the steps before it are taken as those of the segment before
        before = loss[-1] if len(loss) else 0.0
        loss = np.concatenate([loss, np.full(max(0, lost - len(loss)), before), [np.nan]])
    heard = Heard(beats, loss, groups, _wide(chosen, groups))
    name = _name(chosen, result.settings.seeds[at])
    return Reading(heard, Thresholds() if thresholds is None else thresholds, name)


def lane_autopsy(result: Outcomes, trial: Trial | int | None, seed: int | None, spike: float) -> Autopsy:
    """Open a lane, the one that diverged first unless told; its steps are run again up to there."""
    if trial is None and seed is None:
        if not np.any(result.diverged_at >= 0):
            raise InputError("Result.autopsy(): no lane has diverged; name one by trial= and seed=.")
        trial, seed = first_lost(result)
    chosen, at = _lane(result, "autopsy", trial, seed)
    if result.lineage is not None:
        raise InputError("Result.autopsy(): members of a population go on from others; use jgd.sweep.replay.")
    if chosen.optimizer is None or not isinstance(chosen.task, Task):
        raise InputError(
            f"Result.autopsy(trial={chosen.number}): there is no task and optimizer to run again; load the folder with "
            "jgd.sweep.load(dir, task, spaces)."
        )
    ended = int(result.diverged_at[chosen.number, at])
    steps = ended + 1 if ended >= 0 else int(result.settings.steps)
    seed = result.settings.seeds[at]
    found = autopsy(chosen.task, chosen.optimizer, seed=seed, steps=steps, spike=spike)
    return dataclasses.replace(found, name=_name(chosen, seed))


def _lane(result: Outcomes, method: str, trial: Trial | int | None, seed: int | None) -> tuple[Trial, int]:
    seeds = list(result.settings.seeds)
    if seed is not None and seed not in seeds:
        raise InputError(f"Result.{method}(seed={seed}): the sweep has the seeds {seeds}; name one of them.")
    number = trial.number if isinstance(trial, Trial) else trial
    if number is not None and not 0 <= number < len(result.trials):
        raise InputError(f"Result.{method}(trial={number}): the sweep has trials 0 to {len(result.trials) - 1}.")
    chosen = result.best() if number is None else result.trials[number]
    return chosen, 0 if seed is None else seeds.index(seed)


def _name(trial: Trial, seed: int) -> str:
    return f"trial {trial.number} under seed {seed}"


def _wide(trial: Trial, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the groups with leaves of two axes or more; all of them where the task is not known.

    Of a folder that another version wrote, whose groups had other names, those that have theirs.
    """
    task: Any = trial.task
    if not isinstance(task, Task):
        return groups
    params = jax.eval_shape(lambda: init_model(task, jax.random.key(0))[0])
    leaves = jax.tree.leaves(params)
    wide = [name for name, members in groups_of(params).items() if any(leaves[i].ndim > 1 for i in members)]
    return tuple(name for name in wide if name in groups)
