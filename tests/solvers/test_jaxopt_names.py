"""The table of jaxopt's names in `help(jgd.solvers)` is whole, and what it names exists."""

import importlib
import re

import pytest

import jgd.solvers

# Those of jaxopt 0.8.5.
NAMES = [
    "BFGS", "LBFGS", "LBFGSB", "NonlinearCG", "GradientDescent", "ProximalGradient", "ProjectedGradient",
    "MirrorDescent", "BlockCoordinateDescent", "PolyakSGD", "ArmijoSGD", "OptaxSolver", "OptStep", "GaussNewton",
    "LevenbergMarquardt", "Broyden", "Bisection", "AndersonAcceleration", "AndersonWrapper",
    "FixedPointIteration", "OSQP", "BoxOSQP", "BoxCDQP", "EqualityConstrainedQP", "CvxpyQP",
    "BacktrackingLineSearch", "HagerZhangLineSearch", "ZoomLineSearch", "ScipyMinimize", "ScipyBoundedMinimize",
    "ScipyLeastSquares", "ScipyBoundedLeastSquares", "ScipyRootFinding", "IterativeRefinement", "implicit_diff",
    "linear_solve", "projection", "prox", "loss", "objective", "isotonic", "perturbations", "tree_util",
]  # fmt: skip
LINES = re.findall(r"^    (\w+) +(\S.*)$", jgd.solvers.__doc__ or "", re.M)
ROWS = dict(LINES)


def resolved(name):
    """Return the object of a dotted name, whose modules are imported as far as needed."""
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for i, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(".".join(parts[:i]))
    return found


def test_every_name_has_one_row():
    assert sorted(name for name, _ in LINES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_row_names_exists(name):
    named = re.findall(r"\b(?:jgd|optax|jax)(?:\.\w+)+", ROWS[name])
    assert named or ROWS[name].startswith("none")
    for one in named:
        assert resolved(one) is not None
