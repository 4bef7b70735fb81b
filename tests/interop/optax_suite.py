"""optax's own tests with jgd's objects under optax's names: `python -m tests.interop.optax_suite` prints what fails.

As a pytest plugin it puts the drop-in's values in the place of optax's functions, in all of its modules, before its
test files are imported. What jgd decides otherwise is in DEVIATIONS, each with its reason.
"""

import importlib
import json
import pathlib
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections import Counter
from typing import Any

import optax

import tests.cheap_compilation  # noqa: F401

ROOT = pathlib.Path(optax.__file__).parent
LEFT_OUT = {
    r"^(assignment|losses|microbatching|perturbations|projections|tree_utils)/": "what these hold stays optax's",
    r"^_src/(linear_algebra|numerics)_test": "what these hold stays optax's",
}
"""A pattern over files -> why none of jgd's objects is in them."""
LEFT_OUT_TESTS = {
    r"_src/alias_test.py::AliasTest::test_state_shape_dtype_shard_stability": (
        "the dtypes of every row's state are held in tests/test_properties.py and tests/test_edge_cases.py"
    ),
    r"contrib/_common_test.py::ContribTest::test_state_shape_dtype_shard_stability": "they are as well",
    r"_src/alias_test.py::LBFGSTest::test_(plain_)?preconditioning": "they call optax's private functions alone",
    r"_src/alias_test.py::LBFGSTest::test_against_plain_implementation[4-9]$": "two of five functions will do",
    r"contrib/_muon_test.py::MuonTest::test_(newton_schulz$|reshape_inverse)": "so do these",
    r"transforms/_adding_test.py::AddingTest::test_add_noise_has_correct_variance_scaling$": (
        "each draw is compared with optax's in tests/optimizers/test_noisy_sgd.py"
    ),
    r"transforms/_accumulation_test.py::AccumulationTest::test_multi_steps_mixed_precision1$": "one will do",
}
"""A pattern over the names of tests that take long -> why they are left out unless `--all` is given."""
DEVIATIONS = {
    r"_src/alias_test.py::AliasTest::test_explicit_dtype(9|10|11)$": (
        "the momentum of bfloat16 parameters is kept in float32 unless mu_dtype or accumulator_dtype asks for less"
    ),
    r"_src/alias_test.py::AliasTest::test_explicit_dtype(24|25|26|27|28|29)$": (
        "the moment of complex parameters stays complex when a real dtype is asked for: optax drops imaginary parts"
    ),
    r"_src/linesearch_test.py::.*linesearch_raises_on_unused_extra_args$": (
        "extra arguments that a transform does not take are ignored everywhere, by line searches as by all others"
    ),
    r"(_src/combine|transforms/_combining)_test.py::ExtraArgsTest::test_extra_args$": (
        "Adam refuses integer parameters by name, where optax makes integer moments and truncates"
    ),
    r"_src/transform_test.py::TransformTest::test_scalers_polyak$": (
        "the test tells scale_by_polyak by its __name__, which is the record's: ScaleByPolyak"
    ),
    r"contrib/_galore_test.py::GaLoreTest::test_mu_dtype_controls_moment_dtype$": (
        "the second moment of bfloat16 parameters is kept in float32, in which it does not stall"
    ),
    r"schedules/_inject_test.py::InjectHyperparamsTest::test_hyperparam_default_dtype_bf16$": (
        "injected numbers are float32 at least: b2 = 0.999 would be 1 in bfloat16"
    ),
    r"transforms/_clipping_test.py::ClippingTest::test_clip_by_block_rms$": (
        "the gradient is multiplied by threshold / rms, not divided by rms / threshold: one rounding of float32"
    ),
    r"transforms/_freezing_test.py::.*(bad_structure_raises|selective_bad_structure)$": (
        "a mask that does not fit is told in jgd's words, which name the first path that differs"
    ),
}
"""A pattern over the names of tests -> why they fail."""


