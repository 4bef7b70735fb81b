"""Minimize a deterministic function with any optimizer: one compiled loop, and a reason for stopping."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jgd.core.arguments import FLAG, checked, function_of, instance_of
from jgd.core.errors import InputError
from jgd.core.record import as_function
from jgd.core.status import Status
from jgd.core.stop import STOP, Stop, Watch
from jgd.core.tree import check_inexact, global_norm, where
from jgd.core.types import Params, Transform
from jgd.core.user_code import attempt
from jgd.solvers.solution import Solution
from jgd.transforms.as_transform import as_transform
from jgd.transforms.scale import apply_updates

DEFAULT_STOP = Stop(gradient_norm=1e-5, patience=500)
MAX_STEPS = 10_000
TUPLE = instance_of("be a tuple of further arguments of the function", tuple)


@checked(params=None, has_aux=FLAG, args=TUPLE, fn=function_of("(params, *args) -> scalar"), stop=STOP)
def minimize(
    fn: Callable[..., Any],
    optimizer: Transform,
    params: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
) -> Solution:
    """Minimize `fn(params, *args) -> scalar` (with `has_aux`, `(scalar, aux)`) from `params`.

    The rules of `stop` are checked at the start and after every step. The default is
    `Stop(gradient_norm=1e-5, patience=500)`, since float32 may not reach the norm; where `stop` sets no `max_steps`,
    10000 are allowed. A step to a point whose value or gradient is not finite is undone and ends the search, so the
    solution is the last finite point.

    Runs under `jit` and `vmap`; the numbers of the optimizer, the rules and `args` are arguments of the program, and
    one function object is compiled once. The optimizer gets `value`, `grad` and `value_fn` as line searches need them.
    The function is evaluated once a step, beside what a line search does. Reverse-mode derivatives do not pass through
    the loop; forward-mode ones do (`jax.jvp`, `jax.jacfwd`).
    """
    stop = _check_stop(DEFAULT_STOP if stop is None else stop)
    fn, optimizer = as_function(fn), as_transform(optimizer)
    check_inexact("minimize(params)", params)
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), params)
    if not jax.tree.leaves(params):
        raise InputError("minimize(params): there are no arrays in it; pass the point to start from.")
    _check_value(fn, params, args, has_aux)
    solution = _search(fn, optimizer, params, stop, args, has_aux)
    if isinstance(solution.status, jax.core.Tracer):
        return solution
    return dataclasses.replace(solution, status=Status.of(solution.status))


class _Point(NamedTuple):
    params: Params
    value: jax.Array
    aux: Any
    grad: Any
    gradient_norm: jax.Array


class _State(NamedTuple):
    point: _Point
    opt_state: Any
    watch: Watch
    steps: jax.Array  # i32[]
    status: jax.Array  # i32[]


@partial(jax.jit, static_argnames="has_aux")
def _search(
    fn: Any, optimizer: Transform, params: Params, stop: Stop, args: tuple[Any, ...], has_aux: bool
) -> Solution:
    def objective(params: Params) -> tuple[jax.Array, Any]:
        return fn(params, *args) if has_aux else (fn(params, *args), None)

    def measure(params: Params) -> _Point:
        (value, aux), grad = jax.value_and_grad(objective, has_aux=True)(params)
        # For complex parameters JAX returns the conjugate of the direction of steepest ascent.
        grad = jax.tree.map(jnp.conj, grad)
        return _Point(params, value, aux, grad, global_norm(grad))

    def body(state: _State) -> _State:
        old = state.point
        updates, opt_state = optimizer.update(
            old.grad, state.opt_state, old.params, value=old.value, grad=old.grad, value_fn=lambda p: objective(p)[0]
        )
        new, steps = measure(apply_updates(old.params, updates)), state.steps + 1
        watch, status, finite = _judge(stop, state.watch, new, global_norm(updates), steps)
        return _State(where(finite, new, old), opt_state, watch, steps, status)

    start = measure(params)
    watch, status, _ = _judge(stop, stop.begin(), start, jnp.inf, jnp.zeros((), jnp.int32))
    state = _State(start, optimizer.init(params), watch, jnp.zeros((), jnp.int32), status)
    end = jax.lax.while_loop(lambda state: state.status == Status.RUNNING, body, state)
    point = end.point
    return Solution(point.params, point.value, point.gradient_norm, end.steps, end.status, point.aux)


def _judge(stop: Stop, watch: Watch, point: _Point, step_norm: Any, steps: jax.Array) -> tuple[Watch, Any, Any]:
    """The rules at a point that `steps` steps led to, and whether the point is finite."""
    finite = jnp.isfinite(point.value) & jnp.isfinite(point.gradient_norm)
    watch, status = stop.check(
        watch, value=point.value, gradient_norm=point.gradient_norm, step_norm=step_norm, finite=finite
    )
    spent = (status == Status.RUNNING) & (steps >= (stop.max_steps or MAX_STEPS))
    return watch, jnp.where(spent, jnp.int32(Status.MAX_STEPS), status), finite


def _check_stop(stop: Stop) -> Stop:
    if not stop.has_rule:
        raise InputError(
            "minimize(stop=Stop()): it holds no rule, so nothing would stop the search; set gradient_norm, value, "
            "step_norm, patience or max_steps."
        )
    return stop


def _check_value(fn: Any, params: Params, args: tuple[Any, ...], has_aux: bool) -> None:
    """Refuse a function whose value is no real scalar, from shapes alone."""
    place = f"minimize(fn={getattr(getattr(fn, 'fn', fn), '__qualname__', type(fn).__name__)})"
    out: Any = attempt(f"{place}: fn(params, *args)", lambda: jax.eval_shape(fn, params, *args))
    if has_aux and not (isinstance(out, tuple) and len(out) == 2):
        raise InputError(f"{place}: with has_aux=True it must return (scalar, aux), not a {type(out).__name__}.")
    value: Any = out[0] if has_aux else out
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        shown = f"{value.dtype}{list(value.shape)}" if hasattr(value, "shape") else f"a {type(value).__name__}"
        raise InputError(
            f"{place}: it must return a real floating scalar, not {shown}; reduce it, for example with .sum(), or pass "
            "has_aux=True if it returns (scalar, aux)."
        )
