"""The table of jaxopt's names in `help(jgd.solvers)` is whole, and what it names exists."""

import importlib
import re

import pytest

import jgd.solvers

# Those of jaxopt 0.8.5.
NAMES = [
    "BFGS", "LBFGS", "LBFGSB", "NonlinearCG", "GradientDescent", "ProximalGradient", "ProjectedGradient",
    "MirrorDescent", "BlockCoordinateDescent", "PolyakSGD", "ArmijoSGD", "OptaxSolver", "GaussNewton",
    "LevenbergMarquardt", "Broyden", "Bisection", "AndersonAcceleration", "AndersonWrapper",
    "FixedPointIteration", "OSQP", "BoxOSQP", "BoxCDQP", "EqualityConstrainedQP", "CvxpyQP",
    "BacktrackingLineSearch", "HagerZhangLineSearch", "ZoomLineSearch", "ScipyMinimize", "ScipyBoundedMinimize",
    "ScipyLeastSquares", "ScipyBoundedLeastSquares", "ScipyRootFinding", "IterativeRefinement", "implicit_diff",
    "linear_solve", "projection", "prox", "loss", "objective", "isotonic", "perturbations", "tree_util",
]  # fmt: skip
