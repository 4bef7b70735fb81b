"""What every test runs under: rank promotion is an error, and float64 where a test asks for it."""

import gc
import importlib.metadata
import os
import threading

# Tests compile hundreds of tiny programs and run each for microseconds, next to each other: one thread for each, and
# as little optimisation as XLA offers, in one piece each. The formulas are the same; jaxlib 0.11 has dropped the slow
# emitters' flag, and an unknown flag ends the process.
_FLAGS = ["--xla_cpu_multi_thread_eigen=false", "--xla_backend_optimization_level=0"]
if importlib.metadata.version("jaxlib").startswith("0.10."):
    _FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *_FLAGS]).strip()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"  # commands keep programs in the user's folder, tests must not

import jax  # noqa: E402
import pytest  # noqa: E402
from jax._src.interpreters import mlir  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)  # so that sweeps are split; everything else runs on the first
gc.set_threshold(50_000, 20, 20)  # tracing makes objects by the million, and few of them in circles


if importlib.metadata.version("jax").startswith("0.10."):  # a context takes half as long as lowering an addition to it
    _make_ir_context, _contexts = mlir.make_ir_context, threading.local()

    def _context_of_the_thread():
        """The thread's context, a new one after ten uses, so that it does not grow; later versions do so themselves."""
        _contexts.uses = getattr(_contexts, "uses", 0) + 1
        if _contexts.uses % 10 == 1:
            _contexts.context = _make_ir_context()
        return _contexts.context

    mlir.make_ir_context = _context_of_the_thread


def pytest_collection_finish():
    """What is imported and collected stays, so that no collection of garbage walks over it again."""
    gc.freeze()


@pytest.fixture
def x64():
    """Float64 for one test, so that agreement with an oracle is a matter of formulas and not of rounding."""
    with jax.enable_x64(True):
        yield
