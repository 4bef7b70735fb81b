"""Bad arguments: every public function and record refuses at its door what no parameter of that name can mean."""

import dataclasses
import inspect
import numbers
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.core.arguments import (
    ARRAYS,
    COUNT,
    DTYPE,
    FLAG,
    LABELS,
    MASK,
    POSITIVE,
    TRANSFORM,
    WHOLE,
    Kind,
    admits,
    function_of,
    one_of,
    whole_from,
)
from jgd.core.frozen import frozen_key
from jgd.core.given import Placeholder
from jgd.core.newton_schulz import COEFFICIENTS, PRECONDITIONING
from jgd.core.types import Rate, Scalar, Transform
from jgd.nonsmooth.nonsmooth import NONSMOOTH
from jgd.optimizers.natural_gradient import FISHER
from jgd.sweep import loguniform, uniform
from jgd.transforms.decay import Decay
from tests.called import is_record, public

BAD = [
    *(None, "text", "", b"x", 2.5, -3, True, float("nan"), 1 + 2j, [], {}, (1, 2), object(), lambda: 0, np.ones(3)),
    *(jgd.sgd(0.1), loguniform(1e-3, 1.0)),
]


def _may_be_number(x):
    if isinstance(x, numbers.Real) and not isinstance(x, bool):
        return x == x
    if isinstance(x, Transform):
        return False
    return isinstance(x, (np.ndarray, Placeholder)) or callable(x)


NUMBER = Kind("be a number, or what stands for one", _may_be_number)


def _may_be_coefficients(x):
    return x in COEFFICIENTS if isinstance(x, str) else hasattr(x, "__iter__")


