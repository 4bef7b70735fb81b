"""An argument that is structure is called so wherever a number may be named, with how to sweep over it."""

import inspect

import pytest

import jgd
from jgd import sweep
from jgd.core.errors import InputError, RefusalError
from jgd.core.given import taken_numbers
from jgd.sweep.spaces.space import axes

CATALOGUE = jgd.optimizers.catalogue()
PARTS = {"base_optimizer", "hessian_diagonal_fn", "linesearch"}  # which a distribution of parts may stand for


def structure_of(name):
    signature = inspect.signature(CATALOGUE[name].make)
    return [(key, p) for key, p in signature.parameters.items() if key not in taken_numbers(signature)]


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_copy_replaces_no_structure_and_says_how_to_sweep_over_it(name):
    optimizer = CATALOGUE[name].default()
    for key, _ in structure_of(name):
        try:
            jgd.with_hyperparams(optimizer, {key: 1.0})
        except InputError as error:
            text = str(error)
        else:
            assert key in PARTS
            continue
        said = text.startswith(f"{name}({key}=...): {key} is structure") and "sweep.choice" in text
        # What is a sequence of numbers, or a part with numbers, may be replaced by another one.
        assert said or f"{key} must be" in text or f"{key}, expected" in text or "ambiguous" in text, text


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_distribution_stands_for_structure_and_none_is_lost(name):
    signature = inspect.signature(CATALOGUE[name].make)
    rate = {"learning_rate": 0.1} if "learning_rate" in signature.parameters else {}
    for key, _ in structure_of(name):
        mark = sweep.choice([jgd.sgd(0.1), jgd.adam(0.1)] if key in PARTS else [1.0, 2.0])
        if key in PARTS:
            assert [axis.distribution for axis in axes(None, CATALOGUE[name].make(**rate, **{key: mark}))] == [mark]
            continue
        with pytest.raises(RefusalError, match=rf"^{name}\({key}=.*no distribution can stand for"):
            CATALOGUE[name].make(**rate, **{key: mark})


def test_a_value_is_refused_under_the_name_that_it_was_given():
    for optimizer, name in [(jgd.sgd(0.1, momentum=0.9), "momentum"), (jgd.muon(0.1), "muon.learning_rate")]:
        with pytest.raises(InputError, match=rf"^with_hyperparams\({name}='a'\): {name} must be a number in \["):
            jgd.with_hyperparams(optimizer, {name: "a"})


def test_structure_is_found_inside_and_by_a_record_s_own_name():
    inside = jgd.chain(jgd.clip(1.0), jgd.dion(0.1))
    for optimizer, key, owner in [
        (inside, "rank_fraction", "dion"),
        (jgd.scale_by_adam(), "nesterov", "scale_by_adam"),
    ]:
        with pytest.raises(InputError, match=rf"^{owner}\({key}=\.\.\.\): {key} is structure"):
            jgd.with_hyperparams(optimizer, {key: True})
    with pytest.raises(InputError, match="unknown name 'rank_fraction'"):
        jgd.with_hyperparams(jgd.sgd(0.1), rank_fraction=0.5)


def test_a_whole_number_that_is_structure_may_be_swept():
    space = jgd.soap(0.1, precondition_frequency=sweep.structural([5, 10]))
    assert [axis.name for axis in axes(None, space)] == ["precondition_frequency"]
