"""optax's own tests pass with jgd's objects under its names, but for what jgd decides otherwise."""

import re

import pytest

from tests.interop import optax_suite

PARTS = {"aliases": "_src/alias", "inner": "_src/(?!alias)", "contrib": "contrib", "outer": "^(?!_src|contrib)"}


def patterns_without(patterns, names):
    """Return the patterns that fit none of the names."""
    return [x for x in patterns if not any(re.search(x, name) for name in names)]


def about(pattern, names):
    """Tell whether a pattern is over tests of a file that is among those of the names."""
    file = pattern.partition("::")[0]
    return any(re.search(file, name) for name in names)


def test_every_file_of_optax_s_tests_is_in_one_part_or_left_out_for_a_reason():
    together = [name for part in PARTS.values() for name in optax_suite.files(part)]
    assert sorted(together) == optax_suite.files()
    everything = [path.relative_to(optax_suite.ROOT).as_posix() for path in optax_suite.ROOT.rglob("*_test.py")]
    patterns = [*optax_suite.LEFT_OUT]
    patterns += [x.partition("::")[0] + "$" for x in (*optax_suite.LEFT_OUT_TESTS, *optax_suite.DEVIATIONS)]
    assert not patterns_without(patterns, everything)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_optax_s_own_tests_fail_only_where_jgd_decides_otherwise(part):
    found = optax_suite.outcomes(PARTS[part])
    failed = {name for name, outcome in found.items() if outcome == "failed"}
    ran = failed | {name for name, outcome in found.items() if outcome == "passed"}
    assert failed == {name for name in ran if optax_suite.deviates(name)}
    assert not [x for x in patterns_without(optax_suite.DEVIATIONS, failed) if about(x, found)]
    out = {name for name, outcome in found.items() if outcome == "left out"}
    assert not [x for x in patterns_without(optax_suite.LEFT_OUT_TESTS, out) if about(x, found)]
