"""The core of the tests on this device, as they stand, with the list of what fails here and not on a CPU."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import jax

from bench.rows import Claim, Row, Yields
from bench.runner import ROOT

FILES = (
    "tests/test_properties.py", "tests/test_oracles.py", "tests/transforms", "tests/core", "tests/train",
    "tests/solvers", "tests/schedules",
)  # fmt: skip
FEW = ("tests/test_properties.py", "-k", "test_shapes_and_dtypes_never_change and (adamw or lion or muon)")
PROCESSES = 6  # that share the device
AGAIN = 20  # failures that run once more on a CPU
_WORDS = "(PASSED|FAILED|ERROR|SKIPPED|XFAIL)"
# As pytest -v writes a test, alone and with several processes.
OUTCOME = re.compile(rf"(?:\[gw\d+\] \[ *\d+%\] )?(?:{_WORDS} )?(tests/\S+::.*?)(?: {_WORDS}\b.*)?")


def core_tests(quick: bool = False) -> Yields:
    """A row for each test that fails, as it fails, and then one for each file."""
    command = list(FEW if quick else FILES)
    if not quick and find_spec("xdist"):
        command += ["-n", str(PROCESSES)]
    counts: dict[str, dict[str, int]] = {}
    failed: list[str] = []
    for test, outcome in outcomes(command, {}):
        file = test.partition("::")[0]
        counts.setdefault(file, {}).setdefault(outcome, 0)
        counts[file][outcome] += 1
        if outcome in ("failed", "error") and test not in failed:
            failed.append(test)
            yield {"test": test, "outcome": outcome}
    for file, found in counts.items():
        yield {"test": file, "outcome": "all", **found}
    passed = sum(found.get("passed", 0) for found in counts.values())
    if not passed:
        raise RuntimeError(f"no test passed; python -m pytest {' '.join(command)} says why")
    here_only = list(_here_only(failed[:AGAIN]))
    yield from here_only
    yield Claim("tests that fail here, and not on a CPU", len(here_only), 0, at_least=False, unit="", why=", ".join(
        row["test"].rpartition("::")[2] for row in here_only
    ))  # fmt: skip


def outcomes(arguments: Sequence[str], environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Tests and what came of them, one by one while pytest runs."""
    command = [sys.executable, "-m", "pytest", "-v", "--no-header", "--tb=no", "-p", "no:cacheprovider", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = OUTCOME.fullmatch(line.strip())
            if found and (outcome := found[1] or found[3]):
                yield found[2].strip(), outcome.lower()


def _here_only(failed: Sequence[str]) -> Iterator[Row]:
    """Of tests that failed, those that a CPU passes."""
    if failed and jax.default_backend() != "cpu":
        for test, outcome in outcomes(failed, {"JAX_PLATFORMS": "cpu"}):
            if outcome == "passed":
                yield {"test": test, "outcome": "fails here, passes on a CPU"}
