"""How the arguments of a call fit a signature, and what is said of those that do not."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jgd.core.errors import CallError, suggestion

MINIMIZER, SOLVER = "stop bounds", "stop bounds|stop derivative"  # the others look for roots
ELSEWHERE = (  # names of scipy, torch, Keras and Optuna; what a function here takes, or; what to pass in their place
    ("fun func", "fn", "pass it as fn"),
    ("fun func", "residual", "pass it as residual"),
    ("fun func", "f", "pass it as f"),
    ("x0 p0 init_params", "params", "pass it as params"),
    ("x0", "starts", "pass it as starts"),
    ("xdata", "x", "pass it as x"),
    ("ydata", "y", "pass it as y"),
    ("method", "optimizer", "pass it as optimizer"),
    (
        "epochs num_epochs n_epochs num_steps max_steps maxiter max_iter niter",
        "task steps",
        "pass steps, each of which takes a batch",
    ),
    ("ftol", MINIMIZER, "pass stop=jgd.Stop(value_change=...)"),
    ("xtol", MINIMIZER, "pass stop=jgd.Stop(relative_step_norm=...)"),
    ("tol gtol atol rtol ftol xtol", SOLVER, "pass stop=jgd.Stop(gradient_norm=...)"),
    ("maxiter max_iter max_steps niter", SOLVER, "pass stop=jgd.Stop(max_steps=...)"),
    ("max_nfev maxfun maxfev", SOLVER, "pass stop=jgd.Stop(max_evaluations=...)"),
    (
        "options",
        SOLVER,
        "pass limits as stop=jgd.Stop(...), and the method's own to it, as in jgd.lbfgsb(memory_size=5)",
    ),
    ("jac grad fprime", SOLVER, "leave it out, since JAX derives the function"),
    ("tol", "gradient_norm", "pass it as gradient_norm"),
    ("maxiter", "max_steps", "pass it as max_steps"),
    ("lr", "learning_rate", "pass it as learning_rate"),
    ("betas", "b1 b2", "pass its numbers as b1 and b2"),
    ("random_state rng", "seed", "pass it as seed"),
)


def bind_arguments(
    name: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any], *, partial: bool = False
) -> inspect.BoundArguments:
    """Bind the arguments of a call, with `partial` those that there are, or say how `name` is called."""
    try:
        return (signature.bind_partial if partial else signature.bind)(*args, **kwargs)
    except TypeError as error:
        known = [one.replace(annotation=one.empty) for one in signature.parameters.values() if one.name != "self"]
        names = [one.name for one in known]
        takes_any = any(one.kind is one.VAR_KEYWORD for one in known)
        strange = next((one for one in kwargs if one not in names and not takes_any), None)
        told = str(error) if strange is None else f"got an unexpected keyword argument {strange!r}"
        hint = "" if strange is None else instead(strange, names)
        raise CallError(
            f"{name}: {told}{hint and f'; {hint}'}; it is called as {name}{inspect.Signature(known)}"
        ) from None


def instead(name: str, known: Sequence[str]) -> str:
    """Say what to pass in place of an argument that another library knows, or ask whether the nearest was meant."""
    for theirs, ours, advice in ELSEWHERE:
        if name in theirs.split() and any({*one.split()} <= {*known} for one in ours.split("|")):
            return advice
    return suggestion(name, known).strip(" ?").partition(" or ")[0].replace("Did", "did")


def takes(fn: Callable[..., Any], count: int) -> bool:
    """Tell whether a call with so many positional arguments fits; a builtin, which does not tell, takes any."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return True
    return binds(signature, count)


def binds(signature: inspect.Signature, count: int) -> bool:
    """Tell whether a call with so many positional arguments fits a signature."""
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
