"""Cautious updates and decay: where they are put, and what is refused."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests import problems

PARAMS = problems.params()
GRADS = problems.gradients(4, PARAMS)


def test_an_optimizer_s_rule_is_made_cautious_before_decay_and_rate():
    by_hand = jgd.chain(
        jgd.clip(1.0), jgd.cautious(jgd.scale_by_adam()), jgd.add_decayed_weights(0.1), jgd.scale_by_learning_rate(0.1)
    )
    whole = jgd.chain(jgd.clip(1.0), jgd.cautious(jgd.adamw(0.1, weight_decay=0.1)))
    paths = [problems.trajectory(opt, PARAMS, GRADS) for opt in (by_hand, whole)]
    problems.close(*paths, rtol=1e-6)
    opaque, plain = jgd.cautious(jgd.chain(optax.scale_by_adam(), jgd.scale(-0.1))), jgd.cautious(jgd.adam(0.1))
    paths = [problems.trajectory(opt, PARAMS, GRADS) for opt in (opaque, plain)]
    problems.close(*paths, rtol=1e-4, atol=1e-5)  # optax rounds 1 - b2 otherwise


def test_each_part_of_a_partition_is_made_cautious():
    opt = jgd.cautious(jgd.partition({"w": jgd.sgd(0.1, 0.9), "rest": jgd.adam(0.1)}, {"w": "w", "rest": "rest"}))
    alone = jgd.cautious(jgd.sgd(0.1, 0.9))
    path = problems.trajectory(opt, PARAMS, GRADS)
    problems.close(path["w"], problems.trajectory(alone, PARAMS, GRADS)["w"], rtol=1e-6)


DOWN = [
    jgd.lookahead(jgd.sgd(0.1), 2, 0.5),
    jgd.multi_steps(jgd.adam(0.1), 2),
    jgd.ema_params(jgd.soap(0.1), 0.9),  # whose last link is rate and decay in one
    jgd.multi_steps(jgd.adamw(0.1, weight_decay=jgd.weight_decay(0.1, "after")), 2),
    jgd.hyperball(jgd.scale_by_adam(), 0.1),
    jgd.prodigy(),
    jgd.a2grad(),
]


def links(chain):
    return [type(link).__name__ for link in chain.transforms]


@pytest.mark.parametrize("opt", DOWN)
@pytest.mark.parametrize("wrap", [jgd.cautious, lambda inner: jgd.hyperball(inner, 0.1)])
def test_updates_that_already_point_down_are_refused(wrap, opt):
    with pytest.raises(jgd.InputError, match=r"inner must be a rule without a learning rate"):
        wrap(opt)


def test_a_rule_that_takes_a_rate_and_keeps_the_sign_is_none_of_them():
    assert links(jgd.cautious(jgd.adabound(0.1))) == ["Cautious", "Scale"]
    with pytest.raises(jgd.InputError, match="inner must be a rule without a learning rate"):
        jgd.hyperball(jgd.adabound(0.1), 0.1)


def test_an_absent_momentum_after_the_rate_is_no_rule():
    assert links(jgd.cautious(jgd.rmsprop(0.1))) == ["Cautious", "ScaleByLearningRate"]
    with pytest.raises(jgd.InputError, match="inner must be a rule without a learning rate"):
        jgd.cautious(jgd.rmsprop(0.1, momentum=0.9))


@pytest.mark.parametrize("make", [jgd.galore_adamw, jgd.soap, jgd.fira])
def test_a_rule_whose_rate_and_decay_are_one_link_is_made_cautious_before_it(make):
    opt = make(0.1)
    assert links(jgd.cautious(opt)) == ["Cautious", "ScaleThenDecay"]


def test_averages_are_found_within():
    opt = jgd.cautious(jgd.ema_params(jgd.scale_by_adam(), 0.5))
    updates, state = opt.update(PARAMS, opt.init(PARAMS), PARAMS)
    mean = jgd.eval_params(opt, state, PARAMS)
    problems.close(mean, jgd.apply_updates(PARAMS, updates), rtol=1e-5)  # all signs agree


def test_strict_decay_leaves_what_a_step_leaves():
    p, u = jnp.array([1.0, -2.0, 3.0]), jnp.array([0.0, -1e-30, -1.0])
    for decay, expected in (
        (jgd.add_cautious_decayed_weights(0.5), [0.0, -1.0, -1.0]),
        (jgd.add_cautious_decay(0.5), [0.5, -1.0, -1.0]),
    ):
        np.testing.assert_allclose(decay.update(u, decay.init(p), p)[0], expected)
    masked = jgd.add_cautious_decayed_weights(0.5, mask="w")
    updates, _ = masked.update({"w": p, "b": p}, masked.init({"w": p, "b": p}), {"w": p, "b": p})
    np.testing.assert_allclose(updates["w"], 1.5 * p)
    np.testing.assert_allclose(updates["b"], p)
