"""Divide a parametrized test: a part runs at once, the rest among the slow tests."""

import pytest


def at_once(names, cases):
    """Name the cases of {name: case}, or of names: those of `names` run at once, all others among the slow tests."""
    cases = cases if isinstance(cases, dict) else {case: case for case in cases}
    assert set(names) <= set(cases), set(names) - set(cases)
    return [
        pytest.param(case, id=name, marks=[] if name in names else pytest.mark.slow) for name, case in cases.items()
    ]
