"""A run on a device: a case that raises, dies or takes too long stops no other, and results are whole after each."""

import inspect
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from bench.cases import Case, function_of
from bench.device import runner
from bench.device.core_tests import COUNT, OUTCOME, core_tests
from bench.device.document import Document, unmeasured
from bench.device.sections import SECTIONS, Section, chosen
from bench.rows import early, put

FAKES = '''"""Cases."""
import os, pathlib, signal, time
def hang():
    pathlib.Path(os.environ["HANGING"]).touch()
    time.sleep(60)
def good(quick, count=1):
    yield from ({"number": i} for i in range(count))
def raises(quick):
    yield {"number": 0}
    raise ValueError("it broke")
def killed(quick, by):
    yield {"number": 0}
    os.kill(os.getpid(), by)
    time.sleep(60)
def slow(quick):
    yield {"number": 0}
    hang()
def turns(quick, hangs):
    yield {"number": 0, "early": True}
    yield {"number": 1, "early": True}
    yield {"number": 10}
    if hangs:
        hang()
    yield {"number": 11}
    yield {"number": 12}
def empty(quick):
    raise ValueError("no row")
    yield
'''
MACHINE = {
    "device": "D", "platform": "gpu", "devices": 1, "cores": 2, "date": "2026-01-02T03", "commit": None,
    "changed": False, "versions": {},
}  # fmt: skip


