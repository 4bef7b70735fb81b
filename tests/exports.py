"""Writes the files that only re-export: `python -m tests.exports`. Their names come from the source itself."""

import ast
import functools
import pathlib
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence

ROOT = pathlib.Path(__file__).parent.parent / "jgd"
WIDTH = 118
# Names of these layers that are for other layers of jgd, and not for `jgd.<name>`.
INTERNAL = {
    "Chunks", "ConjugateGradients", "Family", "ModelAt", "OrthogonalMomentum", "adam_rate", "agreement", "are_plain",
    "as_rule", "as_transform", "ask", "begin_search", "beside_adamw", "bias_corrections", "blend", "catalogue",
    "check_metrics", "corrected_mean", "damped_cg", "empirical_metric", "family_metric", "geometric", "half_cosine",
    "in_chunks", "init_rate", "InnerTransform", "inner_states", "inner_transforms", "known_metrics",
    "known_table", "limited_growth", "Links", "list", "loss_metric",
    "matrices_and_labels", "model_at", "moved", "named_recipe", "next_rate", "next_step", "no_gradient", "observe",
    "one_key", "power_curve", "progress", "projection_of", "quarter_root", "quotient", "ray", "receive",
    "reciprocal", "rectification", "root_above", "scaled_updates", "scaling", "shape_factor", "shorter", "shrink",
    "source_in", "squared_gradients", "state_arrays", "step_if", "sum_of_moduli", "targets", "time_of", "transition",
    "updates_along", "whole", "whole_steps", "wolfe_errors", "zoom_search",
}  # fmt: skip
# Names that the penalties' files share, and that `jgd.nonsmooth` does not show.
BENEATH_PENALTIES = {
    "Labels", "Message", "Shape", "Vectors", "along", "broadcasts", "denoised", "fitted", "lacking", "norm", "number",
    "on_simplex", "relative_entropy", "remaining", "shrunk", "singular_values_shrunk", "for_each_leaf", "vectors",
}  # fmt: skip
VALUES = {
    "jgd.core": (
        "InputError MatrixAxes MatrixRule NoMatrixWarning Rule Schedule SplitAxes Status Stop Transform global_norm "
        "hyper hyperparams part record select stack stack_leaves static with_hyperparams"
    )
}
LOOPS = {
    "jgd.solvers": (
        "Fit Solution admm anderson armijo augmented_lagrangian barzilai_borwein basin_hopping bfgs broyden "
        "check_grads cubic_newton curve_fit dfp dogleg equality fista fixed_point frank_wolfe gauss_newton "
        "hager_zhang implicit inequality lbfgsb least_squares levenberg_marquardt minimize minimize_many "
        "mirror_descent multistart nelder_mead newton newton_cg nonlinear_cg projected_gradient prox_gradient root "
        "sqp sr1 steepest_descent strong_wolfe subgradient trf trust_exact trust_krylov trust_ncg"
    ),
    "jgd.train": "Health Microbatch Run Task fit loss_of_outputs on_host",
    "jgd.sweep": "rate_range",
    "jgd.measure.audit": "audit",
    "jgd.measure.describe": "describe",
}
FOLDERS = (
    "distributed",
    "health",
    "interop",
    "law",
    "measure",
    "nonsmooth",
    "optimizers",
    "schedules",
    "solvers",
    "sweep",
    "tasks",
    "transforms",
)


def written() -> dict[pathlib.Path, str]:
    """Return the text of every generated file: an `__init__.py`, and the stub beside it that declares its names."""
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
        found[ROOT / layer / "__init__.py"] = package(summary, homes)
        found[ROOT / layer / "__init__.pyi"] = declarations(homes)
    parts = contents()
    found[ROOT / "__init__.py"] = table_of_contents(parts)
    found[ROOT / "__init__.pyi"] = declarations({"jgd": FOLDERS, **parts}) + "\n__version__: str\n"
    return found


