"""The Newton-Schulz iteration: the orthogonal matrix nearest to a matrix, by products alone."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from jgd.core.arguments import one_of
from jgd.core.by_platform import by_platform
from jgd.core.errors import ExpectationError, RefusalError
from jgd.core.outline import shown
from jgd.core.shapes import Inexact
from jgd.core.tree import abs_sq, moment_dtype, ratio, safe_sqrt
from jgd.core.types import Array, Scalar

STEPS = 5
LEAST_ROWS = 128  # of a product that is worth computing by blocks
STANDARD = (3.4445, -4.775, 2.0315)
"""The quintic's coefficients by Keller Jordan: singular values end between 0.7 and 1.2, not at 1."""
DION = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
COEFFICIENTS: dict[str, Any] = {
    "standard": STANDARD,
    "dion": DION,
    "polar_express": (
        (8.2051, -22.9019, 16.4607),
        (4.0664, -2.8612, 0.5184),
        (3.9096, -2.8234, 0.5250),
        (3.2856, -2.4153, 0.4853),
        (2.2779, -1.6198, 0.3985),
    ),
    "cans": (
        (8.4703, -25.1081, 18.6293),
        (4.1828, -3.1087, 0.5806),
        (3.9619, -2.9541, 0.5630),
        (3.2866, -2.4647, 0.5074),
        (2.2737, -1.6447, 0.4162),
    ),
    "aol": (
        (4.0098, -7.0585, 2.4635),
        (3.4585, -5.5479, 2.5959),
        (2.7573, -3.2939, 1.4254),
        (2.7215, -3.0494, 1.3169),
    ),
    "deepseekv4": (STANDARD,) * 8 + ((2.0, -1.5, 0.5),) * 2,
}
"""Coefficients by name; those of several triples fix the number of steps.

Polar Express (Amsel et al. 2025, arXiv:2505.16932) takes the best polynomial at each step and so begins with the same
five however many follow; its margin of 1.01 against rounding is in them. CANS are by Grishina et al. (2025,
arXiv:2506.10935), AOL's belong to the preconditioning of that name (Boissin et al. 2025, arXiv:2512.04632), and
DeepSeek-V4's end with two steps that converge to 1.
"""
EXPECTED = f"be three numbers, or three for each step, or one of {', '.join(map(repr, COEFFICIENTS))}"
PRECONDITIONING = one_of("frobenius", "spectral", "aol", "schatten")
"""How a matrix is scaled before the iteration; see `newton_schulz`."""


def coefficients(value: Any) -> tuple[Any, ...]:
    """Give three numbers, or three for each step one after another, from a name, a triple or a sequence of triples."""
    if isinstance(value, str):
        if value not in COEFFICIENTS:
            raise ExpectationError(f"ns_coeffs={value!r}", EXPECTED)
        value = COEFFICIENTS[value]
    if not hasattr(value, "__iter__"):
        raise ExpectationError(f"ns_coeffs={value!r}", EXPECTED)
    rows = list(value)
    nested = bool(rows) and (isinstance(rows[0], (list, tuple)) or getattr(rows[0], "ndim", 0) > 0)
    flat = tuple(x for row in rows for x in row) if nested else tuple(rows)
    if len(flat) % 3 or not len(flat):
        raise ExpectationError(f"ns_coeffs={value!r}", EXPECTED)
    return flat


def newton_schulz(
    x: Inexact[Array, "m n"],
    ns_coeffs: Sequence[Any] = STANDARD,
    steps: int = STEPS,
    eps: Scalar = 1e-8,
    dtype: Any = None,
    preconditioning: str = "frobenius",
) -> Inexact[Array, "m n"]:
    """Iterate X <- a X + (b XX' + c (XX')^2) X from X = x, scaled, for `x`: f[m, n] with m <= n, real or complex.

    The scale is 1 / (||x|| + eps) by the Frobenius or the spectral norm, 1 / sqrt(||xx'||) by the norm of Schatten 4
    (Grishina et al. 2025, arXiv:2506.10935), or for each row 1 / sqrt(sum_j |xx'|_ij), which is AOL's (Boissin et al.
    2025, arXiv:2512.04632); the last two take the product from the first step, and their divisors are at least eps.

    `ns_coeffs` holds (a, b, c) for all steps, or one such triple after another, whose number then counts. It computes
    in `dtype`, that of `x` unless given. Cost: 4 m² n + 2 m³ operations a step, and singular values for "spectral".
    """
    out, count = x.dtype, steps_of(ns_coeffs, steps)
    if preconditioning in ("aol", "schatten"):
        x, gram = _by_product(x, eps, preconditioning) if count else (x, None)
    else:
        norm = jnp.linalg.norm(x, 2) if preconditioning == "spectral" else safe_sqrt(jnp.sum(abs_sq(x)))
        x, gram = ratio(x, norm + eps), None
    x = x if dtype is None else x.astype(moment_dtype(x, dtype))
    for step in range(count):
        first = 3 * step % len(ns_coeffs)
        a, b, c = (jnp.asarray(k).astype(x.real.dtype) for k in ns_coeffs[first : first + 3])
        gram = hermitian_product(x) if gram is None else gram.astype(x.dtype)
        x, gram = a * x + (b * gram + c * hermitian_product(gram)) @ x, None
    return x.astype(out)


def _by_product(
    x: Inexact[Array, "m n"], eps: Scalar, preconditioning: str
) -> tuple[Inexact[Array, "m n"], Inexact[Array, "m m"]]:
    """Return `x` scaled by what xx' tells, and the product of the scaled one."""
    gram = hermitian_product(x)
    if preconditioning == "aol":
        size = jnp.sum(jnp.abs(gram), axis=-1, keepdims=True)
    else:
        size = safe_sqrt(jnp.sum(abs_sq(gram), keepdims=True))
    scale = 1 / jnp.sqrt(jnp.maximum(size, eps))
    return scale * x, scale * gram * scale.mT


def hermitian_product(x: Inexact[Array, "*batch m n"]) -> Inexact[Array, "*batch m m"]:
    """Multiply f[m, n] by its adjoint; a CPU turns the upper half of the product to get the lower one.

    The square of a Hermitian matrix is such a product too. Three quarters of the operations, and of the iteration's
    time 0.88 from 256 rows on and 0.93 at 128; below that the parts cost more than they save, as everywhere on a GPU.
    """
    if x.shape[-2] < LEAST_ROWS:
        return x @ x.conj().mT
    return by_platform(_by_blocks, lambda x: x @ x.conj().mT, x)


def _by_blocks(x: Inexact[Array, "*batch m n"]) -> Inexact[Array, "*batch m m"]:
    m = x.shape[-2] // 2
    upper, lower = x[..., :m, :], x[..., m:, :]
    first, last = upper @ x.conj().mT, lower @ lower.conj().mT
    return jnp.concatenate([first, jnp.concatenate([first[..., m:].conj().mT, last], axis=-1)], axis=-2)


def steps_of(ns_coeffs: Sequence[Any], steps: int) -> int:
    """Return the number of steps: as many as there are triples, or `steps` of a single one."""
    return len(ns_coeffs) // 3 if len(ns_coeffs) > 3 else steps


def check_steps(place: str, ns_coeffs: Sequence[Any], steps: Any) -> None:
    """Refuse a number of steps, other than the default, that is not that of several triples."""
    count = steps_of(ns_coeffs, steps)
    if isinstance(steps, int) and steps not in (STEPS, count):
        raise RefusalError(place, "ns_steps", steps, f"be {count}, as many as ns_coeffs has triples", shown)
