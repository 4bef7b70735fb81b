"""Free memory: what the system could free counts, within a container's limit."""

import jax
import pytest

from jgd.measure import room

CPU = jax.devices("cpu")[0]


@pytest.fixture
def system(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(room, "CONTAINER", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\n")
    return tmp_path


def test_what_the_system_could_free_is_free(system):
    assert room.free_bytes(CPU) == 500 * 1024


@pytest.mark.parametrize(("limit", "free"), [("max\n", 500 * 1024), ("4000\n", 3000), ("900\n", 0)])
def test_a_container_has_less(system, limit, free):
    (system / "memory.max").write_text(limit)
    (system / "memory.current").write_text("1000\n")
    assert room.free_bytes(CPU) == free


def test_other_systems_tell_the_unused_pages_or_nothing(system):
    (system / "meminfo").unlink()
    assert room.free_bytes(CPU) is None or room.free_bytes(CPU) > 0
