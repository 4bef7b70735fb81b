"""scipy.optimize's minimize, least_squares, curve_fit and root, with its signatures, by jgd's solvers.

A script changes its import: `from jgd.interop.scipy import minimize`. Functions must be traceable by JAX, so written
with jax.numpy; derivatives are JAX's own, exact, where none are given, whichever difference formula `jac` names.
Numbers are float32 unless `jax.config.update("jax_enable_x64", True)` is called first. Thresholds hold for the
gradient's 2-norm, which is never below the largest entry that scipy looks at. Methods and options without a
counterpart are refused.
"""

from jgd.interop.scipy.least_squares import curve_fit as curve_fit
from jgd.interop.scipy.least_squares import least_squares as least_squares
from jgd.interop.scipy.minimize import minimize as minimize
from jgd.interop.scipy.result import OptimizeResult as OptimizeResult
from jgd.interop.scipy.root import root as root