NUMBERS = Kind("be a sequence", lambda x: hasattr(x, "__iter__"))
BY_ANNOTATION = {
    Scalar: NUMBER,
    Rate: NUMBER,
    Decay: NUMBER,
    Decay | None: NUMBER,
    Scalar | None: NUMBER,
    Rate | None: NUMBER,
    bool: FLAG,
}
TASK = jgd.Task(lambda key: jnp.ones(2), lambda params, batch: jnp.sum(params), np.ones((4, 1)))
GOOD = {  # what a call needs beside the argument that is tried
    "window": 3,
    "magnitude": jgd.sgd(0.1),
    "direction": jgd.sgd(0.1),
    "adv_optimizer": jgd.sgd(0.1),
    "base_optimizer": jgd.sgd(0.1),
    "max_backtracking_steps": 3,
    "max_linesearch_steps": 3,
    "decay_steps": 9,
    "fast_optimizer": jgd.sgd(0.1),
    "grads": {"w": jnp.ones((2, 3))},
    "seed": 0,
    "default": jgd.sgd(0.1),
    "every": 4,
    "every_k_schedule": 2,
    "fn": jnp.sum,
    "groups": {"w": "frozen"},
    "index": 0,
    "learning_rate": 0.1,
    "aggregator": jgd.average_per_element_updates(),
    "per_elt_updates": {"w": jnp.ones((2, 3))},
    "postprocessor": jgd.sgd(0.1),
    "preprocessor": jgd.sgd(0.1),
    "momentum": 0.9,
    "nonsmooth": jgd.nonsmooth.l1(0.1),
    "value": jgd.sgd(0.1),
    "warmup_steps": 1,
    "cycles": (jgd.schedules.WarmupCosineDecay(0.0, 1.0, 1, 5),),
    "data": np.ones((4, 1)),
    "inner": jgd.scale_by_adam(),
    "interpolate_type": "linear",
    "loss": TASK.loss,
    "init": TASK.init,
    "init_step": ("heuristic", 1e-6),
    "mask": True,
    "mesh": jax.make_mesh((1,), ("data",)),
    "measure": jnp.sum,
    "measure_name": "norm",
    "opt": jgd.sgd(0.1),
    "optimizer": jgd.sgd(0.1),
    "outputs": TASK.loss,
    "outer": jgd.sgd(0.1),
    "params": {"w": jnp.ones(2)},
    "should_transform_fn": jnp.sum,
    "schedules": [jgd.constant_schedule(1.0)],
    "spaces": jgd.sgd(uniform(0.1, 0.2)),
    "steps": 2,
    "sync_period": 2,
    "stop": None,
    "size": 2,
    "task": TASK,
    "transforms": {"a": jgd.sgd(0.1)},
    "updates": {"w": jnp.ones(2)},
    "values": [1.0],
    "workers": 2,
}
KEY = Kind("be a seed or a random key", lambda x: frozen_key(x) is not None)
TRANSFORMS = Kind("be transforms by label", lambda x: isinstance(x, dict) and bool(x))
BY_NAME = {  # of functions whose door is that of the record which they make
    "accumulator_dtype": DTYPE,
    "base": one_of("adamw", "lion"),
    "base_optimizer": TRANSFORM,
    "block_size": WHOLE,
    "clip_value_fn": function_of("(count) -> bound"),
    "direction": TRANSFORM,
    "dtype_momentum": DTYPE,
    "grafting": one_of("adam", "sgd", "rmsprop", "adagrad"),
    "key": KEY,
    "linesearch": TRANSFORM,
    "links": TRANSFORM,
    "fn": function_of("of its arguments"),
    "hessian_diagonal_fn": TRANSFORM,
    "inner": TRANSFORM,
    "magnitude": TRANSFORM,
    "mask": MASK,
    "max_precondition_dim": WHOLE,
    "max_size_triangular": whole_from(0),
    "memory_save_mode": one_of("one_diag", "all_diag", "smart_one_diag"),
    "memory_size": WHOLE,
    "min_ndim_triangular": whole_from(0),
    "min_dim_size_to_factor": whole_from(0),
    "mu_dtype": DTYPE,
    "cg_steps": WHOLE,
    "fisher": FISHER,
    "max_backtracking_steps": COUNT,
    "nonsmooth": NONSMOOTH,
    "norm": one_of("auto", "spectral", "sign", "col", "row", "bias"),
    "ns_coeffs": Kind(
        "be numbers, or a name", lambda x: x in COEFFICIENTS if isinstance(x, str) else admits(NUMBERS, x)
    ),
    "ns_dtype": DTYPE,
    "ns_steps": WHOLE,
    "nu_dtype": DTYPE,
    "opt": TRANSFORM,
    "optimizer": TRANSFORM,
    "param_labels": LABELS,
    "param_dtype": DTYPE,
    "params": ARRAYS,
    "print_win_rate_every_n_steps": COUNT,
    "random_seed": KEY,
    "should_skip_update_fn": function_of("(updates, step, params)"),
    "precondition_frequency": WHOLE,
    "preconditioning": PRECONDITIONING,
    "projection": one_of("random", "svd"),
    "rank": WHOLE,
    "root": one_of("eigh", "newton"),
    "rank_fraction": Kind("be a number in (0, 1]", lambda x: POSITIVE.admits(x) and x <= 1),
    "start_preconditioning_step": WHOLE,
    "scale_type": one_of("channel", "tensor"),
    "stacked": ARRAYS,
    "transforms": TRANSFORMS,
    "tree": ARRAYS,
    "updates": ARRAYS,
    "state_dtype": DTYPE,
    "trust_ratio_mask": MASK,
    "variant": one_of("sps", "sps+"),
    "weight_decay_mask": MASK,
}
FREE = {  # whatever lies there is taken, or looked at by what it is for
    *("data", "validation", "model", "module", "task"),  # by `check_task`, with the path; of a folder, compared
    *("enqueue", "note", "spaces"),  # by `jgd.sweep.samplers.enqueued`, by JSON, and as the task takes them
    *("gradient_step", "state"),  # nobody looks at it; searched for what is asked for
    *("betas", "init_step", "seed"),  # pairs, whose numbers the rule's record looks at
    *("sampler", "value", "named", "args"),  # by Optuna; any pytree; by the names that a value has; by the function
    *("x", "y", "sigma", "keywords"),  # by their shapes, when they are data; by `minimize_many`
    *("base_shapes", "blocks"),  # by their trees, when there are parameters
    *("muon_weight_dimension_numbers", "weight_dimension_numbers"),  # by their shapes, when there are parameters
}


