"""The drop-in namespace: whose each name is, the signatures, and how optax's own code takes jgd's values."""

import inspect
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.interop import optax as dropin
from tests import problems

PARAMS = problems.params()
GRADS = problems.gradients(4, PARAMS)


def public(module):
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


REPLACED = {name: value for name, value in public(optax).items() if getattr(dropin, name) is not value}


def test_every_name_of_optax_is_there():
    assert set(public(optax)) <= set(dir(dropin))
    assert all(hasattr(dropin, name) for name in public(optax))
    for name in ("contrib", "schedules", "transforms", "losses", "tree", "projections", "tree_utils", "perturbations"):
        assert set(public(getattr(optax, name))) <= set(public(getattr(dropin, name)))
    assert dropin.__version__ == optax.__version__
    with pytest.warns(DeprecationWarning, match=r"optax\.dpsgd is deprecated"):
        assert dropin.dpsgd is optax.contrib.dpsgd
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = dropin.no_such_name


def test_shared_names_are_jgd_s_and_the_others_optax_s_own():
    for name in ("adam", "chain", "clip_by_global_norm", "cosine_decay_schedule", "apply_updates", "MultiSteps"):
        assert getattr(dropin, name).__module__.startswith("jgd.")
    assert dropin.adam is jgd.adam
    assert dropin.schedules.linear_schedule is jgd.schedules.linear_schedule
    assert dropin.transforms.trace is jgd.transforms.trace
    for name in ("l2_loss", "global_norm", "losses", "tree", "EmptyState"):
        assert getattr(dropin, name) is getattr(optax, name)
    assert dropin.contrib.muon.__module__ == dropin.contrib.scale_by_muon.__module__ == "jgd.interop.contrib"
    shared = {*vars(jgd.optimizers), *vars(jgd.transforms), *vars(jgd.schedules)} & set(optax.__all__) & {*vars(optax)}
    assert {name for name in shared if callable(getattr(optax, name))} <= REPLACED.keys()


# Names of optax that stay optax's own, by their kind and by their home, and why.
THEIRS = {
    "a class, a protocol or a type": "states and classes are shared, so that both libraries know both; a type says "
    "nothing but itself",
    "optax.losses": "losses are functions of predictions, and no part of an optimizer",
    "optax.projections": "functions that jgd uses",
    "optax.perturbations": "gradients of discrete choices, and no part of an optimizer",
    "optax.assignment": "a solver of another problem",
    "optax.tree_utils": "arithmetic on any tree",
    "optax.microbatching": "batches of a function, and no part of an optimizer",
    "optax._src.linear_algebra": "roots and norms of matrices",
    "optax._src.numerics": "safe norms and counters",
    "optax._src.utils": "a factor of a gradient and a distribution",
}
WRAPPED = ("MultiSteps", "WrappedSchedule")  # classes that are transforms and schedules


def stays(name, value):
    """Tell whether a name is one of those above."""
    kind = inspect.isclass(value) and name not in WRAPPED
    home = getattr(value, "__module__", None) or "typing"
    return kind or home.startswith(("typing", "collections", *(x for x in THEIRS if x.startswith("optax"))))


def all_of_optax():
    """(place, name, optax's, the drop-in's) of every function and class that optax publishes."""
    places = [(optax, dropin)]
    places += [(getattr(optax, x), getattr(dropin, x)) for x in ("contrib", "schedules", "transforms")]
    places += [(optax.experimental.aggregating, dropin.experimental.aggregating)]
    for theirs, ours in places:
        for name, value in public(theirs).items():
            own = getattr(value, "__module__", "").startswith("optax") or theirs is not optax.experimental.aggregating
            if callable(value) and not isinstance(value, types.ModuleType) and own:
                yield theirs.__name__, name, value, getattr(ours, name)