def meaning(text: str) -> list[str]:
    """Read what a generated file says, however it is laid out: its docstring's words, imports, calls and constants."""
    tree = ast.parse(text)
    nodes = [x for x in ast.walk(tree) if isinstance(x, (ast.ImportFrom, ast.Call, ast.Assign))]
    return sorted([" ".join((ast.get_docstring(tree) or "").split()), *map(ast.dump, nodes)])


@functools.cache
def modules(layer: str) -> dict[str, list[str]]:
    """Return the public names of a layer by the module that defines them."""
    found = {f"jgd.{layer}.{p.stem}": list(public(p)) for p in sorted((ROOT / layer).glob("*.py")) if p.stem[0] != "_"}
    return {module: names for module, names in found.items() if names}


def public(path: pathlib.Path) -> Iterator[str]:
    """Give the functions, classes and second names that a file defines; constants and private ones are not exported."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_") and not name.isupper())


def package(summary: str, homes: Mapping[str, Sequence[str]]) -> str:
    """Return an `__init__` that imports a name's module when the name is first used."""
    return "\n".join([
        f'"""{summary}', "", "Written by `python -m tests.exports`; names are imported on first use.", '"""', "",
        "from jgd.core.lazy import lazy", "", "lazy(", "    __name__,", "    {", *later(homes), "    },", ")", "",
    ])  # fmt: skip


def later(homes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a dictionary of names by the module that defines them, the names in one text."""
    lines = []
    for home, names in homes.items():
        text = " ".join(sorted(names))
        if len(text) + len(home) < WIDTH - 16:
            lines.append(f"        {home!r}: {text!r},")
        else:
            pieces = textwrap.wrap(text, WIDTH - 16, break_on_hyphens=False)
            spaced = [*(piece + " " for piece in pieces[:-1]), pieces[-1]]
            lines += [f"        {home!r}: (", *(f"            {piece!r}" for piece in spaced), "        ),"]
    return lines


def declarations(homes: Mapping[str, Sequence[str]]) -> str:
    """Return the stub of an `__init__`: what it holds, as type checkers and editors read it."""
    return "\n".join([*(f"from {home} import {x} as {x}" for home, names in homes.items() for x in sorted(names)), ""])


def contents() -> dict[str, list[str]]:
    """Return the names that jgd itself shows, by the module or the folder that has them."""
    shown = {home: names.split() for home, names in VALUES.items()}
    for layer in ("optimizers", "schedules", "transforms"):
        for home, names in modules(layer).items():
            shown[home] = [x for x in names if x.islower() and x not in INTERNAL]
    shown |= {home: names.split() for home, names in LOOPS.items()}
    return {home: names for home, names in shown.items() if names}


def table_of_contents(parts: Mapping[str, Sequence[str]]) -> str:
    """Return the `__init__` of jgd: each name once, by the folder that shows it."""
    shown: dict[str, list[str]] = {}
    for home, names in parts.items():
        shown.setdefault(".".join(home.split(".")[:2]), []).extend(names)
    return "\n".join([
        '"""jgd: gradient descent as a value.', "",
        "`help(jgd.fit)` tells of one; `from jgd.interop import optax` is optax's namespace with these values in it.",
        "This file is the table of contents, written by `python -m tests.exports`; names are imported on first use.",
        '"""', "", "from jgd.core.lazy import lazy", "", "lazy(", "    __name__,", "    {", *later(shown), "    },",
        f"    folders={' '.join(FOLDERS)!r},", ")", "", f'__version__ = "{version()}"', "",
    ])  # fmt: skip


def version() -> str:
    """Return the version that the present file has."""
    found = re.search(r'^__version__ = "(.*)"$', (ROOT / "__init__.py").read_text(), re.M)
    assert found
    return found[1]


def formatted(path: pathlib.Path, text: str) -> str:
    """Return the text as ruff writes it."""
    for command in (["check", "--select", "I", "--fix-only", "-q"], ["format"]):
        args = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        text = subprocess.run(args, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(formatted(path, text))