def case(name, seconds=20, needs=(), **options):
    return Case(f"fakes_of_a_test:{name}", name.title(), seconds, needs, options=options)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run sections of fakes; returns what is in the file in the end. A case that hangs has `seconds` pass at once."""
    (tmp_path / "fakes_of_a_test.py").write_text(FAKES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HANGING", str(tmp_path / "hanging"))

    def run(sections, seconds=2000, document=Document, **machine):
        clock = lambda: time.monotonic() + seconds * (tmp_path / "hanging").exists()  # noqa: E731
        monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
        found = document(sections, False, 0.5, lambda machine: tmp_path / "found.json")
        found.described({**MACHINE, **machine})
        try:
            runner.run_sections(sections, found, False, 1000)
        finally:
            found.end()
        return json.loads((tmp_path / "found.json").read_text())

    return run


class Watched(Document):
    """Reads what it has written, each time."""

    def write(self, page=False):
        super().write(page)
        assert self.path
        assert self.path
        read = json.loads(self.path.read_text())
        rows = sum(len(one["rows"]) for one in read["cases"].values())
        assert rows == sum(len(one["rows"]) for one in self.results["cases"].values())
        self.seen = [*getattr(self, "seen", []), rows]
        read["seen"] = self.seen
        self.results["seen"] = self.seen


def test_what_raises_is_killed_or_takes_too_long_stops_no_other(run, tmp_path):
    sections = {
        "first": Section("First", {
            "a": case("raises"), "b": case("killed", by=11), "c": case("killed", by=9), "d": case("good", count=3),
        }),
        "second": Section("Second", {
            "e": case("slow", seconds=2), "f": case("good", seconds=0, needs=("no_such_package",)),
        }),
        "third": Section("Third", {"g": case("good")}),
    }  # fmt: skip
    found = run(sections, 100, document=Watched)  # more than the second section has, and less than all
    cases = found["cases"]
    assert {name: one["status"] for name, one in cases.items()} == {
        "a": "failed", "b": "failed", "c": "failed", "d": "done", "e": "cut short", "f": "skipped", "g": "done",
    }  # fmt: skip
    assert [len(one["rows"]) for one in cases.values()] == [1, 1, 1, 3, 1, 0, 1]  # what was told is kept
    assert "it broke" in cases["a"]["error"]
    assert "SIGSEGV" in cases["b"]["error"]
    assert "SIGKILL" in cases["c"]["error"]
    assert "no_such_package" in cases["f"]["error"]
    assert set(found["seen"]) == set(range(9))  # after every row
    assert found["sections"]["first"]["status"] == "1 of 4 done"
    page = (tmp_path / "found.html").read_text()
    assert "Unmeasured" in page
    assert "cut short: its time was over; 1 row was kept" in page


def test_what_there_is_no_time_for_is_told(run):
    found = run({"only": Section("Only", {"a": case("slow"), "b": case("good", seconds=0)})})
    assert found["cases"]["a"]["status"] == "cut short"
    assert found["cases"]["b"]["status"] == "not reached"
    assert any("Good: not reached" in line for line in found["unmeasured"])


def test_a_section_that_cannot_begin_fails_whole(run, monkeypatch):
    monkeypatch.setattr(runner.sys, "executable", "/bin/false")
    found = run({"only": Section("Only", {"a": case("good"), "b": case("good")})})
    assert {one["status"] for one in found["cases"].values()} == {"failed"}
    assert found["cases"]["a"]["error"] == "exit status 1"


def test_ctrl_c_keeps_what_there_is(run, tmp_path):
    class Interrupted(Document):
        def write(self, page=False):
            super().write(page)
            if self.results["cases"]["a"]["rows"] and not page:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"only": Section("Only", {"a": case("slow"), "b": case("good")})}, document=Interrupted)
    found = json.loads((tmp_path / "found.json").read_text())["cases"]
    assert [one["status"] for one in found.values()] == ["cut short", "not reached"]
    assert found["a"]["rows"] == [{"number": 0}]


@pytest.mark.parametrize("name", [name for one in SECTIONS.values() for name in one.cases])
def test_every_case_is_there_and_takes_its_options(name):
    (found,) = (one.cases[name] for one in SECTIONS.values() if name in one.cases)
    inspect.signature(function_of(found.place)).bind(quick=True, **found.options)


def test_a_cpu_says_that_accelerators_are_unmeasured():
    results = Document({}, True, 1, None).results
    assert "No accelerator took part" in unmeasured({**results, "machine": {**MACHINE, "platform": "cpu"}})[0]
    assert unmeasured({**results, "machine": MACHINE, "quick": False}) == []


def test_outcomes_are_read_from_one_process_and_from_several():
    alone: Any = OUTCOME.fullmatch("tests/core/test_tree.py::test_a[x y] FAILED                    [ 42%]")
    assert (alone[2], alone[3]) == ("tests/core/test_tree.py::test_a[x y]", "FAILED")
    several: Any = OUTCOME.fullmatch("[gw1] [ 42%] PASSED tests/core/test_tree.py::test_a[x y]")
    assert (several[1], several[2].strip()) == ("PASSED", "tests/core/test_tree.py::test_a[x y]")
    begun: Any = OUTCOME.fullmatch("tests/core/test_tree.py::test_a")
    assert not begun[1]


def test_early_rows_stay_until_others_take_their_places(run):
    cases = {"all": case("turns", hangs=False), "few": case("turns", seconds=1, hangs=True)}
    found = run({"only": Section("Only", cases)})["cases"]
    assert found["all"]["rows"] == [{"number": 10}, {"number": 11}, {"number": 12}]
    assert found["few"]["rows"] == [{"number": 10}, {"number": 1, "early": True}]
    rows = []
    for row in (early({"a": 0}), {"a": 1}, early({"a": 2}), {"a": 3}, {"a": 4}):
        put(rows, row)
    assert rows == [{"a": 1}, {"a": 3}, {"a": 4}]


def test_a_second_run_on_the_same_device_keeps_what_it_leaves_out(run, tmp_path, capsys):
    first = {"a": case("good", count=2), "b": case("good"), "c": case("good")}
    run({"sweeps": Section("Sweeps", first)}, commit="1" * 40)
    second = {"b": case("good", count=3), "c": case("empty")}
    run({"sweeps": Section("Sweeps", second)}, date="2026-02-03T04", commit="2" * 40)
    found = json.loads((tmp_path / "found.json").read_text())
    assert {name: len(one["rows"]) for name, one in found["cases"].items()} == {"a": 2, "b": 3, "c": 1}
    dates = [one["date"][:10] for one in found["cases"].values()]
    assert dates == ["2026-01-02", "2026-02-03", "2026-01-02"]
    assert found["machine"]["date"] == "2026-02-03T04"
    assert found["sections"]["sweeps"]["cases"] == ["a", "b", "c"]
    assert found["sections"]["sweeps"]["status"] == "3 of 3 done"
    assert [line for line in found["unmeasured"] if "run again on 2026-02-03: failed: ValueError: no row" in line]
    page = (tmp_path / "found.html").read_text()
    assert " on 2026-01-02 at 1111111111" in page
    assert " on 2026-02-03 at 2222222222" in page
    run({"other": Section("Other", {"d": case("good")})}, device="E")
    assert list(json.loads((tmp_path / "found.json").read_text())["cases"]) == ["d"]
    assert "was of another device" in capsys.readouterr().err


def test_sections_and_single_cases_are_chosen_in_the_order_of_their_names():
    assert list(chosen([])) == list(SECTIONS)
    found = chosen(["tests", "sweeps.lanes", "there", "sweeps.digits"])
    assert {name: list(one.cases) for name, one in found.items()} == {
        "tests": ["core"], "sweeps": ["lanes", "digits"], "there": ["facts", "copy", "products"],
    }  # fmt: skip
    assert found["sweeps"].seconds == sum(SECTIONS["sweeps"].cases[name].seconds for name in ("lanes", "digits"))
    assert sum(one.seconds for one in SECTIONS.values()) == 480
    for name in ("sweep", "sweeps.digit"):
        with pytest.raises(KeyError, match=name.rpartition(".")[2]):
            chosen([name])


def test_tests_that_cannot_run_say_why(monkeypatch, tmp_path):
    (tmp_path / "test_broken.py").write_text("import no_such_module")
    monkeypatch.setattr("bench.device.core_tests.FEW", (str(tmp_path / "test_broken.py"),))
    with pytest.raises(RuntimeError, match="no_such_module"):
        list(core_tests(quick=True))


def test_any_beginning_of_the_tests_is_a_sample(monkeypatch, tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_some.py").write_text(
        "import pytest\n@pytest.mark.parametrize('x', range(3))\ndef test_a(x): pass\n"
        "@pytest.mark.parametrize('x', range(2))\ndef test_b(x): assert x\n"
    )
    monkeypatch.setattr("bench.device.core_tests.ROOT", tmp_path)
    monkeypatch.setattr("bench.device.core_tests.FEW", ("tests",))
    rows = [row for row in core_tests(quick=True) if isinstance(row, dict)]
    assert {"test": "tests/test_some.py::test_b[0]", "outcome": "failed"} in rows
    assert rows[-1] == {"test": "all files", "outcome": "a sample", "passed": 4, "failed": 1, "known": 5}
    with pytest.raises(RuntimeError, match="no test passed"):  # none begins after the end
        list(core_tests(quick=True, seconds=-1))
    assert COUNT.findall("12 workers [2342 items]") == COUNT.findall("collected 2342 items") == ["2342"]
