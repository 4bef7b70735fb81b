"""A call whose arguments do not fit is told so with the function's name, what to pass instead and how it is called."""

# pyright: reportCallIssue=false, reportArgumentType=false
# Every call here is wrong.

import inspect
import re

import numpy as np
import pytest

import jgd
from jgd import health, sweep
from jgd.core.call_arguments import ELSEWHERE
from tests.called import public

TASK = jgd.Task(lambda key: 1.0, lambda params, batch: params, np.ones((4, 1)))
STOP = r"stop=jgd\.Stop\("


def square(x):
    return x * x


def test_every_public_function_tells_of_a_name_that_it_does_not_know():
    said, functions = {}, public()
    functions.pop("jgd.global_norm")  # optax's, one line that programs are traced through
    for name, call in functions.items():
        parameters = inspect.signature(call).parameters.values()
        if parameters and not any(one.kind is one.VAR_POSITIONAL for one in parameters):
            with pytest.raises(TypeError) as error:
                call(no_such_argument=1)
            told = re.match(r"\w+: .*it is called as \w+\(", str(error.value))
            said |= {} if told and isinstance(error.value, jgd.InputError) else {name: error.value}
    assert said == {}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: jgd.minimize(square, x0=1.0), r"^minimize: .*'x0'; pass it as params; it is called as minimize\(fn, "),
        (lambda: jgd.minimize(square, "bfgs", 1.0, tol=1e-8), rf"'tol'; pass {STOP}gradient_norm=\.\.\.\);"),
        (lambda: jgd.minimize(square, "bfgs", 1.0, options={"maxiter": 9}), rf"pass limits as {STOP}\.\.\.\), and"),
        (lambda: jgd.minimize(square, "bfgs", 1.0, jac=True), "'jac'; leave it out, since JAX derives the function;"),
        (lambda: jgd.minimize(fun=square, x0=1.0), "'fun'; pass it as fn;"),
        (lambda: jgd.root(square, x0=1.0, method="lm"), r"^root: .*'(x0|method)'; pass it as (params|optimizer);"),
        (lambda: jgd.least_squares(square, "lm", 1.0, max_nfev=9), rf"'max_nfev'; pass {STOP}max_evaluations="),
        (lambda: jgd.curve_fit(square, 1.0, ydata=1.0), "^curve_fit: .*'ydata'; pass it as y;"),
        (lambda: jgd.minimize_many(square, "bfgs", x0=1.0), "^minimize_many: .*'x0'; pass it as starts;"),
        (lambda: jgd.fit(TASK, jgd.sgd(0.1), epochs=3), "^fit: .*'epochs'; pass steps, each of which takes a batch;"),
        (
            lambda: jgd.Task(TASK.init, TASK.loss, batchsize=3),
            "^Task: .*'batchsize'; did you mean batch_size;",
        ),
        (lambda: jgd.fit(TASK, jgd.sgd(0.1), maxiter=3), "^fit: .*'maxiter'; pass steps, each of which takes a batch;"),
        (lambda: jgd.fit(TASK, jgd.sgd(0.1), ftol=3), "^fit: .*'ftol'; (?!pass)"),
        (lambda: jgd.root(square, "newton", 1.0, xtol=1e-8), rf"'xtol'; pass {STOP}gradient_norm=\.\.\.\);"),
        (lambda: jgd.rate_range(TASK, jgd.sgd, num_steps=3), "^rate_range: .*'num_steps'; pass steps"),
        (lambda: health.check(TASK, jgd.sgd(0.1), random_state=3), "^check: .*'random_state'; pass it as seed;"),
        (lambda: sweep.run(TASK, jgd.sgd(0.1), n_trials=3), "^run: .*'n_trials'; did you mean num_trials; it"),
        (lambda: sweep.run(TASK, jgd.sgd(0.1), tol=3), "^run: .*'tol'; (?!pass stop)"),
        (lambda: jgd.adam(lr=1e-3), "^adam: .*'lr'; pass it as learning_rate;"),
        (lambda: jgd.Stop(tol=1e-8), "^Stop: .*'tol'; pass it as gradient_norm;"),
        (lambda: jgd.sgd(), "^sgd: missing a required argument: 'learning_rate'; it is called as sgd"),
    ],
)
def test_a_name_of_another_library_is_told_the_one_here(call, words):
    with pytest.raises(TypeError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_what_stands_in_place_of_a_foreign_name_is_known_somewhere():
    signatures = [{*inspect.signature(value).parameters} for value in public().values()]
    for theirs, ours, _ in ELSEWHERE:
        assert all(any({*one.split()} <= names for names in signatures) for one in ours.split("|")), ours
        assert theirs
