"""optax's own tests pass with jgd's objects under its names, but for what jgd decides otherwise."""

import re

import pytest

from tests.interop import optax_suite

PARTS = ("_src/alias", "_src/(?!alias)", "contrib", r"^(?!_src|contrib)")


def test_every_file_of_optax_s_tests_is_in_one_part_or_left_out_for_a_reason():
    together = [name for part in PARTS for name in optax_suite.files(part)]
    assert sorted(together) == optax_suite.files()
    everything = [path.relative_to(optax_suite.ROOT).as_posix() for path in optax_suite.ROOT.rglob("*_test.py")]
    for pattern in optax_suite.LEFT_OUT:
        assert any(re.search(pattern, name) for name in everything), pattern


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_optax_s_own_tests_fail_only_where_jgd_decides_otherwise(part):
    found = optax_suite.outcomes(part)
    failed = {name for name, outcome in found.items() if outcome == "failed"}
    assert failed == {name for name, outcome in found.items() if outcome != "skipped" and optax_suite.deviates(name)}
    files = {name.partition("::")[0] for name in found}
    for pattern in optax_suite.DEVIATIONS:
        if any(re.search(pattern.partition("::")[0], name) for name in files):
            assert any(re.search(pattern, name) for name in failed), pattern
