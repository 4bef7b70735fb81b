"""Lion: the sign computed from the new momentum is the paper's, up to rounding."""

import inspect

import jax.numpy as jnp
import numpy as np
import pytest

import jgd


@pytest.mark.parametrize(("b1", "b2"), [(0.9, 0.99), (0.95, 0.98), (0.99, 0.9), (0.9, 0.1), (0.0, 0.99)])
def test_signs_differ_from_the_formula_s_only_within_rounding_of_zero(b1, b2):
    rng = np.random.default_rng(0)
    m, g = (rng.normal(size=20_000).astype(np.float32) for _ in range(2))
    m[:100], g[:100] = 0, 0
    m[100:5000] = -(1 - b1) / max(b1, 0.1) * g[100:5000] * (1 + 1e-6 * rng.normal(size=4900))  # sums near zero
    opt = jgd.scale_by_lion(b1, b2)
    state = opt.init(jnp.asarray(g))._replace(mu=jnp.asarray(m))
    found, _ = opt.update(jnp.asarray(g), state)
    wide_m, wide_g = m.astype(np.float64), g.astype(np.float64)
    exact = b1 * wide_m + (1 - b1) * wide_g
    # Half a unit, 6e-8, for each of four roundings of terms of at most |m| + |g|, over the factor b2.
    uncertain = np.abs(exact) < 4 * 6e-8 * (np.abs(wide_m) + np.abs(wide_g)) / b2
    assert np.all((np.sign(exact) == found) | uncertain)
    assert np.all(found[:100] == 0)


def test_a_momentum_without_memory_is_refused():
    with pytest.raises(jgd.InputError, match=r"b2 must lie in \(0, 1\)"):
        jgd.lion(1e-3, b2=0.0)


def test_its_file_is_the_whole_of_it_and_short():
    module = inspect.getmodule(jgd.lion)
    assert module
    assert len(inspect.getsource(module).splitlines()) <= 40


def test_slots_begin_at_zero_in_the_dtype_that_the_record_names_for_them():
    (m,) = jgd.scale_by_lion(mu_dtype="bfloat16").slots(jnp.ones(3))
    assert m.dtype == jnp.bfloat16
    assert not m.any()
    odd, even = jgd.scale_by_pnm().slots(jnp.ones(3, jnp.bfloat16))
    assert odd.dtype == even.dtype == jnp.float32  # moments are never narrower unless it is asked for
