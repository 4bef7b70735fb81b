"""Methods by the names that scipy's and jaxopt's users know."""

from collections.abc import Callable
from typing import Any

from jgd.core.arguments import TRANSFORM, Kind, admits
from jgd.core.errors import InputError, unknown
from jgd.core.types import Transform
from jgd.solvers.methods.admm import admm
from jgd.solvers.methods.augmented_lagrangian import augmented_lagrangian
from jgd.solvers.methods.frank_wolfe import frank_wolfe
from jgd.solvers.methods.from_transform import FromTransform
from jgd.solvers.methods.gauss_newton import gauss_newton
from jgd.solvers.methods.gradient_descent import barzilai_borwein, steepest_descent
from jgd.solvers.methods.levenberg_marquardt import levenberg_marquardt
from jgd.solvers.methods.limited_memory import lbfgsb
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.mirror_descent import mirror_descent
from jgd.solvers.methods.nelder_mead import nelder_mead
from jgd.solvers.methods.newton import newton, newton_cg
from jgd.solvers.methods.nonlinear_cg import nonlinear_cg
from jgd.solvers.methods.proximal import fista, projected_gradient, prox_gradient
from jgd.solvers.methods.quasi_newton import bfgs, dfp
from jgd.solvers.methods.second_order import cubic_newton, dogleg, trust_exact, trust_krylov, trust_ncg
from jgd.solvers.methods.sqp import sqp
from jgd.solvers.methods.sr1 import sr1
from jgd.solvers.methods.subgradient import subgradient
from jgd.solvers.methods.trf import trf
from jgd.transforms.as_transform import as_transform

METHODS: dict[str, Callable[..., Method | Transform]] = {
    "gradient-descent": steepest_descent,
    "augmented-lagrangian": augmented_lagrangian,
    "barzilai-borwein": barzilai_borwein,
    "cg": nonlinear_cg,
    "bfgs": bfgs,
    "dfp": dfp,
    "l-bfgs": lbfgsb,
    "admm": admm,
    "arc": cubic_newton,
    "dogleg": dogleg,
    "fista": fista,
    "frank-wolfe": frank_wolfe,
    "gauss-newton": gauss_newton,
    "l-bfgs-b": lbfgsb,
    "lm": levenberg_marquardt,
    "mirror-descent": mirror_descent,
    "nelder-mead": nelder_mead,
    "newton": newton,
    "newton-cg": newton_cg,
    "projected-gradient": projected_gradient,
    "prox-gradient": prox_gradient,
    "sqp": sqp,
    "sr1": sr1,
    "subgradient": subgradient,
    "trf": trf,
    "trust-exact": trust_exact,
    "trust-krylov": trust_krylov,
    "trust-ncg": trust_ncg,
}
PARTS = {
    "bounds": "bounds=",
    "constraints": "constraints=",
    "nonsmooth": "nonsmooth=",
    "composed": "a penalty of a linear map, which jgd.nonsmooth.compose makes",
    "hess": "hess=",
    "residual": "a residual, which jgd.least_squares passes",
    "equations": "equations, which jgd.root passes",
}


METHOD = Kind(
    "be a gradient transformation with init and update, such as jgd.adam(1e-3), a method, such as jgd.bfgs(), called "
    "and not the function itself, or the name of one, such as 'bfgs'",
    lambda x: isinstance(x, (str, Method)) or admits(TRANSFORM, x),
)


def method_of(optimizer: Any, place: str = "minimize") -> Method:
    """Return the method of a name, of an optimizer, or the method itself."""
    if isinstance(optimizer, str):
        if optimizer.lower() not in METHODS:
            raise unknown(f"{place}(optimizer=)", optimizer, METHODS)
        optimizer = METHODS[optimizer.lower()]()
    return optimizer if isinstance(optimizer, Method) else FromTransform(as_transform(optimizer))


def check_parts(place: str, optimizer: Any, method: Method, given: set[str]) -> None:
    """Refuse parts of a problem that the method cannot handle, and a problem without those that it needs."""
    name = repr(optimizer) if isinstance(optimizer, str) else repr(method).partition("(")[0]
    for part in sorted(given - method.takes):
        able = sorted(known for known, make in METHODS.items() if part in getattr(make, "takes", ()))
        raise InputError(
            f"{place}(optimizer={name}): it does not take {PARTS[part]}; "
            + (f"those that do are {', '.join(able)}." if able else "leave it out.")
        )
    for part in sorted(method.needs - given):
        raise InputError(f"{place}(optimizer={name}): it needs {PARTS[part]}.")
