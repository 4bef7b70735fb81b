"""Commands ask JAX to keep compiled programs, unless the user says otherwise."""

import pathlib
from typing import Any

import jax
import pytest

from jgd.core.compilation import fresh_programs, keep_programs

SETTINGS = ("jax_enable_compilation_cache", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
CONFIG: Any = jax.config  # whose settings have no types
CONFIG: Any = jax.config  # whose settings have no types


@pytest.fixture
def config():
    """Return a setter of JAX's settings, which come back afterwards."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    yield jax.config.update
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_in_the_user_s_cache(config, monkeypatch, tmp_path):
    config("jax_enable_compilation_cache", True)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_programs()
    assert CONFIG.jax_compilation_cache_dir == str(tmp_path / "jgd" / "programs")


def test_programs_of_before_are_unknown_where_compiling_is_timed(config, tmp_path):
    config("jax_enable_compilation_cache", True)
    config("jax_compilation_cache_dir", str(tmp_path))
    with fresh_programs():
        folder = pathlib.Path(CONFIG.jax_compilation_cache_dir)
        assert folder != tmp_path
        jax.jit(lambda x: x + 3).lower(1.0).compile()
        assert list(folder.iterdir())
    assert not folder.exists()
    assert CONFIG.jax_compilation_cache_dir == str(tmp_path)


def test_a_user_s_own_folder_stays(config, tmp_path):
    config("jax_enable_compilation_cache", True)
    config("jax_compilation_cache_dir", str(tmp_path))
    keep_programs()
    assert CONFIG.jax_compilation_cache_dir == str(tmp_path)


def test_a_user_who_wants_no_cache_gets_none(config):
    config("jax_enable_compilation_cache", False)
    keep_programs()
    assert CONFIG.jax_compilation_cache_dir is None
