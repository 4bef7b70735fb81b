"""optax's factories as values, and jgd's values as optax's pairs."""

import inspect
import pickle
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import FromOptax, to_optax
from tests import problems

PARAMS = problems.params()
GRADS = problems.gradients(3, PARAMS)
TWO = {"v": jnp.ones((3, 4)), "w": jnp.ones((4, 3))}
# What a factory needs besides its defaults, by the name of the argument; those not listed here are given none.
REQUIRED = {
    "learning_rate": 0.01,
    "step_size": -1.0,
    "step_size_fn": optax.constant_schedule(0.1),
    "max_delta": 1.0,
    "max_norm": 1.0,
    "threshold": 1.0,
    "clipping": 0.1,
    "decay": 0.9,
    "eta": 0.01,
    "gamma": 0.55,
    "max_backtracking_steps": 5,
    "max_linesearch_steps": 5,
    "inner": optax.sgd(0.1),
    "optimizer": optax.sgd(0.1),
    "adv_optimizer": optax.sgd(0.1),
    "fast_optimizer": jgd.sgd(0.1),
    "base_optimizer": optax.sgd(0.1),
    "tx": optax.sgd(0.1),
    "sync_period": 5,
    "slow_step_size": 0.5,
    "max_consecutive_errors": 3,
    "should_transform_fn": lambda step, **extra: step > 1,
    "f": lambda updates, params: updates,
    "mask": {"v": False, "w": True},
    "freeze_mask": {"v": False, "w": True},
    "measure": lambda updates, *args, **extra: 0.0,
    "measure_name": "zero",
    "measures": {"zero": lambda updates, *args, **extra: 0.0},
    "key": 0,
}
# Numbers that optax branches on; see static_args.
BRANCHES = {
    "scale_by_sm3": ("b2",),
    "reduce_on_plateau": ("factor", "rtol", "atol", "min_scale"),
    "lookahead": ("sync_period", "slow_step_size"),
}
SPECIAL = {"scale_by_muon": {"weight_dimension_numbers": {"v": optax.contrib.MuonDimensionNumbers(), "w": None}}}
EXTRA = {
    "sophia": {"obj_fn": problems.bowl},
    "hutchinson_estimator_diag_hessian": {"obj_fn": problems.bowl},
    "sam": {},
}
STARTS = {"lookahead": optax.LookaheadParams(TWO, TWO)}
# Makers of makers, lists of transforms, deprecated functions that warn, gradients for each example, a measurement.
OTHER = {
    "inject_hyperparams",
    "inject_stateful_hyperparams",
    "partition",
    "multi_transform",
    "chain",
    "named_chain",
    "optimistic_adam",
    "differentially_private_aggregate",
    "dpsgd",
    "measure_with_ema",
}
FACTORIES = [
    value
    for module in (optax, optax.contrib)
    for name, value in vars(module).items()
    if inspect.isfunction(value)
    and "GradientTransf" in str(inspect.signature(value).return_annotation)
    and not name.startswith("_")
    and name not in OTHER
]


@pytest.mark.parametrize("factory", FACTORIES, ids=[factory.__name__ for factory in FACTORIES])
def test_every_factory_of_optax_traces_with_its_numbers_as_leaves(factory):
    arguments = {
        parameter.name: REQUIRED.get(parameter.name, parameter.default)
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.name != "seed"  # deprecated in favour of key
    } | SPECIAL.get(factory.__name__, {})
    opt = FromOptax(factory, **arguments, static_args=BRANCHES.get(factory.__name__, ()))
    extra = EXTRA.get(factory.__name__, {"value": jnp.ones(()), "grad": TWO, "value_fn": problems.bowl})
    start = STARTS.get(factory.__name__, TWO)
    with jax.numpy_rank_promotion("allow"):  # some of optax's own code broadcasts
        updates = jax.eval_shape(lambda opt: opt.update(TWO, opt.init(start), start, **extra)[0], opt)
    assert jax.tree.structure(updates) == jax.tree.structure(start)
    hash(jax.tree.structure(opt))  # or jit would refuse it


