"""Set what every test runs under: rank promotion is an error, and float64 where a test asks for it."""

import gc
import os
import pathlib

import jax
import pytest

import tests.cheap_compilation  # noqa: F401

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)  # so that sweeps are split; everything else runs on the first
gc.set_threshold(50_000, 20, 20)  # tracing makes objects by the million, and few of them in circles
_bytes_allowed = 2e9  # in a process, before it lets go of its programs: those of all tests are 6 GB


def pytest_collection_finish():
    """Keep what is imported and collected, so that no collection of garbage walks over it again."""
    gc.freeze()


def _resident_bytes():
    pages = pathlib.Path("/proc/self/statm")  # elsewhere than on Linux nothing is let go
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0


@pytest.fixture(scope="module", autouse=True)
def _programs_are_let_go():
    """Let go of compiled programs after a file with which they have become too many."""
    global _bytes_allowed
    yield
    if _resident_bytes() > _bytes_allowed:
        jax.clear_caches()
        gc.collect()
        _bytes_allowed = max(2e9, _resident_bytes() + 1e9)  # not all of it is given back


@pytest.fixture
def x64():
    """Float64 for one test, so that agreement with an oracle is a matter of formulas and not of rounding."""
    with jax.enable_x64(True):
        yield
