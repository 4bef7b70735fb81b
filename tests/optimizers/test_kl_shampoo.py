"""KL-Shampoo and KL-SOAP beyond the transcription that tests/rows/kron.py compares them with."""

import jax
import jax.numpy as jnp

import jgd
from tests import problems


def test_blocks_are_as_leaves_of_their_own():
    whole = problems.params({"w": (5, 3)})["w"]
    parts = {"a": whole[:3], "b": whole[3:]}
    grads = problems.gradients(4, whole)
    pieces = [{"a": g[:3], "b": g[3:]} for g in grads]
    opt = jgd.kl_shampoo(0.05, precondition_frequency=2, block_size=3)
    together, apart = problems.trajectory(opt, whole, grads), problems.trajectory(opt, parts, pieces)
    problems.close(together, jnp.concatenate([apart["a"], apart["b"]], 1), rtol=1e-5, atol=1e-6)


def test_tensors_have_a_factor_for_each_axis():
    """A side of one changes nothing, and every order of the axes is one method."""
    start = problems.params({"w": (4, 2, 3)})["w"]
    grads = problems.gradients(6, start)
    for opt in (jgd.kl_shampoo(0.05, precondition_frequency=2), jgd.kl_soap(0.05, precondition_frequency=2)):
        path = problems.trajectory(opt, start, grads)
        turned = problems.trajectory(opt, start.transpose(2, 0, 1), [g.transpose(2, 0, 1) for g in grads])
        problems.close(path, jnp.transpose(turned, (0, 2, 3, 1)), rtol=1e-3, atol=1e-4)
        assert all(jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(path))
