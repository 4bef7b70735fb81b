"""Every optimizer on every problem of `jgd.tasks.suite` with the same tuning, and what came of it as a document."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

import jax
import numpy as np

import jgd
from jgd.measure import cores
from jgd.sweep import grid, loguniform, performance_profiles
from jgd.tasks import suite

LOW, HIGH, RATES = 1e-5, 10.0, 13  # two learning rates a decade
SEEDS = 3
POINTS = 50  # evaluations within a budget


def clipped(recipe: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The recipe behind a clip of the gradients' norm at 1."""
    return lambda rate: jgd.chain(jgd.clip_by_global_norm(1.0), recipe(rate))


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": jgd.sgd,
    "heavy_ball": jgd.heavy_ball,
    "nesterov": jgd.nesterov,
    "adagrad": jgd.adagrad,
    "rmsprop": jgd.rmsprop,
    "adam": jgd.adam,
    "adamw": jgd.adamw,
    "nadam": jgd.nadam,
    "nadamw": jgd.nadamw,
    "amsgrad": jgd.amsgrad,
    "lion": jgd.lion,
    "muon": jgd.muon,
    "normuon": jgd.normuon,
    "scion": jgd.scion,
    "soap": jgd.soap,
    "shampoo": jgd.shampoo,
    "splus": jgd.splus,
    "psgd_kron": jgd.psgd_kron,
    "mars": jgd.mars,
    "laprop": jgd.laprop,
    "adam_atan2": jgd.adam_atan2,
    "stable_adamw": jgd.stable_adamw,
    "ademamix": jgd.ademamix,
    "adan": jgd.adan,
    "schedule_free_adamw": jgd.schedule_free_adamw,
    "adamw, cautious": lambda rate: jgd.cautious(jgd.adamw(rate)),
    "sgd, clipped": clipped(jgd.sgd),
    "heavy_ball, clipped": clipped(jgd.heavy_ball),
    "adam, clipped": clipped(jgd.adam),
}


class Solved(NamedTuple):
    """One problem."""

    problem: suite.Problem
    reached: np.ndarray  # f[optimizers, trials, seeds], the steps after which a run was at the target to stay, or NaN
    settings: list[dict[str, float]]  # of the trials, the same for every optimizer
    seconds: float


def spaces(problem: suite.Problem, names: Iterable[str], steps: int) -> dict[str, Any]:
    """The optimizers with rates on a grid, each constant (alpha 1) and with a cosine's decay to zero (alpha 0)."""
    return {
        name: problem.method(
            OPTIMIZERS[name](jgd.cosine_decay_schedule(loguniform(LOW, HIGH), steps, grid([0.0, 1.0])))
        )
        for name in names
    }


def solve(problem: suite.Problem, names: Iterable[str], *, rates: int, seeds: int, steps: int | None = None) -> Solved:
    """All optimizers on a problem."""
    clock, names, steps = time.perf_counter(), list(names), steps or problem.steps
    sweep = jgd.sweep.run(
        problem.make(), spaces(problem, names, steps), steps=steps, eval_every=max(1, steps // POINTS),
        num_trials=2 * rates, seeds=seeds, sampler="grid", metric=problem.metric, mode=problem.mode,
        target=problem.target, progress=False,
    )  # fmt: skip
    reached = sweep.steps_to_target(to_stay=True)
    members = [[trial for trial in sweep.trials if trial.space == name] for name in names]
    stacked = np.array([reached[[trial.number for trial in row]] for row in members])
    return Solved(problem, stacked, [trial.params for trial in members[0]], time.perf_counter() - clock)


def solve_all(
    problems: Sequence[suite.Problem], names: Sequence[str], *, rates: int, seeds: int, told: Callable[[Solved], None]
) -> list[Solved]:
    """The problems in as many processes as there are cores, the last first: they take longest.

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
    """Everything that the page shows, as JSON has it; a miss is null."""
    reached = np.stack([one.reached for one in solved], axis=1)  # [optimizers, problems, trials, seeds]
    trials = reached.shape[2]
    studies = np.array([[performance_profiles.studies_of(x, trials) for x in row] for row in reached])
    medians = np.median(np.nan_to_num(reached, nan=np.inf), axis=-1)
    order = [row.solver for row in performance_profiles.scores(names, studies, resample_problems=True)]
    costs = dict(zip(names, performance_profiles.typical(studies).tolist(), strict=True))
    one = np.isfinite(medians).mean(axis=1)  # the share of the problems that each single setting solves
    return {
        "machine": dict(machine),
        "seconds": seconds,
        "budget": {"rates": trials // 2, "low": LOW, "high": HIGH, "schedules": 2, "seeds": reached.shape[3]},
        "tau": performance_profiles.TAU,
        "standings": [
            {**row._asdict(), "one_setting": float(one[names.index(row.solver)].max()),
             "setting": solved[0].settings[int(one[names.index(row.solver)].argmax())]}
            for row in performance_profiles.scores(names, studies, resample_problems=True)
        ],
        "problems": [
            {
                "name": row.problem.name,
                "family": row.problem.family,
                "probes": row.problem.probes,
                "source": row.problem.source,
                "goal": f"{row.problem.metric} {'<=' if row.problem.mode == 'min' else '>='} {row.problem.target:g}",
                "steps": row.problem.steps,
                "seconds": row.seconds,
                "costs": {name: _finite(costs[name][i]) for name in order},
                "best": {name: _best(row, medians[names.index(name), i]) for name in order},
            }
            for i, row in enumerate(solved)
        ],
    }  # fmt: skip


def chosen(quick: bool) -> tuple[list[suite.Problem], list[str]]:
    """The problems and the optimizers: all, or of each family the first, and three."""
    if not quick:
        return list(suite.PROBLEMS.values()), list(OPTIMIZERS)
    firsts = {problem.family: problem for problem in reversed(suite.PROBLEMS.values())}
    return list(firsts.values())[::-1], ["sgd", "adam", "lion"]


def _best(row: Solved, medians: np.ndarray) -> dict[str, Any] | None:
    """The setting that needs fewest steps, by its median over seeds."""
    i = int(medians.argmin())
    if not np.isfinite(medians[i]):
        return None
    return {**row.settings[i], "steps": float(medians[i]), "settings_there": int(np.isfinite(medians).sum())}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
