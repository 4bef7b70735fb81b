"""`fit` on a mesh: the run of one device to rounding, each device with its part of the work and of the memory."""

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import jgd
from jgd.core.state_specs import state_specs
from jgd.train.loop import root_key
from jgd.train.mesh_layout import in_effect, mesh_layout
from jgd.train.segments import run_segment
from jgd.train.start import Given, begin_run

pytestmark = pytest.mark.filterwarnings("error:.*[Dd]onated")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype(np.float32)
Y = RNG.normal(size=24).astype(np.float32)
FSDP = {"w": P("data"), "v": P("data"), "b": None}
# Sums over the devices associate otherwise: some roundings in each of 5 steps of numbers of size 1.
CLOSE = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def init(key):
    return {"w": jax.random.normal(key, (6, 4)), "v": jnp.ones(4) / 4, "b": jnp.zeros(())}


def loss(params, batch):
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params["w"]) @ params["v"] + params["b"] - y) ** 2)


def task(loss=loss, batch_size: int | None = 12, **fields):
    return jgd.Task(init, loss, (X, Y), batch_size, **fields)


def mesh(kind=AxisType.Auto, devices=2):
    return jax.make_mesh((devices,), ("data",), axis_types=(kind,), devices=jax.devices()[:devices])


def fitted(problem, optimizer=None, **kw):
    kw = {"steps": 5, "eval_every": 3, "progress": False} | kw
    return jgd.fit(problem, optimizer or jgd.adamw(0.1), **kw)


@functools.cache
def alone():
    return fitted(task())


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
@pytest.mark.parametrize("specs", [None, FSDP], ids=["replicated", "fsdp"])
def test_the_run_is_that_of_one_device_and_lies_as_the_specs_say(kind, specs):
    where = mesh(kind)
    run = fitted(task(), mesh=where, specs=specs)
    CLOSE(run.metrics["loss"], alone().metrics["loss"])
    jax.tree.map(CLOSE, run.params, alone().params)
    spec = P("data") if specs else P()
    for tree in (run.params, run.opt_state[0].mu, run.opt_state[0].nu):
        assert tree["w"].sharding.is_equivalent_to(NamedSharding(where, spec), 2)
        assert tree["w"].sharding.mesh == where


def noisy(params, batch, key):
    return loss(params, batch) * (1 + 0.1 * jax.random.normal(key))


@pytest.mark.parametrize("problem", [task(noisy), task(batch_size=None)], ids=["a key", "the full batch"])
def test_parts_on_devices_are_the_parts_of_one_device(problem):
    parts = jgd.Microbatch(3, clip_norm=1.0)
    run, other = (fitted(problem, microbatch=parts, mesh=x) for x in (mesh(), None))
    for name, curve in other.metrics.items():
        CLOSE(run.metrics[name], curve, err_msg=name)
    assert 0 < other.metrics["microbatches_clipped"].mean() < 1


def test_a_state_passes_from_part_to_part_and_streams_are_split():
    def stateful(params, state, batch):
        value = loss(params, batch)
        return value * (1 + 0.1 * state), (0.5 * state + value, {})

    def stream(epoch):
        return ((X[i : i + 12], Y[i : i + 12]) for i in (0, 12))

    problem = jgd.Task(lambda key: (init(key), jnp.zeros(())), stateful, stream)
    run, other = (fitted(problem, microbatch=6, mesh=x) for x in (mesh(), None))
    CLOSE(run.metrics["loss"], other.metrics["loss"])
    CLOSE(run.model_state, other.model_state)
    with pytest.raises(jgd.InputError, match=r"fit\(microbatch=3\): its parts are split over the 2 devices"):
        fitted(problem, microbatch=3, mesh=mesh())


