"""What every test runs under: rank promotion is an error, and float64 where a test asks for it."""

import gc

import jax
import pytest

import tests.cheap_compilation  # noqa: F401

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)  # so that sweeps are split; everything else runs on the first
gc.set_threshold(50_000, 20, 20)  # tracing makes objects by the million, and few of them in circles


def pytest_collection_finish():
    """What is imported and collected stays, so that no collection of garbage walks over it again."""
    gc.freeze()


@pytest.fixture
def x64():
    """Float64 for one test, so that agreement with an oracle is a matter of formulas and not of rounding."""
    with jax.enable_x64(True):
        yield
