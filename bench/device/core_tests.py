"""A sample of the core of the tests on this device, with the list of what fails here and not on a CPU."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec

import jax

from bench.device.sampled_tests import ENDS
from bench.rows import Claim, Row, Yields
from bench.runner import ROOT
from jgd.measure import cores

FILES = (
    "tests/test_properties.py", "tests/test_compiled_step.py", "tests/test_oracles.py", "tests/transforms",
    "tests/core", "tests/train", "tests/solvers", "tests/schedules",
)  # fmt: skip
FEW = ("tests/test_properties.py", "-k", "test_shapes_and_dtypes_never_change and (adamw or lion or muon)")
PROCESSES = 10  # that share the device at most; each compiles for itself
AGAIN = 20  # failures that run once more on a CPU
LAST = 12  # lines of pytest's own, where no test passed
# Of all plugins only those that are named: others warn, and a warning is an error here.
PLUGINS = ("-p", "no:cacheprovider", "-p", "bench.device.sampled_tests")
_WORDS = "(PASSED|FAILED|ERROR|SKIPPED|XFAIL)"
# As pytest -v writes a test, alone and with several processes.
OUTCOME = re.compile(rf"(?:\[gw\d+\] \[ *\d+%\] )?(?:{_WORDS} )?(tests/\S+::.*?)(?: {_WORDS}\b.*)?")
COUNT = re.compile(r"(?:collected |\[)(\d+) items?\b")


def core_tests(quick: bool = False, seconds: float = 55) -> Yields:
    """Yield a row for each test that fails, as it fails, and then one for each file.

    After so many seconds no further test begins; all have their turn, a row of each function first. Where several
    processes come to no test at all, one process tries, to which warnings are no errors.
    """
    command, ends = list(FEW if quick else FILES), str(time.time() + seconds)
    several = ["-p", "xdist.plugin", "-n", str(max(1, min(PROCESSES, cores() - 2)))]
    attempts = [several] if find_spec("xdist") and not quick else []
    found: dict[str, str] = {}
    said: list[str] = []
    for attempt in [*attempts, ["-W", "default"]]:
        for test, outcome in outcomes([*command, *attempt], {ENDS: ends}, said):
            if outcome in ("failed", "error") and found.get(test) not in ("failed", "error"):
                yield {"test": test, "outcome": outcome}
            found[test] = outcome
        if found:
            break
    for line in dict.fromkeys(line for line in said if line.startswith("ERROR tests/")):
        yield {"test": line.split()[1], "outcome": "not collected", "note": line.partition(" - ")[2]}
    yield from _by_file(found)
    if "passed" not in found.values():
        raise RuntimeError("\n".join(["no test passed; the last lines of pytest:", *said[-LAST:]]))
    known = max((int(count) for line in said for count in COUNT.findall(line)), default=0)
    yield {"test": "all files", "outcome": "a sample", **Counter(found.values()), "known": known}
    here_only = list(_here_only([test for test, outcome in found.items() if outcome in ("failed", "error")][:AGAIN]))
    yield from here_only
    yield Claim("tests that fail here, and not on a CPU", len(here_only), 0, at_least=False, unit="", why=", ".join(
        row["test"].rpartition("::")[2] for row in here_only
    ))  # fmt: skip


def _by_file(found: Mapping[str, str]) -> Iterator[Row]:
    """Tell how many tests of each file had each outcome."""
    counts: dict[str, Counter[str]] = {}
    for test, outcome in found.items():
        counts.setdefault(test.partition("::")[0], Counter())[outcome] += 1
    for file, kinds in sorted(counts.items()):
        yield {"test": file, "outcome": "all", **kinds}


def outcomes(
    arguments: Sequence[str], environment: dict[str, str], said: list[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield tests and what came of them, one by one while pytest runs; its other lines are added to `said`."""
    command = [sys.executable, "-m", "pytest", "-v", "--no-header", "--tb=line", "--continue-on-collection-errors"]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", **environment}
    with subprocess.Popen(
        [*command, *PLUGINS, *arguments], cwd=ROOT, env=os.environ | environment, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        over = False
        for line in process.stdout:
            over |= "short test summary info" in line  # which names failures once more
            found = OUTCOME.fullmatch(line.strip())
            if found and not over and (outcome := found[1] or found[3]):
                yield found[2].strip(), outcome.lower()
            elif said is not None and line.strip():
                said.append(line.strip()[:300])


def _here_only(failed: Sequence[str]) -> Iterator[Row]:
    """Return those of the tests that failed that a CPU passes."""
    if failed and jax.default_backend() != "cpu":
        for test, outcome in outcomes(failed, {"JAX_PLATFORMS": "cpu"}):
            if outcome == "passed":
                yield {"test": test, "outcome": "fails here, passes on a CPU"}
