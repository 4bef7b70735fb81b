"""One search from a start to a solution: what `minimize`, `least_squares`, `curve_fit` and `root` share."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jgd.core.arguments import Kind, instance_of
from jgd.core.errors import InputError
from jgd.core.forward_mode import forward_mode_only
from jgd.core.stop import FIT_ALONE, Stop
from jgd.core.types import Params
from jgd.solvers.derivatives import Implicit, is_traced, with_derivative
from jgd.solvers.loop import MAX_EVALUATIONS, Turn, first_turn, solve
from jgd.solvers.methods.method import Method
from jgd.solvers.methods.objective import Point
from jgd.solvers.solution import Solution, finished
from jgd.solvers.user_problem import UserProblem
from jgd.solvers.watched import is_watched, watched_search

CALLBACK = Kind("be a function (solution) -> bool or None", lambda x: x is None or callable(x))
TUPLE = instance_of("be a tuple of further arguments of the function", tuple)


def searched(
    place: str,
    problem: UserProblem,
    method: Method,
    params: Params,
    stop: Stop,
    derivative: str | Implicit,
    history: bool,
    callback: Callable[[Solution], Any] | None,
) -> Solution:
    """Return the solution from `params`, by one program, or in segments where somebody watches."""
    recorded = (stop.max_evaluations or MAX_EVALUATIONS) if history else 0
    if is_watched(place, stop, callback):
        return watched_search(place, problem, method, params, stop, recorded, callback)
    found = _search(problem, method, params, stop, rule_of(derivative), recorded)
    if derivative == "through":
        found = forward_mode_only(f"{place}(derivative='through')", found, "ask for 'implicit' ones")
    return finished(found)


def search(
    problem: UserProblem, method: Method, params: Params, stop: Stop, rule: Implicit | None, recorded: int = 0
) -> tuple[Solution, Point]:
    """Return the solution, whose status is a number, and its point as the method sees it."""
    objective, form = problem.for_method(method, params)

    def run(start: Params) -> Turn:
        return solve(method, objective, stop, first_turn(method, objective, start, stop, recorded))

    start = form.pack(params)
    turn = run(start) if rule is None else with_derivative(rule, objective, start, run)
    return problem.as_returned(turn.solution(form)), turn.iterate.point


@partial(jax.jit, static_argnames="recorded")
def _search(
    problem: UserProblem, method: Method, params: Params, stop: Stop, rule: Implicit | None, recorded: int
) -> Solution:
    return search(problem, method, params, stop, rule, recorded)[0]


def rule_of(derivative: str | Implicit) -> Implicit | None:
    """Give the rule of derivatives, where somebody may differentiate; None where the steps are to be differentiated."""
    if derivative == "through" or not is_traced():
        return None
    return Implicit() if isinstance(derivative, str) else derivative


def check_stop(place: str, stop: Stop) -> Stop:
    """Refuse rules that never stop, or that only another loop looks at."""
    stop.refuse(FIT_ALONE, "jgd.fit")
    if not stop.has_rule:
        raise InputError(
            f"{place}(stop=Stop()): it holds no rule, so nothing would stop the search; set gradient_norm, value, "
            "step_norm, patience or max_steps."
        )
    return stop
