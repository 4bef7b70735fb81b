"""Chains whose links have names; frozen parts; transforms that act in some steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core.leaves import fixed_leaves
from jgd.health.check import chained_rates
from jgd.health.sharpness import edge_of
from jgd.train.pulse import clipped_share
from jgd.transforms.scale import as_rule
from tests import problems

PARAMS = problems.params()
GRADS = problems.gradients(4, PARAMS)


def test_links_states_and_hyperparameters_are_read_by_name():
    # In this order, not in that of the names.
    opt = jgd.named_chain(("second", jgd.clip_by_global_norm(1.0)), ("first", jgd.adam(1e-3)))
    opt = jax.jit(lambda opt: opt)(opt)
    assert list(opt.transforms) == ["second", "first"]
    state = opt.init(PARAMS)
    assert state["first"][0].mu["w"].shape == PARAMS["w"].shape
    init, update = opt
    assert (init, update) == (opt[0], opt[1])
    assert set(jgd.hyperparams(opt)) == {"max_norm", "b1", "b2", "eps", "eps_root", "learning_rate"}
    assert jgd.with_hyperparams(opt, {"first.learning_rate": 0.5})["first"].transforms[-1].learning_rate == 0.5
    assert set(jgd.current_hyperparams(opt, state)) >= {"learning_rate", "max_norm"}
    averaged = jgd.named_chain(("average", jgd.ema_params(jgd.sgd(0.1), 0.5)))
    _, state = averaged.update(GRADS[0], averaged.init(PARAMS), PARAMS)
    stepped = jax.tree.map(lambda p, g: p - 0.1 * g, PARAMS, GRADS[0])
    problems.close(jgd.eval_params(averaged, state, PARAMS), stepped, rtol=1e-5)


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ([("a", jgd.clip(1.0)), ("a", jgd.clip(1.0))], "'a' stands twice"),
        ([jgd.clip(1.0)], "expected a pair"),
        ([(3, jgd.clip(1.0))], "expected a pair"),
        ([("a", jgd.clip)], "transforms must be"),
    ],
)
def test_links_that_are_none_are_refused(links, said):
    with pytest.raises(jgd.InputError, match=said):
        jgd.named_chain(*links)


FREEZE = {"w": True, "rest": [False, False]}
LINKS = {
    "sgd": lambda: (jgd.trace(0.9), jgd.scale_by_learning_rate(0.1)),
    "clipped": lambda: (jgd.clip_by_global_norm(1.0), jgd.trace(0.9), jgd.scale_by_learning_rate(0.1)),
    "frozen first": lambda: (jgd.freeze(FREEZE), jgd.sgd(0.1)),
    "frozen, then decay": lambda: (jgd.freeze(FREEZE), jgd.add_decayed_weights(0.1)),
    "turned": lambda: (jgd.trace(0.9), jgd.scale(-1.0)),
    "rule": lambda: (jgd.trace(0.9), jgd.scale_by_adam()),
    "two rates": lambda: (jgd.sgd(0.1), jgd.sgd(0.1)),
    "none": lambda: (),
}


def named(*links):
    return jgd.named_chain(*((f"link {i}", link) for i, link in enumerate(links)))


def refuses(function, argument):
    """Tell whether a function refuses an argument."""
    try:
        function(argument)
    except jgd.InputError:
        return True
    return False


@pytest.mark.parametrize("links", LINKS.values(), ids=LINKS)
def test_a_chain_with_names_promises_what_one_without_does(links):
    plain, other = jgd.chain(*links()), named(*links())
    for one in (lambda x: x, lambda x: jgd.chain(x, jgd.scale(0.5)), lambda x: jgd.masked(x, FREEZE)):
        assert fixed_leaves(one(other), PARAMS) == fixed_leaves(one(plain), PARAMS)
    assert other.keeps_zeros == plain.keeps_zeros
    assert other.cost(PARAMS) == plain.cost(PARAMS)
    assert chained_rates(other) == chained_rates(plain)
    theirs, ours = (np.asarray(clipped_share(one, GRADS[0], jnp.array(2.0))) for one in (plain, other))
    np.testing.assert_equal(ours, theirs)
    assert edge_of(other, other.init(PARAMS), PARAMS) == edge_of(plain, plain.init(PARAMS), PARAMS)
    assert jgd.spectral_rates(other).rate_factors(PARAMS) == jgd.spectral_rates(plain).rate_factors(PARAMS)
    assert refuses(as_rule, other) == refuses(as_rule, plain)
    assert refuses(jgd.cautious, other) == refuses(jgd.cautious, plain)
    if not refuses(jgd.cautious, plain):
        steps = [problems.trajectory(jgd.cautious(x), PARAMS, GRADS) for x in (other, plain)]
        problems.close(*steps, rtol=0)


def test_frozen_leaves_stand_still_without_a_state():
    mask = {"w": True, "rest": False}
    for freeze_mask in (mask, lambda _: mask):
        opt = jgd.selective_transform(jgd.adam(0.1), freeze_mask=freeze_mask)
        theirs = optax.selective_transform(optax.adam(0.1), freeze_mask={"w": True, "rest": [False, False]})
        problems.close(*(problems.trajectory(x, PARAMS, GRADS) for x in (opt, theirs)), rtol=1e-4, atol=1e-5)
        kept = [x.shape for x in jax.tree.leaves(opt.init(PARAMS)) if x.ndim]
        assert (4, 3) not in kept
    updates, _ = jgd.freeze(mask).update(GRADS[0], jgd.freeze(mask).init(PARAMS), PARAMS)
    problems.close(updates, {"w": jnp.zeros((4, 3)), "rest": GRADS[0]["rest"]}, rtol=0)


def test_what_is_passed_on_meanwhile_and_the_condition_s_arguments():
    seen = []

    def loss_is_high(step, **extra):
        seen.append(sorted(extra))
        return extra["value"] > 1

    transform = jgd.conditionally_transform(jgd.scale(0.0), loss_is_high, True)
    mask = jgd.conditionally_mask(jgd.scale(2.0), loss_is_high, forward_extra_args=True)
    for value, passed, masked in ((0.5, 3.0, 0.0), (2.0, 0.0, 6.0)):
        for opt, wanted in ((transform, passed), (mask, masked)):
            updates, state = opt.update({"a": jnp.array(3.0)}, opt.init({"a": jnp.array(3.0)}), value=value)
            assert (updates["a"], state.step) == (wanted, 1)
    assert seen[0] == ["value"]


def test_a_plateau_reduces_waits_and_cools_down():
    numbers = (0.5, 2, 0.0, 0.1, 2, 2, 0.2)
    ours, theirs = jgd.reduce_on_plateau(*numbers), optax.contrib.reduce_on_plateau(*numbers)
    losses = np.repeat([3.0, 2.0, 1.95, 2.5, 2.4, 2.4, 2.4, 2.4, 2.4, 1.0, 1.1, 1.2, 1.3, 1.1, 1.0, 1.0, 1.0], 2)

    def scales(opt):
        def step(state, value):
            _, state = opt.update(PARAMS, state, value=value)
            return state, state

        return jax.jit(lambda: jax.lax.scan(step, opt.init(PARAMS), jnp.asarray(losses))[1])()

    problems.close(scales(ours), scales(theirs), rtol=1e-6)
    assert set(np.unique(scales(ours).scale)) == {np.float32(x) for x in (1.0, 0.5, 0.25, 0.2)}


def test_a_plateau_without_patience_reduces_at_failures_alone():
    opt = jgd.reduce_on_plateau(0.5, patience=0, rtol=1.0, atol=0.0)  # the first loss of all is an improvement
    state, scales = opt.init(PARAMS), []
    for value in (1.0, -1.0, 2.0, jnp.nan):
        _, state = opt.update(PARAMS, state, value=value)
        scales.append(float(state.scale))
    assert scales == [1.0, 1.0, 0.5, 0.25]
    with pytest.raises(jgd.InputError, match="value is missing"):
        opt.update(PARAMS, state)
    with pytest.raises(jgd.InputError, match="rtol or atol must be positive"):
        jgd.reduce_on_plateau(rtol=0.0)
