"""The rate in effect and the norms of a step, by name."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import jgd
from jgd.interop import FromOptax
from jgd.transforms.in_effect import check_metrics, known_metrics, observe

P = {"w": jnp.array([3.0, 4.0])}
RATE = jgd.linear_schedule(1.0, 0.0, 4)
B1: Any = jgd.linear_schedule(0.9, 0.5, 4)
OPTIMIZERS = {
    "plain": lambda: jgd.adam(RATE),
    "chain": lambda: jgd.chain(jgd.clip(1.0), jgd.adam(RATE)),
    "scheduled": lambda: jgd.scheduled(jgd.adam(RATE, b1=B1)),
    "masked": lambda: jgd.masked(jgd.adam(RATE), True),
    "partition": lambda: jgd.partition({"a": jgd.adam(RATE)}, "a"),
    "finite": lambda: jgd.apply_if_finite(jgd.adam(RATE), 3),
    "ema": lambda: jgd.ema_params(jgd.adam(RATE), 0.9),
    "injected": lambda: optax.inject_hyperparams(optax.adam)(RATE),
    "foreign": lambda: jgd.chain(optax.inject_hyperparams(optax.adam)(RATE)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_rate_is_the_next_step_s(name):
    opt = OPTIMIZERS[name]()
    state = opt.init(P)
    for count in range(2):
        if name not in ("injected", "foreign"):  # optax's state keeps what the last step took
            assert float(jgd.current_hyperparams(opt, state)["learning_rate"]) == pytest.approx(1 - count / 4)
        _, state = opt.update(P, state, P)
    seen = jgd.current_hyperparams(opt, state)
    assert float(seen["learning_rate"]) == pytest.approx(0.75 if name in ("injected", "foreign") else 0.5)
    assert float(seen["b1"]) == pytest.approx(0.7 if name == "scheduled" else 0.9)


def test_accumulation_counts_its_steps_and_constants_stay():
    opt = jgd.multi_steps(jgd.sgd(RATE), 2)
    state = opt.init(P)
    for _ in range(2):
        _, state = opt.update(P, state, P)
    assert float(jgd.current_hyperparams(opt, state)["learning_rate"]) == 0.75
    constant = jgd.adam(0.1)
    assert jgd.current_hyperparams(constant, constant.init(P)) == jgd.hyperparams(constant)
    theirs = FromOptax(optax.adabelief, 0.1)
    assert jgd.current_hyperparams(theirs, theirs.init(P)) == {"learning_rate": 0.1}


def test_a_step_s_scalars_and_unknown_names():
    opt = jgd.sgd(RATE)
    names = check_metrics("fit", ("learning_rate", "gradient_norm", "update_norm", "params_norm"))
    assert set(names) <= set(known_metrics(opt, P))

    @jax.jit
    def step(opt, state):
        updates, _ = opt.update(P, state, P)
        return observe(names, opt, state, params=P, grads=P, updates=updates)

    seen = step(opt, opt.init(P))
    assert {k: float(v) for k, v in seen.items()} == dict(zip(names, (1.0, 5.0, 5.0, 5.0), strict=True))
    for wrong in ("learning_rate", 3, (3,)):
        with pytest.raises(jgd.InputError, match="must be names"):
            check_metrics("fit", wrong)
    assert check_metrics("fit", ["b1", "b1"]) == ("b1",)
