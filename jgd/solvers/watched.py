"""A search under the eyes of its caller: in segments, with a callback after each step and a limit of time."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.core.types import Params
from jgd.solvers.derivatives import is_traced
from jgd.solvers.loop import Turn, first_turn, next_turn, solve
from jgd.solvers.methods.method import Method
from jgd.solvers.solution import Solution, finished
from jgd.solvers.user_problem import UserProblem

SHORT = 0.1
"""Seconds that a segment should take, if there is no callback."""


def is_watched(place: str, stop: Stop, callback: Any) -> bool:
    """Tell whether a search has a callback or a limit of time, which is refused where it could not act."""
    if callback is None and stop.seconds is None:
        return False
    if is_traced():
        name = "stop=Stop(seconds)" if callback is None else "callback"
        raise InputError(f"{place}({name}=): it cannot act under jit, vmap or a derivative; leave it out.")
    return True


def watched_search(
    place: str,
    problem: UserProblem,
    method: Method,
    params: Params,
    stop: Stop,
    recorded: int,
    callback: Callable[[Solution], Any] | None,
) -> Solution:
    """Return the solution, after a program of a step each with a callback, else of more and more evaluations.

    The callback gets the `Solution` so far, with the status RUNNING; `True` or a StopIteration ends the search.
    """
    limit, begun, length = np.inf if stop.seconds is None else float(stop.seconds), time.monotonic(), 1
    turn = _start(problem, method, params, stop, recorded)
    while turn.status == Status.RUNNING:
        since, stepped = time.monotonic(), bool(turn.evaluations > 0)
        if callback is None:
            turn = _segment(problem, method, params, stop, turn, turn.evaluations + length)
        else:
            turn = _step(problem, method, params, stop, turn)
        turn = jax.block_until_ready(turn)
        now = time.monotonic()
        length = length * 2 if now - since < SHORT else max(1, length // 2)
        if (
            callback is not None
            and stepped
            and _asks_to_stop(place, callback, finished(_solution(problem, method, params, turn)))
        ):
            turn = _ended(turn, Status.CALLBACK)
        elif now - begun > limit:
            turn = _ended(turn, Status.TIME)
    return finished(_solution(problem, method, params, turn))


def _asks_to_stop(place: str, callback: Callable[[Solution], Any], solution: Solution) -> bool:
    try:
        answer = callback(solution)
    except StopIteration:
        return True
    told = np.asarray(answer)
    if answer is not None and (told.dtype != np.bool_ or told.shape != ()):
        raise InputError(
            f"{place}(callback=): it returned {shown(answer)}; return True to end the search, False or None to go on."
        )
    return bool(answer)


def _ended(turn: Turn, why: Status) -> Turn:
    """Return the turn with a reason to end, unless a rule gave one."""
    return turn._replace(status=jnp.where(turn.status == Status.RUNNING, jnp.int32(int(why)), turn.status))


@partial(jax.jit, static_argnames="recorded")
def _start(problem: UserProblem, method: Method, params: Params, stop: Stop, recorded: int) -> Turn:
    objective, form = problem.for_method(method, params)
    return first_turn(method, objective, form.pack(params), stop, recorded)


@jax.jit
def _segment(problem: UserProblem, method: Method, params: Params, stop: Stop, turn: Turn, until: jax.Array) -> Turn:
    return solve(method, problem.for_method(method, params)[0], stop, turn, until)


@jax.jit
def _step(problem: UserProblem, method: Method, params: Params, stop: Stop, turn: Turn) -> Turn:
    """Evaluate the start; then, until a trial is accepted or a rule holds."""
    objective, _ = problem.for_method(method, params)

    def going(now: Turn) -> jax.Array:
        begun = (turn.evaluations > 0) | (now.evaluations == 0)
        return (now.status == Status.RUNNING) & (now.steps == turn.steps) & begun

    return jax.lax.while_loop(going, lambda now: next_turn(method, objective, stop, now), turn)


@jax.jit
def _solution(problem: UserProblem, method: Method, params: Params, turn: Turn) -> Solution:
    return problem.as_returned(turn.solution(problem.for_method(method, params)[1]))
