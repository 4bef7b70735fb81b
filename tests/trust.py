"""Whom each optimizer agrees with, and how closely: `python -m tests.trust` writes jgd/guide/trust.md.

`python -m tests.trust adam 'lion*'` measures these optimizers alone and keeps the other figures.
"""

import fnmatch
import functools
import importlib.metadata
import math
import pathlib
import re
import sys

import jax
import numpy as np

from jgd import optimizers
from jgd.optimizers.catalogue import catalogue
from tests import problems

FOLDER = pathlib.Path(__file__).parent / "oracles"
TABLE = pathlib.Path(__file__).parent.parent / "jgd" / "guide" / "trust.md"
_FILES = [np.load(file) for file in sorted(FOLDER.glob("*.npz"))]
ALONE = {
    "hessian_free": "dense matrices",
    "natural_gradient": "dense matrices",
    "noisy_sgd": "the statistics of its noise",
    "prox_adam": "a transcription of the paper, and scikit-learn's solution",
}
"""What holds an optimizer that no trajectory is compared with, in a test of its own."""
TRAJECTORIES = {
    name if ":" in name else f"torch:{name}": file[name] for file in _FILES for name in file if name != "versions"
}
"""f64[kept, parameters] by "package:name"."""
VERSIONS = dict(str(line).split() for file in _FILES for line in file["versions"])
LOOSE = 1e-8
PLATFORMS = 10
"""What a figure may be off by elsewhere: other processors and versions of XLA order and fuse sums differently."""

HEAD = """# How closely each optimizer agrees with other implementations

Written by `python -m tests.trust`, and held true by tests/test_oracles.py. Each oracle takes the same {steps} steps
in float64 over the same random gradients, of sizes from 1e-3 to 10: optax {optax} as the tests run, torch.optim and
the other packages from the trajectories that the scripts in tests/oracles recorded. Behind each is the largest
|x - y| / (|y| + 0.1) over all steps, parameters and settings compared, rounded up to a power of ten. The rows of
tests/table.py and tests/rows have the settings, and the conventions in which an oracle differs. `paper` is no such
implementation: where none runs, a transcription of the paper in NumPy, written apart from the code.

{summary}

| optimizer | family | state, bytes a parameter | oracles: worst deviation | source |
|---|---|---|---|---|
"""


def deviation(ours, theirs):
    """The largest |x - y| / (|y| + 0.1) over two trees of the same structure: relative, but for values near zero."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    worst = [np.max(np.abs(np.asarray(x) - y) / (np.abs(y) + 0.1)) for x, y in pairs]
    return float(np.max(worst))  # NaN stays


@functools.lru_cache(maxsize=1)
def optax_trajectory(row):
    """Return the parameters after each of STEPS steps of a row's oracle by optax, for float64 enabled."""
    start = row.params()
    return row.trajectory(row.oracle(), start, problems.gradients(problems.STEPS, start))


def deviations(row):
    """{package: how far a row is from it}, for float64 enabled: one trajectory of the row for all of its oracles."""
    start = row.params()
    ours = row.trajectory(row.make(), start, problems.gradients(problems.STEPS, start))
    found = {"optax": deviation(ours, optax_trajectory(row))} if row.oracle else {}
    flat = flattened(ours)
    return found | {path.partition(":")[0]: deviation(flat, TRAJECTORIES[path]) for path in row.recorded()}


def flattened(path):
    """f64[kept, parameters] of a tree of f64[steps, ...]: as trajectories are recorded."""
    return np.concatenate(
        [np.reshape(np.asarray(x), (len(x), -1))[problems.KEPT] for x in jax.tree.leaves(path)], axis=1
    )


def optimizer_of(row):
    """Return the optimizer that a row is of: its name, or what its name begins with; or None.

    A wrapper or transform counts where its row is recorded: the others have optax as their oracle.
    """
    names = optimizers.list() if row.recorded() else catalogue()
    fits = [name for name in names if row.name == name or row.name.startswith(f"{name}_")]
    return max(fits, key=len, default=None)


