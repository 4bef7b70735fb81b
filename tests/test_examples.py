"""Every example runs as a person runs it, says something, and is short; what it must reach, it asserts itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.by_hand import PROJECTS

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "examples").glob("*.py"))
# What is compared with its plain version runs whole there, under the flags of tests: tests/bench/test_by_hand.py.
RUN_WHOLE = set(PROJECTS) - {"hypergradient", "eight_devices"}


def assert_can_be_read(lines):
    assert len(lines) > 3
    assert not [line for line in lines if " at 0x" in line], "an object without a readable form was printed"


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


@each(PATHS)
def test_an_example_is_short_and_asserts_what_it_must_reach(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith('"""')
    assert len(lines) <= 80
    assert any("assert " in line for line in lines)


@pytest.mark.slow
@each([path for path in PATHS if path.stem not in RUN_WHOLE])
def test_an_example_runs_and_prints_what_can_be_read(path):
    # In a process of its own, with XLA's own flags in the place of the tests'.
    environ = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environ |= {"PYTHONPATH": str(ROOT), "JAX_NUMPY_RANK_PROMOTION": "raise"}
    command = [sys.executable, "-W", "error", str(path)]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert_can_be_read(run.stdout.splitlines())
