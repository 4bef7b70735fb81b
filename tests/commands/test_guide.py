"""The guide: its code runs, the names that it tells of are there, and the command shows its pages."""

import functools
import json
import re

import jax
import pytest

import jgd
from jgd.commands.guide import guide_pages
from jgd.commands.main import main

PAGES = guide_pages()


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "guide"}
    with jax.numpy_rank_promotion("allow"):  # as readers have it
        for block in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
            exec(compile(block, f"{page}.md", "exec"), namespace)


@pytest.mark.parametrize("page", PAGES)
def test_the_names_of_a_page_are_there(page):
    for name in set(re.findall(r"\bjgd((?:\.[A-Za-z_]\w*)+)", PAGES[page])):
        try:
            functools.reduce(getattr, name[1:].split("."), jgd)
        except AttributeError:
            pytest.fail(f"{page}.md tells of jgd{name}, which is not there")


def test_every_page_is_listed():
    listed = re.findall(r"^\| ([a-z-]+) \|", PAGES["index"], re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted([*PAGES, "page"])  # the head of the table


def test_the_command_shows_pages_and_optimizers(capsys):
    assert main(["guide"]) == 0
    assert "# The guide" in capsys.readouterr().out
    assert main(["guide", "choose"]) == 0
    assert "## A schedule" in capsys.readouterr().out
    assert main(["guide", "lion", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "jgd.lion(learning_rate" in said["text"]
    assert "Chen et al. 2023" in said["text"]
    assert "4 bytes a parameter" in said["text"]
    assert {"choose", "adamw"} <= set(said["topics"])
    assert main(["guide", "chose"]) == 2
    assert "choose" in capsys.readouterr().err
