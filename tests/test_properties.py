"""Properties of every row of the table, whatever the optimizer: one test each."""

import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems
from tests.each_row import EACH, EACH_COSTLY, WHOLE, dtypes, gradient_like, one_step
from tests.table import FORMS, ROWS

SCALARS = (
    "zero_nans",
    "reduce_on_plateau",
    "flatten",
    "snapshot",
    "hutchinson",
    "gauss_newton_bartlett",
    "zclip",
)  # keep scalars, or one vector
INTEGERS = (  # only add and multiply
    *("identity", "scale", "scale_by_learning_rate", "scale_by_schedule", "trace", "clip", "masked", "foreign"),
    *("gradient_descent", "sgd", "heavy_ball", "nesterov", "by_path_optimizers"),
    "polyak_sgd_options",  # scales first
)
ANY_DTYPE = ("set_to_zero", "snapshot")  # take leaves of any dtype


def loss_after_training(row, opt, params, steps=2):
    """Return the bowl's value after a few steps: a smooth function of the hyperparameters."""
    state = opt.init(params)
    for _ in range(steps):  # for two steps cheaper to trace than a scan
        updates, state = row.update(opt, jax.grad(problems.bowl)(params), state, params)
        params = jgd.apply_updates(params, updates)
    return problems.bowl(params)


def test_every_form_has_a_row():
    assert set(FORMS) <= {row.name for row in ROWS}


@EACH
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("number", [float, np.float32], ids=["float", "f32 array"])
def test_shapes_and_dtypes_never_change(row, dtype, number):
    params = row.params(dtype)
    opt = jax.tree.map(lambda x: number(x) if number is float else jnp.asarray(x, jnp.float32), row.make())

    def step(params):
        state = opt.init(params)
        return *row.update(opt, params, state, params), state

    updates, new, state = jax.eval_shape(step, params)
    assert dtypes(updates) == dtypes(params)
    assert dtypes(new) == dtypes(state)


@EACH_COSTLY
def test_hypergradients_are_finite_and_agree_with_finite_differences(row, x64):
    params, opt = row.few(), row.make()
    slope = jax.grad if row.reverse else jax.jacfwd
    both = jax.jit(slope(lambda opt: (loss_after_training(row, opt, params),) * 2, has_aux=True))
    slopes, middle = both(opt)
    leaves, structure = jax.tree.flatten(opt)
    for i, (name, x) in enumerate(jgd.hyperparams(opt).items()):
        # One-sided differences of second order, inwards: many hyperparameters stand at the end of their range.
        h = 1e-5 * max(min(abs(x), abs(1 - x)), 1e-3)  # small against x, and against 1 - x for a decay
        moved = ([*leaves[:i], jnp.asarray(x + k * h), *leaves[i + 1 :]] for k in (1, 2))
        near, far = (both(structure.unflatten(each))[1] for each in moved)
        slope = (4 * near - 3 * middle - far) / (2 * h)
        # Truncation is O(h^2) and the difference loses 1e-16 * value / h.
        np.testing.assert_allclose(jax.tree.leaves(slopes)[i], slope, rtol=1e-4, atol=1e-5, err_msg=name)


@EACH_COSTLY
def test_a_step_lowers_for_gpus_and_tpus_as_it_stands(row):
    params, opt = row.few(), row.make()
    traced = jax.jit(lambda *args: one_step(row, *args)).trace(opt, gradient_like(params), params)
    traced.lower(lowering_platforms=("cuda", "rocm", "tpu"))  # an operation that one of them lacks is an error


@pytest.mark.parametrize(
    "kinds", [("float32", "float16"), pytest.param(("bfloat16",), marks=pytest.mark.slow)], ids=" ".join
)
@EACH_COSTLY
def test_zero_gradients_give_finite_updates_and_hypergradients(row, kinds):
    trees = {dtype: row.few(dtype) for dtype in kinds}

    def slope(opt, params):
        def total(opt):
            updates, _ = one_step(row, opt, jax.tree.map(jnp.zeros_like, params), params)
            return (sum(jnp.sum(u.astype(jnp.float32)) for u in jax.tree.leaves(updates)),) * 2

        return (jax.grad if row.reverse else jax.jacfwd)(total, has_aux=True)(opt)

    # One program for all, which costs less than one for each.
    found = jax.jit(lambda opt: {dtype: slope(opt, params) for dtype, params in trees.items()})(row.make())
    for dtype, (slopes, value) in found.items():
        assert jnp.isfinite(value), dtype
        assert all(jnp.isfinite(s) for s in jax.tree.leaves(slopes)), (dtype, jgd.hyperparams(slopes))


@EACH
def test_extra_arguments_are_ignored(row):
    params, opt = row.few(), row.make()
    grads = gradient_like(params)
    state, needed = opt.init(params), row.extra(grads, params) if row.extra else {}

    def traced(**more):
        """Return the program of a step, without the addresses of the functions in it."""
        program = jax.make_jaxpr(lambda opt, *args: opt.update(*args, **more))(opt, grads, state, params)
        return re.sub(r"0x[0-9a-f]+", "", str(program))

    assert traced(**{"value": jnp.ones(()), "grad": grads} | needed, unheard_of=object()) == traced(**needed)


@EACH
def test_pickles_and_prints_what_can_be_pasted_back(row):
    opt = row.make()
    named = {**vars(jgd.schedules), "l1": jgd.nonsmooth.l1, **_functions(opt)}
    exec("from jgd import *", named)
    copies = [eval(repr(opt), named)] if "Foreign" not in repr(opt) else []
    if not _has_local_functions(opt):
        copies.append(pickle.loads(pickle.dumps(opt)))
    for copy in copies:
        assert jax.tree.structure(copy) == jax.tree.structure(opt)
        problems.close(copy, opt, rtol=0)