def kinds(value):
    """Return the kind of each parameter: by the door, a record's field, or the annotation; None where none tells."""
    parameters = inspect.signature(value).parameters
    doors = getattr(value, "__kinds__", {})
    fields = {f.name: f for f in dataclasses.fields(value)} if is_record(value) else {}
    found = {}
    for name, parameter in parameters.items():
        meta: Any = fields[name].metadata if name in fields else {}
        by_field = {"hyper": NUMBER, "hypers": BY_NAME.get(name, NUMBERS)}.get(meta.get("kind"), meta.get("expect"))
        by_annotation = next((k for a, k in BY_ANNOTATION.items() if a == parameter.annotation), None)
        if parameter.kind is parameter.VAR_POSITIONAL:
            found[name] = BY_NAME["links"] if value is jgd.chain else None
            continue
        found[name] = doors.get(name) or by_field or by_annotation or BY_NAME.get(name)
    return found


# None takes the link out of a recipe's chain.
LINKS = ("clipping_threshold", "clip_threshold", "linesearch")


def must_refuse(value, name, kind, bad):
    """Say whether a parameter cannot take this. A static field may hold a distribution until its space is looked at."""
    if bad is None and name in (*LINKS, "approx_dec_rtol", "consistent_rms", "grafting", "key", "memory_save_mode"):
        return False  # Armijo's condition alone; Muon's sizes; seed 0
    placed = isinstance(bad, Placeholder) and not getattr(value, "__kinds__", {}).get(name)
    return (
        kind is not None
        and not placed
        and bad is not inspect.signature(value).parameters[name].default
        and not admits(kind, bad)
    )


def needed(value, name):
    """Return the arguments that a call needs beside one; a door looks at it before others are missed."""
    has_door = bool(getattr(value, "__kinds__", {}).get(name))
    parameters = inspect.signature(value).parameters.values()
    required = [p.name for p in parameters if p.default is p.empty or p.name in ("learning_rate", "momentum")]
    return {one: GOOD.get(one, 0.5) for one in required if one != name and (one in GOOD or not has_door)}


def refused(value, name, bad):
    """Return what is said of a bad argument, or what else becomes of it."""
    given = {**needed(value, name), name: bad}
    order = inspect.signature(value).parameters.values()
    positional = [given.pop(p.name) for p in order if p.kind is p.POSITIONAL_ONLY and p.name in given]
    spread = [given.pop(p.name) for p in order if p.kind is p.VAR_POSITIONAL and p.name in given]
    try:
        return f"took it: {value(*positional, *spread, **given)!r}"
    except InputError as error:
        said = str(error)
        word = "transforms" if value is jgd.chain else name
        fine = re.search(rf"\b{word}\b", said) and "\n" not in said and said.endswith((".", "?"))
        return None if fine else f"said: {said}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("called", public())
def test_what_no_parameter_can_mean_is_refused_with_its_name(called):
    value = public()[called]
    failed = {}
    for name, kind in kinds(value).items():
        for bad in BAD:
            if must_refuse(value, name, kind, bad) and (said := refused(value, name, bad)):
                failed[name, repr(bad)] = said
    assert failed == {}


def test_every_parameter_has_a_kind():
    without = {
        f"{called}({name})"
        for called, value in public().items()
        for name, kind in kinds(value).items()
        if kind is None and name not in FREE
    }
    assert without == set()