def oracles(rows):
    """{optimizer: its oracles' packages, in order}, from the rows."""
    found = {name: set() for name in catalogue()}
    for row in rows:
        if (name := optimizer_of(row)) is not None:
            found.setdefault(name, set())
            found[name] |= {"optax"} if row.oracle else set()
            found[name] |= {path.partition(":")[0] for path in row.recorded()}
    order = ("optax", "torch")
    return {name: sorted(packages, key=lambda x: (x not in order, x)) for name, packages in found.items()}


def text(rows, figures):
    """Return the table, for {(optimizer, package): deviation}."""
    lines, packages = [], oracles(rows)
    for name, entry in optimizers.list().items():
        if name in packages:
            agreed = [f"{x} {VERSIONS.get(x, '')}".strip() + f" `{_power(figures[name, x])}`" for x in packages[name]]
            size = f"{round(entry.state_bytes(), 2):g}" if isinstance(entry, optimizers.OptimizerEntry) else "-"
            agreed = ", ".join(agreed) or f"{ALONE[name]}, in a test of its own"
            lines.append(f"| `{name}` | {entry.family} | {size} | {agreed} | {entry.source} |\n")
    said = {
        "steps": problems.STEPS,
        "optax": importlib.metadata.version("optax"),
        "summary": summary(packages, figures),
    }
    return HEAD.format(**said) + "".join(lines)


def summary(packages, figures):
    """Say how many optimizers have oracles, which have none, and which figure is the worst."""
    transcribed = [f"`{name}`" for name, found in packages.items() if found == ["paper"]]
    alone = [f"`{name}`" for name, found in packages.items() if not found]
    loose = [
        f"`{name}` {_power(figures[name, package])} ({package})"
        for name, found in packages.items()
        for package in found
        if figures[name, package] > LOOSE
    ]
    count = len(packages) - len(transcribed) - len(alone)
    return (
        f"{count} of {len(packages)} have an oracle that nobody here wrote. A transcription alone holds "
        f"{', '.join(transcribed)}; a test of its own {', '.join(alone)}. More than {LOOSE:g} off are "
        f"{', '.join(loose)}: there optax takes a power, a root or singular vectors in float32, and Muon's packages "
        "floor a norm by another number."
    )


@functools.cache
def figures():
    """{(optimizer, package): deviation} as the table has them."""
    found = {}
    for name, cell in re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| ([^|]+) \|", TABLE.read_text(), re.MULTILINE):
        found |= {(name, package): float(size) for package, size in re.findall(r"([\w-]+)(?: [\d.]+)? `(\S+)`", cell)}
    return found


def measured(rows, patterns):
    """{(optimizer, package): deviation} of the optimizers that fit a pattern, the worst over their rows."""
    found = {}
    for row in rows:
        name = optimizer_of(row)
        if name is None or not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            continue
        for package, size in deviations(row).items():
            print(f"{row.name:32} {package:20} {size:.1e}", flush=True)
            found[name, package] = max(size, found.get((name, package), 0.0))
    return found


def allowed(row, package):
    """Return the deviation that the table allows a row; infinity where it is of no optimizer of the catalogue."""
    name = optimizer_of(row)
    return math.inf if name is None else PLATFORMS * figures().get((name, package), 0.0)


def _power(size):
    """Return the next power of ten, and 1e-15 at least: what is equal to the last bit here need not be elsewhere."""
    return f"1e{max(math.ceil(math.log10(max(size, 1e-300))), -15)}"


if __name__ == "__main__":
    import tests.conftest  # noqa: F401  the flags that the tests run under
    from tests.table import COMPARED

    with jax.enable_x64(True):
        now = measured(COMPARED, sys.argv[1:] or ["*"])
    TABLE.write_text(text(COMPARED, figures() | now if sys.argv[1:] else now))
