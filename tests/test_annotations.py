"""Annotations of jgd are true where beartype checks every call against them, in a process of its own."""

import subprocess
import sys

import pytest


@pytest.mark.slow  # 20 s of CPU: each call is checked while programs are traced
def test_beartype_finds_no_false_annotation_on_the_main_paths():
    pytest.importorskip("beartype")
    ended = subprocess.run([sys.executable, "-m", "tests.main_paths"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
