"""optax's own tests with jgd's objects under optax's names: `python -m tests.interop.optax_suite` prints what fails.

As a pytest plugin it puts the drop-in's values in the place of optax's functions, in all of its modules, before its
test files are imported. What jgd decides otherwise is in DEVIATIONS, each with its reason.
"""

import importlib
import pathlib
import pkgutil
import re
import subprocess
import sys

import optax

ROOT = pathlib.Path(optax.__file__).parent
FOLDERS = ("_src", "contrib", "experimental", "schedules", "transforms")
DEVIATIONS: dict[str, str] = {
    r"linesearch_raises_on_unused_extra_args": "extra arguments that a transform does not take are ignored everywhere",
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


def pytest_configure() -> None:
    """Put the drop-in's values in place before anything is collected."""
    patched()


def failures(*options: str) -> tuple[int, list[str]]:
    """Run the files, and return how many tests passed and the names of those that failed."""
    files = [str(path) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*_test.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=line", "-p", "tests.interop.optax_suite", *options]
    output = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-c", "/dev/null", *files],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    passed = re.search(r"(\d+) passed", output)
    if not passed:
        raise SystemExit(output)
    return int(passed[1]), re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.M)


if __name__ == "__main__":
    count, names = failures(*sys.argv[1:])
    print("\n".join(names))
    print(f"{count} passed, {len(names)} failed")
