"""Solvers: deterministic functions, a stopping rule, and a solution that says why it stopped.

jaxopt is no longer developed. Its public names, and what to use in their place:

    BFGS                        jgd.bfgs
    LBFGS                       jgd.lbfgsb, without bounds
    LBFGSB                      jgd.lbfgsb
    NonlinearCG                 jgd.nonlinear_cg
    GradientDescent             jgd.steepest_descent
    ProximalGradient            jgd.fista or jgd.prox_gradient, with nonsmooth=
    ProjectedGradient           jgd.projected_gradient, with bounds= or a set of jgd.nonsmooth
    MirrorDescent               jgd.mirror_descent
    BlockCoordinateDescent      none; jgd.fista solves the same problems
    PolyakSGD                   jgd.polyak_sgd, in jgd.fit
    ArmijoSGD                   jgd.scale_by_backtracking_linesearch after jgd.sgd, in jgd.fit
    OptaxSolver                 jgd.minimize, which takes any optimizer
    OptStep                     jgd.Solution
    GaussNewton                 jgd.gauss_newton, in jgd.least_squares
    LevenbergMarquardt          jgd.levenberg_marquardt, in jgd.least_squares
    Broyden                     jgd.broyden, in jgd.root
    Bisection                   none; jgd.root finds roots of smooth functions without a bracket
    AndersonAcceleration        jgd.anderson, in jgd.fixed_point
    AndersonWrapper             jgd.anderson, in jgd.fixed_point of the wrapped solver's update
    FixedPointIteration         jgd.fixed_point, with "picard"
    OSQP                        jgd.sqp, with constraints=
    BoxOSQP                     jgd.sqp, with constraints= of one jgd.inequality
    CvxpyQP                     jgd.sqp, with constraints=
    BoxCDQP                     jgd.lbfgsb, with bounds=
    EqualityConstrainedQP       jgd.sqp, with constraints= of one jgd.equality
    BacktrackingLineSearch      jgd.armijo
    HagerZhangLineSearch        jgd.hager_zhang
    ZoomLineSearch              jgd.strong_wolfe
    ScipyMinimize               jgd.interop.scipy.minimize
    ScipyBoundedMinimize        jgd.interop.scipy.minimize
    ScipyLeastSquares           jgd.interop.scipy.least_squares
    ScipyBoundedLeastSquares    jgd.interop.scipy.least_squares
    ScipyRootFinding            jgd.interop.scipy.root
    IterativeRefinement         none; jax.scipy.sparse.linalg.gmres, with the rounded solve as its M
    implicit_diff               jgd.implicit, on by default
    linear_solve                jax.scipy.sparse.linalg.cg and its neighbours, in jgd.implicit
    projection                  jgd.nonsmooth and optax.projections
    prox                        jgd.nonsmooth
    loss                        optax.losses
    objective                   none; functions of jax.numpy
    isotonic                    none
    perturbations               optax.perturbations
    tree_util                   optax.tree
"""

from jgd.solvers.basin_hopping import basin_hopping as basin_hopping
from jgd.solvers.check_grads import check_grads as check_grads
from jgd.solvers.constraints import equality as equality
from jgd.solvers.constraints import inequality as inequality
from jgd.solvers.curve_fit import Fit as Fit
from jgd.solvers.curve_fit import curve_fit as curve_fit
from jgd.solvers.derivatives import implicit as implicit
from jgd.solvers.least_squares import least_squares as least_squares
from jgd.solvers.many import minimize_many as minimize_many
from jgd.solvers.methods.admm import admm as admm
from jgd.solvers.methods.anderson import anderson as anderson
from jgd.solvers.methods.augmented_lagrangian import augmented_lagrangian as augmented_lagrangian
from jgd.solvers.methods.broyden import broyden as broyden
from jgd.solvers.methods.frank_wolfe import frank_wolfe as frank_wolfe
from jgd.solvers.methods.gauss_newton import gauss_newton as gauss_newton
from jgd.solvers.methods.gradient_descent import barzilai_borwein as barzilai_borwein
from jgd.solvers.methods.gradient_descent import steepest_descent as steepest_descent
from jgd.solvers.methods.hager_zhang import hager_zhang as hager_zhang
from jgd.solvers.methods.levenberg_marquardt import levenberg_marquardt as levenberg_marquardt
from jgd.solvers.methods.limited_memory import lbfgsb as lbfgsb
from jgd.solvers.methods.line_searches import armijo as armijo
from jgd.solvers.methods.line_searches import strong_wolfe as strong_wolfe
from jgd.solvers.methods.mirror_descent import mirror_descent as mirror_descent
from jgd.solvers.methods.nelder_mead import nelder_mead as nelder_mead
from jgd.solvers.methods.newton import newton as newton
from jgd.solvers.methods.newton import newton_cg as newton_cg
from jgd.solvers.methods.nonlinear_cg import nonlinear_cg as nonlinear_cg
from jgd.solvers.methods.proximal import fista as fista
from jgd.solvers.methods.proximal import projected_gradient as projected_gradient
from jgd.solvers.methods.proximal import prox_gradient as prox_gradient
from jgd.solvers.methods.quasi_newton import bfgs as bfgs
from jgd.solvers.methods.quasi_newton import dfp as dfp
from jgd.solvers.methods.second_order import cubic_newton as cubic_newton
from jgd.solvers.methods.second_order import dogleg as dogleg
from jgd.solvers.methods.second_order import trust_exact as trust_exact
from jgd.solvers.methods.second_order import trust_krylov as trust_krylov
from jgd.solvers.methods.second_order import trust_ncg as trust_ncg
from jgd.solvers.methods.sqp import sqp as sqp
from jgd.solvers.methods.sr1 import sr1 as sr1
from jgd.solvers.methods.subgradient import subgradient as subgradient
from jgd.solvers.methods.trf import trf as trf
from jgd.solvers.minimize import minimize as minimize
from jgd.solvers.multistart import multistart as multistart
from jgd.solvers.names import METHODS as METHODS
from jgd.solvers.root import fixed_point as fixed_point
from jgd.solvers.root import root as root
from jgd.solvers.solution import Solution as Solution
