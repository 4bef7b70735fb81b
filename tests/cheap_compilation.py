"""Compile as cheaply as XLA and jax allow: imported before anything runs, by the tests and by what runs others' tests.

Tests compile hundreds of tiny programs and run each for microseconds, next to each other: one thread for each, and as
little optimisation as XLA offers, in one piece each. The formulas are the same.
"""

import importlib.metadata
import os
import threading

import jax
from jax._src.interpreters import mlir

OLDEST = importlib.metadata.version("jaxlib").startswith("0.10.")
FLAGS = ["--xla_cpu_multi_thread_eigen=false", "--xla_backend_optimization_level=0"]
if OLDEST:  # jaxlib 0.11 has dropped the slow emitters' flag, and an unknown flag ends the process
    FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
if FLAGS[0] not in os.environ.get("XLA_FLAGS", ""):  # a child has its parent's
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS]).strip()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"  # commands keep programs in the user's folder, tests must not
jax.config.update("jax_enable_compilation_cache", False)

if OLDEST:  # a context takes half as long as lowering an addition to it
    _make_ir_context, _contexts = mlir.make_ir_context, threading.local()

    def _context_of_the_thread():
        """Return the thread's context, a new one after ten uses, so that none grows: as jax 0.12 does by itself."""
        _contexts.uses = getattr(_contexts, "uses", 0) + 1
        if _contexts.uses % 10 == 1:
            _contexts.context = _make_ir_context()
        return _contexts.context

    mlir.make_ir_context = _context_of_the_thread
