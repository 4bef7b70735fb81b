"""SOAP and Shampoo: state bytes, staggered turns, stale bases, roots by Newton, grafting and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests import problems

PARAMS = {"w": jnp.ones((64, 64)), "v": jnp.ones((64, 64))}


def moved(optimizer, steps=12, params=None):
    params = problems.params({"w": (4, 5)}, jnp.float32) if params is None else params
    return problems.trajectory(optimizer, params, problems.gradients(steps, params))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: jgd.soap(), 8 + 8 + 4),
        (lambda: jgd.soap(max_precondition_dim=32), 8),
        (lambda: jgd.shampoo(0.1), 4 + 4 + 8),
        (lambda: jgd.shampoo(0.1, grafting="sgd"), 4 + 8),
        (lambda: jgd.shampoo(0.1, grafting=None, block_size=32), 4 + 8),
    ],
)
def test_state_bytes_are_as_declared(make, expected):
    each = jgd.measure.state_bytes(make(), PARAMS) / (2 * 64 * 64)
    assert expected <= each <= 1.05 * expected  # a triangle of n has n more than half of n^2


def test_the_first_call_of_soap_takes_no_step_and_does_not_decay():
    path = moved(jgd.soap(0.1), 2)
    start = problems.params({"w": (4, 5)}, jnp.float32)
    problems.close(jax.tree.map(lambda x: x[0], path), start, rtol=0)
    assert np.max(np.abs(path["w"][1] - path["w"][0])) > 1e-3


def test_staggered_soap_renews_every_basis_once_a_round():
    rule = jgd.scale_by_soap(precondition_frequency=4)
    params = {name: jnp.ones((3, 3)) for name in "abcdef"}
    state, seen, step = rule.init(params), [], jax.jit(rule.update)
    for g in problems.gradients(10, params):
        _, new = step(g, state)
        seen.append(
            [name for name in params if np.any(new.slots["bases"][name][0][0] != state.slots["bases"][name][0][0])]
        )
        state = new
    assert seen[0] == list("abcdef")
    assert max(map(len, seen[1:])) <= 2
    for start in (2, 5):
        assert sorted(name for names in seen[start : start + 4] for name in names) == list("abcdef")


def test_a_basis_that_is_good_enough_is_kept():
    always = moved(jgd.soap(0.1, precondition_frequency=2))
    problems.close(moved(jgd.soap(0.1, precondition_frequency=2, refresh_tolerance=0.0)), always, rtol=1e-4, atol=1e-4)
    never = moved(jgd.soap(0.1, precondition_frequency=100))
    problems.close(moved(jgd.soap(0.1, precondition_frequency=2, refresh_tolerance=10.0)), never, rtol=1e-4, atol=1e-4)
    assert np.max(np.abs(always["w"] - never["w"])) > 1e-2


def test_newton_s_roots_are_those_of_eigenvalues(x64):
    params = problems.params({"w": (4, 5)})
    both = [moved(jgd.shampoo(0.1, precondition_frequency=3, root=root), params=params) for root in ("eigh", "newton")]
    problems.close(*both, rtol=1e-6, atol=1e-6)


def test_a_graft_has_the_direction_of_one_and_the_length_of_the_other():
    params = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}
    grads = {"w": jnp.array([[3.0, 0.0], [0.0, -4.0]]), "b": jnp.array([1.0, 2.0])}
    signs = jgd.graft(jgd.identity(), jgd.scale_by_sign(), start=2)
    first, state = signs.update(grads, signs.init(params))
    problems.close(first, grads, rtol=0)
    second, _ = signs.update(grads, state)
    np.testing.assert_allclose(second["w"], np.array([[1, 0], [0, -1]]) * 5 / 2**0.5, rtol=1e-6)
    shampoo = jgd.graft(jgd.scale_by_sign(), jgd.scale_by_shampoo(precondition_frequency=1))
    updates, _ = shampoo.update(grads, shampoo.init(params))
    np.testing.assert_allclose(updates["b"], [1.0, 1.0])  # no direction of its own
    np.testing.assert_allclose(jnp.linalg.norm(updates["w"]), 2**0.5, rtol=1e-5)


def test_an_unknown_graft_or_root_names_the_known_ones():
    with pytest.raises(jgd.InputError, match=r"shampoo\(grafting\): unknown name 'adan'.*Known: adam, sgd"):
        jgd.shampoo(0.1, grafting="adan")
    with pytest.raises(jgd.InputError, match=r"shampoo\(root='svd'\): root must be one of"):
        jgd.shampoo(0.1, root="svd")
