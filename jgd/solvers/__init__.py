"""Solvers: deterministic functions, a stopping rule, and a solution that says why it stopped."""

from jgd.solvers.curve_fit import Fit as Fit
from jgd.solvers.curve_fit import curve_fit as curve_fit
from jgd.solvers.least_squares import least_squares as least_squares
from jgd.solvers.minimize import minimize as minimize
from jgd.solvers.multistart import multistart as multistart
from jgd.solvers.solution import Solution as Solution
