"""How long this process has spent compiling, so that reports can keep compile time and run time apart."""

import threading

import jax.monitoring

_lock = threading.Lock()
_seconds = 0.0
_listening = False


def compile_seconds() -> float:
    """Seconds spent on tracing, lowering and compiling since the first call of this; take differences of it."""
    global _listening
    with _lock:
        if not _listening:
            jax.monitoring.register_event_duration_secs_listener(_listen)
            _listening = True
        return _seconds


def _listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
    global _seconds
    if event.startswith("/jax/core/compile/"):
        with _lock:
            _seconds += duration_secs
