"""Programs that the process keeps: the same sweep compiles nothing again, a changed one does."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import jgd
from jgd.core.compilation import programs_on_disk
from jgd.distributed import shard_state
from jgd.sweep import loguniform, plan, run, uniform
from jgd.sweep.lanes.programs import MOST, PROGRAMS, Programs, program_key
from tests.train import problems

pytestmark = pytest.mark.usefixtures("no_programs")
RATE = loguniform(1e-3, 0.1)
OPTIONS = {"num_trials": 4, "steps": 4, "progress": False}
SCALE = 1.0
AUTO = (AxisType.Auto,) * 2
CONFIG: Any = jax.config  # whose settings have no types


def scaled(scale):
    return jgd.Task(lambda key: jnp.ones(2), lambda params, batch: scale * (params**2).sum(), jnp.zeros((4, 1)))


def of_a_global():
    return jgd.Task(lambda key: jnp.ones(2), lambda params, batch: SCALE * (params**2).sum(), jnp.zeros((4, 1)))


def test_the_same_sweep_compiles_nothing_again_and_neither_do_other_numbers():
    first = run(problems.task(5), jgd.adam(RATE), **OPTIONS)
    again = run(problems.task(5), jgd.adam(RATE), **OPTIONS)
    other = run(problems.task(5), jgd.adam(loguniform(1e-4, 1e-2)), **OPTIONS, seeds=[7], seed=3)
    assert (first.compilations, again.compilations, other.compilations) == (2, 0, 0)
    assert (again.curves["loss"] == first.curves["loss"]).all()
    assert (other.curves["loss"] != first.curves["loss"]).all()


def test_jax_itself_compiles_nothing_again():
    run(problems.task(5), jgd.adam(RATE), **OPTIONS)
    heard = []

    def hear(event, *_, **__):
        heard.append(event)

    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        run(problems.task(5), jgd.adam(RATE), **OPTIONS)
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)
    assert any("trace" in event for event in heard)
    assert not any("backend_compile" in event for event in heard)


def test_a_changed_global_or_closure_is_another_program(monkeypatch):
    task = of_a_global()
    first = run(task, jgd.sgd(RATE), **OPTIONS)
    monkeypatch.setitem(globals(), "SCALE", 1000.0)
    other = run(task, jgd.sgd(RATE), **OPTIONS)
    assert other.compilations == 1  # the segment; all others are as they were
    assert (other.curves["loss"] > 100 * first.curves["loss"]).any()
    closed = [run(scaled(scale), jgd.sgd(RATE), **OPTIONS) for scale in (1.0, 1000.0)]
    assert [x.compilations for x in closed] == [0, 0]  # the programs of the global's two values
    assert (closed[1].curves["loss"] == other.curves["loss"]).all()


def test_functions_that_own_their_loop_are_kept_too(monkeypatch):
    def sweep():
        def train(hp, key):
            return SCALE * (hp["x"] - 1) ** 2

        return run(train, {"x": uniform(0, 1)}, num_trials=4, progress=False)

    first, again = sweep(), sweep()
    monkeypatch.setitem(globals(), "SCALE", 1000.0)
    other = sweep()
    assert [x.compilations for x in (first, again, other)] == [1, 0, 1]
    assert (again.values == first.values).all()
    assert (other.values > 100 * first.values).all()


def test_a_program_that_calls_the_host_calls_its_own_function():
    def sweep():
        heard = []

        def train(hp, key):
            jax.debug.callback(lambda x: heard.append(float(x)), hp["x"])
            return hp["x"]

        run(train, {"x": uniform(0, 1)}, num_trials=3, progress=False)
        jax.effects_barrier()
        return len(heard)

    assert (sweep(), sweep()) == (3, 3)


def test_as_many_are_kept_as_it_says_and_none_after_jax_forgets():
    kept = Programs(most=2)
    for key in "abc":
        kept.keep(key, len)
    assert (len(kept), kept.find("a"), kept.find("c")) == (2, None, len)
    kept.keep(None, len)
    assert len(kept) == 2
    assert MOST == 64
    run(problems.task(5), jgd.adam(RATE), **OPTIONS)
    jax.clear_caches()
    assert run(problems.task(5), jgd.adam(RATE), **OPTIONS).compilations == 2


def test_settings_of_jax_are_part_of_what_a_program_is():
    def key():
        x = jnp.ones(3)
        return program_key(jax.jit(lambda x: x + 1).trace(x), (x,))

    plain = key()
    with jax.threefry_partitionable(not CONFIG.jax_threefry_partitionable):
        assert key() != plain
    assert key() == plain


def test_the_plan_of_a_sweep_compiles_its_programs():
    plan(problems.task(5), jgd.adam(RATE), **OPTIONS)
    assert run(problems.task(5), jgd.adam(RATE), **OPTIONS).compilations == 0


def test_a_loss_is_traced_twice():
    traced = []

    def loss(params, batch):
        traced.append(1)
        return (params**2).sum()

    task = jgd.Task(lambda key: jnp.ones(2), loss, jnp.zeros((4, 1)))
    run(task, jgd.sgd(RATE), **OPTIONS)
    assert len(traced) == 2  # for the check of the task, which names the curves, and in the program


def test_sweeps_keep_programs_on_disk_and_leave_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = CONFIG.jax_compilation_cache_dir
    with programs_on_disk():
        assert CONFIG.jax_compilation_cache_dir == before  # switched off, as tests are
    monkeypatch.setattr("jgd.core.compilation.WORTH_KEEPING", 0.0)
    jax.config.update("jax_enable_compilation_cache", True)
    try:
        run(problems.task(5), jgd.adam(RATE), **OPTIONS)
        assert len(list((tmp_path / "jgd" / "programs").iterdir())) >= 2
        assert CONFIG.jax_compilation_cache_dir == before
        jax.config.update("jax_compilation_cache_dir", str(tmp_path / "own"))
        with programs_on_disk():
            assert CONFIG.jax_compilation_cache_dir == str(tmp_path / "own")
    finally:
        jax.config.update("jax_enable_compilation_cache", False)
        jax.config.update("jax_compilation_cache_dir", before)


def test_a_plan_compiles_the_programs_of_the_sweep_and_a_wider_segment():
    jax.clear_caches()
    options = {**OPTIONS, "num_trials": 20, "lanes": 1, "devices": jax.devices()[:1]}
    assert PROGRAMS.find("nothing") is None
    plan(problems.task(5), jgd.adam(RATE), **options)
    assert len(PROGRAMS) == 3
    assert run(problems.task(5), jgd.adam(RATE), **options).compilations == 0


def test_arrays_that_lie_otherwise_within_a_program_make_another():
    """Sweeps alike but for a sharding in the loss, the axis of their batches, the split of their state or the mesh."""
    first, turned = (jax.make_mesh((1, 2), axes, axis_types=AUTO) for axes in (("rows", "data"), ("data", "rows")))

    def sweep(where, axis=None, spec=None, optimizer=jgd.adam):
        def loss(params, batch):
            return jnp.mean(jax.lax.with_sharding_constraint(batch, spec or P())) * (params**2).sum()

        task = jgd.Task(lambda key: jnp.ones(2), loss, jnp.ones((4, 2)), 2)
        with jax.set_mesh(where):  # for the spec in the loss
            return run(task, optimizer(RATE), mesh=where, data_axis=axis, lanes=1, **OPTIONS).compilations

    kinds = [
        {},
        {"spec": P("data")},
        {"spec": P(None, "data")},
        {"axis": "data"},
        {"where": turned},
        {"optimizer": lambda rate: shard_state(jgd.adam(rate), first)},
    ]
    assert [sweep(**{"where": first, **kind}) > 0 for kind in kinds] == [True] * len(kinds)
    assert [sweep(**{"where": first, **kind}) for kind in kinds] == [0] * len(kinds)
