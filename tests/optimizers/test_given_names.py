"""Every number is found, replaced, sampled and shown by the name of the argument that it was given for."""

import inspect
import pickle

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd import sweep
from jgd.core.given import Placeholder, node_at, taken_numbers
from jgd.core.values import find
from jgd.optimizers.listing import WRAPPED
from jgd.sweep.spaces.space import axes

# What wrappers, transforms and schedules cannot do without, beside an optimizer and numbers.
NEEDED = {
    "mask": True,
    "nonsmooth": jgd.nonsmooth.l1(0.1),
    "measure": jnp.sum,
    "init_step": ("heuristic", 1e-6),
    "interpolate_type": "linear",
    "window": 2,
}
NUMBER, LONGER = 2.0, {"decay_steps": 9.0, "transition_steps": 9.0}
CONSTRUCTORS = {name: entry.make for name, entry in jgd.optimizers.list().items()}
CONSTRUCTORS |= {name: getattr(jgd, name) for name in dir(jgd) if name.endswith("_schedule")}
OTHERS = {"descend", "descend_then_decay"}  # which take a rule
TAKEN = [
    (name, taken)
    for name, make in CONSTRUCTORS.items()
    for taken in taken_numbers(inspect.signature(make))
    if name not in OTHERS and (name, taken) != ("scion", "weight_decay")  # which must be 0
]


def built(name, **given):
    """Call a constructor with these arguments, and as few others as it takes."""
    make = CONSTRUCTORS[name]
    signature = inspect.signature(make)
    for key, parameter in signature.parameters.items():
        if key not in given and parameter.default is parameter.empty:
            rule = jgd.scale_by_adam() if name == "hyperball" else jgd.sgd(0.1)
            number = LONGER.get(key, NUMBER if key in taken_numbers(signature) else None)
            given[key] = rule if key in WRAPPED else NEEDED.get(key, number)
    return make(**given)


@pytest.mark.parametrize(("name", "argument"), TAKEN)
def test_an_argument_s_name_means_every_place_that_it_made(name, argument):
    mark = Placeholder()
    value = built(name, **{argument: mark})
    rows = jax.tree_util.tree_leaves_with_path(value)
    assert {id(node_at(value, path)) for path in find(value, argument)} == {id(mark)}
    assert len(find(value, argument)) == sum(x is mark for _, x in rows)
    # Its own name is shown, preceded by where it stands if it made several.
    shown = [key for key, x in jgd.hyperparams(value).items() if x is mark]
    assert all(key.rpartition(".")[2] == argument for key in shown)
    assert len(shown) > 1 or shown == [argument]


@pytest.mark.parametrize("name", sorted(jgd.optimizers.catalogue()))
def test_a_space_and_the_numbers_in_effect_have_these_names(name):
    taken = [key for key in taken_numbers(inspect.signature(CONSTRUCTORS[name])) if (name, key) in TAKEN]
    space = built(name, **{key: sweep.uniform(0.1, 0.9) for key in taken})
    assert {axis.name for axis in axes(None, space)} == set(taken)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (jgd.sgd(0.1, momentum=0.9), {"momentum": 0.9, "learning_rate": 0.1}),
        (jgd.rmsprop(0.1, momentum=0.5), {"decay": 0.9, "momentum": 0.5}),
        (jgd.lamb(0.1), {"eps": 1e-6, "2.eps": 0.0}),
        (jgd.shampoo(0.1), {"b1": 0.9, "grafting_eps": 1e-10}),
        (jgd.muon(0.1, adam_learning_rate=0.01), {"learning_rate": 0.1, "adam_learning_rate": 0.01, "adam_b1": 0.9}),
        (jgd.sgd(jgd.linear_schedule(0.1, 0.0, 10), momentum=0.9), {"init_value": 0.1, "momentum": 0.9}),
    ],
)
def test_names_are_those_of_the_call(optimizer, expected):
    assert expected.items() <= jgd.hyperparams(optimizer).items()


def test_one_number_that_made_several_sets_them_all():
    changed = jgd.hyperparams(jgd.with_hyperparams(jgd.muon(0.1), learning_rate=0.5))
    assert changed["adam.learning_rate"] == changed["muon.learning_rate"] == 0.5
    inside = jgd.with_hyperparams(jgd.chain(jgd.clip(1.0), jgd.scion(0.1)), radius=3.0)
    assert {x for key, x in jgd.hyperparams(inside).items() if key.endswith("radius")} == {3.0}
    warmed = jgd.with_hyperparams(jgd.schedule_free_sgd(1.0, warmup_steps=5), learning_rate=0.5)
    assert {x for key, x in jgd.hyperparams(warmed).items() if key.endswith("learning_rate")} == {0.5}


def test_paths_of_parts_are_names_still():
    for path in ("decay", "0.decay", "transforms.0.decay"):
        changed = jgd.with_hyperparams(jgd.sgd(0.1, momentum=0.9), {path: 0.5})
        assert jgd.hyperparams(changed)["momentum"] == 0.5


@pytest.mark.parametrize(
    "through",
    [
        lambda x: jax.tree.map(lambda leaf: leaf, x),
        jax.jit(lambda x: x),
        lambda x: jgd.select(jgd.stack([x, x]), 0),
        lambda x: jgd.with_hyperparams(x, learning_rate=0.2),
        lambda x: pickle.loads(pickle.dumps(x)),
    ],
)
def test_names_stay_with_the_value(through):
    optimizer = jgd.sgd(0.1, momentum=0.9)
    assert list(jgd.hyperparams(through(optimizer))) == ["momentum", "learning_rate"]
    assert list(jgd.hyperparams(through(jgd.chain(jgd.clip(1.0), optimizer))))[1:] == ["momentum", "learning_rate"]


def test_one_array_may_be_several_arguments():
    number = jnp.float32(0.5)
    assert list(jgd.hyperparams(jgd.sgd(number, momentum=number))) == ["momentum", "learning_rate"]


def test_what_is_named_by_its_path_is_of_one_structure_with_what_is_made_by_hand():
    by_hand = jgd.chain(jgd.scale_by_adam(), jgd.scale_by_learning_rate(0.1))
    assert jax.tree.structure(jgd.adam(0.1)) == jax.tree.structure(by_hand)


def test_a_step_s_metrics_have_these_names():
    optimizer, params = jgd.chain(jgd.clip(1.0), jgd.sgd(jgd.linear_schedule(0.1, 0.0, 10), momentum=0.9)), jnp.ones(2)
    now = jgd.current_hyperparams(optimizer, optimizer.init(params))
    assert {key: float(x) for key, x in now.items()} == pytest.approx(
        {"max_delta": 1.0, "momentum": 0.9, "learning_rate": 0.1}
    )
