"""The reference: every public name has a page that says how it is called, and the pictures are what they say."""

import ast
import doctest
import functools
import importlib
import inspect
import pathlib
import re
import types

import numpy as np
import pytest

import jgd
from jgd.commands.guide.drawing import Panel, picture
from jgd.commands.guide.landscapes import path_pictures
from jgd.commands.guide.reference import KINDS, find_entry, reference
from jgd.commands.guide.reference_page import doc_lines, kind_page, parameters_page, reference_page
from jgd.commands.guide.schedule_curves import EXAMPLES, curve_pictures
from jgd.commands.guide.site import llms_text
from jgd.commands.main import main
from jgd.optimizers.catalogue import catalogue
from jgd.optimizers.glossary import GLOSSARY
from jgd.solvers.names import METHODS
from jgd.sweep.samplers.by_name import SAMPLERS
from tests.exports import BENEATH_PENALTIES, INTERNAL

ENTRIES = reference()
ROOT = pathlib.Path(jgd.__file__).parent
FOLDERS = [name for name in dir(jgd) if isinstance(getattr(jgd, name), types.ModuleType)]


def public():
    """Every public name below jgd, as the `__init__` files have them: no constants, and nothing for other layers."""
    found = [name for name in dir(jgd) if name not in FOLDERS]
    for folder in FOLDERS:
        module = importlib.import_module(f"jgd.{folder}")
        if hasattr(module, "_homes"):
            names = {name for name in dir(module) if name not in INTERNAL | BENEATH_PENALTIES}
        else:
            nodes = ast.parse((ROOT / folder / "__init__.py").read_text()).body
            names = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        found += [f"{folder}.{name}" for name in sorted(names) if is_shown(getattr(module, name))]
    return {name: functools.reduce(getattr, name.split("."), jgd) for name in found}


def is_shown(value):
    """Tell whether it is called or is a module, rather than a constant, a variable of types, or another library's."""
    if isinstance(value, types.ModuleType):
        return True
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("jgd.")


def test_every_public_name_has_a_page():
    found = {id(entry.value) for entry in ENTRIES.values()}
    assert [name for name, value in public().items() if id(value) not in found] == []
    assert len(public()) > 700


def test_every_page_says_something():
    bare = [name for name, entry in ENTRIES.items() if len(reference_page(entry).split()) < 8 or not entry.summary]
    assert bare == []


def test_a_name_is_found_by_what_people_call_it():
    for topic in ("adamw", "jgd.adamw", "ScaleByLion", "halving", "sweep.halving", "jgd.sweep.run", "l-bfgs", "tpe"):
        assert find_entry(topic, ENTRIES) is not None, topic
    assert find_entry("adamm", ENTRIES) is None
    for name in (*METHODS, *SAMPLERS):
        assert find_entry(name, ENTRIES) is not None, name


def test_a_page_has_the_call_the_range_the_oracle_and_the_terms():
    lion = reference_page(ENTRIES["lion"])
    assert "jgd.lion(learning_rate, b1=0.9" in lion
    assert "optax `1e-1" in lion
    assert "jgd.citation('lion')" in lion
    assert "- `max_norm`: a number in [0, inf]" in reference_page(ENTRIES["clip_by_global_norm"])
    assert "- `bounds`: `(lower, upper)`" in reference_page(ENTRIES["minimize"])
    assert all(f"\n- `{name}`: " in reference_page(ENTRIES["sweep.run"]) for name in ("task", "metric", "executor"))
    assert "`GRADIENT_NORM`: the gradient's norm fell" in reference_page(ENTRIES["Status"])
    assert "sampler='tpe'" in reference_page(ENTRIES["tpe"])
    assert "## WarmupCosineDecay" in reference_page(ENTRIES["warmup_cosine_decay_schedule"])
    assert " at 0x" not in "".join(map(reference_page, ENTRIES.values()))


def test_the_terms_of_a_docstring_become_a_list():
    def documented(first, second):
        """Do it.

        first   one thing,
                on two lines
        second as long as its column
        """

    assert doc_lines(documented)[2:5] == [
        "- `first`: one thing,",
        "  on two lines",
        "- `second`: as long as its column",
    ]


def test_indexes_list_every_name_once(capsys):
    text = "".join(kind_page(kind, [e for e in ENTRIES.values() if e.kind == kind]) for kind in KINDS)
    linked = re.findall(r"^\| \[([^]]+)\]\(\.\./([^)]+)\.md\)", text, re.MULTILINE)
    assert sorted(linked) == sorted((entry.name, entry.address) for entry in ENTRIES.values())
    assert len({address.lower() for _, address in linked}) == len(linked), "two pages are one file on some systems"
    assert all(f"`{key}`" in parameters_page() for key in GLOSSARY)
    assert "(pruners/sweep.halving/)" in llms_text({}, ENTRIES)
    assert main(["guide", "schedules"]) == 0
    assert "cosine_decay_schedule" in capsys.readouterr().out


def test_a_path_begins_at_its_start_and_ends_where_the_value_is():
    drawn = path_pictures([catalogue()["sgd"]])["sgd"]
    paths = re.findall(r'class="path" points="([^"]+)"', drawn)
    assert [len(path.split()) for path in paths] == [121, 121]
    bottom = re.findall(r'class="end" cx="([\d.]+)" cy="([\d.]+)"', drawn)[1]
    np.testing.assert_allclose(
        np.array(paths[1].split()[-1].split(","), float), np.array(bottom, float), atol=1.0
    )  # pixels: sgd solves the bowl


def test_every_schedule_has_its_curve():
    assert sorted(EXAMPLES) == sorted(name for name, e in ENTRIES.items() if e.kind == "schedules" and not e.is_type)
    assert all(len(re.findall(r"\d,\d", drawn)) == 101 for drawn in curve_pictures().values())


def test_a_point_far_outside_of_a_panel_stays_finite():
    panel = Panel("a < b", (0.0, 1.0), (0.0, 1.0))
    panel.line([(0.0, 0.0), (1e30, float("-inf"))])
    assert "inf" not in picture([panel], "far")
    assert "a &lt; b" in picture([panel], "far")


WITH_EXAMPLES = [path for path in sorted(ROOT.rglob("*.py")) if re.search(r"^ +>>> ", path.read_text(), re.MULTILINE)]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_of_docstrings_print_what_they_say(path):
    module = importlib.import_module(".".join(("jgd", *path.relative_to(ROOT).with_suffix("").parts)))
    failed, tried = doctest.testmod(module)
    assert tried > 0
    assert failed == 0