@EACH
def test_odd_trees(row):
    opt = row.make()
    if row.shapes is None:
        for params in ({}, {"a": None, "b": jnp.ones(3)}, [jnp.ones((0, 3)), jnp.ones(())], jnp.ones(2)):
            updates, _ = jax.eval_shape(lambda opt, p: one_step(row, opt, p, p), opt, params)
            assert dtypes(updates) == dtypes(params)
    empty = {}, [jnp.ones((0, 3)), jnp.ones((3, 0))]
    assert dtypes(jax.jit(lambda opt: [one_step(row, opt, p, p)[0] for p in empty])(opt)) == [*map(dtypes, empty)]


@EACH
def test_a_complex_parameter_moves_like_its_modulus(row):
    """Turning gradient and parameter by a common phase turns the update, except for rules of the sign by parts."""
    if not row.complex:
        return
    opt, turn = row.make(), np.exp(0.7j).astype(np.complex64)
    params = jnp.array([1.0 + 1j, 2.0 - 1j], jnp.complex64)
    grads = jnp.array([0.5 - 0.3j, -0.2 + 0.9j], jnp.complex64)
    update, state = one_step(row, opt, grads, params)
    assert update.dtype == jnp.complex64
    turned, _ = one_step(row, opt, turn * grads, turn * params)
    # Rounding of complex products.
    np.testing.assert_allclose(turned, turn * update, rtol=1e-4, atol=1e-5)
    again = row.update(opt, grads, state, params)
    assert dtypes(again[1]) == dtypes(state)


@EACH
def test_the_state_is_optax_s_and_of_the_declared_size(row):
    params, opt = row.params(), row.make()
    state = jax.eval_shape(opt.init, params)
    if row.oracle and row.same_state:
        theirs = jax.eval_shape(row.oracle().init, params)
        assert jax.tree.structure(state) == jax.tree.structure(theirs)
        assert dtypes(state) == dtypes(theirs)
    large = {"x": jax.ShapeDtypeStruct((64, 64), jnp.float32)}
    shapes = jax.eval_shape(opt.init, large)
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes) if x.ndim)
    declared = 4 if row.name == "muon" else row.state_bytes
    assert declared is None or size == declared * 64 * 64


@EACH
def test_hyperparameters_can_be_read_and_replaced_by_name(row):
    opt = row.make()
    values = jgd.hyperparams(opt)
    assert len(values) == len(jax.tree.leaves(opt))
    problems.close(jgd.with_hyperparams(opt, values), opt, rtol=0)
    for name, value in values.items():
        new = 2 * value if name in WHOLE else value / 2
        changed = jgd.hyperparams(jgd.with_hyperparams(opt, {name: new}))
        shared = row.name.startswith("schedule_free_") and name == "learning_rate"  # one argument made both
        alike = [other for other in values if shared and other.endswith(".learning_rate")]
        assert changed == {**values, name: new, **dict.fromkeys(alike, new)}
        if row.name == "inject_hyperparams":
            continue  # its numbers are looked at by the factory, before they are in a state
        with pytest.raises(jgd.InputError, match="must lie in"):
            jgd.with_hyperparams(opt, {name: float("nan")})


@EACH
def test_a_gradient_that_does_not_fit_is_one_clear_sentence(row):
    params, opt = row.params(), row.make()
    if not jax.tree.leaves(opt.init(params)):
        return  # nothing remembers the structure
    if row.name in ("scale_by_learning_rate", "scale_by_schedule", "add_decayed_weights", "sgd", "noisy_sgd", *SCALARS):
        return  # only scalars
    if row.name == "foreign":
        return  # optax's own errors
    state = opt.init(params)
    short = {k: v for k, v in params.items() if k != "w"}
    with pytest.raises(jgd.InputError, match=r"(?s)'w'"):
        row.update(opt, short, state, short)
    wrong = {**params, "w": jnp.ones((7, 7))}
    with pytest.raises(jgd.InputError, match=r"'w'\].*\(7, 7\).*\(4, 3\)"):
        row.update(opt, wrong, state, params)


@EACH
def test_what_is_not_its_state_is_refused(row):
    params, opt = row.params(), row.make()
    state = opt.init(params)
    if row.name == "foreign" or not jax.tree.leaves(state):
        return  # optax's own errors, or there is nothing to mistake
    with pytest.raises(
        jgd.InputError, match=r"got a dict.*update\(grads, state, params\)|, where the|mask .*structure"
    ):
        row.update(opt, params, params, state)  # the state and the parameters have changed places


@EACH
def test_integer_leaves_are_refused_by_name_where_they_do_not_stay(row):
    opt, params = row.make(), {"ids": jnp.arange(12).reshape(3, 4)}
    if row.name in INTEGERS:
        updates, _ = one_step(row, opt, jax.tree.map(jnp.zeros_like, params), params)
        after = jgd.apply_updates(params, updates)
        assert dtypes(after) == dtypes(params)
        np.testing.assert_array_equal(after["ids"], params["ids"])
    elif row.name not in ANY_DTYPE:
        with pytest.raises(jgd.InputError, match=r"\['ids'\].*int32"):
            one_step(row, opt, params, params)


def _functions(opt):
    """Return the functions that stand in an optimizer's structure, by the names that repr shows."""
    from tests import table
    from tests.rows.transforms import even

    return {f.__name__: f for f in (table._weights, table._kinds, jgd.muon_labels, even, optax.tree.norm)}


def _has_local_functions(opt):
    return "<locals>" in repr(opt)
