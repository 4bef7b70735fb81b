"""The solvers' benchmark counts passes, judges points and shows both rightly."""

from typing import Any

import jax
import numpy as np
import pytest

from bench import solvers
from bench.many_problems import many, starts
from bench.rows import Claim
from bench.solver_methods import noting
from bench.solver_page import render
from bench.solver_peers import scipy_methods
from bench.solver_runs import MOST, STRICT, Counted, Ran, SpentError, counted_run
from bench.start_memory import start_memory
from jgd.tasks import bounded_problems, more_garbow_hillstrom

MGH = {problem.name: problem for problem in more_garbow_hillstrom()}
ROSENBROCK = MGH["rosenbrock"]


def ran(values, x=(0.0, 0.0), said=True, problem=ROSENBROCK):
    return Ran(problem, values, np.array(x), said)


def test_passes_are_those_until_the_gap_is_small_enough():
    assert ran([24.2, 4.0, float("nan"), 24.2e-3, 1e-9]).passes_to(1e-3) == 4
    assert ran([24.2, 4.0, 24.2e-3]).passes_to(1e-4) == np.inf
    assert ran([float("nan")]).passes_to(0.5) == np.inf
    assert ran([24.2, 4.0, float("nan"), 24.2e-3, 1e-8]).passes() == 5
    assert ran([24.2, 4.0, 24.2e-7]).passes() == np.inf  # 1e-7 of the start's, and not near enough


def test_passes_count_to_the_minimum_that_the_run_comes_to():
    problem = MGH["freudenstein_roth"]
    found = ran([400.5, 60.0, problem.minima[1], problem.minima[1]], problem=problem)
    assert found.passes() == found.passes_to(1e-7) == 3


def test_a_point_is_solved_by_its_value_or_its_slope(x64):
    assert ran([], (1.0, 1.0)).solved(STRICT)
    assert not ran([], (0.0, 0.0)).solved()  # its value is 1, its slope 2
    assert ran([], (1.0 + 1e-4, 1.0 + 2e-4)).solved()  # its value is 1e-8
    assert not ran([], (1.0 + 1e-4, 1.0 + 2e-4)).solved(STRICT)
    hs_4 = next(problem for problem in bounded_problems() if problem.name == "hs_4")
    assert ran([], (1.0, 0.0), problem=hs_4).solved(STRICT)
    assert not ran([], (0.9, 0.0), problem=hs_4).solved()  # outside the bounds the value is lower, and does not count


def test_a_gap_within_the_rounding_of_the_dtype_is_solved_in_that_dtype(x64):
    # Six digits of a minimum of 5.5e-5: the gap is 8e-11, where values of float32 are off by 1e-9; five leave 3e-8.
    six, five = (0.37541, 1.93585, -1.46469, 0.0128675, 0.0221227), (0.37541, 1.9358, -1.4647, 0.012868, 0.022123)
    assert not ran([], six, problem=MGH["osborne_1"]).solved()
    single = [ran([], x, problem=MGH["osborne_1"])._replace(dtype=np.float32) for x in (six, five)]
    assert [one.solved() for one in single] == [True, False]
    assert not single[0].solved(STRICT)


def test_newtons_step_judges_inside_bounds_too(x64):
    # Wood's saddle point to seven digits: the slope is 1e-5, which promises 1e-10 where values are 7.9.
    hs_38 = next(problem for problem in bounded_problems() if problem.name == "hs_38")
    near, far = (-0.9679740, 0.9471391, -0.9695163, 0.9512476), (-0.96, 0.94, -0.96, 0.95)
    assert not ran([], near, problem=hs_38).solved()
    assert [ran([], x, problem=hs_38)._replace(dtype=np.float32).solved() for x in (near, far)] == [True, False]


def test_every_question_is_a_pass_and_the_last_ends_the_method(x64):
    counted = Counted(ROSENBROCK)
    asked = (counted.value_and_grad, counted.hessian, counted.residual, counted.jacobian)
    for ask in asked:
        ask(counted.start)
    assert counted.values == pytest.approx([24.2, np.nan, 24.2, np.nan], nan_ok=True)
    counted.values.extend([0.0] * (MOST - len(asked)))
    with pytest.raises(SpentError):
        counted.value_and_grad(counted.start)
    end = counted_run(counted, lambda: (counted.start, bool(counted.residual(counted.start).any())))
    assert (end.said, list(end.x)) == (False, [-1.2, 1.0])


