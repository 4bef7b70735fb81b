"""Scion: the norm of each leaf, and the ball that it stays in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests import problems

SHAPES = {
    "embed": {"embedding": (9, 4)},
    "block": {"kernel": (4, 6), "bias": (6,), "scale": ()},
    "attention": {"query": {"kernel": (4, 2, 3), "bias": (2, 3)}},
    "lm_head": {"kernel": (4, 9)},
}


def test_each_kind_of_leaf_has_its_norm_and_it_can_be_seen():
    params = problems.params(SHAPES)
    parts = {row.path: row.part for row in jgd.describe(jgd.scion(0.1), params).rows}
    assert parts == {
        "embed/embedding": "col",
        "block/kernel": "spectral",
        "block/bias": "bias",
        "block/scale": "bias",
        "attention/query/kernel": "spectral",
        "attention/query/bias": "bias",
        "lm_head/kernel": "sign",
    }
    opt = jgd.scion(1.0, 0.0, 2.0)
    new = jax.tree.map(jnp.add, params, opt.update(params, opt.init(params), params)[0])
    np.testing.assert_allclose(jnp.sqrt(jnp.mean(new["embed"]["embedding"] ** 2, axis=1)), 2.0, rtol=1e-5)
    np.testing.assert_allclose(jnp.abs(new["lm_head"]["kernel"]), 2.0 / 4, rtol=1e-5)
    np.testing.assert_allclose(jnp.sqrt(jnp.mean(new["block"]["bias"] ** 2)), 2.0, rtol=1e-5)
    values = jnp.linalg.svd(new["block"]["kernel"], compute_uv=False)
    assert jnp.all(jnp.abs(values / (2.0 * (6 / 4) ** 0.5) - 1) < 0.35)  # the band of the quintic's coefficients


@pytest.mark.parametrize("norm", ["spectral", "sign", "col", "row"])
def test_the_constrained_stay_in_the_ball(norm):
    params = problems.params({"w": (4, 3)})
    opt = jgd.scion(0.3, radius=0.5, norm=norm, ns_coeffs="polar_express")
    path = problems.trajectory(opt, params, problems.gradients(60, params))
    end = path["w"][-1]
    sizes = {
        "spectral": jnp.linalg.norm(end, 2) / (3 / 4) ** 0.5,
        "sign": 4 * jnp.max(jnp.abs(end)),
        "col": jnp.max(jnp.linalg.norm(end, axis=1)) / 3**0.5,
        "row": jnp.max(jnp.linalg.norm(end, axis=0)) * 4**0.5,
    }
    assert sizes[norm] < 0.5 * 1.1  # the iteration's largest singular value


def test_a_decay_beside_the_ball_is_refused():
    with pytest.raises(jgd.InputError, match=r"^scion\(weight_decay=0.1\): weight_decay must be 0 where the step is"):
        jgd.scion(0.1, weight_decay=0.1)
    assert jgd.scion(0.1, constrained=False, weight_decay=0.1)
