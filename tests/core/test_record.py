"""Records: what a user constructs is checked, what JAX rebuilds is not."""

import inspect
import pickle
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import Function, as_function, frozen
from jgd.core.arguments import Kind
from jgd.core.frozen import thaw


@jgd.record
class Rule:
    """A record with one field of each kind."""

    b: Any = jgd.hyper(default=0.9, interval="[0, 1)")
    size: float | None = jgd.hyper(default=None, interval="(0, inf]")
    flag: bool = jgd.static(default=False)
    inner: object = jgd.part(default=(), expect=Kind("be a tuple", lambda x: isinstance(x, tuple)))
    name: str = jgd.static(default="")


BAD = [
    ({"b": 1.0}, "Rule(b=1.0): b must lie in [0, 1)."),
    ({"b": -1}, "Rule(b=-1): b must lie in [0, 1)."),
    ({"b": float("nan")}, "Rule(b=nan): b must lie in [0, 1)."),
    ({"b": "0.9"}, "Rule(b='0.9'): b must be a number in [0, 1), not str."),
    ({"b": True}, "Rule(b=True): b must be a number in [0, 1), not bool."),
    ({"b": None}, "Rule(b=None): b must be a number in [0, 1), not NoneType."),
    ({"size": 0}, "Rule(size=0): size must lie in (0, inf]."),
    ({"b": object()}, "Rule(b=<object object at"),
    ({"b": jgd.sgd(0.1)}, "Rule(b=chain("),
    ({"b": np.array(["a"])}, "Rule(b=<U1[1]): b must be a number in [0, 1), not ndarray."),
    ({"inner": 3}, "Rule(inner=3): inner must be a tuple."),
    ({"flag": "no"}, "Rule(flag='no'): flag must be True or False, not str."),
    ({"flag": 1}, "Rule(flag=1): flag must be True or False, not int."),
    ({"name": [1]}, "Rule(name=[1]): name must be hashable"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_numbers_are_one_sentence(arguments, message):
    with pytest.raises(jgd.InputError) as error:
        Rule(**arguments)
    assert str(error.value).startswith(message)


@jgd.record
class Every:
    """A record with a whole number."""

    steps: float = jgd.hyper(interval="[1, inf)", whole=True)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (2.5, "Every(steps=2.5): steps must be a whole number in [1, inf)."),
        ("2", "Every(steps='2'): steps must be a whole number in [1, inf), not str."),
        (0, "Every(steps=0): steps must lie in [1, inf)."),
    ],
)
def test_a_whole_number_has_no_fraction(steps, message):
    with pytest.raises(jgd.InputError) as error:
        Every(steps)
    assert str(error.value) == message
    assert Every(2.0).steps == 2.0


def test_plain_numbers_become_floats_and_arrays_stay():
    assert type(Rule(b=0).b) is float
    assert type(Rule(b=np.float32(0.5)).b) is float
    array = jnp.array([0.1, 5.0])
    assert Rule(b=array).b is array
    assert Rule(size=float("inf")).size == float("inf")


def test_what_jax_rebuilds_is_not_checked():
    axes = jax.tree.map(lambda _: 7, Rule())
    assert axes.b == 7
    assert type(axes.b) is int
    assert jax.tree.map(lambda _: None, Rule()).b is None
    assert jax.tree.map(str, Rule()).b == "0.9"


def test_numbers_are_leaves_and_structure_is_not():
    assert jax.tree.leaves(Rule(0.5, 2.0, True, (1.0,))) == [0.5, 2.0, 1.0]
    assert jax.tree.structure(Rule(0.1)) == jax.tree.structure(Rule(0.2))
    assert jax.tree.structure(Rule(flag=True)) != jax.tree.structure(Rule())


def test_axes_for_vmap_can_be_a_record():
    rules = jgd.stack([Rule(0.1), Rule(0.2)])
    double = jax.vmap(lambda r: 2 * r.b, in_axes=(jax.tree.map(lambda _: 0, rules),))
    np.testing.assert_array_equal(double(rules), np.array([0.2, 0.4], np.float32))


def test_a_record_is_frozen_pickles_and_shows_its_signature():
    rule = Rule(0.5)
    with pytest.raises(AttributeError):
        rule.b = 0.1  # pyright: ignore[reportAttributeAccessIssue]: it is frozen
    copy = pickle.loads(pickle.dumps(rule))
    assert copy.b == 0.5
    assert list(inspect.signature(Rule).parameters) == ["b", "size", "flag", "inner", "name"]
    assert repr(Rule(0.5)) == "Rule(b=0.5)"
    assert repr(Rule(size=2, flag=True)) == "Rule(b=0.9, size=2.0, flag=True)"


