"""Autopsies of runs: what was not finite before the step, a last step, parts of a batch, masks, other beginnings."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core import InputError, Status
from jgd.health.origin import find_origin

X = np.random.default_rng(0).uniform(0.5, 1.5, size=(32, 4)).astype(np.float32)


def linear(params, batch):
    return jnp.mean((batch["x"] @ params["w"] - 1) ** 2)


def task_of(loss=linear, bad=1.0, w=1.0, **options):
    x = X.copy()
    x[17, 2] = bad
    return jgd.Task(lambda key: {"w": jnp.full((4, 3), w)}, loss, {"x": x}, 8, allow_nan=True, **options)


def fit(task, optimizer, steps=20, **options):
    return jgd.fit(task, optimizer, steps=steps, progress=False, **options)


def test_an_entry_of_the_data_is_named_and_a_run_knows_its_seed():
    task, optimizer = task_of(bad=np.nan), jgd.sgd(0.01)
    run = fit(task, optimizer, seed=5)
    found = jgd.health.autopsy(task, optimizer, run)
    assert (found.step, found.example, run.seed) == (run.steps - 1, 17, 5)
    assert run.reason.startswith(f"stopped at step {found.step}: ")
    assert found.rows is not None
    at = int(np.flatnonzero(found.rows == 17)[0])
    assert f"batch/x[{at}, 2] is not a number before the step, for example 17 of the data" in str(found)


def test_a_model_that_holds_a_function_made_anew_is_the_same_model():
    def made(key):
        return {"w": jnp.ones((4, 3)), "activation": jax.tree_util.Partial(lambda x: x)}

    task = dataclasses.replace(task_of(bad=np.nan), init=made)
    assert jgd.health.autopsy(task, jgd.sgd(0.01), fit(task, jgd.sgd(0.01))).example == 17


def test_an_example_of_a_part_of_the_batch():
    task = task_of(lambda p, b: jnp.mean(jnp.log(b["x"] @ p["w"])), bad=-9.0, microbatch=2)
    found = jgd.health.autopsy(task, jgd.sgd(1e-3), fit(task, jgd.sgd(1e-3)))
    assert (found.origin and found.origin.operation, found.example) == ("log", 17)


def test_a_last_step_whose_sum_overflows():
    task = task_of(lambda p, b: -jnp.mean(b["x"]) * 0 - p["w"][0, 0])
    run = fit(task, jgd.sgd(2e38), steps=2)
    assert (run.status, bool(np.isfinite(run.metrics["loss"]).all())) == (Status.NON_FINITE, True)
    found = jgd.health.autopsy(task, jgd.sgd(2e38), run)
    assert (found.step, found.stage, found.leaf) == (1, "parameters", "w")
    assert found.origin is not None
    assert found.origin.operation == "add"


def test_a_last_step_in_which_the_optimizer_divides_by_zero(tmp_path):
    """Two columns have no gradient, and this rule divides it by its modulus."""
    task = task_of(lambda p, b: jnp.mean((b["x"] @ p["w"][:, :1] - 1) ** 2))
    signs = optax.stateless(lambda grads, params: jax.tree.map(lambda g: -0.01 * (g / jnp.abs(g)), grads))
    run = fit(task, signs, steps=1, dir=tmp_path)
    assert (run.status, run.steps) == (Status.NON_FINITE, 1)
    for ended in (run, tmp_path):
        found = jgd.health.autopsy(task, signs, ended)
        assert (found.step, found.stage, found.leaf) == (0, "update", "w")
        assert "division of 0 and 0" in str(found)


def rooted(params, batch):
    return jnp.mean(jnp.sqrt(jnp.abs(params["w"] - params["w"]))) + linear(params, batch)


def test_a_gradient_that_broke_the_parameters_a_step_before_the_loss_shows_it():
    """The run ends at step 1, whose parameters are NaN; the root at zero is differentiated at step 0."""
    task = task_of(rooted)
    run = fit(task, jgd.sgd(0.1))
    assert (run.status, run.steps) == (Status.NON_FINITE, 2)
    found = jgd.health.autopsy(task, jgd.sgd(0.1), run)
    assert (found.step, found.stage, found.leaf, found.inherited) == (0, "gradient", "w", False)
    assert "the derivative of a root" in str(found)


def test_what_came_before_a_run_that_began_otherwise_is_told_as_such():
    task = task_of(rooted)
    run = fit(task, jgd.sgd(0.1), params={"w": jnp.full((4, 3), 2.0)})
    found = jgd.health.autopsy(task, jgd.sgd(0.1), run)
    assert (found.step, found.inherited) == (1, True)
    assert "params/w[0, 0] is not a number before the step" in str(found)


def test_a_run_that_ended_finite_has_no_bad_step_though_its_next_one_would_be(tmp_path):
    """Its parameters are those after the last step: at -2.9 the next loss would be NaN, which no step has seen."""
    task = task_of(lambda p, b: jnp.mean(jnp.log(p["w"])))
    run = fit(task, jgd.sgd(47.0), steps=1, dir=tmp_path)
    assert run.status is Status.MAX_STEPS
    for ended in (run, tmp_path):
        with pytest.raises(InputError, match="nothing is wrong in 1 step: "):
            jgd.health.autopsy(task, jgd.sgd(47.0), ended)


def test_a_mask_among_the_parameters_is_no_fault():
    task = task_of(lambda p, b: jnp.mean(jnp.exp(p["w"]) * 0) + jnp.log(0.5 - jnp.mean(b["x"])), w=-np.inf)
    found = jgd.health.autopsy(task, jgd.sgd(0.1), steps=20)
    assert (found.stage, found.origin and found.origin.operation) == ("loss", "log")


def test_a_run_that_began_otherwise_is_refused():
    run = fit(task_of(), jgd.sgd(1e-3), params={"w": jnp.zeros((4, 3))})
    with pytest.raises(InputError, match=r"first loss under seed 0 is .* and the run's is 1; pass the task"):
        jgd.health.autopsy(task_of(), jgd.sgd(1e-3), run)
    with pytest.raises(InputError, match=r"autopsy\(seed=3\): the run has the seed 0; leave seed out"):
        jgd.health.autopsy(task_of(), jgd.sgd(1e-3), run, seed=3)
    with pytest.raises(InputError, match=r"the run has opt_state .*, expected .*; pass the task and the optimizer"):
        jgd.health.autopsy(task_of(), jgd.adam(1e-3), run)
    broken = dataclasses.replace(run, metrics={"loss": np.full(20, 11.6742, np.float32)}, status=Status.NON_FINITE)
    with pytest.raises(InputError, match="the run broke at step 19; pass the task and the optimizer that it ran with"):
        jgd.health.autopsy(task_of(), jgd.sgd(1e-3), broken)


def looped(x):
    return jax.lax.while_loop(lambda c: c[1] < 9, lambda c: (jnp.sqrt(c[0] - 1), c[1] + 1), (x.sum(), 0))[0]


def branched(x):
    return jax.lax.cond(x[0] > 0, lambda x: jnp.log(x - 3).sum(), lambda x: x.sum(), x)


@pytest.mark.parametrize(
    ("fn", "operation", "operands", "passes"),
    [(looped, "sqrt", (-1.0,), (3,)), (branched, "log", (-2.0,), ())],
)
def test_operations_within_loops_and_branches(fn, operation, operands, passes):
    found = find_origin(fn, jnp.array([1.0, 4.0]))
    assert found is not None
    assert (found.operation, found.passes) == (operation, passes)
    np.testing.assert_allclose(found.operands, operands, rtol=1e-5)  # float32
    assert fn.__name__ in found.source or "<lambda>" in found.source


def test_what_enters_a_loop_is_traced_through_it():
    found = find_origin(lambda x: looped(jnp.log(x - 2)), jnp.array([1.0, 4.0]))
    assert found is not None
    assert found.operation == "log"


def test_the_line_of_a_function_that_was_traced_before():
    jnp.linalg.norm(X)
    found = find_origin(jax.grad(lambda x: jnp.linalg.norm(x - x)), jnp.ones((32, 4)))
    assert found is not None
    assert "test_autopsy_runs.py" in found.source
