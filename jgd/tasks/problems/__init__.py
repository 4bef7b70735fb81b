"""Smooth problems with published starts and known minima, for deterministic solvers."""

from jgd.tasks.problems.collection import bounded_problems as bounded_problems
from jgd.tasks.problems.collection import constrained_problems as constrained_problems
from jgd.tasks.problems.collection import cutest_selection as cutest_selection
from jgd.tasks.problems.collection import more_garbow_hillstrom as more_garbow_hillstrom
from jgd.tasks.problems.constrained import ConstrainedProblem as ConstrainedProblem
from jgd.tasks.problems.smooth_problem import SmoothProblem as SmoothProblem
