"""Every transform on a mesh: its state lies as `state_specs` says and stays there; the steps are one device's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jgd
from jgd.distributed import shard_state, split_specs, state_specs
from tests import problems
from tests.table import FORMS, ROWS
from tests.tiers import at_once

SHAPES = {"w": (4, 6), "u": (4, 6), "rest": [(2,), ()]}
SPECS = {"w": P("data", None), "u": P(None, "data"), "rest": [P("data"), P()]}
MATRICES = {"w": (4, 6), "u": (4, 6), "rest": [(6, 4), (2, 5)]}
OF_MATRICES = {"w": P("data", None), "u": P(None, "data"), "rest": [P(None, "data"), P()]}
STEPS = 3


def mesh(kind=AxisType.Auto, devices=2):
    return jax.make_mesh((devices,), ("data",), axis_types=(kind,), devices=jax.devices()[:devices])


def placed(where, specs):
    return jax.tree.map(lambda spec: NamedSharding(where, spec), specs)


def whole_inputs(function):
    """Return a model as one that works on Explicit axes: its products would be ambiguous there."""
    return lambda params: function(jax.tree.map(lambda x: jax.reshard(x, P()), params))


def stepper(row, kind=AxisType.Auto):
    """Return a step of a row's transform, with what its update needs beside gradients and parameters."""

    def step(opt, grads, state, params):
        extra = row.extra(grads, params) if row.extra else {}
        if kind is AxisType.Explicit:
            extra = {name: whole_inputs(x) if name == "outputs_fn" else x for name, x in extra.items()}
        updates, state = opt.update(grads, state, params, **extra)
        return state, jgd.apply_updates(params, updates)

    return step


def walked(step, opt, state, params, grads):
    for g in grads:
        state, params = step(opt, g, state, params)
    return state, params


RUN = (*FORMS, "dion", "fira", "shampoo", "splus", "kl_shampoo", "scion", "adafactor", "sm3", "lawa", "sam", "prodigy")


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_on_explicit_axes_every_step_returns_what_lies_as_before(row, x64):
    """Where arrays lie is in their types there, so that a trace tells; the values are held to one device's below."""
    shapes, specs = (SHAPES, SPECS) if row.shapes is None else (MATRICES, OF_MATRICES)
    opt, params, where = row.make(), problems.params(shapes), mesh(AxisType.Explicit)
    of_params, of_state = (placed(where, x) for x in (specs, state_specs(opt, params, specs)))
    with jax.set_mesh(where):
        given = jax.device_put((params, opt.init(params), params), (of_params, of_state, of_params))
        found = jax.eval_shape(stepper(row, AxisType.Explicit), opt, *given)
    for (path, x), wanted in zip(
        jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves((of_state, of_params)), strict=True
    ):
        assert cut(getattr(x.sharding, "spec", P())) == cut(wanted.spec), (
            jax.tree_util.keystr(path),
            x.sharding,
            wanted,
        )


def cut(spec):
    """Return the axes of a spec without what says of the last ones that they are whole."""
    axes = list(spec)
    while axes and axes[-1] is None:
        axes.pop()
    return axes


@pytest.mark.parametrize(
    "row", at_once(("adam", "muon", "soap", "galore"), {row.name: row for row in ROWS if row.name in RUN})
)
def test_the_state_stays_where_it_lies_and_the_steps_are_those_of_one_device(row, x64):
    shapes, specs = (SHAPES, SPECS) if row.shapes is None else (MATRICES, OF_MATRICES)
    opt, params = row.make(), problems.params(shapes)
    grads = problems.gradients(STEPS, params)
    alone = walked(jax.jit(stepper(row)), opt, opt.init(params), params, grads)
    for kind in (AxisType.Auto, AxisType.Explicit):
        where = mesh(kind)
        of_params, of_state = (placed(where, x) for x in (specs, state_specs(opt, params, specs)))
        with jax.set_mesh(where):
            start = jax.device_put((opt.init(params), params, grads), (of_state, of_params, [of_params] * STEPS))
            # On Auto axes the compiler is told where results lie; on Explicit ones it is for the rules to know.
            told: Any = {"out_shardings": (of_state, of_params)} if kind is AxisType.Auto else {}
            found = walked(jax.jit(stepper(row, kind), **told), opt, *start)
        for (path, x), wanted in zip(
            jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves((of_state, of_params)), strict=True
        ):
            assert x.sharding.is_equivalent_to(wanted, x.ndim), (kind, jax.tree_util.keystr(path), x.sharding, wanted)
        # Sums over two devices associate otherwise. In float64, as conjugate gradients that go on when they have
        # converged make much of it, 1e-6 even so; and some rules keep float32.
        found, alone = (jax.tree.map(_numbers, tree) for tree in (found, alone))
        problems.close(found, alone, rtol=1e-5, atol=1e-5)