def test_every_optimizer_transform_wrapper_and_schedule_of_optax_is_jgd_s():
    known = list(all_of_optax())
    assert len(known) > 300
    left = {
        f"{place}.{name}"
        for place, name, theirs, ours in known
        if not stays(name, theirs) and not ours.__module__.startswith("jgd.")
    }
    assert left == set()
    unused = [
        home
        for home in THEIRS
        if home.startswith("optax") and not any(theirs.__module__.startswith(home) for _, _, theirs, _ in known)
    ]
    assert set(unused) <= {"optax.projections", "optax.perturbations", "optax.assignment"}  # modules of their own


# Where a signature is not optax's: what differs, and why.
DIFFERENT = {
    "adafactor": "dtype_momentum=float32 is kept by its name, as below",
    "scale_by_factored_rms": "decay_rate_fn=None stands for the paper's decay, which in optax is a private function",
    "lbfgs": "its line search is jgd's own value",
    "MultiSteps": "accumulator_dtype=float32 is kept by its name, which can be pickled and pasted back",
    "scale_by_distance_over_gradients": "param_dtype=float32 is kept by its name, as above",
    "sophia": "hessian_diagonal_fn=None stands for Hutchinson's estimator, which in optax is a pair of functions",
    **dict.fromkeys(("adopt", "scale_by_adopt"), "clip_value_fn has a name, where optax's lambda cannot be pickled"),
}


@pytest.mark.parametrize("name", REPLACED)
def test_signatures_are_optax_s(name):
    compare(name, getattr(optax, name), getattr(dropin, name))


def compare(name, theirs, ours):
    if not isinstance(theirs, types.ModuleType):
        assert bool(differences(theirs, ours)) == (name in DIFFERENT), name
        return
    for inner, value in public(theirs).items():
        if getattr(ours, inner) is not value:
            compare(inner, value, getattr(ours, inner))


def differences(theirs, ours):
    """Parameters of optax's that ours has not in the same place with the same default; more may follow by keyword."""
    ours, theirs = (list(inspect.signature(f).parameters.values()) for f in (ours, theirs))
    positional = [[p.name for p in group if p.kind is not p.KEYWORD_ONLY] for group in (theirs, ours)]
    mine = {p.name: p for p in ours}
    changed = [
        p.name for p in theirs if p.name not in mine or (p.kind, p.default) != (mine[p.name].kind, mine[p.name].default)
    ]
    missing_default = [p.name for p in ours if p.name not in {q.name for q in theirs} and p.default is p.empty]
    return changed + missing_default + ([] if positional[0] == positional[1] else positional)


def test_a_parameter_that_only_optax_has_gets_optax_s(monkeypatch):
    assert "mode" in inspect.signature(dropin.scale_by_lion).parameters
    assert isinstance(dropin.scale_by_lion(b1=0.8), jgd.optimizers.ScaleByLion)
    assert isinstance(dropin.scale_by_lion(mode="smooth"), optax.GradientTransformation)
    masked = dropin.masked(jgd.trace(0.9), {"w": True}, mask_compatible_extra_args=True)
    assert isinstance(masked, optax.GradientTransformationExtraArgs)


def test_optax_s_classes_are_its_own_and_know_values():
    for classes in (dropin.GradientTransformation, dropin.GradientTransformationExtraArgs):
        assert isinstance(dropin.adam(0.1), classes)
        assert not isinstance(dropin.adam, classes)
        assert not isinstance(jnp.ones(3), classes)
    assert dropin.GradientTransformation is optax.GradientTransformation
    assert dropin.contrib.mechanize is jgd.mechanize
    assert dropin.contrib.prodigy is jgd.prodigy


def test_a_library_of_optax_alone_passes_the_loss_to_a_plateau():
    """It asks optax's own class, as numpyro does, and must not lose `value=` on the way."""
    for module in (dropin, optax):
        opt = module.chain(module.adam(0.1), module.contrib.reduce_on_plateau(0.5, patience=2, accumulation_size=1))
        assert isinstance(opt, optax.GradientTransformation)
        foreign, state = optax.with_extra_args_support(opt), opt.init(PARAMS)
        for value in (1.0, 2.0, 3.0):
            _, state = foreign.update(GRADS[0], state, PARAMS, value=jnp.asarray(value))
        assert float(optax.tree.get(state, "scale")) == 0.5  # halved: two values were higher than the first


