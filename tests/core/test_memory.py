"""Free memory: what the system could free counts, within a container's limit."""

from importlib import import_module

import jax
import pytest

from jgd.core.errors import InputError

memory = import_module("jgd.core.memory")
CPU = jax.devices("cpu")[0]


@pytest.fixture
def system(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\n")
    return tmp_path


def test_what_the_system_could_free_is_free(system):
    assert memory.free_bytes(CPU) == 500 * 1024


@pytest.mark.parametrize(("limit", "free"), [("max\n", 500 * 1024), ("4000\n", 3000), ("900\n", 0)])
def test_a_container_has_less(system, limit, free):
    (system / "memory.max").write_text(limit)
    (system / "memory.current").write_text("1000\n")
    assert memory.free_bytes(CPU) == free


def test_other_systems_tell_the_unused_pages_or_nothing(system):
    (system / "meminfo").unlink()
    assert memory.free_bytes(CPU) is None or memory.free_bytes(CPU) > 0


def test_no_more_is_free_than_the_environment_allows(monkeypatch):
    monkeypatch.setenv("JGD_FREE_BYTES", "1000")
    assert memory.free_bytes(CPU) == 1000
    monkeypatch.setenv("JGD_FREE_BYTES", "much")
    with pytest.raises(InputError, match="JGD_FREE_BYTES='much': it must be a whole number of bytes"):
        memory.free_bytes(CPU)
