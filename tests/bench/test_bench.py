"""The benchmarks' own machinery: cases are whole, failures stay their own, figures are compared and shown rightly."""

import ast
import importlib.util
import json
import pathlib
import re
import shutil
from typing import Any

import numpy as np
import pytest

import jgd
from bench import __main__ as command
from bench.cases import CASES, Case
from bench.format import claim_text, table
from bench.machine import file_name
from bench.page import render
from bench.rows import Claim, difference, in_turn, timed
from bench.runner import run_case

FILES = sorted(pathlib.Path(command.__file__).parent.rglob("*.py"))
PUBLIC = {"jgd", "jgd.distributed", "jgd.interop", "jgd.law", "jgd.sweep", "jgd.measure", "jgd.tasks", "jgd.solvers"}
PUBLIC |= {f"jgd.pages.{name}" for name in ("figure", "page", "palette", "svg", "ticks")}
PUBLIC |= {"jgd.measure.units"}  # of pages
PUBLIC |= {"jgd.commands", "jgd.commands.bench.cases", "jgd.commands.bench.peers", "jgd.commands.bench.trees"}
PUBLIC |= {"jgd.core.storage", "jgd.sweep.samplers.by_name", "jgd.sweep.spaces.space"}  # a sampler without a sweep
PUBLIC |= {"jgd.train.pulse", "jgd.train.segments", "jgd.train.start"}  # the compiled loop, whose bytes are counted
GOOD = '''"""A case."""
from bench.rows import Claim, alone
def good(quick: bool = False, count: int = 3):
    """Counts."""
    yield {"name": "a", "count": count, "quick": quick}
    yield Claim("enough", count, 2)
def bad(quick: bool = False):
    """Fails."""
    yield {"name": "a"}
    raise ValueError("it broke")
if __name__ == "__main__":
    alone(good, bad)
'''


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """Make a module of cases that `python -m` finds."""
    (tmp_path / "cases_of_a_test.py").write_text(GOOD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_modules_are_small_and_import_only_what_is_public(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert all(name in PUBLIC for name in names if name.split(".")[0] == "jgd"), names


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_there_under_its_name(name):
    case = CASES[name]
    module: Any = importlib.util.find_spec(case.module)
    (alone,) = re.findall(r"alone\((.*)\)", pathlib.Path(module.origin).read_text())
    named = alone.split(", ")
    assert case.arguments == [] if len(named) == 1 else case.arguments[0] in named


def test_all_cases_fit_into_an_hour():
    assert sum(case.seconds for case in CASES.values()) <= 60 * 60


def test_a_case_yields_rows_and_claims(somewhere):
    found = run_case("x", Case("cases_of_a_test:good", "Good", 1), quick=True)
    assert found["status"] == "done"
    assert found["rows"] == [{"name": "a", "count": 3, "quick": True}]
    assert found["claims"][0]["met"] is True


def test_a_case_that_fails_says_what_with_and_one_without_its_packages_is_skipped(somewhere):
    found = run_case("x", Case("cases_of_a_test:bad", "Bad", 1), quick=False)
    assert found["status"] == "failed"
    assert "it broke" in found["error"]
    found = run_case("x", Case("cases_of_a_test:good", "Good", 1, needs=("no_such_package",)), quick=False)
    assert found["status"] == "skipped"
    assert "no_such_package" in found["error"]


def test_the_command_writes_results_and_a_page_and_tells_of_failures(somewhere, monkeypatch, tmp_path, capsys):
    cases = {"good": Case("cases_of_a_test:good", "Good", 1), "bad": Case("cases_of_a_test:bad", "Bad & worse", 1)}
    monkeypatch.setattr(command, "CASES", cases)
    monkeypatch.setattr("sys.argv", ["bench", "--out", str(tmp_path / "out.json")])
    assert command.main() == 1
    written = json.loads((tmp_path / "out.json").read_text())
    assert {name: case["status"] for name, case in written["cases"].items()} == {"good": "done", "bad": "failed"}
    assert written["machine"]["versions"]["jgd"] == jgd.__version__
    assert "failed: bad" in capsys.readouterr().out
    page = (tmp_path / "out.html").read_text()
    assert "Bad &amp; worse" in page
    assert "1 of 1" in page
    (tmp_path / "out.html").unlink()
    monkeypatch.setattr("sys.argv", ["bench", "--page", str(tmp_path / "out.json")])
    assert command.main() == 0
    assert (tmp_path / "out.html").read_text() == page


def test_the_pages_of_all_results_are_made_anew(monkeypatch, tmp_path):
    for name in ("many", "leaderboard", "solvers"):
        shutil.copy(command.RESULTS / f"{name}.json", tmp_path)
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "--pages"])
    assert command.main() == 0
    assert "in one call" in (tmp_path / "many.html").read_text()
    assert "Optimizers on problems that can be won" in (tmp_path / "leaderboard.html").read_text()
    assert "Deterministic solvers, by passes" in (tmp_path / "solvers.html").read_text()


def test_an_unknown_case_is_refused_with_the_names(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench", "digit"])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert "there is no case 'digit'; expected digits, " in capsys.readouterr().err


def test_sides_run_in_turn():
    calls = []
    sides = {name: lambda name=name: calls.append(name) or name for name in "abc"}
    assert in_turn(sides, 2, seldom=["b"]) == {"a": ["a", "a"], "b": ["b"], "c": ["c", "c"]}
    assert "".join(calls) == "abcac"


def test_a_ratio_is_the_median_of_pairs():
    row = timed([2.0, 30.0, 6.0], ours=[1.0, 10.0, 2.0])
    assert row["seconds"] == 6.0
    assert row["ratio"] == pytest.approx(3.0)
    assert timed([8.0], ours=[1.0, 2.0, 9.0])["ratio"] == pytest.approx(4.0)


def test_ends_are_compared_where_both_are_finite():
    ours, theirs = np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.1, 2.2, 1.0, np.inf])
    assert difference(ours, theirs) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="no run is finite"):
        difference(ours[2:], theirs[2:])


def test_claims_and_rows_read_well():
    claim = Claim("memory", float("nan"), 2, at_least=False, unit=" MiB")
    assert not claim.met
    assert claim_text(Claim("faster", 1.954, 1.8).as_json()) == "1.95x, goal at least 1.80x: met"
    lines = table(
        [{"name": "a", "seconds": 0.0123, "state_bytes": 2e6}, {"name": "bb", "trials_per_second": 12345.6}], []
    )
    assert lines.splitlines() == [
        "name     time  state  trials/s",
        "a     12.3 ms   2 MB",
        "bb                      12,346",
    ]


def test_a_chart_needs_no_row_to_have_its_columns():
    rows = [{"lanes": 1, "rate": 2.0, "kind": "a"}, {"lanes": 4, "rate": 6.0, "cost": 1, "kind": "a"}, {"note": "none"}]
    chart = {"x": "lanes", "ys": ["rate", "cost"], "by": "kind", "per": None}
    case = {"title": "C", "command": "c", "chart": chart, "rows": rows}
    machine = {"device": "D", "devices": 2, "cores": 2, "date": "2026-01-02T03", "commit": None, "changed": False}
    cases = {"c": {**case, "claims": [], "status": "done", "seconds": 1.0}}
    page = render({"machine": {**machine, "versions": {}}, "quick": False, "seconds": 60, "cases": cases})
    assert "<svg" in page
    assert ">cost</text>" in page
    assert file_name({**machine, "platform": "cpu"}) == "cpu2-2026-01-02.json"
    assert file_name({**machine, "platform": "gpu", "device": "NVIDIA H100"}) == "nvidia-h100-2-2026-01-02.json"