def _numbers(x):
    x = jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
    return np.asarray(x, np.float32) if x.dtype == jnp.bfloat16 else np.asarray(x)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_state_is_split_over_the_data_axis_and_the_step_is_the_same(kind):
    where, params = mesh(kind), problems.params(SHAPES, "float32")
    plain = jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(0.1))
    split = jgd.chain(jgd.clip_by_global_norm(1.0), shard_state(jgd.adamw(0.1), where))
    grads = problems.gradients(STEPS, params)

    def step(opt, grads, state, params):
        updates, state = opt.update(grads, state, params)
        return state, jgd.apply_updates(params, updates)

    alone = walked(jax.jit(step), plain, plain.init(params), params, grads)
    with jax.set_mesh(where):
        params, grads = jax.device_put((params, grads), NamedSharding(where, P()))
        state = jax.jit(split.init)(params)
        state, params = walked(jax.jit(step), split, state, params, grads)
    wanted = state_specs(split, params, None)[1].inner_state
    assert wanted[0].mu == {"w": P("data", None), "u": P("data", None), "rest": [P("data"), P()]}
    for x, spec in zip(jax.tree.leaves(state[1].inner_state), jax.tree.leaves(wanted), strict=True):
        assert x.sharding.is_equivalent_to(NamedSharding(where, spec), x.ndim)
    for x in jax.tree.leaves(params):
        assert x.sharding.is_fully_replicated
    problems.close((state[1].inner_state, params), (alone[0][1], alone[1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", at_once(("auto",), {"auto": AxisType.Auto, "explicit": AxisType.Explicit}))
def test_matrices_whose_state_is_split_are_moved_together_and_the_step_is_the_same(kind):
    """Sides that the devices divide and others, a matrix alone of its shape, a bias; bases are renewed at each step."""
    shapes = {"w": (4, 6), "u": (4, 6), "odd": (3, 5), "b": (4,)}
    where, params = mesh(kind), problems.params(shapes, "float32")
    plain = jgd.soap(0.1, precondition_frequency=1)
    split, grads = shard_state(plain, where), problems.gradients(STEPS, params)

    @jax.jit
    def step(opt, grads, state, params):
        updates, state = opt.update(grads, state, params)
        return state, jgd.apply_updates(params, updates)

    alone = walked(step, plain, plain.init(params), params, grads)
    with jax.set_mesh(where):
        params, grads = jax.device_put((params, grads), NamedSharding(where, P()))
        found = walked(step, split, jax.jit(split.init)(params), params, grads)
    # The same numbers; kernels of another batch, and a factor's QR, round otherwise.
    problems.close((found[0].inner_state, found[1]), alone, rtol=1e-4, atol=1e-5)


def test_split_specs_take_the_first_axis_that_the_mesh_divides():
    params = {"w": jnp.ones((3, 4)), "b": jnp.ones(5), "s": jnp.ones(())}
    assert split_specs(params, mesh()) == {"w": P(None, "data"), "b": P(), "s": P()}
    run = jgd.fit(
        jgd.Task(lambda key: params, lambda p, x: jnp.sum(p["w"] ** 2) * jnp.mean(x), np.ones((4, 1), np.float32)),
        shard_state(jgd.adam(0.1), mesh()), steps=2, mesh=mesh(), progress=False,
    )  # fmt: skip
    assert run.opt_state.inner_state[0].mu["w"].sharding.spec == P(None, "data")
    assert run.params["w"].sharding.is_fully_replicated


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: jgd.chain(jgd.clip_by_global_norm(1.0), jgd.sgd(0.1)), "ClipByGlobalNorm.update"),
        (lambda: jgd.lamb(0.1), "ScaleByTrustRatio.update"),
        (lambda: jgd.scale_by_muon(), "ScaleByMuon.update"),
        (lambda: jgd.dadapt_sgd(), "global_norm"),
    ],
    ids=["clip", "lamb", "muon", "dadapt"],
)
def test_parts_of_a_gradient_are_refused_where_a_norm_is_taken_and_whole_ones_are_not(make, place):
    opt, params = make(), {"w": jnp.ones((4, 2))}

    def step(spec):
        def local(params):
            return opt.update(params, opt.init(params), params)[0]

        return jax.eval_shape(jax.shard_map(local, mesh=mesh(), in_specs=spec, out_specs=spec), params)

    assert step(P())["w"].shape == (4, 2)
    with pytest.raises(jgd.InputError, match=place + r".*at \['w'\] varies over the mesh's manual axis 'data', so"):
        step(P("data"))


def test_steps_of_entries_are_taken_of_parts_too():
    opt, params = jgd.adamw(0.1), {"w": jnp.arange(8.0).reshape(4, 2)}

    def local(params):
        return opt.update(params, opt.init(params), params)[0]

    found = jax.jit(jax.shard_map(local, mesh=mesh(), in_specs=P("data"), out_specs=P("data")))(params)
    problems.close(found, local(params), rtol=1e-6)


@pytest.mark.parametrize("make", [lambda **kw: shard_state(jgd.sgd(0.1), **kw), lambda **kw: split_specs({}, **kw)])
def test_an_unknown_axis_and_what_is_no_mesh_are_refused(make):
    with pytest.raises(jgd.InputError, match=r"\(axis\): unknown name 'rows'. Known: data\."):
        make(mesh=mesh(), axis="rows")
    with pytest.raises(jgd.InputError, match=r"mesh=8\): mesh must be a jax.sharding.Mesh"):
        make(mesh=8)
