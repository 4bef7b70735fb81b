"""The progress line: silent in a pipe, HTML without widgets in a notebook."""

import re
import sys
from types import SimpleNamespace

import pytest

from jgd.core import progress
from jgd.core.progress import Progress


@pytest.fixture
def notebook(monkeypatch):
    """Return a kernel whose displays are kept as texts."""
    shown = []
    handle = SimpleNamespace(update=shown.append)
    display = SimpleNamespace(HTML=str, display=lambda text, display_id: shown.append(text) or handle)
    python = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()), display=display)
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_pipe_sees_nothing(capfd):
    with Progress("fit", 10) as line:
        line.update(5, "loss 1")
    assert capfd.readouterr() == ("", "")


def test_a_notebook_shows_it_unasked_with_the_time_left(notebook, monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress._NotebookLine.__init__, "__defaults__", (lambda: float(next(now)),))
    with Progress("fit <b>", 100, 20) as line:
        line.update(60, "loss <1>")
    assert "20/100" in notebook[0]
    assert 'value="60" max="100"' in notebook[1]
    assert "fit &lt;b&gt;" in notebook[1]
    assert "loss &lt;1&gt;" in notebook[1]
    assert ", left 0:00:" in notebook[1]
    assert "60/100" in notebook[-1]


def test_it_can_be_silenced_in_a_notebook(notebook):
    with Progress("fit", 10, show=False) as line:
        line.update(5)
    assert notebook == []


def test_redraws_are_few(notebook, monkeypatch):
    monkeypatch.setattr(progress._NotebookLine.__init__, "__defaults__", (lambda: 5.0,))
    with Progress("fit", 1000) as line:
        for done in range(1000):
            line.update(done)
    assert len(notebook) == 3  # at the start, the first update, and the end
    assert "999/1,000" in notebook[-1]


def test_a_total_may_grow_with_the_time_left(notebook, monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress._NotebookLine.__init__, "__defaults__", (lambda: float(next(now)),))
    with Progress("sweep", 10) as line:
        line.expect(40)
        line.update(10)
    assert 'value="10" max="40"' in notebook[1]
    _, taken, _, left = re.findall(r"0:(\d+):(\d+), left 0:(\d+):(\d+)", notebook[1])[0]
    assert int(left) == 3 * int(taken) % 60  # thirty more at the pace of ten


def test_what_a_folder_held_tells_nothing_of_the_pace(notebook, monkeypatch):
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress._NotebookLine.__init__, "__defaults__", (lambda: float(next(now)),))
    with Progress("sweep", 100) as line:
        line.start_at(80)
        line.update(90)
    assert 'value="90" max="100"' in notebook[1]
    _, taken, _, left = re.findall(r"0:(\d+):(\d+), left 0:(\d+):(\d+)", notebook[1])[0]
    assert left == taken  # ten more at the pace of ten, not of ninety
