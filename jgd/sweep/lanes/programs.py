"""The compiled programs that a process keeps, so that the same sweep compiles nothing a second time."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jgd.core.compilation import programs_on_disk
from jgd.core.fingerprint import calls_host, jaxpr_fingerprint

Compiled = Callable[..., Any]
MOST = 64  # programs that are kept; the one that was asked for longest ago goes first


class Programs:
    """Keep compiled programs by what they compute, at most `most` of them, until `jax.clear_caches()`.

    A program is known by a hash of its trace, in which everything is that its functions close over or read elsewhere:
    a changed global is another program, the same function defined again is not. Data and hyperparameters are arguments.
    So a sweep is traced at each call, and compiled where that gave something new.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._kept = most, OrderedDict[Any, Compiled]()
        self._lock, self._mark = threading.Lock(), jax.jit(lambda x: x)
        self._alive = self._marked()

    def find(self, key: Any) -> Compiled | None:
        """Return the program that was kept under a key."""
        with self._lock:
            if self._alive() is None:  # JAX has dropped its own caches
                self._kept.clear()
                self._alive = self._marked()
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Any, program: Compiled) -> None:
        """Keep a program, unless its key is None."""
        with self._lock:
            if key is not None:
                self._kept[key] = program
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all programs."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _marked(self) -> Callable[[], Any]:
        """Refer weakly to a trace that JAX's caches alone keep."""
        return weakref.ref(self._mark.trace(np.float32(0)).jaxpr)


PROGRAMS = Programs()


def compiled(traced: Any, args: Any) -> tuple[Compiled, bool]:
    """Return the program of a trace for these arguments, and whether it had to be compiled."""
    key = program_key(traced, args)
    found = PROGRAMS.find(key)
    return (compile_as(key, traced.lower()), True) if found is None else (found, False)


def compile_as(key: Any, lowered: Any) -> Compiled:
    """Compile a program, and keep it under a key; on disk too, as `programs_on_disk` says."""
    with programs_on_disk():
        program = lowered.compile()
    PROGRAMS.keep(key, program)
    return program


def program_key(traced: Any, args: Any, where: Any = None) -> Any:
    """Return the key of a traced program for these arguments: equal keys compile to the same.

    None where it must not be kept.

    It has the trace and its constants, the trees of arguments and results, shapes, dtypes and devices, what is donated,
    and JAX's settings. A program that calls the host (`jax.debug.print`, `jax.pure_callback`) is never kept, because it
    holds the very function that it calls. `where` says how its results lie, of which the trace does not tell.
    """
    if calls_host(traced.jaxpr):
        return None
    leaves, structure = jax.tree.flatten(args)
    described = tuple((np.shape(x), jax.numpy.result_type(x), getattr(x, "sharding", None)) for x in leaves)
    donated = tuple(x.donated for x in jax.tree.leaves(traced.args_info))
    results = jax.tree.structure(traced.out_info)
    return jaxpr_fingerprint(traced.jaxpr, places=True), structure, results, described, donated, where, _settings()


def _settings() -> tuple[str, ...]:
    """Return JAX's settings as they hold in this thread, but for those of its persistent cache."""
    names = [name for name in sorted(jax.config.values) if "cache" not in name]
    return tuple(repr(getattr(jax.config, name, jax.config.values[name])) for name in names)