def test_numbers_are_leaves_and_the_rest_is_structure():
    opt = FromOptax(optax.adafactor, learning_rate=1e-3, factored=False, min_dim_size_to_factor=64, decay_rate=1)
    assert jgd.hyperparams(opt) == {"learning_rate": 1e-3, "decay_rate": 1.0}
    text = "FromOptax(adafactor, learning_rate=0.001, min_dim_size_to_factor=64, decay_rate=1.0, factored=False)"
    assert repr(opt) == text
    again = eval(text, {"FromOptax": FromOptax, "adafactor": optax.adafactor})
    assert jax.tree.structure(again) == jax.tree.structure(opt)
    assert opt.learning_rate == 1e-3
    assert opt.factored is False
    changed = jgd.with_hyperparams(opt, learning_rate=0.1)
    assert jgd.hyperparams(changed) == {"learning_rate": 0.1, "decay_rate": 1.0}
    assert jax.tree.structure(changed) == jax.tree.structure(opt)


def test_schedules_transforms_tuples_and_placeholders_keep_their_leaves():
    class Distribution:
        """Like one of a search space: no pytree, and no number either."""

    placeholder = Distribution()
    schedule = jgd.schedules.warmup_cosine_decay_schedule(0.0, 0.1, 5, 20)
    opt = FromOptax(optax.contrib.prodigy, schedule, betas=(0.9, 0.99), estim_lr0=placeholder)
    names = jgd.hyperparams(opt)
    assert names["peak_value"] == 0.1
    assert names["betas.1"] == 0.99
    assert names["estim_lr0"] is placeholder
    moved = jgd.with_hyperparams(opt, {"learning_rate.peak_value": 0.2, "betas.0": 0.8, "estim_lr0": 1e-6})
    assert moved.learning_rate.peak_value == 0.2
    assert moved.betas == (0.8, 0.99)
    around = FromOptax(optax.contrib.schedule_free, jgd.sgd(0.1), learning_rate=0.2)
    assert list(jgd.hyperparams(around).values()) == [0.1, 0.2]
    faster = jgd.with_hyperparams(around, {"base_optimizer.learning_rate": 0.3})
    assert list(jgd.hyperparams(faster).values()) == [0.3, 0.2]


def test_steps_are_optax_s_and_one_program_serves_all_numbers():
    traces = []

    @jax.jit
    def run(opt):
        traces.append(None)
        return problems.trajectory(opt, PARAMS, GRADS)

    for rate, decay in ((0.1, 0.9), (0.01, 0.5)):
        ours = run(FromOptax(optax.yogi, rate, b1=decay))
        # The numbers of one are traced and those of the other are constants that XLA folds: a few roundings.
        problems.close(ours, problems.trajectory(optax.yogi(rate, b1=decay), PARAMS, GRADS), rtol=1e-5, atol=1e-6)
    assert len(traces) == 1


def test_vmap_and_grad_go_through():
    def final(opt) -> Any:
        path = problems.trajectory(opt, PARAMS, GRADS)
        return problems.bowl(jax.tree.map(lambda x: x[-1], path))

    opts = [FromOptax(optax.adabelief, learning_rate=rate, eps=1e-8) for rate in (0.1, 0.01)]
    together = jax.jit(jax.vmap(final))(jgd.stack(opts))
    np.testing.assert_allclose(together, [final(opt) for opt in opts], rtol=1e-5)  # float32 in another layout
    slope = jax.grad(final)(opts[0])
    assert isinstance(slope, FromOptax)
    h = 1e-2
    near = [float(final(jgd.with_hyperparams(opts[0], learning_rate=0.1 + sign * h))) for sign in (1, -1)]
    # Central differences in float32: h^2 of truncation and 1e-7 * value / h of rounding.
    np.testing.assert_allclose(slope.learning_rate, (near[0] - near[1]) / (2 * h), rtol=1e-2)


