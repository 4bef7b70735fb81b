"""Every optimizer on every problem of `jgd.tasks.suite` with the same tuning, and what came of it as a document."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

import jgd
from bench.entrants import entrants, left_out
from jgd.measure import cores
from jgd.sweep import performance_profiles
from jgd.tasks import suite

RATES = 13  # two learning rates a decade
SEEDS = 3
POINTS = 50  # evaluations within a budget
AGAINST = "adamw"  # with which every optimizer is compared
# A valley, sparse gradients, and four that have matrices: with 110 optimizers a problem takes minutes.
CHOSEN = ("rosenbrock8", "rare_words", "parity", "factorization", "deep_linear", "breast_cancer")


class Solved(NamedTuple):
    """One problem."""

    problem: suite.Problem
    reached: np.ndarray  # f[optimizers, trials, seeds], the steps after which a run was at the target to stay, or NaN
    settings: dict[str, list[dict[str, float]]]  # of each optimizer's trials: "rate" and "alpha"
    seconds: float


def solve(problem: suite.Problem, names: Iterable[str], *, rates: int, seeds: int, steps: int | None = None) -> Solved:
    """Return all optimizers on a problem."""
    clock, names, steps = time.perf_counter(), list(names), steps or problem.steps
    entered = entrants()
    sweep = jgd.sweep.run(
        problem.make(), {name: problem.method(entered[name].space(steps)) for name in names},
        steps=steps, eval_every=max(1, steps // POINTS),
        num_trials=2 * rates, seeds=seeds, sampler="grid", metric=problem.metric, mode=problem.mode,
        target=problem.target, progress=False,
    )  # fmt: skip
    reached = sweep.steps_to_target(to_stay=True)
    members = {name: [trial for trial in sweep.trials if trial.space == name] for name in names}
    stacked = np.array([reached[[trial.number for trial in row]] for row in members.values()])
    settings = {name: [_setting(trial.params) for trial in row] for name, row in members.items()}
    return Solved(problem, stacked, settings, time.perf_counter() - clock)


def solve_all(
    problems: Sequence[suite.Problem], names: Sequence[str], *, rates: int, seeds: int, told: Callable[[Solved], None]
) -> list[Solved]:
    """Return the problems in as many processes as there are cores, the last first: they take longest.

    Steps are counted, not timed, and most of a problem is tracing, which keeps one core busy. An accelerator serves one
    process.
    """
    options = {"rates": rates, "seeds": seeds}
    if jax.default_backend() != "cpu":
        found = []
        for problem in problems:
            found.append(solve(problem, names, **options))
            told(found[-1])
        return found
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(cores(), len(problems)), mp_context=spawn) as pool:
        waiting = [pool.submit(solve, problem, names, **options) for problem in reversed(problems)]
        for done in as_completed(waiting):
            told(done.result())
    return [done.result() for done in reversed(waiting)]


def document(solved: list[Solved], names: list[str], machine: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return everything that the page shows, as JSON has it; a miss is null."""
    reached = np.stack([one.reached for one in solved], axis=1)  # [optimizers, problems, trials, seeds]
    trials = reached.shape[2]
    studies = np.array([[performance_profiles.studies_of(x, trials) for x in row] for row in reached])
    medians = np.median(np.nan_to_num(reached, nan=np.inf), axis=-1)
    standings = _standings(names, studies, [one.problem for one in solved])
    order = [row["solver"] for row in standings]
    costs = dict(zip(names, performance_profiles.typical(studies).tolist(), strict=True))
    one = np.isfinite(medians).mean(axis=1)  # the share of the problems that each single setting solves
    for row in standings:
        i = names.index(row["solver"])
        row |= {"one_setting": float(one[i].max()), "setting": solved[0].settings[row["solver"]][int(one[i].argmax())]}
        row |= dict(zip(("lowest", "highest"), _ends(solved[0].settings[row["solver"]]), strict=True))
    return {
        "machine": dict(machine),
        "seconds": seconds,
        "budget": {"settings": trials, "seeds": reached.shape[3]},
        "tau": performance_profiles.TAU,
        "against": AGAINST if AGAINST in names else names[0],
        "left_out": left_out(),
        "standings": standings,
        "problems": [
            {
                "name": row.problem.name,
                "family": row.problem.family,
                "matrices": has_matrices(row.problem),
                "probes": row.problem.probes,
                "source": row.problem.source,
                "goal": f"{row.problem.metric} {'<=' if row.problem.mode == 'min' else '>='} {row.problem.target:g}",
                "steps": row.problem.steps,
                "costs": {name: _finite(costs[name][i]) for name in order},
                "best": {name: _best(row, name, medians[names.index(name), i]) for name in order},
            }
            for i, row in enumerate(solved)
        ],
    }


def _standings(names: Sequence[str], studies: np.ndarray, problems: Sequence[suite.Problem]) -> list[dict[str, Any]]:
    """Give the rows from the best, each with how it does against another optimizer, on all problems and on matrices."""
    against = AGAINST if AGAINST in names else names[0]
    scores = partial(performance_profiles.scores, resample_problems=True)
    rows = [row._asdict() for row in scores(names, studies)]
    some = np.array([has_matrices(problem) for problem in problems])
    for label, part in (("all", studies), ("matrices", studies[:, some])):
        if part.shape[1]:
            found = {row.solver: row for row in scores(names, part, against=against)}
            for row in rows:
                row[label] = found[row["solver"]]._asdict()
    return rows


def chosen(quick: bool, whole: bool = False) -> tuple[list[suite.Problem], list[str]]:
    """Return the problems and the optimizers: some, or of each family the first, or all; and all, or three if quick."""
    if not quick:
        return [suite.PROBLEMS[name] for name in (suite.PROBLEMS if whole else CHOSEN)], list(entrants())
    firsts = {problem.family: problem for problem in reversed(suite.PROBLEMS.values())}
    return list(firsts.values())[::-1], ["sgd", "adam", "lion"]


def has_matrices(problem: suite.Problem) -> bool:
    """Tell whether a parameter is a matrix."""
    return any(x.ndim > 1 for x in jax.tree.leaves(jax.eval_shape(problem.make().init, jax.random.key(0))))


def _best(row: Solved, name: str, medians: np.ndarray) -> dict[str, Any] | None:
    """Find the setting of fewest steps, by its median over seeds, and whether its rate is an end of its range."""
    i = int(medians.argmin())
    if not np.isfinite(medians[i]):
        return None
    best = row.settings[name][i]
    at_end = best["rate"] in _ends(row.settings[name])
    return {**best, "steps": float(medians[i]), "settings_there": int(np.isfinite(medians).sum()), "at_end": at_end}


def _ends(settings: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """Return the least and the largest rate."""
    rates = [setting["rate"] for setting in settings]
    return min(rates), max(rates)


def _setting(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the rate and whether it stays (alpha 1), however deep in the optimizer they stand."""
    named = {name.rpartition(".")[2]: float(value) for name, value in params.items()}
    alpha = named.pop("alpha", 1.0)
    (rate,) = named.values()
    return {"rate": rate, "alpha": alpha}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
