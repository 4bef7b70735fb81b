"""Solvers: deterministic functions, a stopping rule, and a solution that says why it stopped."""

from jgd.solvers.check_grads import check_grads as check_grads
from jgd.solvers.derivatives import implicit as implicit
from jgd.solvers.many import minimize_many as minimize_many
from jgd.solvers.methods.frank_wolfe import frank_wolfe as frank_wolfe
from jgd.solvers.methods.line_searches import armijo as armijo
from jgd.solvers.methods.line_searches import strong_wolfe as strong_wolfe
from jgd.solvers.methods.mirror_descent import mirror_descent as mirror_descent
from jgd.solvers.methods.proximal import fista as fista
from jgd.solvers.methods.proximal import projected_gradient as projected_gradient
from jgd.solvers.methods.proximal import prox_gradient as prox_gradient
from jgd.solvers.methods.quasi_newton import bfgs as bfgs
from jgd.solvers.methods.quasi_newton import dfp as dfp
from jgd.solvers.methods.subgradient import subgradient as subgradient
from jgd.solvers.minimize import minimize as minimize
from jgd.solvers.multistart import multistart as multistart
from jgd.solvers.names import METHODS as METHODS
from jgd.solvers.solution import Solution as Solution
