"""`jgd bench` and `jgd compare` in this process: files, tables, JSON, errors, and no test of how fast anything is."""

import copy
import importlib
import json
import re

import pytest

from jgd.commands import main
from jgd.commands.bench.rows import HEADER, Row, cells
from jgd.core.cost import Cost
from jgd.measure import Timing, compare, device

ROOFLINE = importlib.import_module("jgd.measure.roofline")  # whose name in the package is its function
TINY = ["bench", "--params", "3000x3", "--blocks", "2"]


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    """Short blocks, and a device whose copy and products cost nothing."""
    monkeypatch.setattr(device, "COPY_BYTES", 1 << 16)
    monkeypatch.setattr(device, "last_cache_bytes", lambda device: 0)
    monkeypatch.setattr("jgd.commands.bench.command.BLOCK_SECONDS", 1e-4)
    monkeypatch.setattr("jgd.commands.bench.command.flops", lambda: 1e12)


@pytest.fixture
def benched(tmp_path, capsys):
    """Return the results of a small bench."""
    folder = tmp_path / "out"
    assert main([*TINY, "--optimizers", "adam,sgd", "--peers", "optax", "--out", str(folder)]) == 0
    return folder, capsys.readouterr().out


def test_the_table_the_results_and_the_page(benched):
    folder, out = benched
    assert re.match(r"3000x3: 3,000 parameters in 3 arrays, on .*; a copy moves [\d.]+ GB/s\.\n", out)
    lines = out.splitlines()
    assert lines[2].split()[:4] == ["optimizer", "by", "step", "IQR"]
    assert [line.split()[:2] for line in lines[4:8]] == [[a, b] for a in ("adam", "sgd") for b in ("jgd", "optax")]
    assert "memory is no limit" in out
    document = json.loads((folder / "results.json").read_text())
    assert document["params"] == {"name": "3000x3", "parameters": 3000, "leaves": 3, "bytes": 12000}
    assert {"jgd", "jax", "jaxlib", "optax", "python"} == set(document["versions"])
    first = document["rows"][0]
    assert (first["case"], len(first["seconds"]), first["copy"]) == ("3000x3 adam by jgd", 2, None)
    assert first["state_bytes_per_parameter"] == pytest.approx(8, abs=0.01)
    assert first["least_bytes"] == 28 * 3000 + 8
    assert first["memory"]["donated"] == 3 * 12000 + 4
    assert document["rows"][1]["difference_from_jgd"] < 1e-4
    assert document["rows"][1]["ratio_to_jgd"]["ratio"] > 0
    page = (folder / "report.html").read_text()
    assert page.count("<svg role") == 2
    assert "http" not in page
    for words in ("Optimizer steps on 3000x3", "Roofline", "jgd bench --optimizers adam,sgd --params 3000x3", "named"):
        assert words in page
    assert "class=winner" not in page


def test_where_memory_is_the_limit_the_floor_and_the_copy_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(ROOFLINE, "last_cache_bytes", lambda device: 0)
    monkeypatch.setattr(ROOFLINE, "NOISE", 1e9)  # on so few numbers anything may be faster than a copy
    assert main([*TINY, "--optimizers", "sgd", "--out", str(tmp_path / "out")]) == 0
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert row["percent_of_floor"]["percent"] > 0
    assert len(row["copy"]) == len(row["seconds"])
    assert "whisker" in (tmp_path / "out" / "report.html").read_text()


