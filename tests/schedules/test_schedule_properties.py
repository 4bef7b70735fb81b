"""Properties of every schedule: its values, one compilation, finite derivatives, batches, text and pickles."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core import stack
from tests.problems import programs_of
from tests.schedules.schedule_rows import ROWS, costly, each, make

INT_MAX = np.iinfo(np.int32).max


def evaluate(schedule, counts):
    return jax.vmap(schedule)(counts)


values = jax.jit(evaluate)  # one program for each row, whoever asks


def every_count(row):
    """Return the counts of all phases, and far ones."""
    # Endless restarts have no phase at the largest count: float32 is 128 steps wide there.
    beyond = [10_000] if row.name.startswith("restarts") else [10_000, INT_MAX]
    return np.append(np.arange(row.last + 1), beyond).astype(np.int32)


def same(a, b):
    return jax.tree.structure(a) == jax.tree.structure(b) and jax.tree.leaves(a) == jax.tree.leaves(b)


@each(ROWS)
def test_agrees_with_its_oracle_and_compiles_once(row):
    schedule, counts = make(row), every_count(row)
    expected, got = row.expected(counts), np.asarray(values(schedule, counts))
    # A few roundings of float32, relative to the largest value: a small end of a schedule is a difference of big terms.
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-6 * np.abs(expected).max())
    programs = programs_of(values)
    for i in range(50):
        values(jax.tree.map(lambda x, i=i: x * (1 + 0.01 * i), schedule), counts)
    assert programs_of(values) == programs


@each(ROWS)
def test_agrees_with_its_oracle_in_float64(row, x64):
    counts = np.arange(row.last + 1)
    got = values(make(row), counts)
    assert got.dtype == jnp.float64
    # Only roundings of float64 remain, a few hundred of them at most.
    np.testing.assert_allclose(got, row.expected(counts), rtol=1e-12, atol=1e-13)


@each(ROWS)
def test_eager_is_jit_with_a_weak_dtype(row):
    schedule, counts = make(row), (0, 3, np.int32(11), jnp.asarray(29), jnp.asarray(1000, jnp.uint16))
    jitted = jax.jit(lambda s, counts: [s(c) for c in counts])(schedule, counts)
    for count, compiled in zip(counts, jitted, strict=True):
        eager = schedule(count)
        # Compiled code may fuse a product and a sum, or divide by a reciprocal: a few roundings.
        np.testing.assert_allclose(eager, compiled, rtol=1e-6, atol=1e-6)
        assert eager.shape == compiled.shape == ()
        assert eager.dtype == compiled.dtype == jnp.float32
        assert eager.aval.weak_type, "a schedule of Python floats must not promote bfloat16 parameters"
        assert compiled.aval.weak_type
    assert (jnp.ones(2, jnp.bfloat16) * schedule(5)).dtype == jnp.bfloat16


@costly(ROWS)
def test_computes_in_float32_for_half_precision_leaves(row):
    half = jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16), make(row))
    wide = jax.tree.map(lambda x: x.astype(jnp.float32), half)
    counts = np.arange(row.last + 1, dtype=np.int32)
    got, expected = jax.jit(lambda a, b: (evaluate(a, counts), evaluate(b, counts)))(half, wide)
    # The two are fused differently, by a unit in the last place; arithmetic in bfloat16 would be off by 1e-2.
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
    leaves, structure = jax.tree.flatten(make(row))
    for i, leaf in enumerate(jax.tree.leaves(half)):
        mixed = jax.tree.unflatten(structure, [*leaves[:i], leaf, *leaves[i + 1 :]])
        assert jax.eval_shape(lambda s: s(3), mixed).dtype == jnp.float32


@costly(ROWS)
def test_vmap_over_schedules_is_a_loop(row):
    schedule, counts = make(row), every_count(row)
    variants = [jax.tree.map(lambda x, i=i: x * (1 + 0.1 * i), schedule) for i in range(3)]
    batched = jax.jit(jax.vmap(evaluate, in_axes=(0, None)))(stack(variants), counts)
    looped = np.stack([values(variant, counts) for variant in variants])
    # The same operations in another layout: transcendental functions may differ in the last place.
    np.testing.assert_allclose(batched, looped, rtol=2e-6, atol=2e-6)


@costly(ROWS)
def test_values_and_derivatives_are_finite_whatever_is_traced(row):
    schedule = make(row)
    counts = np.append(np.arange(-2, row.last + 1, dtype=np.int32), [10_000, INT_MAX])
    values = jax.jit(jax.vmap(jax.value_and_grad(lambda s, c: s(c)), in_axes=(None, 0)))
    leaves, structure = jax.tree.flatten(schedule)
    cases = [leaves, [0.0 * x for x in leaves], [0.0 * x + 1.0 for x in leaves]]
    for i in range(len(leaves)):
        # Zero, tiny and negative lengths, rates and exponents, which a trace or a sweep can bring about.
        cases += [[*leaves[:i], extreme, *leaves[i + 1 :]] for extreme in (0.0, 1e-9, -0.5, 1.0)]
    for case in cases:
        assert all(
            np.isfinite(x).all() for x in jax.tree.leaves(values(jax.tree.unflatten(structure, case), counts))
        ), case


@costly([row for row in ROWS if not row.rounds])
def test_derivatives_are_those_of_the_values(row, x64):
    leaves, structure = jax.tree.flatten(jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), make(row)))
    counts = jnp.asarray([1.3, 5.2, 11.4, 22.6, 27.3, 33.1])  # no boundary is within reach of a difference
    total = jax.jit(
        jax.value_and_grad(lambda leaves: jnp.sum(jnp.sin(evaluate(jax.tree.unflatten(structure, leaves), counts))))
    )
    gradient, step = total(leaves)[1], 1e-6
    for i, x in enumerate(leaves):
        up, down = (total([*leaves[:i], x + sign * step, *leaves[i + 1 :]])[0] for sign in (1, -1))
        # Central differences are off by step^2 f'''/6 and by 1e-16 / step.
        np.testing.assert_allclose(gradient[i], (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


@each(ROWS)
def test_a_negative_count_is_the_first_step(row):
    schedule = make(row)
    assert float(schedule(-1)) == float(schedule(jnp.asarray(-7))) == float(schedule(0))


@each(ROWS)
def test_huge_python_counts_are_the_far_end(row):
    schedule = make(row)
    assert np.isfinite(float(schedule(2**40)))


@each(ROWS)
def test_text_and_pickle_give_it_back(row):
    schedule = make(row)
    public: dict = {}
    exec("from jgd import *", public)
    assert same(eval(repr(schedule), public), schedule)
    assert same(pickle.loads(pickle.dumps(schedule)), schedule)


@each(ROWS)
def test_is_an_optax_schedule(row):
    schedule = make(row)
    scaling = optax.chain(optax.scale_by_schedule(schedule), optax.scale_by_learning_rate(schedule))
    state = scaling.init(jnp.ones(()))
    for count in range(3):  # the first step sees 0
        update, state = scaling.update(jnp.ones(()), state)
        np.testing.assert_allclose(
            np.asarray(update), -(float(schedule(count)) ** 2), rtol=1e-6, atol=1e-12
        )  # two products


@each(ROWS)
def test_numbers_are_leaves_and_nothing_else_is(row):
    schedule = make(row)
    assert all(type(leaf) is float for leaf in jax.tree.leaves(schedule))
    assert hash(jax.tree.structure(schedule)) is not None
