"""The edge cases that a toolkit must get right, as properties over the whole table: dtypes, odd trees, odd calls."""

import jax
import jax.numpy as jnp
import pytest

import jgd
from tests import problems
from tests.table import ROWS, costly
from tests.tiers import at_once

OURS = [row for row in ROWS if row.name != "foreign"]  # which is optax's own
EACH = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in OURS])
# The dtypes of gradients and of parameters.
MIXED = [("float32", "bfloat16"), ("bfloat16", "float32"), ("float16", "float32"), ("float32", "float16")]


def kinds(tree):
    """Shape, dtype and weakness of every leaf."""
    return jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x), jax.typeof(x).weak_type), tree)


def traced(row, opt, grads, params):
    """Return the shapes of updates, new state and old state."""

    def step(grads, params):
        state = opt.init(params)
        return *row.update(opt, grads, state, params), state

    return jax.eval_shape(step, grads, params)


@EACH
@pytest.mark.parametrize(
    "dtypes", at_once(["float32 bfloat16", "bfloat16 float32"], {" ".join(pair): pair for pair in MIXED})
)
def test_gradients_of_another_dtype_change_no_dtype(row, dtypes):
    grads, params = map(row.few, dtypes)
    updates, new, old = traced(row, row.make(), grads, params)
    assert kinds(new) == kinds(old)
    moved = jax.eval_shape(jgd.apply_updates, params, updates)
    assert kinds(moved) == kinds(params)


@EACH
def test_float32_stays_float32_where_64_bits_are_enabled(row, x64):
    params = row.params("float32")
    updates, new, old = traced(row, row.make(), params, params)
    assert kinds(new) == kinds(old)
    assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
    if not row.name.startswith(("multi_steps", "adafactor_momentum")):  # which ask for sums in 64 bits
        assert jnp.dtype("float64") not in {x.dtype for x in jax.tree.leaves(new) if x.size > 1}


@EACH
def test_weakly_typed_parameters_leave_no_weak_state(row):
    if row.shapes is not None:
        return  # matrices, which are never weakly typed
    params = {"a": jnp.asarray(1.0), "b": jnp.asarray(2.0)}
    assert jax.typeof(params["a"]).weak_type
    state = row.make().init(params)
    assert not any(jax.typeof(x).weak_type for x in jax.tree.leaves(state))
    _, new, old = traced(row, row.make(), params, params)
    assert kinds(new) == kinds(old)


@EACH
def test_a_missing_gradient_is_one_clear_sentence(row):
    params, opt = row.params(), row.make()
    state = opt.init(params)
    if all(jnp.ndim(x) == 0 or x.dtype == jnp.uint32 for x in jax.tree.leaves(state)) and not row.extra:
        return  # nothing remembers the structure: the leaf keeps its value
    grads = {**params, "w": None}
    with pytest.raises(jgd.InputError, match=r"nothing at \['w'\]"):
        row.update(opt, grads, state, params)


@EACH
def test_missing_parameters_are_one_clear_sentence(row):
    params, opt = row.few(), row.make()
    extra = row.extra(params, params) if row.extra else {}
    try:
        updates, _ = opt.update(params, opt.init(params), **extra)
    except jgd.InputError as error:
        assert "params is missing; call update(grads, state, params" in str(error)  # noqa: PT017
    else:
        problems.close(updates, row.update(opt, params, opt.init(params), params)[0], rtol=1e-6, atol=1e-7)


@EACH
def test_abstract_parameters_make_an_abstract_state(row):
    params, opt = row.params(), row.make()
    shapes = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, p.dtype), params)
    state = opt.init(shapes)
    assert kinds(jax.eval_shape(lambda: opt.init(params))) == jax.tree.map(
        lambda x: (x.shape, x.dtype, x.weak_type), state
    )


@costly(OURS)
def test_conditions_keep_lists(row):
    """A tree of lists passes through the branches of a condition as it is."""
    listed, guarded = jax.tree.leaves(row.few()), jgd.apply_if_finite(row.make(), 2)
    if row.name not in ("masked", "partition", "adamw_masked"):  # whose masks are made for a dict
        new = jax.eval_shape(lambda p: row.update(guarded, p, guarded.init(p), p)[1], listed)
        assert jax.tree.structure(new) == jax.tree.structure(jax.eval_shape(guarded.init, listed))
