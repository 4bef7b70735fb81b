"""`jgd list`: the catalogue as a table and as JSON."""

import json

from jgd.commands.main import main
from jgd.optimizers.catalogue import catalogue


def test_the_table_has_the_optimizers_of_a_pattern(capsys):
    assert main(["list", "adam*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [name for name in catalogue() if name.startswith("adam")]
    (adam,) = (line for line in lines if line.startswith("adam "))
    assert adam.split()[1:3] == ["adam", "8"]  # two moments of float32


def test_json_has_all_of_it(capsys):
    assert main(["list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert {entry["name"] for entry in entries} == set(catalogue())
    assert all(entry["summary"] for entry in entries)


def test_a_pattern_that_fits_nothing_is_refused(capsys):
    assert main(["list", "adum"]) == 2
    assert "Did you mean adam" in capsys.readouterr().err
