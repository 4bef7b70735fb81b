"""Muon: orthogonal updates, one batch for each shape, AdamW for what is not a hidden matrix."""

import collections
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax.contrib import _muon

import jgd
from jgd.core.newton_schulz import COEFFICIENTS, STANDARD, newton_schulz
from tests import problems


def iterate(tree):
    """Return the iteration alone: no momentum, no factor for a matrix's shape."""
    opt = jgd.scale_by_muon(beta=0.0, nesterov=False, shape_scaling=False)
    return opt.update(tree, opt.init(tree))[0]


orthogonalize = jax.jit(iterate)


def test_the_iteration_is_optax_s():
    x = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    for matrix in (x, x.T):
        theirs = _muon.orthogonalize_via_newton_schulz(jnp.asarray(matrix), jnp.asarray(STANDARD))
        # The same float32 products in another order, five times amplified by 3.4.
        np.testing.assert_allclose(orthogonalize([jnp.asarray(matrix)])[0], theirs, atol=1e-4)


def test_singular_values_end_near_one():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 8, 5)), jnp.float32)
    values = jnp.linalg.svd(orthogonalize([x])[0], compute_uv=False)
    assert jnp.all((values > 0.6) & (values < 1.3))  # the band that the quintic's coefficients were tuned for


def test_all_matrices_of_one_shape_share_one_iteration():
    params = [jnp.ones((4, 6)) for _ in range(5)] + [jnp.ones((6, 4)), jnp.ones((3, 4, 6)), jnp.ones((2, 2))]
    opt = jgd.scale_by_muon()
    lowered = jax.jit(opt.update).trace(params, opt.init(params)).lower(lowering_platforms=("cuda",)).as_text()
    batches = collections.Counter(re.findall(r"dot_general.*-> tensor<([\dx]+)xf32>", lowered))
    # Three products a step for (4, 6) and (6, 4) together, nine matrices, and three for (2, 2); five steps.
    assert batches == {"9x4x4": 10, "9x4x6": 5, "1x2x2": 15}


@pytest.mark.parametrize(
    ("held", "count", "batches"), [(4, 1, set()), (4, 3, {3}), (4, 4, {4}), (4, 11, {4, 3}), (1, 3, set())]
)
def test_a_cpu_takes_matrices_as_many_at_a_time_as_its_cache_holds(held, count, batches, monkeypatch):
    monkeypatch.setattr("jgd.core.batches.CACHE_BYTES", held * 4 * 6 * 4)
    stack = jnp.asarray(np.random.default_rng(2).normal(size=(count, 4, 6)), jnp.float32)
    together = jax.jit(lambda x: iterate([x])[0])
    lowered = together.lower(stack).as_text()
    side_by_side = {int(batch) for batch in re.findall(r"dot_general.*-> tensor<(\d+)x4x6xf32>", lowered)}
    assert side_by_side == batches
    alone = [orthogonalize([x])[0] for x in stack]
    # Batched products sum in another order.
    problems.close(together(stack), jnp.stack(alone), rtol=1e-3, atol=1e-4)


def test_batching_changes_no_matrix():
    rng = np.random.default_rng(1)
    several = [jnp.asarray(rng.normal(size=s), jnp.float32) for s in [(4, 6), (6, 4), (4, 6)]]
    alone = [orthogonalize([x])[0] for x in several]
    # Batched products sum in another order.
    problems.close(orthogonalize(several), alone, rtol=1e-3, atol=1e-4)


def test_a_triple_for_each_step():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)
    repeated = jgd.scale_by_muon([STANDARD] * 3)
    plain = jgd.scale_by_muon(ns_steps=3)
    problems.close(repeated.update(x, repeated.init(x)), plain.update(x, plain.init(x)), rtol=1e-6)
    with pytest.raises(jgd.InputError, match="three numbers, or three for each step"):
        jgd.scale_by_muon((1.0, 2.0))


def test_coefficients_by_name_have_their_number_of_steps():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)
    for name, steps in {"polar_express": 5, "cans": 5, "aol": 4, "deepseekv4": 10, "dion": 5, "standard": 3}.items():
        by_name, by_hand = jgd.scale_by_muon(name, 3 if steps == 3 else 5), jgd.scale_by_muon(COEFFICIENTS[name], steps)
        problems.close(by_name.update(x, by_name.init(x)), by_hand.update(x, by_hand.init(x)), rtol=1e-6)
    with pytest.raises(
        jgd.InputError, match=r"^muon\(ns_steps=8\): ns_steps must be 5, as many as ns_coeffs has triples"
    ):
        jgd.muon(0.1, "cans", 8)
    known = "'standard', 'dion', 'polar_express', 'cans', 'aol', 'deepseekv4'"
    with pytest.raises(jgd.InputError, match=rf"^muon\(ns_coeffs='abc'\): ns_coeffs must be .* one of {known}\.$"):
        jgd.muon(0.1, "abc")


