"""Writes the files that only re-export: `python -m tests.exports`. Their names come from the source itself."""

import ast
import functools
import pathlib
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parent.parent / "jgd"
WIDTH = 118
# Names of these layers that are for other layers of jgd, and not for `jgd.<name>`.
INTERNAL = {
    "OrthogonalMomentum", "adam_rate", "agreement", "are_plain", "as_rule", "as_transform", "ask", "begin_search",
    "beside_adamw", "bias_corrections", "blend", "catalogue", "check_metrics", "corrected_mean", "geometric",
    "half_cosine", "init_rate", "inner_states", "known_metrics", "limited_growth", "list", "matrices_and_labels",
    "moved", "named_recipe", "next_rate", "next_step", "no_gradient", "observe", "one_key", "power_curve",
    "progress", "projection_of", "quarter_root", "quotient", "ray", "receive", "reciprocal", "rectification",
    "root_above", "scaled_updates", "scaling", "shape_factor", "shrink", "step_if", "sum_of_moduli", "time_of",
    "transition", "whole", "whole_steps", "wolfe_errors", "zoom_search",
}  # fmt: skip
# Names that the penalties' files share, and that `jgd.nonsmooth` does not show.
BENEATH_PENALTIES = {
    "Labels", "Message", "Shape", "Vectors", "along", "broadcasts", "denoised", "fitted", "lacking", "norm", "nth_name",
    "number", "on_simplex", "remaining", "shrunk", "singular_values_shrunk", "for_each_leaf", "vectors",
}  # fmt: skip
VALUES = {
    "jgd.core": (
        "InputError MatrixAxes MatrixRule NoMatrixWarning Rule Schedule SplitAxes Status Stop Transform global_norm "
        "hyper hyperparams part record select stack stack_leaves static with_hyperparams"
    )
}
LOOPS = {
    "jgd.solvers": (
        "Fit Solution anderson armijo augmented_lagrangian barzilai_borwein bfgs broyden check_grads cubic_newton "
        "curve_fit dfp dogleg equality fista fixed_point frank_wolfe gauss_newton hager_zhang implicit inequality "
        "lbfgsb least_squares levenberg_marquardt minimize minimize_many mirror_descent multistart nelder_mead newton "
        "newton_cg nonlinear_cg projected_gradient prox_gradient root sqp sr1 steepest_descent strong_wolfe "
        "subgradient trf trust_exact trust_krylov trust_ncg"
    ),
    "jgd.train": "Run Task fit on_host",
    "jgd.measure.describe": "describe",
}
FOLDERS = ("interop", "measure", "nonsmooth", "optimizers", "schedules", "solvers", "sweep", "tasks", "transforms")


def written() -> dict[pathlib.Path, str]:
    """The text of every generated file."""
    found = {}
    for layer, summary in {
        "optimizers": "Optimizers, one file a family: rules (CapWords, called by their lower-case names) and recipes.",
        "transforms": "Gradient transformations that are no optimizer: CapWords records, called by lower-case names.",
        "schedules": "Schedules: hyperparameters as functions of the number of steps taken before.",
        "nonsmooth": "Penalties and sets with value, prox and, for sets, a linear minimisation oracle.",
    }.items():
        homes = modules(layer)
        if layer == "nonsmooth":
            homes = {home: [x for x in names if x not in BENEATH_PENALTIES] for home, names in homes.items()}
        found[ROOT / layer / "__init__.py"] = package(f"jgd.{layer}", summary, homes)
    found[ROOT / "__init__.py"] = contents()
    return found


def meaning(text: str) -> list[str]:
    """What a generated file says, however it is laid out: its docstring's words, imports, calls and constants."""
    tree = ast.parse(text)
    nodes = [x for x in ast.walk(tree) if isinstance(x, (ast.ImportFrom, ast.Call, ast.Assign))]
    return sorted([" ".join((ast.get_docstring(tree) or "").split()), *map(ast.dump, nodes)])


@functools.cache
def modules(layer: str) -> dict[str, list[str]]:
    """The public names of a layer by the module that defines them."""
    found = {f"jgd.{layer}.{p.stem}": list(public(p)) for p in sorted((ROOT / layer).glob("*.py")) if p.stem[0] != "_"}
    return {module: names for module, names in found.items() if names}


def public(path: pathlib.Path) -> Iterator[str]:
    """The functions, classes and second names that a file defines; constants and private ones are not exported."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_") and not name.isupper())


def package(name: str, summary: str, homes: dict[str, list[str]]) -> str:
    """An `__init__` that imports a name's module when the name is first used."""
    typed = [f"    from {home} import {x} as {x}" for home, names in homes.items() for x in sorted(names)]
    later = [f"        {home!r}: {tuple(sorted(names))!r}," for home, names in homes.items()]
    return "\n".join([
        f'"""{summary}', "", "Written by `python -m tests.exports`; names are imported on first use.", '"""', "",
        "from typing import TYPE_CHECKING", "", "from jgd.core.lazy import lazy", "", "if TYPE_CHECKING:", *typed, "",
        "lazy(", "    __name__,", "    {", *later, "    },", ")", "",
    ])  # fmt: skip


def contents() -> str:
    """The table of contents of jgd."""
    layers = {
        title: {home: [x for x in names if x.islower() and x not in INTERNAL] for home, names in modules(layer).items()}
        for title, layer in (("Optimizers", "optimizers"), ("Schedules", "schedules"), ("Transforms", "transforms"))
    }
    parts = {
        "Values": {home: names.split() for home, names in VALUES.items()},
        **{title: {home: names for home, names in homes.items() if names} for title, homes in layers.items()},
        "Loops, studies and measures": {home: names.split() for home, names in LOOPS.items()},
    }
    told = []
    for title, homes in parts.items():
        names = sorted(x for group in homes.values() for x in group)
        names = [*FOLDERS, *names] if title.startswith("Loops") else names
        told.append(textwrap.fill(f"{title}: {', '.join(names)}.", WIDTH, subsequent_indent="    "))
    homes = {home: sorted(names) for group in parts.values() for home, names in group.items()}
    eager = [f"from jgd.core import {x} as {x}" for x in homes.pop("jgd.core")]
    typed = [f"    from jgd import {folder} as {folder}" for folder in FOLDERS]
    typed += [f"    from {home} import {x} as {x}" for home, names in homes.items() for x in names]
    later = [f"        {home!r}: {tuple(names)!r}," for home, names in homes.items()]
    return "\n".join([
        '"""jgd: gradient descent as a value. This file is the table of contents.', "", *told, "",
        "`help(jgd.fit)` tells of one; `from jgd.interop import optax` is optax's namespace with these values in it.",
        "Written by `python -m tests.exports`; what is not a value is imported on first use.", '"""', "",
        "from typing import TYPE_CHECKING", "", *eager, "from jgd.core.lazy import lazy", "", "if TYPE_CHECKING:",
        *typed, "", "lazy(", "    __name__,", "    {", *later, "    },", f"    folders={FOLDERS!r},", "    also=(",
        *[f"        {x!r}," for x in VALUES["jgd.core"].split()], "    ),", ")", "",
        f'__version__ = "{version()}"', "",
    ])  # fmt: skip


def version() -> str:
    """The version that the present file has."""
    found = re.search(r'^__version__ = "(.*)"$', (ROOT / "__init__.py").read_text(), re.M)
    assert found
    return found[1]


def formatted(text: str) -> str:
    """The text as ruff writes it."""
    for command in (["check", "--select", "I", "--fix-only", "-q"], ["format"]):
        args = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(ROOT / "__init__.py"), "-"]
        text = subprocess.run(args, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(formatted(text))
