"""Causes and remedies of numbers that are not finite, by the operation in which they arose."""

import math

from jgd.health.origin import FailedOperation

REMEDIES = {
    "log": "keep its argument above zero, as in jnp.log(jnp.maximum(x, 1e-12)), or use a loss of logits",
    "log1p": "keep its argument above -1",
    "div": "keep the divisor away from zero: add an epsilon, or divide by jnp.where(x == 0, 1, x)",
    "sqrt": "keep its argument above zero, and take the root of jnp.where(x > 0, x, 1) where it is differentiated",
    "rsqrt": "add an epsilon within the root",
    "pow": "keep the base above zero",
    "exp": "subtract the maximum first, as jax.nn.logsumexp and softmax do, or clip its argument",
    "sub": "do not subtract infinities: a row in which everything is masked needs a case of its own",
    **dict.fromkeys(("exp2", "expm1", "sinh", "cosh"), "clip its argument"),
    "gather": "keep its indices within the axis, or clip them, as jnp.take(..., mode='clip') does",
    "acos": "clip its argument to [-1, 1]",
    "asin": "clip its argument to [-1, 1]",
    "cholesky": "add a multiple of the identity, or compute it in float64",
    **dict.fromkeys(("custom_linear_solve", "triangular_solve", "lu"), "add a multiple of the identity to its matrix"),
    "argument": "clean the data, or look at what has set it where it is none of the data",
}
NAMES = {
    "div": "division",
    "dot_general": "product",
    "integer_pow": "power",
    "convert_element_type": "conversion",
    "custom_linear_solve": "solution of a linear system",
    "triangular_solve": "solution of a triangular system",
}
SHOWN = 3  # operands that are told; those of a whole program, as a linear solve is, say nothing
LARGE = (
    "its operands are too large for their dtype: lower the learning rate, clip the gradient, or scale what enters it"
)
GROWING = frozenset(
    (
        "dot_general",
        "mul",
        "add",
        "add_any",
        "reduce_sum",
        "integer_pow",
        "square",
        "cumsum",
        "cumprod",
        "reduce_prod",
        "convert_element_type",
    )
)


def because_of(origin: FailedOperation) -> str:
    """Say where it arose, and from which operands."""
    if origin.operation == "argument":
        place = f"{origin.source}{list(origin.index) if origin.index else ''}"
        return f"{place} is {'not a number' if origin.undefined else 'infinite'} before the step"
    operands = [f"{x:.6g}" for x in origin.operands if not math.isnan(x)] if len(origin.operands) <= SHOWN else []
    name = NAMES.get(origin.operation, origin.operation)
    said = f"{name} of {' and '.join(operands)}" if operands else name
    said += f" at {origin.source}" if origin.source else ""
    said += " on the gradient's way back" if origin.backward else ""
    return said + (f", in pass {origin.passes[-1]} of a loop" if origin.passes else "")


def remedy_of(origin: FailedOperation, stage: str) -> str:
    """Say what to do about it, where it was seen in this stage of a step."""
    if stage == "gradient" and origin.operation == "div" and origin.operands[-1] == 0:
        return f"where it is the derivative of a root or a norm at zero, {REMEDIES['sqrt']}; else {REMEDIES['div']}"
    if origin.operation in GROWING:
        return LARGE
    return REMEDIES.get(origin.operation, "keep its operands where it is defined")
