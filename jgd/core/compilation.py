"""What compiling has taken in this process, so that reports can keep it apart from running."""

import threading

import jax.monitoring

_lock = threading.Lock()
_seconds, _hits = 0.0, 0
_listening = False


def compile_seconds() -> float:
    """Seconds spent on tracing, lowering and compiling since the first call of this; take differences of it."""
    _listen()
    return _seconds


def cache_hits() -> int:
    """Programs read from JAX's persistent compilation cache since the first call of this; take differences of it."""
    _listen()
    return _hits


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
