"""QK-Clip: heads above the threshold come down to it, and no others change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests import problems


def logits(x, q, k):
    """Return the largest logit of each head, whose keys several heads of the queries may share."""
    queries, keys = (jnp.einsum("ti,ihd->htd", x, w) for w in (q, k))
    keys = jnp.repeat(keys, queries.shape[0] // keys.shape[0], axis=0)
    return jnp.max(jnp.abs(jnp.einsum("htd,hsd->hts", queries, keys)), axis=(1, 2))


def test_the_largest_logits_come_down_to_the_threshold():
    made = problems.params({"x": (7, 5), "q": (5, 4, 3), "k": (5, 4, 3)})
    x, q, k = made["x"], made["q"], made["k"]
    before = logits(x, q, k)
    threshold = jnp.sort(before)[1] + 0.1
    new_q, new_k = jax.jit(jgd.qk_clip)(q, k, before, threshold, 0.3)
    np.testing.assert_allclose(logits(x, new_q, new_k), jnp.minimum(before, threshold), rtol=1e-5)
    kept = before < threshold
    np.testing.assert_array_equal(new_q[:, kept], q[:, kept])


def test_shared_keys_stay_below_the_threshold():
    made = problems.params({"x": (7, 5), "q": (5, 4, 3), "k": (5, 2, 3)})
    before = logits(made["x"], made["q"], made["k"])
    q, k = jgd.qk_clip(made["q"], made["k"], before, 1.0)
    assert jnp.all(logits(made["x"], q, k) < 1.0 + 1e-5)


def test_stacked_layers_are_clipped_each_by_its_own():
    made = problems.params({"q": (2, 5, 4, 3), "k": (2, 5, 4, 3), "logits": (2, 4)}, jnp.float16)
    together = jgd.qk_clip(made["q"], made["k"], 3 * made["logits"], 1.0)
    apart = [jgd.qk_clip(*row, 1.0) for row in zip(made["q"], made["k"], 3 * made["logits"], strict=True)]
    for one, rows in zip(together, zip(*apart, strict=True), strict=True):
        assert one.dtype == jnp.float16
        np.testing.assert_array_equal(one, jnp.stack(rows))


@pytest.mark.parametrize(
    ("shapes", "more"), [(((5, 4, 3), (5, 4, 3), (3,)), {}), (((5, 4, 3), (5, 3, 3), (4,)), {}), (((4, 3),) * 3, {})]
)
def test_heads_that_do_not_fit_are_one_clear_sentence(shapes, more):
    with pytest.raises(jgd.InputError, match=r"^qk_clip\(q_kernel: .*kernels \(in, heads, head_dim\)") as error:
        jgd.qk_clip(*map(jnp.ones, shapes), **more)
    assert "\n" not in str(error.value)


def test_kernels_of_integers_are_refused():
    """Scaled by less than 1 they would all be 0."""
    whole = jnp.ones((8, 4, 2), int)
    with pytest.raises(jgd.InputError, match=r"k_kernel.*int32"):
        jgd.qk_clip(whole.astype(float), whole, jnp.full(4, 200.0))
