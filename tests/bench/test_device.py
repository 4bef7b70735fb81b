"""A run on a device: a case that raises, dies or takes too long stops no other, and results are whole after each."""

import inspect
import json

import pytest

from bench.cases import Case, function_of
from bench.device import runner
from bench.device.core_tests import OUTCOME
from bench.device.document import Document, unmeasured
from bench.device.sections import SECTIONS, Section

FAKES = '''"""Cases."""
import os, signal, time
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
    time.sleep(60)
'''
MACHINE = {
    "device": "D", "platform": "gpu", "devices": 1, "cores": 2, "date": "2026-01-02T03", "commit": None,
    "changed": False, "versions": {},
}  # fmt: skip


def case(name, seconds=20, needs=(), **options):
    return Case(f"fakes_of_a_test:{name}", name.title(), seconds, needs, options=options)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run sections of fakes in half a minute at most; returns what is in the file in the end."""
    (tmp_path / "fakes_of_a_test.py").write_text(FAKES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(runner, "LEAST", 0.2)

    def run(sections, seconds=30, document=Document):
        found = document(sections, False, 0.5, lambda machine: tmp_path / "found.json")
        found.described(MACHINE)
        try:
            runner.run_sections(sections, found, False, seconds)
        finally:
            found.end()
        return json.loads((tmp_path / "found.json").read_text())

    return run


class Watched(Document):
    """Reads what it has written, each time."""

    def write(self, page=False):
        super().write(page)
        read = json.loads(self.path.read_text())
        rows = sum(len(one["rows"]) for one in read["cases"].values())
        assert rows == sum(len(one["rows"]) for one in self.results["cases"].values())
        self.seen = [*getattr(self, "seen", []), rows]
        read["seen"] = self.seen
        self.results["seen"] = self.seen


def test_what_raises_is_killed_or_takes_too_long_stops_no_other(run, tmp_path):
    sections = {
        "first": Section("First", 10, {
            "a": case("raises"), "b": case("killed", by=11), "c": case("killed", by=9), "d": case("good", count=3),
        }),
        "second": Section("Second", 1, {"e": case("slow", seconds=1), "f": case("good", needs=("no_such_package",))}),
        "third": Section("Third", 10, {"g": case("good")}),
    }  # fmt: skip
    found = run(sections, document=Watched)
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
    found = run({"only": Section("Only", 1, {"a": case("slow"), "b": case("good", seconds=0)})}, seconds=2)
    assert found["cases"]["a"]["status"] == "cut short"
    assert found["cases"]["b"]["status"] == "not reached"
    assert any("Good: not reached" in line for line in found["unmeasured"])


def test_a_section_that_cannot_begin_fails_whole(run, monkeypatch):
    monkeypatch.setattr(runner.sys, "executable", "/bin/false")
    found = run({"only": Section("Only", 1, {"a": case("good"), "b": case("good")})})
    assert {one["status"] for one in found["cases"].values()} == {"failed"}
    assert found["cases"]["a"]["error"] == "exit status 1"


def test_ctrl_c_keeps_what_there_is(run, tmp_path):
    class Interrupted(Document):
        def write(self, page=False):
            super().write(page)
            if self.results["cases"]["a"]["rows"] and not page:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"only": Section("Only", 1, {"a": case("slow"), "b": case("good")})}, document=Interrupted)
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
    alone = OUTCOME.fullmatch("tests/core/test_tree.py::test_a[x y] FAILED                    [ 42%]")
    assert (alone[2], alone[3]) == ("tests/core/test_tree.py::test_a[x y]", "FAILED")
    several = OUTCOME.fullmatch("[gw1] [ 42%] PASSED tests/core/test_tree.py::test_a[x y]")
    assert (several[1], several[2].strip()) == ("PASSED", "tests/core/test_tree.py::test_a[x y]")
    assert not OUTCOME.fullmatch("tests/core/test_tree.py::test_a")[1]
