"""Take the value and the gradient that a line search ended at, instead of evaluating them again."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import InputError
from jgd.core.arguments import FLAG, Kind, checked, function_of
from jgd.core.types import State

ARGNUMS = Kind(
    "be the position of an argument, or a tuple of them",
    lambda x: all(isinstance(i, int) and not isinstance(i, bool) for i in (x if isinstance(x, tuple) else (x,))),
)
PLACE = "value_and_grad_from_state"


@checked(value_fn=function_of("(params, ...) -> scalar"), argnums=ARGNUMS, has_aux=FLAG)
def value_and_grad_from_state(
    value_fn: Callable[..., Any], *, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Make `jax.value_and_grad(value_fn, argnums, has_aux)` that takes what it can from `state=`, an optimizer's state.

    The state must hold one value with its gradient, as that of `scale_by_zoom_linesearch` does, and of
    `scale_by_backtracking_linesearch(store_grad=True)`. They are of the point at which the last search ended, so the
    parameters must be what `apply_updates` made of its updates, and the function's other arguments the same. Where the
    value is not finite, as before the first step, the function is evaluated (under `vmap` always). With `has_aux` the
    function is evaluated for its auxiliary output, and only its gradient is saved. `argnums` names the arguments that
    are the optimizer's parameters; optax has neither.
    """
    evaluate = jax.value_and_grad(value_fn, argnums, has_aux)

    def value_and_grad(*args: Any, state: State, **kwargs: Any) -> tuple[Any, Any]:
        value, grad = _kept(state)
        shapes = jax.eval_shape(evaluate, *args, **kwargs)
        if jax.tree.structure(grad) != jax.tree.structure(shapes[1]) or jax.tree.map(jnp.shape, grad) != jax.tree.map(
            jnp.shape, shapes[1]
        ):
            raise InputError(
                f"{PLACE}(argnums={argnums}): the gradient in the state is {jax.tree.structure(grad)}, that of these "
                f"arguments {jax.tree.structure(shapes[1])}, or the shapes differ; pass the state of the optimizer "
                "whose parameters these are."
            )

        def take() -> Any:
            known = (value, value_fn(*args, **kwargs)[1]) if has_aux else value
            return jax.tree.map(lambda x, like: jnp.asarray(x).astype(like.dtype), (known, grad), shapes)

        return jax.lax.cond(jnp.isfinite(value), take, lambda: evaluate(*args, **kwargs))

    return value_and_grad


def _kept(state: State) -> tuple[Any, Any]:
    """Return the value and the gradient in a state."""

    def both(node: Any) -> bool:
        return {"value", "grad"} <= set(getattr(node, "_fields", ()))

    found = [node for node in jax.tree.leaves(state, is_leaf=both) if both(node)]
    if len(found) > 1:
        raise KeyError(f"{PLACE}(state): it holds {len(found)} values with gradients, expected one; pass a part of it.")
    if not found or found[0].grad is None:
        raise InputError(
            f"{PLACE}(state): it holds no value with its gradient; use a line search that keeps them, such as "
            "scale_by_zoom_linesearch(20) or scale_by_backtracking_linesearch(20, store_grad=True)."
        )
    return found[0].value, found[0].grad