def patched() -> int:
    """Put the drop-in's values in the place of optax's, and count the names."""
    for module in pkgutil.walk_packages(optax.__path__, "optax."):
        if not module.name.endswith("_test"):
            importlib.import_module(module.name)
    from jgd.interop import optax as dropin

    spaces = [
        (optax, dropin),
        *((getattr(optax, n), getattr(dropin, n)) for n in ("contrib", "schedules", "transforms")),
        (optax.experimental.aggregating, dropin.experimental.aggregating),
    ]
    ours = {}
    for theirs, mine in spaces:
        for name, value in vars(theirs).items():
            if not name.startswith("_") and callable(value) and getattr(mine, name) is not value:
                ours[id(value)] = getattr(mine, name)
    modules = [m for name, m in sys.modules.items() if name.partition(".")[0] == "optax"]
    found = [(m, name, ours[id(value)]) for m in modules for name, value in vars(m).items() if id(value) in ours]
    for module, name, value in found:
        setattr(module, name, value)
    return len(ours)


class Recorder:
    """Notes what came of each test: `passed`, `skipped`, `failed` or `left out`; a subtest counts as its test."""

    def __init__(self, path: str) -> None:
        self.path, self.found = path, {}

    def note(self, report: Any) -> None:
        """Keep the worst that is known of a test."""
        order = ("passed", "skipped", "failed")
        self.found[report.nodeid] = max(self.found.get(report.nodeid, "passed"), report.outcome, key=order.index)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a phase of a test, or a subtest."""
        self.note(report)

    def pytest_collectreport(self, report: Any) -> None:
        """Note a file that cannot be imported."""
        if report.failed:
            self.note(report)

    def pytest_deselected(self, items: list[Any]) -> None:
        """Note what is left out."""
        self.found.update((item.nodeid, "left out") for item in items)

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        pathlib.Path(self.path).write_text(json.dumps(self.found))


def pytest_addoption(parser: Any) -> None:
    """Take where to write what came of each test, and whether to run the slow ones too."""
    parser.addoption("--outcomes", default="")
    parser.addoption("--all", action="store_true")


def pytest_configure(config: Any) -> None:
    """Put the drop-in's values in place before anything is collected."""
    patched()
    if config.option.outcomes and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config.option.outcomes))


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave out what is slow."""
    if not config.option.all:
        slow = [x for x in items if any(re.search(pattern, x.nodeid) for pattern in LEFT_OUT_TESTS)]
        items[:] = [x for x in items if x not in slow]
        config.hook.pytest_deselected(items=slow)


def files(pattern: str = "") -> list[str]:
    """Name optax's test files that fit a pattern, without those that are left out."""
    names = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.rglob("*_test.py"))]
    return [x for x in names if re.search(pattern, x) and not any(re.search(out, x) for out in LEFT_OUT)]


def outcomes(pattern: str = "", *options: str) -> dict[str, str]:
    """Run the files that fit a pattern, and return what came of each test by its name."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "tests.interop.optax_suite", *options]
    with tempfile.TemporaryDirectory() as folder:
        record = pathlib.Path(folder, "outcomes.json")
        where = ["--outcomes", str(record), "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-c", "/dev/null"]
        run = subprocess.run(
            [*command, *where, *(str(ROOT / name) for name in files(pattern))],
            capture_output=True,
            text=True,
            check=False,
        )
        if not record.exists():
            raise RuntimeError(run.stdout + run.stderr)
        return json.loads(record.read_text())


def deviates(name: str) -> bool:
    """Tell whether a test fails by a decision of jgd's."""
    return any(re.search(pattern, name) for pattern in DEVIATIONS)


if __name__ == "__main__":
    found = outcomes("", *sys.argv[1:])
    for test, outcome in found.items():
        if (outcome == "failed") != deviates(test) and outcome in ("passed", "failed"):
            print(outcome, test)
    print(", ".join(f"{count} {outcome}" for outcome, count in Counter(found.values()).items()))
