"""Arguments of the catalogue's recipes that nothing can act on: each is refused in a sentence with its name."""

import inspect
import re

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd.core.types import Rate
from jgd.optimizers.catalogue import MASKS, catalogue, named_recipe

EACH = pytest.mark.parametrize("name", catalogue())
MEANING_OF_NONE = {  # beside the parameters whose default it is
    "clip_threshold": "Sophia's steps are not clipped",
    "clipping_threshold": "likewise",
    "consistent_rms": "the steps have the matrices' own sizes",
    "dtype_momentum": "the gradient's",
    "grafting": "steps keep their own length",
    "key": "seed 0",
    "linesearch": "steps are not searched",
}
MEANING_OF_ZERO = {
    "max_backtracking_steps": "a step is taken whole or not at all",
    "max_size_triangular": "all factors are diagonal",
    "min_dim_size_to_factor": "all leaves of two axes are factored",
    "min_ndim_triangular": "vectors have triangular factors too",
}
RATED = [
    name
    for name, entry in catalogue().items()
    for p in [inspect.signature(entry.make)]
    if "learning_rate" in p.parameters and p.parameters["learning_rate"].annotation in (Rate, Rate | None)
]


def parameters(name):
    return inspect.signature(catalogue()[name].make).parameters


def made(name, **given):
    rate = parameters(name).get("learning_rate")
    needed = {} if rate is None or rate.default is not rate.empty else {"learning_rate": 0.1}
    return catalogue()[name].make(**needed | given)


def check_refused(name, key, value):
    """Expect one sentence that begins with the place, the name and the value, and says what was expected."""
    start = re.escape(f"{name}({key}={value!r}): {key} must ")
    with pytest.raises(jgd.InputError, match=rf"^{start}[^\n]+\.$"):
        made(name, **{key: value})


@EACH
@pytest.mark.parametrize("empty", [(), {}], ids=repr)
def test_a_mask_without_anything_in_it_is_refused(name, empty):
    for key in set(MASKS) & set(parameters(name)):
        check_refused(name, key, empty)


@EACH
def test_none_is_refused_where_it_means_nothing(name):
    for key, parameter in parameters(name).items():
        if parameter.default is not None and key not in MEANING_OF_NONE:
            check_refused(name, key, None)


@EACH
def test_no_steps_sizes_or_numbers_are_refused(name):
    for key, parameter in parameters(name).items():
        if parameter.annotation is int and parameter.default != 0 and key not in MEANING_OF_ZERO:
            check_refused(name, key, 0)
        if isinstance(parameter.default, tuple):
            check_refused(name, key, ())


@EACH
def test_a_dtype_is_looked_at_whether_it_is_needed_or_not(name):
    for key in parameters(name):
        if key.endswith("dtype"):
            check_refused(name, key, "text")


def test_pairs_and_triples_have_their_lengths():
    for name in ("prodigy", "dadapt_adamw"):
        check_refused(name, "betas", (0.9,))
        check_refused(name, "betas", (0.9, 0.99, 0.999))


def vector(count):
    return jnp.ones(3) / (1 + count)


@pytest.mark.parametrize("name", RATED)
def test_a_schedule_of_vectors_is_refused_with_what_it_returned(name):
    optimizer, params = made(name, learning_rate=vector), {"w": jnp.ones((4, 3))}

    def step(params):
        extra = {"value": jnp.ones(()), "value_fn": lambda params: jnp.ones(()), "grad_fn": lambda params: params}
        extra |= {"obj_fn": lambda params: jnp.sum(params["w"] ** 2), "grad": params}
        extra |= {"outputs_fn": lambda params: params["w"], "loss_fn": lambda z: jnp.mean(z**2)}
        return optimizer.update(params, optimizer.init(params), params, **extra)

    with pytest.raises(jgd.InputError, match=r"^\w+\(\w+\): vector returned float32\[3\] at a step, expected one n"):
        jax.eval_shape(step, params)


def test_the_arguments_stand_at_the_margin():
    """Python 3.13 takes the indentation out of docstrings, so what is added to one may not bring its own."""

    def recipe(learning_rate):
        return jgd.sgd(learning_rate)

    for text in ("Step.\n\n    More of it.\n    ", "Step.\n\nMore of it.\n"):
        recipe.__doc__ = text
        assert "\n\nMore of it.\n\nArgs:\n    learning_rate: " in str(inspect.getdoc(named_recipe(recipe)))
