"""Solvers: deterministic functions, a stopping rule, and a solution that says why it stopped."""

from jgd.solvers.check_grads import check_grads as check_grads
from jgd.solvers.curve_fit import Fit as Fit
from jgd.solvers.curve_fit import curve_fit as curve_fit
from jgd.solvers.derivatives import implicit as implicit
from jgd.solvers.least_squares import least_squares as least_squares
from jgd.solvers.many import minimize_many as minimize_many
from jgd.solvers.methods.gauss_newton import gauss_newton as gauss_newton
from jgd.solvers.methods.gradient_descent import barzilai_borwein as barzilai_borwein
from jgd.solvers.methods.gradient_descent import steepest_descent as steepest_descent
from jgd.solvers.methods.hager_zhang import hager_zhang as hager_zhang
from jgd.solvers.methods.levenberg_marquardt import levenberg_marquardt as levenberg_marquardt
from jgd.solvers.methods.limited_memory import lbfgsb as lbfgsb
from jgd.solvers.methods.line_searches import armijo as armijo
from jgd.solvers.methods.line_searches import strong_wolfe as strong_wolfe
from jgd.solvers.methods.nelder_mead import nelder_mead as nelder_mead
from jgd.solvers.methods.nonlinear_cg import nonlinear_cg as nonlinear_cg
from jgd.solvers.methods.quasi_newton import bfgs as bfgs
from jgd.solvers.methods.quasi_newton import dfp as dfp
from jgd.solvers.methods.trf import trf as trf
from jgd.solvers.minimize import minimize as minimize
from jgd.solvers.multistart import multistart as multistart
from jgd.solvers.names import METHODS as METHODS
from jgd.solvers.solution import Solution as Solution
