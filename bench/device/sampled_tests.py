"""A plugin of pytest: tests in an order of which any beginning is a sample, until a moment after which none begins.

The first of each function's rows come first, then the second of each, and so on, rows in an order by chance that is the
same in all processes. ENDS, in the environment, is that moment in seconds of the epoch.
"""

import hashlib
import os
import time
from collections import Counter

import pytest

ENDS = "BENCH_TESTS_END"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort them by their turn within their function."""
    drawn = sorted(items, key=lambda item: hashlib.sha256(item.nodeid.encode()).digest())
    seen: Counter[str] = Counter()
    turn = {}
    for item in drawn:
        function = item.nodeid.partition("[")[0]
        seen[function] += 1
        turn[item.nodeid] = seen[function]
    items.sort(key=lambda item: turn[item.nodeid])  # stable: files stay in the order in which they were given


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Let a test that would begin too late pass by, without a word."""
    return True if time.time() > float(os.environ.get(ENDS, "inf")) else None
