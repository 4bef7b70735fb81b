"""Blocks, chains and stages of timing, under a clock that the test turns."""

import json
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jgd.core import InputError
from jgd.measure import Program, Timing, interleave, memory, timing

CONFIG: Any = jax.config  # whose settings have no types
CONFIG: Any = jax.config  # whose settings have no types


class Clock:
    """Seconds that pass only when somebody says so."""

    now = 0.0

    def __call__(self):
        return self.now


def runner(clock, seconds, log=None, name="") -> Any:
    """Return a candidate whose every call takes so long."""

    def run(calls):
        clock.now += calls * seconds
        if log is not None:
            log.append((name, calls))

    return SimpleNamespace(run=run)


@pytest.mark.parametrize("seconds", [1e-6, 3e-4, 0.03, 0.5])
def test_blocks_fill_their_time_and_say_seconds_of_a_call(seconds):
    clock = Clock()
    found = interleave({"a": runner(clock, seconds)}, clock=clock)["a"]
    assert len(found.seconds) == 10
    assert 0.1 <= found.calls * seconds <= max(0.25, seconds)
    assert found.median == pytest.approx(seconds)
    assert found.quartiles == pytest.approx((seconds, seconds))


def test_candidates_take_turns_each_with_its_own_number_of_calls():
    clock, log = Clock(), []
    pair = {name: runner(clock, seconds, log, name) for name, seconds in (("a", 0.2), ("b", 0.02))}
    found = interleave(pair, blocks=3, clock=clock)
    assert [name for name, _ in log[-6:]] == ["a", "b", "b", "a", "a", "b"]  # so that neither always follows the other
    assert (found["a"].calls, found["b"].calls) == (1, 6)


def test_a_clock_that_stands_still_for_short_blocks_is_no_end():
    clock = Clock()
    coarse = lambda: round(clock.now * 60) / 60  # noqa: E731
    assert interleave({"a": runner(clock, 1e-4)}, blocks=2, clock=coarse)["a"].calls >= 900


def test_stages_are_apart_and_the_step_follows_itself():
    clock = Clock()

    def step(x, grads):
        clock.now += 5  # as it is traced
        return x - grads

    start = jnp.full(3, 7.0)
    program = Program(step, start, jnp.ones(3), carry=1, clock=clock)
    assert program.compilation.trace == 5
    assert program.compilation.lower == program.compilation.compile == 0
    assert program.compilation.seconds == 5
    program.run(2)
    assert program.run(3).tolist() == [2.0, 2.0, 2.0]
    assert start.tolist() == [7.0, 7.0, 7.0]  # the caller's array was copied, not donated
    assert program.memory.donated == start.nbytes


def test_several_states_are_carried_and_other_outputs_dropped():
    program = Program(lambda a, b, c: (a + c, b * c, a), jnp.ones(2), jnp.ones(()), 2.0, carry=2)
    a, b, old = program.run(3)
    assert (a.tolist(), b.item(), old.tolist()) == ([7, 7], 8, [5, 5])
    assert Program(lambda x: (x, x), 3.0).run(4)[0] == 3  # nothing carried


def test_owned_arrays_are_used_up():
    x = jnp.ones(1000)
    Program(lambda x: x + 1, x, carry=1, own=True).run(1)
    assert x.is_deleted()


def test_two_programs_take_turns_at_one_place():
    start = {"a": jnp.ones(4), "b": jnp.ones(2)}
    add = Program(lambda x: jax.tree.map(lambda x: x + 1, x), start, carry=1)
    double = Program(lambda x: [2 * x[0], 2 * x[1]], [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in start.values()],
                     carry=1, own=True)  # fmt: skip
    add.run(2)
    double.take_over(add)
    double.run(1)
    add.take_over(double)
    assert add.run(1)["a"].tolist() == [7.0] * 4
    assert "HloModule" in double.text
    with pytest.raises(InputError, match=r"take_over: the other carries \[float32\[3\]\], expected the leaves of"):
        add.take_over(Program(lambda x: x, jnp.ones(3), carry=1))


def test_a_cache_hit_is_told(tmp_path):
    old = CONFIG.jax_compilation_cache_dir
    settings = {"jax_enable_compilation_cache": True, "jax_compilation_cache_dir": str(tmp_path),
                "jax_persistent_cache_min_compile_time_secs": 0.0,
                "jax_persistent_cache_min_entry_size_bytes": -1}  # fmt: skip
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        found = [Program(lambda x: jnp.cos(x) * 1.2345, jnp.ones(3)).compilation.cached for _ in range(2)]
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
    assert found == [False, True]
    assert CONFIG.jax_compilation_cache_dir == old


def test_memory_counts_arguments_outputs_and_temporaries():
    x = jnp.ones((64, 64))
    found = memory(lambda x, y: (jnp.sort(x) + y).sum(), x, x)  # a sort is never fused away
    assert (found.arguments, found.outputs, found.donated) == (2 * x.nbytes, 4, 0)
    assert found.temporaries >= x.nbytes
    assert found.peak is None  # CPUs do not tell
    assert "arguments 32.8 kB, outputs 4.00 B" in str(found)


def test_the_peak_is_the_fullest_device_s(monkeypatch):
    full = [SimpleNamespace(memory_stats=lambda n=n: {"peak_bytes_in_use": n}) for n in (5, 9)]
    monkeypatch.setattr(jax, "local_devices", lambda: full)
    assert memory(lambda x: x, 1.0).peak == 9


@pytest.mark.parametrize(
    ("fn", "carry", "words"),
    [
        (lambda x, y: x[:1], 1, r"must return its first 1 arguments.*it returns float32\[1\]"),
        (lambda x, y: x, 2, r"must return its first 2 arguments"),
        (lambda x, y: (x, y.astype(jnp.int32)), 2, r"\(float32\[3\], int32\[3\]\)"),
        (lambda x, y: x, 3, r"carry must lie between 0 and the 2 arguments"),
    ],
)
def test_a_step_that_does_not_return_its_state_is_told_what_it_returns(fn, carry, words):
    with pytest.raises(InputError, match=words):
        Program(fn, jnp.ones(3), jnp.ones(3), carry=carry)


def test_bad_numbers_are_refused():
    with pytest.raises(InputError, match="blocks must be a whole number"):
        timing(jnp.sin, 1.0, blocks=0)
    with pytest.raises(InputError, match="block_seconds must be a positive number"):
        timing(jnp.sin, 1.0, block_seconds=0)


def test_timings_print_and_convert():
    found: Any = timing(jnp.sin, 1.0, blocks=2, block_seconds=1e-6)
    document = json.loads(json.dumps(found.as_json()))
    assert document["median"] == found.median
    assert document["compilation"]["compile"] == found.compilation.compile
    text = str(Timing((0.0123, 0.0124, 0.0125), 9))
    assert text == "12.4 ms (IQR 12.4 ms to 12.4 ms; 3 blocks of 9 calls)" or text.startswith("12.4 ms (IQR 12.3")
    assert Timing((2.0,), 1).quartiles == (2.0, 2.0)
