"""Properties of every row of the table that its compiled step shows: one program a row, which these tests share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from tests import problems
from tests.each_row import EACH, EACH_COSTLY, EACH_STEPPING, WHOLE, dtypes, gradient_like, one_step
from tests.problems import programs_of

STEPS = 6


@functools.lru_cache(maxsize=4)
def program(row):
    """Return a row's step, compiled once for its properties: updates, state and moved parameters.

    What it moves is donated.
    """

    def step(opt, grads, state, params):
        updates, state = row.update(opt, grads, state, params)
        return updates, state, jgd.apply_updates(params, updates)

    return jax.jit(step, donate_argnums=(2, 3))


def compiled_step(row, opt, grads, params):
    """Return the updates and the state after the first step, by the compiled program."""
    return program(row)(opt, grads, opt.init(params), jax.tree.map(jnp.copy, params))[:2]


def walked(row, opt, params, grads):
    """Return the parameters after each step, as `row.trajectory` has them, by the compiled program."""
    state, path = opt.init(params), []
    for g in grads:
        _, state, params = program(row)(opt, g, state, jax.tree.map(jnp.copy, params))
        path.append(params)
    return jax.tree.map(lambda *p: np.stack(p), *path)


bowl_and_slope = jax.jit(jax.value_and_grad(problems.bowl))


@EACH_STEPPING
def test_the_loss_decreases(row):
    params, opt = row.few(), row.make()
    state, losses = opt.init(params), []
    for _ in range(70):
        loss, slope = bowl_and_slope(params)
        losses.append(loss)
        _, state, params = program(row)(opt, slope, state, params)
    assert min(losses[59:]) < 0.8 * losses[0]  # a long memory swings to and fro


@EACH_COSTLY
def test_jit_equals_eager_and_compiles_once_for_every_value_of_every_hyperparameter(row):
    params, opt = row.few(), row.make()
    grads = gradient_like(params)
    # Fused arithmetic rounds otherwise than one operation at a time: a few units in the last place of sums of size 1.
    together, alone = compiled_step(row, opt, grads, params), one_step(row, opt, grads, params)
    problems.close(together, alone, rtol=1e-5 * row.rounding, atol=1e-6 * row.rounding)
    compiled = programs_of(program(row))
    for name, value in jgd.hyperparams(opt).items():
        for scale in (0.5, 0.75, 0.9):
            new = np.ceil(value * scale) if name in WHOLE else value * scale
            compiled_step(row, jgd.with_hyperparams(opt, {name: float(new)}), grads, params)
    assert programs_of(program(row)) == compiled


@EACH_COSTLY
def test_vmap_over_hyperparameters_and_members_equals_a_loop(row):
    params, opt = row.few(), row.make()
    scales = (0.5, 0.75, 1.0)
    several = [(jax.tree.map(lambda x, k=k: x * k, opt), jax.tree.map(lambda p, k=k: p * k, params)) for k in scales]

    def step(opt, params):
        return one_step(row, opt, gradient_like(params), params)

    opts, starts = zip(*several, strict=True)
    together = jax.jit(jax.vmap(step))(jgd.stack(opts), jax.tree.map(lambda *x: jnp.stack(x), *starts))
    for i, (one, start) in enumerate(several):
        alone = compiled_step(row, one, gradient_like(start), start)
        # Batched arithmetic may be fused otherwise: units in the last place.
        problems.close(jgd.select(together, i), alone, rtol=1e-5 * row.rounding, atol=1e-6 * row.rounding)


@EACH_COSTLY
def test_zero_gradients_give_finite_updates_in_bfloat16(row):
    """Where 1 - 0.999 is 0: the slopes in this dtype are left to the slow tests."""
    params = row.few("bfloat16")
    updates, _, _ = program(row)(row.make(), jax.tree.map(jnp.zeros_like, params), row.make().init(params), params)
    assert all(jnp.all(jnp.isfinite(u)) for u in jax.tree.leaves(updates))


@EACH_COSTLY
def test_works_inside_the_wrappers_of_optax_and_of_jgd(row):
    params, opt = row.few(), row.make()
    grads = problems.gradients(STEPS, params)
    everything = jax.tree.map(lambda _: True, params)
    plain = row.trajectory(opt, params, grads) if row.objective else walked(row, opt, params, grads)
    doubled = [g for g in grads for _ in range(2)]

    def every_two(other):
        wrapped = other.masked(other.chain(other.clip_by_global_norm(1e9), opt), everything)
        return optax.MultiSteps(wrapped, 2) if other is optax else jgd.multi_steps(wrapped, 2)

    # One program for both, which costs less than one for each.
    paths = jax.jit(lambda: [row.trajectory(every_two(other), params, doubled) for other in (optax, jgd)])()
    for path in paths:
        # A clip far away and a mask of everything change nothing but the order of rounding, and twice the same batch
        # has the mean of one.
        problems.close(jax.tree.map(lambda x: x[1::2], path), plain, rtol=1e-4, atol=1e-5)


@EACH
def test_init_takes_abstract_and_numpy_parameters_and_the_state_can_be_donated(row):
    params, opt = row.few(), row.make()
    concrete = dtypes(opt.init(params))
    assert dtypes(opt.init(jax.tree.map(np.asarray, params))) == concrete
    abstract = jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, p.dtype), params)
    assert dtypes(jax.eval_shape(opt.init, abstract)) == concrete
    # A state that aliases the parameters is donated twice.
    program(row)(opt, gradient_like(params), opt.init(params), params)


@EACH
def test_counters_saturate(row):
    params, opt = row.few(), row.make()
    largest = jnp.iinfo(jnp.int32).max
    state = jax.tree.map(lambda x: jnp.full_like(x, largest) if x.dtype == jnp.int32 else x, opt.init(params))
    updates, state, _ = program(row)(opt, gradient_like(params), state, jax.tree.map(jnp.copy, params))
    assert all(jnp.all(jnp.isfinite(u)) for u in jax.tree.leaves(updates))
    assert all(x >= 0 for x in jax.tree.leaves(state) if x.dtype == jnp.int32)


@EACH
def test_a_gradient_that_is_not_finite_is_never_a_silent_zero(row):
    """A NaN gives NaN where it is, in three steps at the latest, or the transform is one that guards."""
    params, opt = row.few(), row.make()
    grads = {**jax.tree.map(jnp.ones_like, params), "w": jnp.full_like(params["w"], jnp.nan)}
    state, seen = opt.init(params), []
    for _ in range(3):
        updates, state, _ = program(row)(opt, grads, state, jax.tree.map(jnp.copy, params))
        seen.append(updates)
    if row.guards:
        assert all(np.all(np.isfinite(u)) for u in jax.tree.leaves(seen))
    else:
        assert any(np.all(np.isnan(updates["w"])) for updates in seen)
