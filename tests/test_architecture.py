"""The layers hold: a folder imports only from layers below it, siblings never, and `__init__` files only re-export."""

import ast
import functools
import inspect
import pathlib
import subprocess
import sys

import pytest

import jgd
from jgd.optimizers.catalogue import CATALOGUE
from tests import exports

ROOT = pathlib.Path(jgd.__file__).parent
LAYERS = [
    {"core"},
    {"schedules", "nonsmooth", "gradients", "transforms", "pages"},
    {"optimizers"},
    {"solvers", "train", "measure"},
    {"health"},
    {"sweep", "distributed", "tasks"},
    {"law"},
    {"interop", "commands"},
    {"guide"},  # pages alone
]
SWEEP_LAYERS = ["spaces", "samplers", "pruners", "lanes", "storage", "results", "engine", "plots", "report"]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted(ROOT.rglob("*.py"))
WRITTEN = exports.written()
LONGEST = 300  # lines; the design's bound for a module


@functools.cache
def parsed(path):
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


@functools.cache
def imported(path):
    """Return the jgd modules that a file imports, wherever in it."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.split(".")[0] == "jgd":
                found.extend(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names if alias.name.split(".")[0] == "jgd")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_layers_below(path):
    folder = path.relative_to(ROOT).parts[0]
    if folder.endswith(".py"):
        return  # the table of contents and the command see everything
    for module in imported(path):
        other = module.split(".")[1] if "." in module else ""
        assert other == folder or LEVEL.get(other, 99) < LEVEL[folder], f"{path.name} imports {module}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.parent.parent == ROOT / "sweep"], ids=lambda p: str(p.relative_to(ROOT / "sweep"))
)
def test_a_part_of_the_sweep_imports_only_from_parts_below(path):
    allowed = SWEEP_LAYERS[: SWEEP_LAYERS.index(path.parent.name) + 1]
    for module in imported(path):
        if module.startswith("jgd.sweep"):
            assert module.split(".")[2] in allowed, f"{path} imports {module}"


def test_no_modules_know_each_other_in_a_circle():
    names = {".".join(("jgd", *p.relative_to(ROOT).with_suffix("").parts)): p for p in FILES if p.name != "__init__.py"}
    arrows = {name: {end for end in map(nearest(names), imported(path)) if end} for name, path in names.items()}
    below: dict[str, set[str]] = {}
    for start in arrows:
        seen, left = set(), [start]
        while left:
            left.extend(arrows[left.pop()] - seen)
            seen.update(left)
        below[start] = seen
    assert [name for name in arrows if name in below[name]] == []


def nearest(names):
    """Find the module that an import means: itself, or the one that defines the name; none for a folder."""

    def find(module):
        while module and module not in names:
            module = module.rpartition(".")[0]
        return module

    return find


def test_written_init_files_are_what_the_source_says():
    for path, text in WRITTEN.items():
        assert exports.meaning(path.read_text()) == exports.meaning(text), "run `python -m tests.exports`"


def test_every_folder_has_its_layer():
    assert {p.name for p in ROOT.iterdir() if p.is_dir() and p.name != "__pycache__"} <= set(LEVEL)


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.name == "__init__.py" and p not in WRITTEN],
    ids=lambda p: p.parent.name,
)
def test_init_files_only_re_export(path):
    for node in parsed(path).body[1:]:
        assert isinstance(node, ast.ImportFrom), f"{path}: line {node.lineno}"
        assert all(alias.asname == alias.name for alias in node.names), f"{path}: line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_are_small_and_say_what_they_hold(path):
    text = path.read_text()
    assert ast.get_docstring(parsed(path)), f"{path} has no docstring"
    assert len(text.splitlines()) <= LONGEST


def test_importing_jgd_and_loading_a_table_loads_no_optional_package():
    heavy = ["matplotlib", "pandas", "rich", "sklearn", "scipy", "flax", "equinox", "torch", "mlxtend", "jaxtyping"]
    code = "import sys, optax; old = set(sys.modules); import jgd; jgd.tasks.breast_cancer(); jgd.sweep.run; "
    code += f"print(set({heavy}) & (set(sys.modules) - old))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_everything_public_has_a_docstring():
    bare = [name for name, value in vars(jgd).items() if not name.startswith("_") and not (value.__doc__ or "").strip()]
    assert bare == []


def test_the_table_of_contents_is_whole_and_shows_nothing_private():
    assert [name for name in dir(jgd) if name not in (jgd.__doc__ or "")] == []
    assert [name for name in dir(jgd) if name.startswith("_") or name in ("importlib", "Any", "TYPE_CHECKING")] == []
    assert {"adam", "fit", "sweep", "chain", "linear_schedule"} <= set(dir(jgd))
    names: dict = {}
    exec("from jgd import *", names)
    assert set(dir(jgd)) <= set(names)


# Functions that one calls with their module, as in `jgd.law.fit`, and what is meant there.
SAME_IN_PUBLIC = {
    "fit": "an optimizer's run, and a law through studies of several sizes",
    "load": "a task by its name, and a sweep of a folder",
}


@pytest.mark.parametrize("kind", [ast.ClassDef, ast.FunctionDef], ids=["classes", "functions"])
def test_one_name_for_one_thing(kind):
    """But for the names of optax and scipy, which jgd.interop has once more as these have them."""
    homes: dict = {}
    for path in FILES:
        for node in parsed(path).body:
            if isinstance(node, kind) and not node.name.startswith("_"):
                theirs = kind is ast.FunctionDef and ROOT / "interop" in path.parents
                homes.setdefault((node.name, theirs), []).append(str(path.relative_to(ROOT)))
    shared = {name: where for (name, _), where in homes.items() if len(where) > 1}
    assert set(shared) == (set(SAME_IN_PUBLIC) if kind is ast.FunctionDef else set()), shared


NO_VERBS = {
    "A",
    "All",
    "An",
    "As",
    "At",
    "Before",
    "Below",
    "Both",
    "By",
    "Done",
    "Each",
    "Empty",
    "Every",
    "Everywhere",
    "For",
    "From",
    "Half",
    "How",
    "In",
    "It",
    "Its",
    "No",
    "Nothing",
    "Of",
    "On",
    "One",
    "Only",
    "Over",
    "See",
    "So",
    "That",
    "The",
    "There",
    "These",
    "They",
    "Those",
    "Three",
    "Two",
    "What",
    "When",
    "Where",
    "Whether",
    "Which",
    "Who",
    "Why",
    "With",
    "Within",
    "Without",
    "Zeros",
}


def test_functions_and_transforms_say_with_a_verb_what_they_do():
    """Records are things, and recipes bear the name of their method: "Adam with decoupled weight decay"."""
    found = []
    for package in (jgd, *filter(inspect.ismodule, (getattr(jgd, name) for name in dir(jgd)))):
        for name in set(dir(package)) - set(CATALOGUE):
            value = getattr(package, name)
            if name.islower() and callable(value):
                first = (inspect.getdoc(value) or "The").split()[0]
                found += [f"{name}: {first}"] if first in NO_VERBS or not first[0].isupper() else []
    assert sorted(set(found)) == []


def test_every_function_says_with_a_verb_what_it_does():
    """But for properties, which are things."""
    found = []
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                first, decorators = text.split()[0].rstrip(",.:;"), " ".join(map(ast.unparse, node.decorator_list))
                if "property" not in decorators and (first in NO_VERBS or not first[0].isupper()):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {first}")
    assert found == []


def test_no_docstring_begins_with_what():
    found = [
        f"{path.relative_to(ROOT.parent)}:{getattr(node, 'lineno', 1)}"
        for folder in ("jgd", "bench", "examples", "tests")
        for path in (ROOT.parent / folder).rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and (ast.get_docstring(node) or "").startswith("What ")
    ]
    assert found == []
