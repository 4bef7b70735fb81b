"""One thing on a CPU and another elsewhere, decided when a program is lowered."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import jax

ON_CPU: ContextVar[bool | None] = ContextVar("ON_CPU", default=None)


def by_platform(cpu: Callable[..., Any], default: Callable[..., Any], *args: Any) -> Any:
    """Compute `cpu(*args)` in a program for a CPU, `default(*args)` in one for anything else.

    Both are traced, but within one of them the platform is known: what it calls is traced once.
    """
    known = ON_CPU.get()
    if known is not None:
        return (cpu if known else default)(*args)
    return jax.lax.platform_dependent(*args, cpu=_with_platform(True, cpu), default=_with_platform(False, default))


def _with_platform(on_cpu: bool, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that is being traced know whether it is for a CPU."""

    def call(*args: Any) -> Any:
        token = ON_CPU.set(on_cpu)
        try:
            return function(*args)
        finally:
            ON_CPU.reset(token)

    return call
