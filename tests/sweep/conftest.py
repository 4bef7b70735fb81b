"""Fixtures that tests of sweeps share."""

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jgd.sweep.lanes.programs import PROGRAMS
from jgd.sweep.storage import store
from tests.sweep.stored import sweep


@pytest.fixture
def no_programs():
    """Leave to a test that counts what is compiled no program of an earlier one; all others share theirs."""
    PROGRAMS.clear()


@pytest.fixture
def every_segment(monkeypatch):
    """Write every segment at once, so that a test can count the writes."""
    inner = store.Writer.put

    def put(self, path, write):
        inner(self, path, write)
        self.wait()

    monkeypatch.setattr(store, "PAUSE", 0)
    monkeypatch.setattr(store.Writer, "put", put)


@pytest.fixture(scope="module")
def compile_once(tmp_path_factory):
    """Return the same few programs again and again: what is measured here is what surrounds them."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("cache")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="session")
def whole():
    """Return a sweep that nothing happened to."""
    return sweep()
