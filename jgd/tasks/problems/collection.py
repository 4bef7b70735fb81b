"""Sets of smooth problems, as deterministic solvers are compared on."""

from jgd.tasks.problems import any_size, bounded, constrained, curve_fits, fixed_size, large
from jgd.tasks.problems.constrained import ConstrainedProblem
from jgd.tasks.problems.smooth_problem import SmoothProblem


def more_garbow_hillstrom() -> tuple[SmoothProblem, ...]:
    """Return the 35 least-squares problems of Moré, Garbow & Hillstrom (1981, TOMS 7), in its order, as 39 cases.

    Watson's, both penalties and Chebyquad come in two sizes. Where the paper misprints, the sign that its minimum
    needs is taken. Known minima are the paper's and its plateaus at infinity, to more digits.
    """
    cases = (*fixed_size.CASES, *curve_fits.CASES, *any_size.CASES)
    return tuple(sorted(cases, key=lambda problem: int(problem.source.removeprefix("MGH "))))


def cutest_selection() -> tuple[SmoothProblem, ...]:
    """Return twelve unconstrained problems of CUTEst (Gould, Orban & Toint 2015) with 36 to 100 variables, by name."""
    return large.CASES


def bounded_problems() -> tuple[SmoothProblem, ...]:
    """Return fourteen problems with bounds, nine of them least squares.

    Eight are Hock & Schittkowski's (1981), six Moré, Garbow & Hillstrom's in the boxes of Gay (1984). HS 2 and HS 45
    start outside, as published. Local minima are listed where solvers end in them.
    """
    return bounded.CASES


def constrained_problems() -> tuple[ConstrainedProblem, ...]:
    """Return twenty-six problems of Hock & Schittkowski (1981) with constraints, eleven of them with equalities alone.

    They have 2 to 10 variables and up to 8 constraints; some have bounds as well. HS 65 starts outside them.
    """
    return constrained.all_constrained()
