"""Solvers: deterministic functions, a stopping rule, and a solution that says why it stopped."""

from jgd.solvers.minimize import minimize as minimize
from jgd.solvers.multistart import multistart as multistart
from jgd.solvers.names import METHODS as METHODS
from jgd.solvers.solution import Solution as Solution