def test_pickle_and_copies():
    opt = FromOptax(optax.lamb, 0.1, mask={"w": True})
    again = pickle.loads(pickle.dumps(opt))
    assert jax.tree.structure(again) == jax.tree.structure(opt)
    assert jax.tree.leaves(again) == jax.tree.leaves(opt)


ADAM: Any = optax.adam(0.1)
ERRORS = {
    "an optimizer instead of its factory": (lambda: FromOptax(ADAM), "such as optax.adam"),
    "unknown argument": (lambda: FromOptax(optax.adam, learning_rat=0.1), "Did you mean learning_rate?"),
    "unknown static argument": (lambda: FromOptax(optax.adam, 0.1, static_args=["bb1"]), "Did you mean b1"),
    "missing argument": (lambda: FromOptax(optax.adam), "missing a required argument: 'learning_rate'"),
    "twice": (lambda: FromOptax(optax.adam, 0.1, learning_rate=0.1), "multiple values"),
    "NaN": (lambda: FromOptax(optax.adam, float("nan")), "not NaN"),
    "NaN later": (lambda: jgd.with_hyperparams(FromOptax(optax.adam, 0.1), learning_rate=float("nan")), "not NaN"),
    "array of flags": (lambda: FromOptax(optax.lamb, 0.1, mask=np.array([True, False])), "must be hashable"),
    "unknown name": (lambda: jgd.with_hyperparams(FromOptax(optax.adam, 0.1), b3=1.0), "Known: learning_rate"),
    "a number optax branches on": (
        lambda: jax.eval_shape(lambda opt: opt.update(TWO, opt.init(TWO)), FromOptax(optax.scale_by_sm3, b2=0.9)),
        "name it in static_args",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_clear_sentence(case):
    build, fragment = ERRORS[case]
    with pytest.raises(jgd.InputError) as error:
        build()
    assert fragment in str(error.value)
    assert "\n" not in str(error.value)


def test_static_args_are_structure():
    opt = FromOptax(optax.scale_by_sm3, b1=0.9, b2=1.0, static_args=("b2",))
    assert jgd.hyperparams(opt) == {"b1": 0.9}
    jax.eval_shape(lambda opt: opt.update(TWO, opt.init(TWO)), opt)
    assert repr(opt) == "FromOptax(scale_by_sm3, b1=0.9, b2=1.0, static_args=('b2',))"


def test_to_optax_forwards_extra_arguments():
    """optax's wrappers drop them for everything but their own class."""
    polyak = jgd.chain(optax.polyak_sgd(max_learning_rate=0.5))
    assert isinstance(to_optax(polyak), optax.GradientTransformationExtraArgs)
    everything = jax.tree.map(lambda _: True, PARAMS)
    updates = {}
    for name, opt in (("ours", to_optax(polyak)), ("theirs", optax.polyak_sgd(max_learning_rate=0.5))):
        masked = optax.masked(opt, everything)
        updates[name] = masked.update(GRADS[0], masked.init(PARAMS), PARAMS, value=jnp.asarray(0.3))[0]
    problems.close(updates["ours"], updates["theirs"], rtol=1e-6)
    assert isinstance(to_optax(optax.sgd(0.1)), optax.GradientTransformationExtraArgs)
    with pytest.raises(jgd.InputError, match="not the function itself"):
        to_optax(jgd.adam)


def test_equinox_schedules_are_values_too():
    class Halving(eqx.Module):
        start: jax.Array

        def __call__(self, count):
            return self.start * 0.5**count

    opt = FromOptax(optax.sgd, learning_rate=Halving(jnp.asarray(0.1)))
    assert list(jgd.hyperparams(opt)) == ["start"]
    path = problems.trajectory(opt, PARAMS, GRADS)
    problems.close(path, problems.trajectory(optax.sgd(lambda c: 0.1 * 0.5**c), PARAMS, GRADS), rtol=1e-6, atol=1e-7)