def compiled(problem, where, specs=None, optimizer=None, steps=3) -> Any:
    """Return the compiled program of a segment on a mesh, or on one device where that is `None`."""
    optimizer, stop, key = optimizer or jgd.adamw(0.1), jgd.Stop(), root_key(0)
    layout = mesh_layout(problem, optimizer, stop, where, None, specs, None)
    with in_effect(layout):
        state = begin_run(problem, optimizer, stop, key, Given(), layout)
        return run_segment.lower(
            problem, optimizer, stop, state, None, None, steps, length=steps, watched=(), layout=layout
        ).compile()


def collectives(text):
    """Return the kinds of collectives of a compiled program, and of the computations that its loops run."""
    return re.findall(r" (all-to-all|all-gather|all-reduce|collective-permute|reduce-scatter)(?:-start)?\(", text)


def wide_task(**fields):
    """Return a problem of which the products of the loss are nearly all of the work."""
    x = RNG.normal(size=(64, 64)).astype(np.float32)
    return jgd.Task(
        lambda key: jax.random.normal(key, (64, 64)),
        lambda w, x: jnp.mean(jnp.tanh(jnp.tanh(x @ w) @ w) ** 2),
        x,
        batch_size=None,
        **fields,
    )


@pytest.mark.parametrize("size", [None, 8])
def test_each_device_does_its_part_of_the_work_and_reduces_once_a_step(size):
    whole, part = (compiled(wide_task(microbatch=size), x) for x in (None, mesh()))
    ratio = whole.cost_analysis()["flops"] / part.cost_analysis()["flops"]
    text = part.as_text()
    if size is None:
        assert 1.8 < ratio < 2.05  # what AdamW does to the whole parameters on each device keeps it below 2
    else:  # it counts one turn of a loop: of as much work, but half as many
        assert 0.9 < ratio < 1.1
        assert [
            re.findall(r'known_trip_count":{"n":"(\d+)"', x.as_text()).count(n) for x, n in ((whole, "8"), (part, "4"))
        ] == [1, 1]
    # One reduction a step, of the gradient and the loss together, outside of the loop over parts.
    assert collectives(text) == ["all-reduce"]
    holder = next(x for x in text.split("\n\n") if collectives(x))
    assert ("while(" in holder) == (size is not None)


def test_resumes_on_another_mesh_and_on_none(tmp_path):
    first = fitted(task(), steps=3, dir=tmp_path, mesh=mesh(), specs=FSDP)
    assert first.steps == 3
    again = fitted(task(), dir=tmp_path, mesh=mesh(devices=1))
    assert again.steps_here == 2
    jax.tree.map(CLOSE, again.params, alone().params)
    assert fitted(task(), dir=tmp_path).steps_here == 0


def test_begins_with_given_parameters_and_finds_the_largest_part(monkeypatch):
    given = init(jax.random.key(7))
    run, other = (fitted(task(), params=given, mesh=x, microbatch="auto") for x in (mesh(), None))
    jax.tree.map(CLOSE, run.params, other.params)
    assert not any(x.is_deleted() for x in jax.tree.leaves(given))
    monkeypatch.setattr("jgd.train.largest_microbatch.free_bytes", lambda device: 10)
    with pytest.raises(jgd.InputError, match="a step on one example needs"):
        fitted(task(), mesh=mesh(), microbatch="auto")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"data_axis": "model"}, r"fit\(data_axis\): unknown name 'model'. Known: data\."),
        ({"task": task(batch_size=5)}, r"fit\(mesh=\): its axis 'data' has 2 devices, .* the batch of 5; take a"),
        ({"microbatch": 12}, r"fit\(microbatch=12\): each of the 2 devices .* 24 examples do not divide the batch of"),
        ({"specs": {"w": P("data")}}, r"fit\(specs\): the tree of specs must have the parameters' structure"),
        ({"specs": {"w": P("data"), "v": P("data"), "b": P("data")}}, r"at \['b'\] has 0 axes and the spec"),
        ({"specs": lambda params: {"w": 3, "v": None, "b": None}}, r"fit\(specs\): found 3, expected a jax.sharding"),
        ({"specs": {"w": P("rows"), "v": None, "b": None}}, r"fit\(specs\), at \['w'\], axis: unknown name 'rows'"),
        ({"specs": {"w": "data", "v": None, "b": None}}, r"fit\(specs=.*\): specs must be a jax.sharding"),
        ({"mesh": None, "specs": FSDP}, r"fit\(specs=.*it says how a run lies on a mesh; pass mesh too\."),
        ({"mesh": "data"}, r"fit\(mesh='data'\): mesh must be a jax.sharding.Mesh"),
    ],
)
def test_what_cannot_be_is_one_sentence(fields, said):
    fields = {"task": task(), "mesh": mesh()} | fields
    with pytest.raises(jgd.InputError, match=said) as error:
        fitted(fields.pop("task"), **fields)
    assert str(error.value).count(". ") <= 1


