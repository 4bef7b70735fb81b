"""`jgd list`: the catalogue as a table and as JSON."""

import inspect
import json

import optax

import jgd
from jgd.commands.main import main
from jgd.optimizers.catalogue import catalogue


def test_the_table_has_the_optimizers_of_a_pattern(capsys):
    assert main(["list", "adam*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    adams = [name for name in catalogue() if name.startswith("adam")]
    assert [line.split()[0] for line in lines[2:]] == adams
    (adam,) = (line for line in lines if line.startswith("adam "))
    assert adam.split()[1:3] == ["adam", "8"]  # two moments of float32


def test_json_has_all_of_it(capsys):
    assert main(["list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert {entry["name"] for entry in entries if entry["state_bytes"] is not None} == set(catalogue())
    assert all(entry["summary"] for entry in entries)


def test_wrappers_follow_the_optimizers_and_transforms_the_wrappers(capsys):
    assert main(["list", "s*"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    names, families = zip(*(line.split()[:2] for line in lines), strict=True)
    assert families[names.index("sam")] == families[names.index("schedule_free")] == "wrapper"
    kinds = [1 if family == "wrapper" else 2 for family in families]
    kinds = [0 if name in catalogue() else kind for name, kind in zip(names, kinds, strict=True)]
    assert kinds == sorted(kinds)
    assert "2010.01412" in lines[names.index("sam")]


def test_all_that_steps_is_listed_by_what_the_values_are_and_by_optax_s_annotations():
    listed = jgd.optimizers.list("*", jgd.distributed)
    names = {name: getattr(jgd, name) for name in dir(jgd)} | vars(jgd.distributed)
    records = {x for x, value in names.items() if inspect.isclass(value) and {"init", "update"} <= set(dir(value))}
    assert {name for name in records if name.islower()} <= set(listed)

    def returns_a_transformation(value):
        return inspect.isfunction(value) and "GradientTransformation" in str(inspect.signature(value).return_annotation)

    modules = (optax, optax.contrib)
    named = {name for module in modules for name, value in vars(module).items() if returns_a_transformation(value)}
    assert len(named) > 100
    missing = {name for name in named - set(listed) if not name.startswith("_")}
    assert missing == {"multi_transform"}  # which optax calls `partition` by now
    assert all(
        entry.summary and len(entry.summary) <= 120 for entry in listed.values() if entry.name not in catalogue()
    )


def test_a_pattern_that_fits_nothing_is_refused(capsys):
    assert main(["list", "adum"]) == 2
    assert "Did you mean adam" in capsys.readouterr().err
