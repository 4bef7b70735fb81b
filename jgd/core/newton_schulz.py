"""The Newton-Schulz iteration: the orthogonal matrix nearest to a matrix, by products alone."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.errors import InputError, unknown
from jgd.core.tree import safe_sqrt
from jgd.core.types import Scalar

STANDARD = (3.4445, -4.775, 2.0315)
"""The quintic's coefficients by Keller Jordan: singular values end between 0.7 and 1.2, not at 1."""
DION = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
COEFFICIENTS: dict[str, Any] = {"standard": STANDARD, "dion": DION}


def coefficients(value: Any) -> tuple[Any, ...]:
    """Three numbers, or three for each step one after another, from a name, a triple or a sequence of triples."""
    if isinstance(value, str):
        if value not in COEFFICIENTS:
            raise unknown("ns_coeffs", value, COEFFICIENTS)
        value = COEFFICIENTS[value]
    if not hasattr(value, "__iter__"):
        raise InputError(f"ns_coeffs={value!r}: expected three numbers, three for each step, or a name of them.")
    rows = list(value)
    nested = bool(rows) and (isinstance(rows[0], (list, tuple)) or getattr(rows[0], "ndim", 0) > 0)
    flat = tuple(x for row in rows for x in row) if nested else tuple(rows)
    if len(flat) % 3 or not len(flat):
        raise InputError(f"ns_coeffs={value!r}: expected three numbers, or three for each step.")
    return flat


def newton_schulz(
    x: jax.Array, ns_coeffs: Sequence[Any] = STANDARD, steps: int = 5, eps: Scalar = 1e-8, dtype: Any = None
) -> jax.Array:
    """Iterate X <- a X + (b XX' + c (XX')^2) X from X / (||X|| + eps), for `x`: f[m, n] with m <= n.

    `ns_coeffs` holds (a, b, c) for all steps, or one such triple after another, whose number then counts. It computes
    in `dtype`, that of `x` unless given. Cost: 4 m² n + 2 m³ operations a step.
    """
    norm = safe_sqrt(jnp.sum(x * x))
    out, x = x.dtype, x / (norm + eps)
    x = x if dtype is None else x.astype(dtype)
    for step in range(steps_of(ns_coeffs, steps)):
        first = 3 * step % len(ns_coeffs)
        a, b, c = (jnp.asarray(k).astype(x.dtype) for k in ns_coeffs[first : first + 3])
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.astype(out)


def steps_of(ns_coeffs: Sequence[Any], steps: int) -> int:
    """The number of steps: as many as there are triples, or `steps` of a single one."""
    return len(ns_coeffs) // 3 if len(ns_coeffs) > 3 else steps
