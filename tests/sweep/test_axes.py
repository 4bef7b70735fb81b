"""The axes of a space: how they are found and named, in parts of parts too, and what a point makes of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jgd
from jgd.core import InputError
from jgd.sweep import choice, grid, integer, loguniform, normal, quantized, uniform
from jgd.sweep.spaces.space import Origin, Trial, axes, with_grids
from jgd.train import Task


def scaled(scale, params, batch):
    return scale * jnp.sum((params - batch) ** 2)


def task_with(scale):
    return Task(lambda key: jnp.zeros(2), Partial(scaled, scale), jnp.ones((4, 2)))


def trial_at(number, space, task, optimizer, found, units):
    return Trial(number, space, tuple(found), tuple(units), Origin(task, optimizer))


def test_axes_are_found_in_the_optimizer_and_in_the_task():
    rate = loguniform(1e-3, 1)
    task, optimizer = task_with(uniform(1, 2)), jgd.adam(rate, b1=uniform(0.5, 0.99))
    found = axes(task, optimizer)
    assert {axis.name: len(axis.paths) for axis in found} == {"b1": 1, "learning_rate": 1, "scale": 1}
    trial = trial_at(3, "adam", task, optimizer, found, [0.0, 0.5, 1.0])
    assert trial.params == {"b1": 0.5, "learning_rate": pytest.approx(0.0316, rel=1e-2), "scale": 2.0}
    assert jgd.hyperparams(trial.optimizer)["learning_rate"] == trial.params["learning_rate"]
    assert jax.tree.leaves(trial.task.loss) == [2.0]
    assert repr(trial) == "trial 3: adam(b1=0.5, learning_rate=0.03162, scale=2)"


def test_one_object_in_two_places_is_one_axis():
    found = axes(task_with(1.0), jgd.muon(loguniform(1e-3, 1)))
    assert [(axis.name, len(axis.paths)) for axis in found] == [("learning_rate", 2)]
    same: Any = found[0].distribution
    trial = trial_at(0, "muon", task_with(1.0), jgd.muon(same), found, [1.0])
    assert [v for k, v in jgd.hyperparams(trial.optimizer).items() if "learning_rate" in k] == [1.0, 1.0]
    apart = axes(task_with(1.0), jgd.muon(loguniform(1e-3, 1), adam_learning_rate=loguniform(1e-3, 1)))
    assert [axis.name for axis in apart] == ["adam_learning_rate", "learning_rate"]


def test_a_sampled_number_is_checked_like_a_written_one():
    optimizer = jgd.sgd(0.1, momentum=uniform(0.5, 1.5))
    with pytest.raises(InputError, match=r"sgd\(momentum=1.5\): momentum must lie in \[0, 1\]"):
        _ = trial_at(0, "sgd", task_with(1.0), optimizer, axes(task_with(1.0), optimizer), [1.0]).problem


def test_a_distribution_where_structure_stands_is_refused():
    with pytest.raises(
        InputError, match=r"nesterov=choice\(.*\)\): nesterov must be known, as structure.*whole optimizers"
    ):
        axes(task_with(1.0), jgd.adam(1e-3, nesterov=choice([True, False])))


def test_a_choice_with_none_is_refused_where_none_would_be_another_structure():
    with pytest.raises(InputError, match=r"sgd\(momentum=choice\(.*\)\): momentum must be known.*whole optimizers"):
        jgd.sgd(0.1, choice([None, uniform(0.0, 0.9)]))
    jgd.scale_by_soap(shampoo_beta=choice([None, 0.9]))  # where None is a value


def test_ends_of_ranges_are_told():
    optimizer = jgd.adam(loguniform(1e-3, 1), b1=choice([0.5, 0.9]), b2=grid([0.9, 0.99, 0.999]))
    found = axes(task_with(1.0), optimizer)
    at = [trial_at(0, "", task_with(1.0), optimizer, found, [u] * 3).at_edge for u in (0.01, 0.5, 1.0)]
    assert at == [{"learning_rate": "low", "b2": "low"}, {}, {"learning_rate": "high", "b2": "high"}]
    assert (integer(1, 3).edge(0.5), integer(1, 3).edge(0.9), normal(0, 1).edge(1.0)) == (None, "high", None)


def test_on_a_fine_lattice_what_is_near_an_end_is_at_it():
    def ends(distribution):
        return [distribution.edge(u) for u in (0.03, 0.5, 0.97)]

    lattices = [integer(0, 999), quantized(uniform(0, 1), 0.001), quantized(loguniform(1e-3, 1), 1e-5)]
    for lattice in (*lattices, grid(np.geomspace(1e-3, 1, 100))):
        assert ends(lattice) == ["low", None, "high"]
    # On a coarse one, only the ends are; of one value or without ends, none is.
    assert [quantized(uniform(0, 1), 0.1).edge(u) for u in (0.04, 0.12, 0.88, 0.96)] == ["low", None, None, "high"]
    assert {integer(3, 3).edge(0.0), quantized(normal(0, 1), 0.1).edge(0.0), grid([1, 2]).edge(0.0)} == {None}


def trials(optimizer, units, task=None):
    task = task_with(1.0) if task is None else task
    found = axes(task, optimizer)
    return found, [trial_at(i, "", task, optimizer, found, row) for i, row in enumerate(units)]


def test_an_option_brings_its_own_distributions():
    decay = choice({"none": None, "some": uniform(0.1, 0.2)})
    space = choice({"adam": jgd.adam(loguniform(1e-3, 1)), "adamw": jgd.adamw(loguniform(1e-4, 1), weight_decay=0.5)})
    found, (first, second) = trials(space, [[0.2, 0.0, 0.7], [0.7, 0.7, 1.0]])
    assert [axis.name for axis in found] == ["optimizer", "adam.learning_rate", "adamw.learning_rate"]
    assert [axis.when for axis in found] == [((),), (((0, 0),),), (((0, 1),),)]
    assert first.params == {"optimizer": "adam", "adam.learning_rate": 1e-3}
    assert second.params == {"optimizer": "adamw", "adamw.learning_rate": 1.0}
    assert jax.tree.structure(first.optimizer) == jax.tree.structure(jgd.adam(0.1))
    assert jgd.hyperparams(second.optimizer)["learning_rate"] == 1.0
    assert (first.at_edge, second.at_edge) == ({"adam.learning_rate": "low"}, {"adamw.learning_rate": "high"})
    assert decay.at(0.0) is None


def test_choices_nest_and_schedules_are_chosen():
    schedule = choice({"flat": loguniform(1e-3, 1), "cosine": jgd.cosine_decay_schedule(loguniform(0.1, 1), 100)})
    space = choice({"sgd": jgd.sgd(schedule), "adam": jgd.adam(0.1, b1=uniform(0.5, 0.9))})
    found, made = trials(space, [[0.0, 0.9, 0.5, 1.0, 0.5], [0.0, 0.0, 0.0, 0.5, 0.5], [0.9, 0.5, 0.5, 0.5, 1.0]])
    rate = "sgd.learning_rate"
    assert [axis.name for axis in found] == ["optimizer", rate, f"{rate}.flat", "init_value", "b1"]
    assert [trial.params for trial in made] == [
        {"optimizer": "sgd", rate: "cosine", "init_value": 1.0},
        {"optimizer": "sgd", rate: "flat", f"{rate}.flat": 1e-3},
        {"optimizer": "adam", "b1": 0.9},
    ]
    assert jgd.hyperparams(made[0].optimizer)["init_value"] == 1.0
    assert jgd.hyperparams(made[1].optimizer) == {"learning_rate": 1e-3}


def test_one_object_in_two_options_is_one_axis():
    rate = loguniform(1e-3, 1)
    found, made = trials(choice({"adam": jgd.adam(rate), "sgd": jgd.sgd(rate)}), [[0.0, 1.0], [1.0, 1.0]])
    assert [axis.name for axis in found] == ["optimizer", "learning_rate"]
    assert [trial.params["learning_rate"] for trial in made] == [1.0, 1.0]


def test_two_shared_objects_of_one_name_are_told_apart():
    pairs = [loguniform(1e-3, 1), loguniform(1e-3, 1)]
    options = {f"{name} {i}": make(pairs[i]) for i in (0, 1) for name, make in (("adam", jgd.adam), ("sgd", jgd.sgd))}
    names = [axis.name for axis in axes(task_with(1.0), choice(options))]
    assert len(set(names)) == 3


def test_a_loss_and_a_task_can_be_chosen():
    loss = choice({"half": Partial(scaled, 0.5), "any": Partial(scaled, uniform(1, 2))})
    task = Task(lambda key: jnp.zeros(2), loss, jnp.ones((4, 2)))
    found, (first, second) = trials(jgd.sgd(0.1), [[0.0, 0.0], [1.0, 1.0]], task)
    assert [axis.name for axis in found] == ["loss", "any.scale"]
    assert (jax.tree.leaves(first.task.loss), jax.tree.leaves(second.task.loss)) == ([0.5], [2.0])
    sizes = choice({f"{n}": Task(lambda key: jnp.zeros(2), scaled, jnp.ones((4, 2)), batch_size=n) for n in (1, 2)})
    _, (small, large) = trials(jgd.sgd(0.1), [[0.0], [1.0]], sizes)
    assert (small.task.batch_size, large.task.batch_size) == (1, 2)
    assert small.params == {"task": "1"}


def test_what_holds_no_distribution_is_kept_as_it_is():
    task, optimizer = task_with(1.0), jgd.adam(loguniform(1e-3, 1))
    _, (trial,) = trials(optimizer, [[0.5]], task)
    assert trial.task is task
    assert with_grids(optimizer) is optimizer


@pytest.mark.parametrize("values", [np.array([0.1, 0.2]), jnp.array([0.5, 0.25])], ids=repr)
def test_an_array_where_a_number_stands_is_a_grid(values):
    space = with_grids(choice([jgd.sgd(values), None]))
    found, (trial,) = trials(space, [[0.0, 1.0]])
    assert repr(found[1].distribution) == repr(grid(values.tolist()))
    assert jgd.hyperparams(trial.optimizer)["learning_rate"] == float(values[1])


def test_arguments_of_a_partial_are_called_as_its_function_calls_them():
    loss = Partial(lambda dropout, params, batch, scale: 0.0, uniform(0, 1), scale=uniform(1, 2))
    task = Task(lambda key: jnp.zeros(2), loss, jnp.ones((4, 2)))
    found = axes(task, jgd.sgd(0.1))
    assert [(axis.name, axis.paths) for axis in found] == [
        ("dropout", ("task.loss.0.0",)),
        ("scale", ("task.loss.1.scale",)),
    ]
    two = Task(Partial(lambda scale, key: jnp.zeros(2), uniform(0, 1)), loss, jnp.ones((4, 2)))
    assert [axis.name for axis in axes(two, jgd.sgd(0.1))] == ["init.scale", "dropout", "loss.scale"]


def test_shared_objects_that_end_alike_are_called_by_their_first_options():
    first, second = uniform(0.1, 0.9), uniform(0.1, 0.8)
    options = {"adam": jgd.adam(0.1, b1=first), "nadam": jgd.nadam(0.1, b1=first)}
    options |= {"lion": jgd.lion(0.1, b1=second), "adamw": jgd.adamw(0.1, b1=second)}
    found = axes(task_with(1.0), choice(options))
    assert [axis.name for axis in found] == ["optimizer", "adam.b1", "lion.b1"]
    assert found[1].paths == ("optimizer.adam.transforms.0.b1", "optimizer.nadam.transforms.0.b1")
