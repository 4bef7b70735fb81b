"""How a loss is computed: in which dtype, and what its backward pass computes anew."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import Kind
from jgd.core.types import Params, State

POLICIES = ("nothing_saveable", "dots_saveable", "dots_with_no_batch_dims_saveable")
COMPUTE_DTYPE = Kind(
    "be None or a real floating dtype, such as 'bfloat16'", lambda x: x is None or _is_real(jnp.dtype(x))
)
REMAT = Kind(
    f"be None, one of {', '.join(map(repr, POLICIES))}, or a function of jax.checkpoint_policies",
    lambda x: x is None or callable(x) or x in POLICIES,
    POLICIES,
)


def computed(loss: Callable[..., Any], dtype: str | None, remat: Any) -> Callable[..., Any]:
    """Let `loss(params, model_state, batch, key)` compute in a dtype, and by a policy of `jax.checkpoint`, if given.

    The floats of the parameters and of the batch are cast, so that gradients are of the parameters' own dtypes.
    """

    def within(params: Params, model_state: State, batch: Any, key: jax.Array) -> Any:
        params, batch = (jax.tree.map(partial(_cast, dtype), x) for x in (params, batch))
        return loss(params, model_state, batch, key)

    chosen = loss if dtype is None else within
    if remat is None:
        return chosen
    policy: Any = remat if callable(remat) else getattr(jax.checkpoint_policies, remat)
    return jax.checkpoint(chosen, policy=policy)


def in_dtypes_of(old: State, new: State) -> State:
    """Return a model's next state with floats of the dtypes that it had, where its structure is the same.

    Else it stays as it is.
    """
    if jax.tree.structure(old) != jax.tree.structure(new):
        return new
    return jax.tree.map(lambda n, o: _cast(jnp.result_type(o), n) if _is_real(o) else n, new, old)


def _cast(dtype: Any, x: Any) -> Any:
    return jnp.asarray(x).astype(dtype) if _is_real(x) else x


def _is_real(x: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(x), jnp.floating))
