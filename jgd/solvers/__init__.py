"""Solvers: deterministic functions, a stopping rule, and a solution that says why it stopped."""

from jgd.solvers.methods.newton import newton as newton
from jgd.solvers.methods.newton import newton_cg as newton_cg
from jgd.solvers.methods.second_order import cubic_newton as cubic_newton
from jgd.solvers.methods.second_order import dogleg as dogleg
from jgd.solvers.methods.second_order import trust_exact as trust_exact
from jgd.solvers.methods.second_order import trust_krylov as trust_krylov
from jgd.solvers.methods.second_order import trust_ncg as trust_ncg
from jgd.solvers.methods.sr1 import sr1 as sr1
from jgd.solvers.minimize import minimize as minimize
from jgd.solvers.multistart import multistart as multistart
from jgd.solvers.solution import Solution as Solution
