"""Every transform is a member of optax's class: asked for by type, unpacked, indexed, copied, told from others."""

import copy
import dataclasses
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import jgd
from jgd.interop import FromOptax
from tests.table import ROWS

OPTIMIZERS = {
    "adam": lambda: jgd.adam(0.1),
    "partition": lambda: jgd.partition({"m": jgd.muon(0.1)}, {"w": "m"}),
    "foreign": lambda: jgd.chain(optax.adam(0.1)),
    "FromOptax": lambda: FromOptax(optax.adam, 0.1),
    "stacked": lambda: jgd.stack([jgd.adam(0.1), jgd.adam(0.2)]),
}
EACH = pytest.mark.parametrize("name", OPTIMIZERS)


def test_every_row_is_an_instance_of_optax_s_classes_and_keeps_its_leaves():
    for row in ROWS:
        opt = row.make()
        assert isinstance(opt, optax.GradientTransformation), row.name
        assert optax.with_extra_args_support(opt) is opt, row.name
        leaves, structure = jax.tree.flatten(opt)
        rebuilt = structure.unflatten(leaves)
        assert type(rebuilt) is type(opt)
        assert jax.tree.structure(rebuilt) == structure
        assert jax.tree.leaves(rebuilt) == leaves


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda s: jgd.adam(0.1, b1=s), "ScaleByAdam.update: a schedule stands for b1;"),
        (lambda s: jgd.chain(jgd.clip(1.0), jgd.aggmo(0.1, (0.0, s))), "ScaleByAggmo.update: .* for betas;"),
        (lambda s: jgd.adagrad(0.1, s), "ScaleByRss.init: .* for initial_accumulator_value;"),
    ],
)
def test_a_schedule_that_nothing_reads_is_told_of_what_reads_it(make, said):
    opt, params = make(jgd.schedules.linear_schedule(0.9, 0.5, 3)), jnp.ones(2)
    with pytest.raises(jgd.InputError, match=said + r" wrap the optimizer in jgd.scheduled"):
        opt.update(params, opt.init(params), params)
    wrapped = jgd.scheduled(opt)
    wrapped.update(params, wrapped.init(params), params)


@EACH
def test_it_is_read_like_optax_s_pair(name):
    opt = OPTIMIZERS[name]()
    init, update = opt
    assert (opt[0], opt[1], opt[-1]) == (init, update, update)
    assert opt[:] == tuple(opt) == (init, update) == (opt.init, opt.update)
    assert len(opt) == 2
    assert bool(opt)
    assert init in opt
    assert list(reversed(opt)) == [update, init]
    with pytest.raises(IndexError):
        _ = opt[2]


@EACH
def test_it_is_compared_by_identity_and_copied_whole(name):
    opt = OPTIMIZERS[name]()
    local = name in ("partition", "foreign")  # holds functions that no pickle finds
    same = [copy.copy(opt), copy.deepcopy(opt)] + ([] if local else [pickle.loads(pickle.dumps(opt))])
    for other in same:
        assert other != opt
        assert opt == opt
        assert jax.tree.structure(other) == jax.tree.structure(opt)
        assert all(jnp.all(a == b) for a, b in zip(jax.tree.leaves(other), jax.tree.leaves(opt), strict=True))
    assert len({opt, *same}) == 1 + len(same)


def test_arithmetic_and_order_mean_nothing():
    for wrong in (lambda a: a + a, lambda a: 2 * a, lambda a: a < a):
        with pytest.raises(TypeError):
            wrong(jgd.adam(0.1))
    no_number: Any = jgd.adam(0.1)
    with pytest.raises(jgd.InputError, match="must be a number"):
        jgd.scale(no_number)


def test_replacing_a_function_gives_optax_s_plain_pair_and_a_field_gives_a_record():
    opt: Any = jgd.adam(0.1)
    pair = opt._replace(init=lambda params: "mine")
    assert type(pair) is optax.GradientTransformationExtraArgs
    assert pair.init(0.0) == "mine"
    assert pair.update == opt.update
    assert repr(dataclasses.replace(opt[0].__self__, transforms=(jgd.scale(2.0),))) == "chain(scale(step_size=2.0))"


def test_a_record_of_one_s_own_is_one_too():
    @jgd.record
    class Halve:
        factor: float = jgd.hyper(default=0.5)

        def init(self, params):
            return ()

        def update(self, grads, state, params=None, **extra):
            return jax.tree.map(lambda g: self.factor * g, grads), state

    halve: Any = Halve()
    opt: Any = optax.chain(halve, optax.scale(-1.0))
    assert isinstance(halve, optax.GradientTransformationExtraArgs)
    assert float(opt.update(jnp.ones(()), opt.init(jnp.ones(())))[0]) == -0.5
    assert not isinstance(jgd.constant_schedule(1.0), tuple), "a record that is no transform is no pair"


@pytest.mark.parametrize("name", ["adam", "partition", "foreign"])
def test_gradients_may_have_optax_s_keyword(name):
    opt, grads = OPTIMIZERS[name](), {"w": jnp.ones((2, 2))}
    state = opt.init(grads)
    updates, _ = opt.update(updates=grads, state=state, params=grads)
    assert jnp.array_equal(updates["w"], opt.update(grads, state, grads)[0]["w"])
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'state'"):
        opt.update(grads)


def test_a_missing_argument_is_python_s_kind_of_error_too():
    grads = jnp.ones(2)
    for opt, name in ((jgd.scale_by_polyak(), "value"), (jgd.reduce_on_plateau(), "value"), (jgd.lamb(0.1), "params")):
        with pytest.raises(TypeError, match=f"{name} is missing") as error:
            opt.update(grads, opt.init(grads))
        assert isinstance(error.value, jgd.InputError)
