"""jgd's values inside optax's wrappers, optax's pairs inside jgd's, and both turned inside out: the same steps."""

import jax
import optax
import pytest

import jgd
from jgd.interop import FromOptax, to_optax
from jgd.interop import optax as dropin
from tests import problems
from tests.tiers import at_once

PARAMS = problems.params()
GRADS = problems.gradients(6, PARAMS)
MASK = jax.tree.map(lambda p: p.ndim > 1, PARAMS)
LABELS = jax.tree.map(lambda p: "matrix" if p.ndim > 1 else "rest", PARAMS)
INNER = {
    "sgd": lambda m: m.sgd(0.05, momentum=0.9),
    "adamw": lambda m: m.adamw(0.05, weight_decay=0.01),
    "lion": lambda m: m.lion(m.linear_schedule(0.02, 0.0, 6)),
    "amsgrad": lambda m: m.amsgrad(0.05),
}
# A wrapper by one library around an optimizer by another, and the parameters that it starts from.
WRAPPERS = {
    "chain": lambda m, opt: m.chain(m.clip_by_global_norm(1.0), opt),
    "masked": lambda m, opt: m.masked(opt, MASK),
    "partition": lambda m, opt: m.partition({"matrix": opt, "rest": m.sgd(0.1)}, LABELS),
    "multi_steps": lambda m, opt: m.MultiSteps(opt, 2),
    "apply_if_finite": lambda m, opt: m.apply_if_finite(opt, 2),
    "named_chain": lambda m, opt: m.named_chain(("clip", m.clip(1.0)), ("opt", opt)),
    "conditionally_mask": lambda m, opt: m.conditionally_mask(opt, lambda step: step < 3),
    "flatten": lambda m, opt: m.flatten(opt),
    "schedule_free": lambda m, opt: m.contrib.schedule_free(opt, 0.05),
    "split_real_and_imaginary": lambda m, opt: m.contrib.split_real_and_imaginary(opt),
}


@pytest.mark.parametrize("make", at_once(["sgd", "adamw"], INNER))
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_any_mixture_takes_the_same_steps(wrap, make):
    mixtures = {
        "theirs alone": wrap(optax, make(optax)),
        "ours inside theirs": wrap(optax, make(dropin)),
        "theirs inside ours": wrap(dropin, make(optax)),
        "the drop-in alone": wrap(dropin, make(dropin)),
        "ours, as a pair, inside theirs, as a value": FromOptax(lambda opt: wrap(optax, opt), to_optax(make(dropin))),
    }
    # One program for all, which costs a third of one for each.
    paths = jax.jit(lambda: {name: problems.trajectory(opt, PARAMS, GRADS) for name, opt in mixtures.items()})()
    expected = paths.pop("theirs alone")
    # optax's 1 - b^t is off by 1e-5 in float32, which Adam's first steps show.
    problems.close(paths, dict.fromkeys(paths, expected), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("inner", INNER)
def test_lookahead_keeps_its_two_sets_of_parameters(inner):
    start = optax.LookaheadParams.init_synced(PARAMS)
    paths = []
    for module in (dropin, optax):
        opt, params = module.lookahead(INNER[inner](module), sync_period=2, slow_step_size=0.5), start
        state = opt.init(params)
        for g in GRADS[:4]:
            updates, state = opt.update(g, state, params)
            params = module.apply_updates(params, updates)
        paths.append(params)
    problems.close(*paths, rtol=1e-4, atol=2e-5)  # as above


@pytest.mark.parametrize("inner", ["sgd", "adamw", "amsgrad"])
def test_injected_hyperparameters_can_be_changed_on_the_way(inner):
    paths = []
    for module in (dropin, optax):
        factory = getattr(module, inner)
        opt = module.inject_hyperparams(factory)(learning_rate=0.1)
        state, params, step = opt.init(PARAMS), PARAMS, jax.jit(opt.update)
        for i, g in enumerate(GRADS):
            state.hyperparams["learning_rate"] = 0.1 / (i + 1)
            updates, state = step(g, state, params)
            params = module.apply_updates(params, updates)
        paths.append(params)
    problems.close(*paths, rtol=1e-4, atol=2e-5)  # as above


def test_numbers_stay_leaves_through_every_layer_that_is_a_value():
    inner = FromOptax(optax.lookahead, jgd.adam(1e-3), sync_period=5, slow_step_size=0.5, static_args=("sync_period",))
    opt = jgd.chain(jgd.clip_by_global_norm(1.0), inner)
    names = jgd.hyperparams(opt)
    assert set(names.values()) == {1.0, 0.9, 0.999, 1e-8, 0.0, 1e-3, 0.5}
    assert jgd.hyperparams(jgd.with_hyperparams(opt, learning_rate=0.1))["learning_rate"] == 0.1
