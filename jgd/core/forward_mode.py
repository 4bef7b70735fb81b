"""Loops of unknown length, through which derivatives pass forwards alone: a refusal of the others that says so."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jgd.core.errors import InputError


def forward_mode_only(place: str, tree: Any, otherwise: str) -> Any:
    """Return the tree itself, whose reverse-mode derivatives are refused in one sentence, which ends with `otherwise`.

    For what a `while_loop` returns: JAX's own error names neither the optimizer nor a remedy.
    """

    def marked(x: Any) -> Any:
        return _marked(place, otherwise, x) if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else x

    return jax.tree.map(marked, tree)


def _marked(place: str, otherwise: str, x: Any) -> Any:
    @jax.custom_jvp
    def identity(x: jax.Array) -> jax.Array:
        return x

    @identity.defjvp
    def _(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
        return primals[0], _forwards.bind(tangents[0], place=place, otherwise=otherwise)

    return identity(x)


def _refuse(cotangent: Any, x: Any, *, place: str, otherwise: str) -> Any:
    raise InputError(
        f"{place}: reverse-mode derivatives (jax.grad, jax.vjp, jax.jacrev) do not pass through its loop, whose length "
        f"is found as it runs; take forward-mode ones (jax.jvp, jax.jacfwd), or {otherwise}."
    )


_forwards = Primitive("forwards")  # the identity on a tangent
_forwards.def_impl(lambda x, **_: x)
_forwards.def_abstract_eval(lambda x, **_: x)
ad.deflinear2(_forwards, _refuse)
batching.primitive_batchers[_forwards] = lambda args, axes, **given: (_forwards.bind(*args, **given), axes[0])
mlir.register_lowering(_forwards, lambda ctx, x, **_: [x])