def test_json_is_all_that_it_prints_and_a_busy_machine_is_told(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.getloadavg", lambda: (1e6, 0, 0))
    assert main([*TINY, "--optimizers", "sgd", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"][0]["by"] == "jgd"
    assert captured.err == ""
    (page,) = tmp_path.glob("runs/bench-*/report.html")
    assert "The machine was busy as this began, with a load of 1000000.0" in page.read_text()


OWN = """
import jax.numpy as jnp, jgd, optax
from jgd.core.cost import Cost

@jgd.record
class Boast:
    def init(self, params): return ()
    def update(self, grads, state, params=None, **extra): return grads, state
    def cost(self, params): return Cost(1e15)

boast, number = Boast(), 3
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--params", "gpt2"], "unknown name 'gpt2'. Did you mean gpt2-small"),
        (["--params", "gpt3"], "or your own, file.py:params."),
        (["--params", "1e3x0"], "--params 1e3x0: expected at least one leaf"),
        (["--params", "none.py:params"], "there is no file none.py"),
        (["--params", "1e14"], "choose fewer parameters or fewer peers"),
        (["--optimizers", "adamm"], "Did you mean adam"),
        (["--optimizers", ","], "there is no name in it"),
        (["--optimizers", "own.py:number"], "own.py:number: it is 3, and must be a gradient transformation"),
        (["--optimizers", "own.py:boast"], "of the floor is impossible, so either its declared 1000 TB are more"),
        (["--peers", "jax"], "--peers: unknown name 'jax'"),
        (["--blocks", "1"], "--blocks: '1' must be a whole number, at least 2"),
        (["--out", "own.py"], "cannot write there"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jgd.commands.bench.rows.free_bytes", lambda device: 1 << 34)
    monkeypatch.setattr(ROOFLINE, "last_cache_bytes", lambda device: 0)
    assert main([*TINY, *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_peer_that_computes_something_else_is_not_timed(capsys, tmp_path, monkeypatch):
    from jgd.commands.bench.cases import CASES

    wrong = CASES["adam"]()._replace(optax=CASES["sgd"]().optax)
    monkeypatch.setitem(CASES, "adam", lambda: wrong)
    monkeypatch.chdir(tmp_path)
    assert main([*TINY, "--optimizers", "adam", "--peers", "optax"]) == 2
    assert "so it computes something else; leave one of them out." in capsys.readouterr().err
    assert not any((tmp_path / "runs").glob("*"))


def document(**rows):
    """Results whose blocks are the given seconds, and their copies."""
    listed = [{"case": case, "seconds": seconds, "copy": copied} for case, (seconds, copied) in rows.items()]
    return {"machine": {"device": "x"}, "versions": {"jgd": "1", "jax": "2"}, "rows": listed}


STEADY = [1.0, 1.01, 0.99, 1.0, 1.0]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes two documents and compares them."""
    monkeypatch.chdir(tmp_path)

    def compared(before, after, *arguments):
        (tmp_path / "a.json").write_text(json.dumps(before))
        (tmp_path / "b.json").write_text(json.dumps(after))
        return main(["compare", "a.json", "b.json", *arguments])

    return compared


def test_slower_beyond_its_interval_fails(files, capsys):
    before = document(quick=(STEADY, None), slow=(STEADY, None), noisy=(STEADY, None))
    noisy = [0.8, 1.3, 1.2, 0.9, 1.25]
    after = document(
        quick=([0.5 * x for x in STEADY], None), slow=([1.1 * x for x in STEADY], None), noisy=(noisy, None)
    )
    assert files(before, after, "--fail-above", "5%") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["faster", "slower"]
    assert lines[3].split()[1:5] == ["1.00", "s", "1.10", "s"]
    assert lines[-1] == "Slower by more than 5%: slow."
    assert files(before, after, "--fail-above", "20%") == 0
    assert files(before, after) == 0
    assert files(before, before, "--fail-above", "0") == 0


def test_times_are_relative_to_the_copy_where_both_have_one(files, capsys):
    busy = [2 * x for x in STEADY]
    before, after = document(step=(STEADY, STEADY)), document(step=(busy, busy))
    assert files(before, after, "--fail-above", "5%") == 0
    after["rows"][0]["copy"] = None
    capsys.readouterr()
    assert files(before, after, "--fail-above", "5%", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["slower"] == ["step"]
    assert found["ratios"]["step"]["ratio"] == pytest.approx(2)


def test_a_real_bench_compares_with_itself(benched, capsys):
    path = str(benched[0] / "results.json")
    assert main(["compare", path, path, "--fail-above", "5%"]) == 0
    assert "3000x3 adam by jgd" in capsys.readouterr().out


def test_other_machines_and_versions_are_refused_unless_forced(files, capsys):
    before = document(step=(STEADY, None))
    other, newer, ours = (copy.deepcopy(before) for _ in range(3))
    ours["versions"]["torch"] = "1"  # which only one of them had for a peer
    other["machine"]["device"], newer["versions"]["jax"], ours["versions"]["jgd"] = "y", "3", "9"
    assert files(before, other) == 2
    assert (
        "compare: the machines differ (device x and y); bench both alike, or pass --force." in capsys.readouterr().err
    )
    assert files(before, newer) == 2
    assert "the versions differ (jax 2 and 3)" in capsys.readouterr().err
    assert files(before, newer, "--force") == files(before, ours) == 0


def test_what_only_one_has_is_told_and_nothing_in_common_is_an_error(files, capsys):
    a, b = document(x=(STEADY, None), y=(STEADY, None)), document(x=(STEADY, None), z=(STEADY, None))
    assert files(a, b) == 0
    out = capsys.readouterr().out
    assert "Only in a.json: y." in out
    assert "Only in b.json: z." in out
    assert files(document(x=(STEADY, None)), document(z=(STEADY, None))) == 2
    assert "have no case in common" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not a bench's results"),
        ("[]", "is not a bench's results"),
        ('{"machine": {}, "versions": {}, "rows": [{"case": "x", "seconds": []}]}', "the row 'x' has no usable times"),
        ('{"machine": {}, "versions": {}, "rows": [{"case": "x", "seconds": [0]}]}', "the row 'x' has no usable times"),
    ],
)
def test_files_that_are_no_results_are_refused(text, words, tmp_path, capsys):
    (tmp_path / "bad.json").write_text(text)
    bad = str(tmp_path / "bad.json")
    assert main(["compare", bad, bad]) == 2
    assert words in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "none.json"), bad]) == 2
    assert "cannot read" in capsys.readouterr().err
    assert main(["compare", bad, bad, "--fail-above", "few"]) == 2
    assert "--fail-above few: expected a percentage of at least 0, such as 5%." in capsys.readouterr().err


def test_a_ratio_never_says_the_opposite_of_the_medians_beside_it():
    def row(seconds, ours):
        timing, other = Timing(tuple(seconds), 1), Timing(tuple(ours), 1)
        ratio, medians = compare(other, timing), timing.median / other.median
        return Row("adam", "optax", timing, timing, None, Cost(1), 1, 1, None, 1.0, ratio, None, medians)

    def shown(found):
        return cells(found)[HEADER.index("vs ours")], found.verdict

    ours = [1.0, 1.1, 1.0, 1.2, 1.0, 1.1]
    assert shown(row([1.5 * x for x in ours], ours)) == ("1.50x", "slower")
    text, verdict = shown(row([1.1, 1.05, 1.1, 1.25, 0.9, 1.2], ours))
    assert (text[:3], verdict) == ("~1.", "")  # by chance
    # Slower in most pairs, and yet with the smaller median.
    opposed = row([1.02, 2.02, 3.02, 4.02, 1.5, 0.1, 0.2], [1.0, 2.0, 3.0, 4.0, 2.5, 2.6, 0.19])
    assert opposed.ratio
    assert opposed.median_ratio
    assert opposed.ratio
    assert opposed.median_ratio
    assert opposed.ratio.ratio > 1 > opposed.median_ratio
    assert shown(opposed) == ("~1x", "")