# The functions of optax that take transforms: through each, `value=` reaches a Polyak step inside a jgd chain.
AROUND = {
    "named_chain": lambda m, opt: m.named_chain(("first", m.identity()), ("second", opt)),
    "flatten": lambda m, opt: m.flatten(opt),
    "conditionally_mask": lambda m, opt: m.conditionally_mask(opt, lambda step, **_: step < 2, True),
    "conditionally_transform": lambda m, opt: m.conditionally_transform(opt, lambda step, **_: step < 2, True),
    "selective_transform": lambda m, opt: m.selective_transform(opt, freeze_mask=jax.tree.map(lambda _: False, PARAMS)),
    "with_extra_args_support": lambda m, opt: m.with_extra_args_support(opt),
    "inject_hyperparams": lambda m, opt: m.inject_hyperparams(lambda step_size: m.chain(opt, m.scale(step_size)))(0.7),
    "schedule_free": lambda m, opt: m.contrib.schedule_free(opt, 0.1),
    "mechanize": lambda m, opt: m.contrib.mechanize(opt),
}


@pytest.mark.parametrize("name", AROUND)
def test_optax_s_wrappers_pass_extra_arguments_on_to_values(name):
    paths = []
    for module in (dropin, optax):
        inner = module.chain(module.clip(5.0), module.polyak_sgd(max_learning_rate=0.5))
        opt = AROUND[name](module, inner)
        updates, _ = opt.update(GRADS[0], opt.init(PARAMS), PARAMS, value=jnp.asarray(0.3))
        paths.append(updates)
    problems.close(*paths, rtol=1e-5, atol=1e-6)  # schedule_free returns float32 differences of parameters of size 2


def test_injected_hyperparameters_are_ours():
    opt = dropin.inject_hyperparams(dropin.adam)(learning_rate=dropin.linear_schedule(0.1, 0.0, 10), b1=0.8)
    theirs = optax.inject_hyperparams(optax.adam)(learning_rate=optax.linear_schedule(0.1, 0.0, 10), b1=0.8)
    assert isinstance(opt, optax.GradientTransformationExtraArgs)
    state: Any = opt.init(PARAMS)
    assert set(state.hyperparams) == {"learning_rate", "b1", "b2", "eps", "eps_root"}
    state.hyperparams["b1"] = jnp.asarray(0.7)
    opt.update(GRADS[0], state, PARAMS)
    # optax rounds 1 - b2 to float32 in its own way, off by 1e-5 of it.
    paths = [problems.trajectory(each, PARAMS, GRADS) for each in (opt, theirs)]
    problems.close(*paths, rtol=1e-4, atol=1e-5)


def test_tree_utilities_find_their_way():
    mask = jax.tree.map(lambda p: p.ndim > 1, PARAMS)
    labels = jax.tree.map(lambda p: "matrix" if p.ndim > 1 else "rest", PARAMS)
    matrix = dropin.masked(dropin.adam(0.1), mask)
    opt = dropin.chain(
        dropin.clip_by_global_norm(1.0), dropin.partition({"matrix": matrix, "rest": dropin.sgd(0.1)}, labels)
    )
    state = opt.init(PARAMS)
    assert dropin.tree.get(state, "mu")["w"].shape == PARAMS["w"].shape
    assert int(dropin.tree.get(state, "count")) == 0
    doubled = dropin.tree_map_params(opt, lambda x: x + 1, state)
    np.testing.assert_array_equal(dropin.tree.get(doubled, "mu")["w"], 1.0)
    assert int(dropin.tree.get(doubled, "count")) == 0


def test_multi_steps_has_optax_s_attributes():
    ours, theirs = (module.MultiSteps(module.sgd(0.1), 2) for module in (dropin, optax))
    assert {name for name in dir(theirs) if not name.startswith("_")} <= set(dir(ours))
    assert ours.inner_opt is ours.opt