@pytest.mark.parametrize(("name", "remedy"), [("b", "jgd.with_hyperparams"), ("inner", "dataclasses.replace")])
def test_a_refused_change_says_how_to_make_another(name, remedy):
    with pytest.raises(AttributeError, match=rf"make another with {remedy}\(value, {name}=\.\.\.\)"):
        setattr(Rule(), name, 0.5)


def test_an_attribute_that_an_optimizer_lacks_is_told_from_its_numbers():
    with pytest.raises(AttributeError, match=r"no attribute 'learning_rate'; jgd\.hyperparams"):
        getattr(jgd.sgd(0.1), "learning_rate")  # noqa: B009
    assert not hasattr(jgd.sgd(0.1), "learning_rate")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        *[(name, "updates, state = value.update") for name in ("step", "apply", "apply_gradients", "state_dict")],
        ("minimize", "jgd.minimize"),
        ("fit", "jgd.fit"),
    ],
)
def test_a_method_of_another_library_s_optimizer_is_told_what_does_the_same(name, remedy):
    with pytest.raises(AttributeError, match=rf"^'Chain' object has no attribute '{name}'; .*{re.escape(remedy)}"):
        getattr(jgd.adam(1e-3), name)
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'$"):
        getattr(jgd.linear_schedule(1.0, 0.0, 3), name)


def test_a_package_lets_python_ask_for_the_nearest_name():
    with pytest.raises(AttributeError, match="no attribute 'Adam'") as error:
        getattr(jgd, "Adam")  # noqa: B009
    assert (error.value.name, error.value.obj) == ("Adam", jgd)


def test_an_array_that_is_a_number_shows_as_the_number():
    assert repr(jgd.with_hyperparams(Rule(0.5), b=jnp.float32(0.25))) == "Rule(b=0.25)"
    assert "b=0.25" not in repr(jgd.stack([Rule(0.25), Rule(0.5)]))


def test_a_function_is_structure_and_a_callable_tree_is_itself():
    def double(x):
        return 2 * x

    assert isinstance(as_function(double), Function)
    assert as_function(double)(3) == 6
    partial = jax.tree_util.Partial(double, 3)
    assert as_function(partial) is partial
    assert jax.tree.leaves(as_function(double)) == []


def test_a_frozen_tree_hashes_by_value_and_thaws():
    mask = {"w": True, "b": False}
    assert frozen(mask) == frozen(dict(mask))
    assert hash(frozen(mask)) == hash(frozen(dict(mask)))
    assert thaw(frozen(mask), None) == mask
    assert thaw(frozen(lambda p: p + 1), 1) == 2
    assert frozen({"w": np.bool_(True)}) == frozen({"w": True})


def test_an_unhashable_mask_says_so():
    with pytest.raises(jgd.InputError, match="mask must be hashable"):
        jgd.masked(jgd.sgd(0.1), {"w": np.array([True, False])})


@pytest.mark.parametrize("value", [1j, np.complex64(1), [0.1], (0.1,), {"w": 0.1}])
def test_what_can_never_be_one_number_is_refused(value):
    with pytest.raises(jgd.InputError, match=rf"b must be a number in \[0, 1\), not {type(value).__name__}\."):
        Rule(b=value)


def test_structure_cannot_be_traced():
    with pytest.raises(jgd.InputError, match=r"flag must be hashable.*known before compilation"):
        jax.jit(lambda flag: Rule(flag=flag).b)(True)


def test_a_mask_of_array_scalars_is_a_mask():
    """As optax takes it, for instance from a comparison of arrays."""
    for flag in (jnp.array(True), np.array(True)):
        assert hash(frozen({"w": flag})) == hash(frozen({"w": True}))


@pytest.mark.parametrize("name", ["flaot32", "int8", bool, "O"])
def test_accumulators_have_floating_dtypes(name):
    with pytest.raises(jgd.InputError, match=r"dtype.*floating.*such as .*bfloat16"):
        jgd.adam(0.1, mu_dtype=name)


def test_structure_is_kept_as_python_s_own_numbers():
    """So that a repr can be pasted back, and equal structures are one."""
    three: Any = np.int32(3)
    for made in (jgd.muon(0.1, ns_steps=three), jgd.soap(precondition_frequency=three)):
        assert "np." not in repr(made)
    yes: Any = np.True_
    ours, theirs = (jgd.soap(precondition_frequency=k, merge_dims=flag) for k, flag in ((3, True), (three, yes)))
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)


@pytest.mark.parametrize("make", [jax.jit, jax.vmap, lambda fn: fn])
def test_structure_that_is_traced_is_told_from_a_wrong_number(make):
    with pytest.raises(jgd.InputError, match="whole number, at least 1, known before compilation"):
        make(lambda k: jgd.soap(precondition_frequency=k))(jnp.arange(3) if make is jax.vmap else jnp.asarray(3))