def test_a_parameter_that_the_mesh_does_not_divide_is_named():
    odd = jgd.Task(lambda key: {"w": jnp.ones((3, 2))}, lambda p, x: jnp.sum(p["w"]) * jnp.mean(x), X)
    with pytest.raises(jgd.InputError, match=r"splits an axis of 3 of the parameter at \['w'\], of shape \(3, 2\)"):
        fitted(odd, mesh=mesh(), specs=P("data"))


def test_what_the_shapes_leave_open_is_whole_and_named_and_can_be_said():
    square = jgd.Task(
        lambda key: {"w": jax.random.normal(key, (4, 4))}, lambda p, x: jnp.mean((x @ p["w"] - 1) ** 2), X[:, :4]
    )
    optimizer = jgd.adafactor(0.1, min_dim_size_to_factor=2)
    run = fitted(square, optimizer, mesh=mesh(), specs={"w": P("data")}, steps=2)
    assert "every device has all of the state's" in run.notes[0]
    assert "v_row/w" in run.notes[0]
    assert fitted(square, mesh=mesh(), specs={"w": P("data")}, steps=2).notes == ()
    said = {"v_row/w$": P("data"), "v_col/w$": None}
    again = fitted(square, optimizer, mesh=mesh(), specs={"w": P("data")}, steps=2, state_specs=said)
    assert again.notes == ()
    CLOSE(again.params["w"], run.params["w"])
    rows = state_specs(optimizer, {"w": jnp.ones((4, 4))}, P("data"), {"v_row/w$": P("data")})
    assert P("data") in jax.tree.leaves(rows, is_leaf=lambda x: isinstance(x, P))
    for wrong, message in (
        ({"nothing": P()}, r"fit\(state_specs\).*'nothing'"),
        ({"v_row/w$": P("data", None, None)}, r"fit\(state_specs\): .*v_row/w has 1 axes and the spec"),
        ({"v_row/w$": P("rows")}, r"axis: unknown name 'rows'"),
        (P("data"), r"fit\(state_specs=.*must be a mapping from regular expressions"),
    ):
        with pytest.raises(jgd.InputError, match=message):
            fitted(square, optimizer, mesh=mesh(), specs={"w": P("data")}, steps=2, state_specs=wrong)


def test_the_state_s_specs_follow_paths_and_shapes():
    params = {"w": jnp.ones((4, 6)), "square": jnp.ones((4, 4)), "b": jnp.ones(4)}
    specs = {"w": P("data", "model"), "square": P("data"), "b": P("data")}
    adam = state_specs(jgd.chain(jgd.clip_by_global_norm(1.0), jgd.adamw(0.1)), params, specs)
    assert adam[1][0].mu == {"w": P("data", "model"), "square": P("data", None), "b": P("data")}
    assert adam[1][0].count == P()
    history = state_specs(jgd.lbfgs(), params, specs)[0].diff_params_memory
    assert history["w"] == P(None, "data", "model")
    factored = state_specs(jgd.sm3(0.1), params, specs)
    rows, columns = factored[0].mu["w"]
    assert (tuple(rows)[:1], tuple(columns)[-1:]) == (("data",), ("model",))