@pytest.mark.parametrize(("kind", "most"), [("smooth", 60), ("squares", 60)])
def test_scipy_solves_rosenbrock_within_few_passes(x64, kind, most):
    methods = scipy_methods(kind)
    for name in ("scipy BFGS", "scipy lm"):
        if name in methods:
            found = methods[name](Counted(ROSENBROCK))
            assert found.solved(STRICT)
            assert found.passes() < most


def test_a_program_notes_each_value_once_whatever_derivatives_are_taken():
    values = []
    noted = noting(values)
    jax.value_and_grad(lambda x: noted(ROSENBROCK.fn(x)))(np.array([-1.2, 1.0], np.float32))
    residual: Any = ROSENBROCK.residual
    jax.jacfwd(lambda x: noted(residual(x)))(np.array([-1.2, 1.0], np.float32))
    jax.effects_barrier()
    assert values == pytest.approx([24.2, 24.2], rel=1e-5)  # float32


def test_a_quick_run_yields_rows_of_both_sides_and_its_document_becomes_a_page():
    rows = [item for item in solvers.solvers(quick=True) if isinstance(item, dict)]
    named = {row["method"]: row for row in rows if row["problems"] == "smooth"}
    assert {"jgd bfgs", "scipy BFGS"} <= set(named)
    assert all(row["solved"] == row["of"] == 1 and row["wrong"] == 0 for row in named.values())


def test_a_page_shows_every_method_and_what_it_missed(x64):
    hit, miss = ran([24.2, 1e-12], (1.0, 1.0)), ran([24.2, 20.0])
    hit, miss = ({key: [value] for key, value in solvers.entry(one).items()} for one in (hit, miss))
    runs = {"a <b>": hit, "c": miss}
    found = {"machine": {"date": "2026-01-02"}, "seconds": 60.0, "problems": ["rosenbrock", "wood"], "n": [2, 4]}
    page = render({"smooth": {**found, "done": 1, "only": ["float64"], "runs": runs}})
    assert "Smooth problems: the first 1 of 2 (only float64)" in page
    assert page.count("<svg") == 2
    assert "a &lt;b&gt;" in page
    assert "rosenbrock" in page
    assert solvers.row("smooth", "c", miss)["wrong"] == 1
    claims = solvers.claims("smooth", {"jgd bfgs": miss, "scipy BFGS": hit})
    assert [isinstance(claim, Claim) and claim.met for claim in claims] == [False, False, False]


def test_rows_that_are_measured_anew_say_by_which_version():
    """A page said jgd 0.7 and float64 alone, of rows of 0.10 in float32."""
    written = {"machine": {"date": "old", "versions": {"jgd": "0.7.0", "jaxopt": "0.8.5"}}, "only": ["float64"]}
    runs = {"scipy BFGS": {}, "jgd bfgs": {"solved": [False]}}
    new = {"jgd bfgs": {"solved": [True]}, "jgd bfgs, float32": {"solved": [True]}}
    found = solvers.with_rows({**written, "runs": runs}, {"date": "new", "versions": {"jgd": "0.11.0"}}, new)
    assert found["machine"] == {"date": "new", "versions": {"jgd": "0.11.0", "jaxopt": "0.8.5"}}
    assert found["only"] == []
    assert found["runs"] == {"scipy BFGS": {}, **new}


@pytest.mark.parametrize("case", [many, starts])
def test_many_problems_are_solved_on_all_sides(case):
    *rows, claim = case(quick=True)
    assert [row["solved_percent"] for row in rows] == [100, 100]
    assert claim.value == pytest.approx(rows[1]["seconds"] / rows[0]["seconds"])


@pytest.mark.slow
def test_the_memory_of_many_starts_stays_below_its_bound():
    found: Any = start_memory(quick=True)
    *rows, counted, _ = found
    assert {row["starts"] for row in rows} == {16, 64}
    assert {row["lanes"] for row in rows} <= {16, 64}
    assert 0 < counted.value < 100
