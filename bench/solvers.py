"""Deterministic solvers on smooth problems, by passes: `python -m bench.solvers --workers 8`.

The problems are those of `jgd.tasks.more_garbow_hillstrom`, `cutest_selection` and `bounded_problems`, in float64, and
jgd's methods in float32 too. Tolerances ask for all that the arithmetic gives; nobody gets more than 2,000 passes.

  solved   the point that is returned has a known minimum to 1e-7 of it, or a slope of at most 1e-6 max(1, |f|)
           in float32 also: a gap to a known minimum, or a promise of Newton's step, of at most ten rounding units of
           the value, or of what values of float32 around the point are off by
  strict   a known minimum to 1e-10 of it
  passes   the median to a known minimum to 1e-7 of it, over the problems where the method comes there
  wrong    how often a method says that it has converged at a point that is not solved

A pass is one run of the function: a value, with or without its gradient, a residual with or without its Jacobian, or a
Hessian; scipy asks for some of these one by one. Each problem that is done is written to bench/results/solvers.json
and its page, kind by kind: `--kinds smooth` leaves the others as an earlier run wrote them, `--double` leaves out the
rows of float32, and `--compared` those of jgd's methods that no peer has. `--methods "jgd cg; jgd cg, float32"` runs
these rows alone, and writes them among the others once all problems are done.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jgd
from bench.leaderboard import compile_quickly
from bench.machine import describe
from bench.rows import Claim, Row, Yields, alone
from bench.solver_methods import jaxopt_methods, jgd_methods, optimistix_methods
from bench.solver_page import median_passes, render, times_wrong
from bench.solver_peers import scipy_methods
from bench.solver_runs import STRICT, Counted, Ran
from jgd.tasks import SmoothProblem

Entry = dict[str, list[Any]]  # of a method: each fact, problem by problem
RESULTS = Path(__file__).parent / "results"
FILE = RESULTS / "solvers.json"
KINDS = ("smooth", "squares", "bounded")
TAUS = (1e-3, 1e-5, 1e-7)  # of data profiles
QUICK_PROBLEMS, QUICK_METHODS = ("rosenbrock", "hs_5"), ("jgd bfgs", "jgd lm", "scipy BFGS", "scipy trf", "scipy TNC")
# The peer whose figures a method of jgd is to reach, by kind.
PEERS: dict[str, dict[str, str]] = {
    "smooth": {
        "bfgs": "scipy BFGS",
        "l-bfgs": "scipy L-BFGS-B",
        "cg": "scipy CG",
        "newton-cg": "scipy Newton-CG",
        "trust-ncg": "scipy trust-ncg",
        "trust-krylov": "scipy trust-krylov",
        "trust-exact": "scipy trust-exact",
    },
    "squares": {"lm": "scipy lm", "trf": "scipy trf", "dogleg": "scipy dogbox", "gauss-newton": "scipy trf"},
    "bounded": {"l-bfgs-b": "scipy L-BFGS-B", "trf": "scipy trf"},
}


def solvers(
    quick: bool = False,
    workers: int = 1,
    kinds: str = ",".join(KINDS),
    double: bool = False,
    compared: bool = False,
    methods: str = "",
) -> Yields:
    """Yield a row for each method on each kind of problems, in so many processes.

    With `quick`, on one or two of each.
    """
    compile_quickly()
    for kind in kinds.split(","):
        clock = time.perf_counter()
        problems, runs = problems_of(kind, quick), {}
        about = {"machine": describe(), "problems": [one.name for one in problems], "n": [one.n for one in problems]}
        about["only"] = ["float64"] * double + ["methods that have a peer"] * compared
        for done, part in enumerate(parts_of(kind, quick, (double, compared, methods), workers), 1):
            for name, kept in part.items():
                entries = runs.setdefault(name, {key: [] for key in kept})
                for key, value in kept.items():
                    entries[key].append(value)
            if methods and done == len(problems):
                write(kind, with_rows(earlier()[kind], about["machine"], runs))
            elif not quick and not methods:
                write(kind, {**about, "done": done, "seconds": time.perf_counter() - clock, "runs": runs})
        yield from (row(kind, name, kept) for name, kept in runs.items())
        yield from claims(kind, runs)


def problems_of(kind: str, quick: bool = False) -> tuple[SmoothProblem, ...]:
    """Return the problems of a kind; least squares in boxes count among the bounded."""
    tasks = jgd.tasks
    sets = {
        "smooth": lambda: tasks.more_garbow_hillstrom() + tasks.cutest_selection(),
        "squares": tasks.more_garbow_hillstrom,
        "bounded": tasks.bounded_problems,
    }
    return tuple(problem for problem in sets[kind]() if not quick or problem.name in QUICK_PROBLEMS)


def methods_of(
    kind: str, double: bool = False, compared: bool = False, methods: str = ""
) -> dict[str, Callable[[SmoothProblem], Ran]]:
    """Return the methods of all sides by the names of their rows; those in float32, unless `double`, say so.

    With `compared` jgd's are those that have a peer; with `methods` all are those that it names.
    """
    names = {f"jgd {name}" for name in PEERS[kind]}

    def ours(dtype: Any = np.float64) -> dict[str, Any]:
        return {name: make for name, make in jgd_methods(kind, dtype).items() if name in names or not compared}

    def counted(method: Callable[[Counted], Ran]) -> Callable[[SmoothProblem], Ran]:
        return lambda problem: method(Counted(problem))

    peers = {name: counted(method) for name, method in scipy_methods(kind).items()}
    single = {} if double else ours(np.float32)
    single = {f"{name}, float32": method for name, method in single.items()}
    found = {**ours(), **single, **peers, **optimistix_methods(kind), **jaxopt_methods(kind)}
    asked = {name.strip() for name in methods.split(";")} if methods else set(found)
    return {name: method for name, method in found.items() if name in asked}


def parts_of(
    kind: str, quick: bool, which: tuple[bool, bool, str], workers: int
) -> Iterator[dict[str, dict[str, Any]]]:
    """Run all methods of a kind on its problems, one after the other; several processes take a problem at a time."""
    numbers = range(len(problems_of(kind, quick)))
    if workers == 1:
        yield from (on_problem(kind, quick, which, number) for number in numbers)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(on_problem, repeat(kind), repeat(quick), repeat(which), numbers)


def on_problem(kind: str, quick: bool, which: tuple[bool, bool, str], number: int) -> dict[str, dict[str, Any]]:
    """Run all methods of a kind that can on one of its problems."""
    problem, clock = problems_of(kind, quick)[number], time.perf_counter()
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's about tolerances below rounding, and overflow at trials
        found = {
            name: entry(method(problem))
            for name, method in methods_of(kind, *which).items()
            if (not quick or name in QUICK_METHODS) and (problem.residual is not None or not needs_residual(name))
        }
    jax.clear_caches()  # thousands of programs, none of which is needed again
    print(f"{kind} {problem.name}: {time.perf_counter() - clock:.1f} s", file=sys.stderr, flush=True)
    return found


def needs_residual(name: str) -> bool:
    """Tell whether a method of bounded problems is one of least squares."""
    return name.split(",")[0] in ("scipy trf", "scipy dogbox", "jgd trf")


def entry(run: Ran) -> dict[str, Any]:
    """Return what the results keep of a method on a problem: whether it is solved, and the passes."""
    with jax.enable_x64(True):
        return {
            "problems": run.problem.name,
            "solved": run.solved(),
            "strict": run.solved(STRICT),
            "said": run.said,
            "passes": none_if_infinite(run.passes()),
            **{f"passes_{tau:g}": none_if_infinite(run.passes_to(tau)) for tau in TAUS},
            "evaluations": len(run.values),
        }


def none_if_infinite(passes: float) -> float | None:
    """Return None in place of infinity, which JSON has not."""
    return passes if np.isfinite(passes) else None


def row(kind: str, name: str, kept: Entry) -> Row:
    """Return the row of a method."""
    return {
        "problems": kind,
        "method": name,
        "of": len(kept["problems"]),
        "solved": sum(kept["solved"]),
        "strict": sum(kept["strict"]),
        "passes": median_passes(kept),
        "wrong": times_wrong(kept),
    }


def claims(kind: str, runs: dict[str, Entry]) -> Yields:
    """Claim that jgd's methods solve as many as the peer of their name in no more passes, and are never wrong."""
    rows = {name: row(kind, name, kept) for name, kept in runs.items()}
    for name, peer in PEERS[kind].items():
        ours, theirs = rows.get(f"jgd {name}"), rows.get(peer)
        if ours and theirs:
            yield Claim(f"{kind} problems that {name} solves", ours["solved"], theirs["solved"], unit="")
            text = f"median passes of {name} on {kind} problems"
            yield Claim(text, ours["passes"], theirs["passes"], at_least=False, unit="")
    wrong = {name: some["wrong"] for name, some in rows.items() if name.startswith("jgd") and some["wrong"]}
    text = f"times that a method of jgd says of {kind} problems wrongly that it has converged"
    yield Claim(text, sum(wrong.values()), 0, at_least=False, unit="", why=", ".join(wrong))


def earlier() -> dict[str, Any]:
    """Return what earlier runs have written."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def with_rows(written: dict[str, Any], machine: dict[str, Any], runs: dict[str, Entry]) -> dict[str, Any]:
    """Return a kind's document with these rows, and the versions that they were measured with beside those of peers."""
    versions, runs = written["machine"]["versions"] | machine["versions"], written["runs"] | runs
    only = [one for one in written["only"] if one != "float64" or not any(name.endswith("float32") for name in runs)]
    return {**written, "machine": {**machine, "versions": versions}, "only": only, "runs": runs}


def write(kind: str, found: dict[str, Any]) -> None:
    """Write what was found of a kind into the document, and its page."""
    kinds = {**earlier(), kind: found}
    kinds = {name: kinds[name] for name in KINDS if name in kinds}
    FILE.write_text(json.dumps(kinds, indent=1) + "\n")
    (RESULTS / "solvers.html").write_text(render(kinds))


if __name__ == "__main__":
    alone(solvers)
