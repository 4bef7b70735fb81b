"""Every example runs as a person runs it, says something, and is short; what it must reach, it asserts itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EACH = pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)


@EACH
def test_an_example_is_short_and_asserts_what_it_must_reach(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith('"""')
    assert len(lines) <= 80
    assert any("assert " in line for line in lines)


@pytest.mark.slow
@EACH
def test_an_example_runs_and_prints_what_can_be_read(path):
    # In a process of its own, with XLA's own flags in the place of the tests'.
    environ = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environ |= {"PYTHONPATH": str(ROOT), "JAX_NUMPY_RANK_PROMOTION": "raise"}
    command = [sys.executable, "-W", "error", str(path)]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(run.stdout.splitlines()) > 3
    assert " at 0x" not in run.stdout, "an object without a readable form was printed"