def test_a_vector_is_refused_by_name():
    with pytest.raises(jgd.InputError, match=r"leaf at \['bias'\] is float32\[3\].*use jgd.muon"):
        jgd.scale_by_muon().init({"bias": jnp.ones(3)})


def test_consistent_rms_gives_adam_s_step_size():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(64, 32)), jnp.float32)
    opt = jgd.scale_by_muon(consistent_rms=0.2)
    update, _ = opt.update(x, opt.init(x))
    # Singular values between 0.7 and 1.2 instead of 1.
    np.testing.assert_allclose(jnp.sqrt(jnp.mean(update**2)), 0.2, rtol=0.2)


def test_half_precision_iterations_are_close():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 6)), jnp.float32)
    full, half = (jgd.scale_by_muon(ns_dtype=d) for d in (None, "bfloat16"))
    a, b = full.update(x, full.init(x))[0], half.update(x, half.init(x))[0]
    assert b.dtype == jnp.float32
    np.testing.assert_allclose(a, b, atol=0.1)  # bfloat16 has 8 bits, five steps amplify


def test_coefficients_may_be_an_array_or_traced():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)), jnp.float32)

    def step(coefficients):
        opt = jgd.scale_by_muon(coefficients)
        return opt.update(x, opt.init(x))[0]

    for coefficients in (jnp.array(STANDARD), np.array([STANDARD] * 5)):
        # The same float32 arithmetic, fused otherwise under jit and amplified as above.
        np.testing.assert_allclose(jax.jit(step)(coefficients), step(STANDARD), atol=1e-4)


@pytest.mark.parametrize("steps", [-1, 2.5, True])
def test_steps_are_a_whole_number(steps):
    with pytest.raises(jgd.InputError, match=r"ScaleByMuon\(ns_steps=.*whole number"):
        jgd.scale_by_muon(ns_steps=steps)


@pytest.mark.parametrize("preconditioning", ["spectral", "aol", "schatten"])
def test_a_better_scale_ends_nearer_to_one(preconditioning):
    rows = np.geomspace(1.0, 1e-2, 6)[:, None]
    x = jnp.asarray(rows * np.random.default_rng(0).normal(size=(6, 20)), jnp.float32)
    values = [
        jnp.linalg.svd(newton_schulz(x, steps=2, preconditioning=kind), compute_uv=False)
        for kind in ("frobenius", preconditioning)
    ]
    assert jnp.min(values[1]) > jnp.min(values[0])
    zero, slope = jax.value_and_grad(lambda k: jnp.sum(newton_schulz(k * x, preconditioning=preconditioning)))(0.0)
    assert zero == 0
    assert jnp.isfinite(slope)


def test_adaptive_steps_are_as_long_as_each_matrix_s_own_dual_norm():
    stack = jnp.asarray(np.random.default_rng(1).normal(size=(2, 4, 6)), jnp.float32)
    plain, adaptive = (jgd.scale_by_muon(beta=0.0, adaptive=flag) for flag in (False, True))
    u, scaled = (opt.update(stack, opt.init(stack))[0] for opt in (plain, adaptive))
    shape = (6 / 4) ** 0.5
    norms = jnp.sum(stack * u / shape, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(scaled, norms * u, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("preconditioning", ["frobenius", "spectral", "aol", "schatten"])
def test_a_complex_matrix_turned_by_unitary_ones_has_its_update_turned(preconditioning):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(4, 6))
    left, right = (np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0] for n in (4, 6))
    if preconditioning == "aol":  # whose scale is that of each row
        left = np.diag(np.exp(1j * np.arange(4)))
    turned = jnp.asarray(left @ x @ right, jnp.complex64)
    opt = jgd.scale_by_muon(preconditioning=preconditioning, adaptive=True, ns_dtype="float32")
    for g, want in ((turned, lambda u: left @ u @ right), (turned.T, lambda u: (left @ u @ right).T)):
        got, _ = opt.update([g], opt.init([g]))
        real, _ = opt.update([jnp.asarray(x, jnp.float32)], opt.init([jnp.asarray(x, jnp.float32)]))
        size = (6 / 4) ** 0.5 if g is turned else 1.0  # outputs over inputs
        wanted = want(np.asarray(real[0])) / (6 / 4) ** 0.5 * size
        assert got[0].dtype == jnp.complex64
        # Rounding that the iteration amplifies.
        np.testing.assert_allclose(got[0], wanted, atol=2e-3 * np.abs(wanted).max())
