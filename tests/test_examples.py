"""Every example runs, says something, and is short; what it must reach, it asserts itself."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, capsys):
    lines = path.read_text().splitlines()
    assert lines[0].startswith('"""')
    assert len(lines) <= 80
    assert any("assert " in line for line in lines)
    runpy.run_path(str(path), run_name="__main__")
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) > 3
    assert " at 0x" not in shown, "an object without a readable form was printed"
