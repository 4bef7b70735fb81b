"""A penalty or a set of a linear map of the parameters, for methods that split the two."""

from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from jgd.core import InputError, part, record
from jgd.core.arguments import Kind
from jgd.core.record import as_function
from jgd.core.types import Params
from jgd.nonsmooth.nonsmooth import NONSMOOTH

LINEAR = Kind(
    "be a linear function of the parameters, or a matrix, f[m, n], for parameters that are a vector",
    lambda x: callable(x) or (hasattr(x, "dtype") and getattr(x, "ndim", 0) == 2),
)


@record
class Composed:
    """Penalise or bind a linear map of the parameters, h(A x): `compose(l1(0.1), difference)` penalises jumps.

    `linear` is a linear function of the parameters that returns an array or a tree, or a matrix; a constant may be
    added, A x - b. Several parts are one of a tree: `compose(by_path({"0": l1(1.0), "1": box(b, b)}), lambda x: (x,
    A @ x))` is basis pursuit, |x|_1 where A x = b. It has no prox in closed form: `minimize(fn, "admm", ...)` splits
    it.
    """

    penalty: Any = part(expect=NONSMOOTH)
    linear: Any = part(convert=as_function, expect=LINEAR)
    called = "compose"

    def at(self, params: Params) -> Any:
        """Return A x."""
        return self.linear(params) if callable(self.linear) else jnp.asarray(self.linear) @ params

    def value(self, params: Params) -> jax.Array:
        """Return the penalty of A x: a scalar."""
        return self.penalty.value(self.at(params))

    def prox(self, params: Params, step: Any) -> NoReturn:
        """Refuse: it has no prox in closed form."""
        raise InputError(
            "compose.prox: a penalty of a linear map has no prox in closed form; use the method 'admm', which splits "
            "the two."
        )


compose = Composed
