"""Seconds of compiling in this process, and where compiled programs are kept on disk."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.monitoring
from jax.experimental.compilation_cache.compilation_cache import reset_cache

WORTH_KEEPING = 0.1  # seconds of compiling from which on a program is kept on disk
_lock = threading.Lock()
_seconds, _hits = 0.0, 0
_listening = False
_holders, _before = 0, (None, 1.0)  # of `programs_on_disk`, and the user's folder and seconds


def compile_seconds() -> float:
    """Return the seconds spent on tracing, lowering and compiling since the first call of this.

    Take differences of it.
    """
    _listen()
    return _seconds


def cache_hits() -> int:
    """Count the programs read from JAX's persistent cache since the first call of this; take differences of it."""
    _listen()
    return _hits


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder from now on, unless the user has set or switched off JAX's own.

    The next process with the same programs reads them. JAX finds them by what they compute, its version and the device.
    """
    if _unset():
        _keep_in(_own_folder(), WORTH_KEEPING)


@contextlib.contextmanager
def programs_on_disk() -> Iterator[None]:
    """Keep what is compiled meanwhile as `keep_programs` does, and leave JAX's settings as they were.

    `JAX_ENABLE_COMPILATION_CACHE=0` switches it off, and a `jax_compilation_cache_dir` of the user's own is used
    instead. Threads may overlap: the settings go back when the last one leaves.
    """
    global _holders, _before
    with _lock:
        mine = _holders > 0 or _unset()
        if mine and not _holders:
            _before = _settings()
            _keep_in(_own_folder(), WORTH_KEEPING)
        _holders += mine
    try:
        yield
    finally:
        with _lock:
            _holders -= mine
            if mine and not _holders:
                _keep_in(*_before)


@contextlib.contextmanager
def fresh_programs() -> Iterator[None]:
    """Keep compiled programs on disk as long as this lasts, and know none from before: so compiling can be timed."""
    config: Any = jax.config
    before = _settings()
    if not config.jax_enable_compilation_cache:
        yield
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _keep_in(folder, 0.0)
        try:
            yield
        finally:
            _keep_in(*before)


def _settings() -> tuple[str | None, float]:
    config: Any = jax.config
    return config.jax_compilation_cache_dir, config.jax_persistent_cache_min_compile_time_secs


def _unset() -> bool:
    """Tell whether the user has neither switched JAX's cache off nor given it a folder."""
    config: Any = jax.config
    return config.jax_enable_compilation_cache and config.jax_compilation_cache_dir is None


def _keep_in(folder: str | None, seconds: float) -> None:
    """Keep programs that took so long to compile in a folder, from now on: JAX settles on one at the first program."""
    reset_cache()
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)


def _own_folder() -> str:
    """Tell where this system keeps what can be made again, in a folder of its own."""
    if sys.platform == "darwin":
        return str(Path.home() / "Library" / "Caches" / "jgd" / "programs")
    own = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return str((Path(own) if own else Path.home() / ".cache") / "jgd" / "programs")


def _listen() -> None:
    global _listening
    with _lock:
        if not _listening:
            jax.monitoring.register_event_duration_secs_listener(_add_duration)
            jax.monitoring.register_event_listener(_add_event)
            _listening = True


def _add_duration(event: str, duration_secs: float, **kwargs: str | int) -> None:
    global _seconds
    if event.startswith("/jax/core/compile/"):
        with _lock:
            _seconds += duration_secs


def _add_event(event: str, **kwargs: str | int) -> None:
    global _hits
    if event == "/jax/compilation_cache/cache_hits":
        with _lock:
            _hits += 1
