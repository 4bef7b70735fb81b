"""The lineage of a population: who went on from whom, with which numbers, and the schedule that comes of it."""

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError, unknown
from jgd.core.optional import require
from jgd.core.types import Transform
from jgd.pages.text import count
from jgd.schedules import Switch, switch_schedule
from jgd.sweep.pruners.population import Population
from jgd.sweep.spaces.explore import explore
from jgd.sweep.spaces.space import Trial, chosen_parts
from jgd.transforms import scheduled


class Lineage:
    """Who went on from whom, and with which numbers: what has become of a population, decision after decision."""

    def __init__(self, trials: Sequence[Trial], rule: Population, seed: int) -> None:
        self.rule, self.steps = rule, np.empty(0, int)  # i[D], after which it was decided
        self.parents = np.empty((0, len(trials)), int)  # i[D, T], the trials' own numbers where nothing was taken over
        self.phases: list[list[Trial]] = [list(trials)]  # D + 1 times all trials, with the numbers that they had then
        self._seed = seed

    def __repr__(self) -> str:
        heirs = int((self.parents != np.arange(len(self.trials))).sum())
        after = f"after {', '.join(map(str, self.steps.tolist()))} steps" if len(self.steps) else "none yet"
        return (
            f"Lineage of {count(len(self.trials), 'trial')}: decisions {after}, by which trials went on from others "
            f"{heirs} times; dataframe(), path(trial) and schedule(trial, name) tell how."
        )

    @property
    def trials(self) -> list[Trial]:
        """All trials with the numbers that they have now."""
        return self.phases[-1]

    def ancestors(self, trial: int) -> list[int]:
        """Return the trials whose steps, phase by phase, led to this one; D + 1 numbers, the last its own."""
        found = [trial]
        for parents in self.parents[::-1]:
            found.append(int(parents[found[-1]]))
        return found[::-1]

    def path(self, trial: int) -> list[Trial]:
        """Return these trials, with the numbers that they had then."""
        return [phase[i] for phase, i in zip(self.phases, self.ancestors(trial), strict=True)]

    def schedule(self, trial: int, name: str) -> Switch:
        """Return the schedule of a hyperparameter on the way to a trial; it reproduces the numbers exactly."""
        path = [one.params for one in self.path(trial)]
        if name not in path[0]:
            raise unknown("Lineage.schedule(name=)", name, path[0])
        return _switch([params[name] for params in path], self.steps)

    def optimizer(self, trial: int) -> Transform:
        """Put these schedules in the places of a trial's numbers: `jgd.fit` with this optimizer is the lineage."""
        path = self.path(trial)
        if path[-1].optimizer is None:
            raise InputError(
                "Lineage.optimizer: a sweep's folder has only the values of its trials; load it with the task and the "
                "spaces that it was made with, load(dir, task, spaces)."
            )
        if any(jax.tree.leaves(one.task) != jax.tree.leaves(path[0].task) for one in path):
            raise InputError(
                "Lineage.optimizer: numbers of the task have changed on the way too, which no optimizer can schedule; "
                "see Lineage.path, or use jgd.sweep.replay."
            )

        def over_time(*values: Any) -> Any:
            same = all(jax.tree.leaves(value) == jax.tree.leaves(values[0]) for value in values)
            return values[0] if same else _switch(values, self.steps)

        # A schedule is one value among others: what changed in it sees the steps since the beginning.
        together = jax.tree.map(over_time, *(one.optimizer for one in path), is_leaf=callable)
        return scheduled(together)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each trial and each stretch between decisions: its steps, its parent, and its numbers."""
        starts, rows = [0, *self.steps.tolist()], []
        for k, (start, trials) in enumerate(zip(starts, self.phases, strict=True)):
            for one in trials:
                parent = int(self.parents[k - 1, one.number]) if k else one.number
                taken = parent if parent != one.number else None
                rows.append({"trial": one.number, "space": one.space, "start": start, "parent": taken, **one.params})
        return rows

    def dataframe(self) -> Any:
        """Return the rows as a pandas table."""
        return require("pandas", "Lineage.dataframe()").DataFrame(self.rows())

    def decide(self, step: int, losses: np.ndarray, able: np.ndarray, contestants: np.ndarray) -> np.ndarray:
        """Take the next decision, after so many steps, by losses f[T]; return the parents, i[T].

        A function of its arguments, the trials and the seed alone.
        """
        trials, parents = self.trials, np.arange(len(self.trials))
        rivals: dict[Hashable, list[int]] = {}
        for i in np.flatnonzero(contestants).tolist():
            rivals.setdefault((trials[i].space, chosen_parts(trials[i])), []).append(i)
        for members in rivals.values():
            at = np.array(members)
            parents[at] = at[self.rule.parents(losses[at], able[at], lambda i, at=at: self._rng(step, int(at[i]), 0))]
        heirs = np.flatnonzero(parents != np.arange(len(parents))).tolist()
        born = list(trials)
        for i in heirs:
            parent, how = trials[parents[i]], (self.rule.factors, self.rule.resample, self._rng(step, i, 1))
            born[i] = dataclasses.replace(trials[i], units=explore(parent.axes, parent.units, *how))
        self.steps, self.parents = np.append(self.steps, step), np.concatenate([self.parents, parents[None]])
        self.phases.append(born)
        return parents

    def restart(self) -> None:
        """Forget every decision."""
        self.steps, self.parents, self.phases = self.steps[:0], self.parents[:0], self.phases[:1]

    def _rng(self, step: int, trial: int, use: int) -> np.random.Generator:
        """Return a trial's own generator at one decision, for one use: which parent (0), and where to (1)."""
        return np.random.default_rng((self._seed, step, trial, use))


def _switch(values: Sequence[Any], steps: np.ndarray) -> Switch:
    """Return a schedule with these values, the next from each of `steps` on; stretches of the same value are one."""
    texts = [repr(value) for value in values]
    new = [i for i in range(1, len(values)) if texts[i] != texts[i - 1]]
    return switch_schedule([values[i] for i in (0, *new)], [int(steps[i - 1]) for i in new])
