"""Cold turns of the bench compile anew, warm ones read a folder."""

import jax
import pytest

import jgd
from bench import updates
from bench.compiling import kept
from bench.rows import Claim
from jgd.core.compilation import cache_hits
from tests.train import problems


@pytest.fixture
def _settings():
    names = "jax_enable_compilation_cache", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def _sweep():
    space = jgd.sgd(jgd.sweep.loguniform(1e-3, 0.1))
    return jgd.sweep.run(problems.task(5), space, num_trials=2, steps=2, progress=False)


@pytest.mark.usefixtures("_settings")
def test_each_turn_begins_without_programs(tmp_path):
    hits = cache_hits()
    turns = [kept(None, _sweep) for _ in range(2)]
    assert [turn.compilations for turn in turns] == [2, 2]
    assert cache_hits() == hits
    kept(str(tmp_path), _sweep)
    assert cache_hits() == hits
    kept(str(tmp_path), _sweep)
    assert cache_hits() > hits


def test_a_ratio_of_updates_says_its_level(monkeypatch):
    row = {"bytes_each": 1.0, "optax_bytes_each": 1.0, "ratio": 1.1, "ratio_low": 1.0, "ratio_high": 1.2}
    monkeypatch.setattr(updates, "against_optax", lambda *_: row | {"ratio_level_percent": 96.875})
    *_, claim = updates.elementwise(quick=True, only="sgd")
    assert isinstance(claim, Claim)
    assert isinstance(claim, Claim)
    assert claim.why == "1.10x, and with a level of 96% from 1.00x"
