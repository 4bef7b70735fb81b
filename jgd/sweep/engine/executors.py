"""Calls that an executor makes in other processes while this one works."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any


@contextmanager
def submitted(executor: Any, call: Callable[[Any], None], asked: Any, count: int) -> Iterator[list[Any]]:
    """Submit `call(asked)` so often; at the end the futures are waited for, and one that failed is warned of."""
    futures = [executor.submit(call, asked) for _ in range(count)] if executor else []
    try:
        yield futures
    except BaseException:
        cancel(futures)
        raise
    for future in futures:
        try:
            future.result()
        except (Exception, CancelledError) as error:
            warnings.warn(
                f"run(executor=): a worker ended with {type(error).__name__} ({error}); the others did its trials.",
                stacklevel=5,
            )


def cancel(futures: list[Any]) -> None:
    """Take back what has not begun, and forget the rest, which ends with the sweep; the list is empty then."""
    for future in futures:
        future.cancel()
    futures.clear()
