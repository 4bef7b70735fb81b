"""The guide: its code runs, the names that it tells of are there, and the command shows its pages."""

import functools
import importlib.util
import json
import re

import jax
import pytest

import jgd
from jgd.commands.guide import guide_pages
from jgd.commands.main import main
from jgd.optimizers.catalogue import catalogue
from jgd.solvers.names import METHODS
from jgd.solvers.root import ROOT_METHODS

PAGES = guide_pages()
BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
COLUMNS = 100  # of code beside both lists at 1280 pixels, see the style of the site


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "guide"}
    with jax.numpy_rank_promotion("allow"):  # as readers have it
        for block in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
            exec(compile(block, f"{page}.md", "exec"), namespace)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_are_seen_whole(page):
    blocks = [*BLOCK.findall(PAGES[page]), *re.findall(r"^    (.*)", BLOCK.sub("", PAGES[page]), re.MULTILINE)]
    wide = [line for block in blocks for line in block.splitlines() if len(line) > COLUMNS]
    assert wide == []


def test_recipes_are_short():
    for page in ("recipes", "models", "science"):
        for recipe in PAGES[page].split("\n## ")[1:]:
            lines = [line for block in BLOCK.findall(recipe) for line in block.splitlines()]
            assert len(lines) <= 40, recipe.partition("\n")[0]


def is_there(parts):
    """Tell whether jgd has such a name, or a module of it that nothing has imported yet."""
    try:
        functools.reduce(getattr, parts, jgd)
    except AttributeError:
        return importlib.util.find_spec(".".join(["jgd", *parts])) is not None
    return True


@pytest.mark.parametrize("page", PAGES)
def test_the_names_of_a_page_are_there(page):
    for name in set(re.findall(r"\bjgd((?:\.[A-Za-z_]\w*)+)", PAGES[page])):
        assert is_there(name[1:].split(".")), f"{page}.md tells of jgd{name}, which is not there"


def test_every_page_is_listed():
    listed = re.findall(r"^\| \[([a-z-]+)\]", PAGES["index"], re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(PAGES)


def test_the_page_of_solvers_names_every_method():
    missing = [name for name in (*METHODS, *ROOT_METHODS) if f'"{name}"' not in PAGES["solvers"]]
    assert not missing


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


@pytest.mark.slow
def test_the_site_is_built_from_all_pages(tmp_path, capsys, monkeypatch):
    some = {name: catalogue()[name] for name in ("lion", "sgd")}
    monkeypatch.setattr("jgd.commands.guide.site.catalogue", lambda: some)  # the others' paths take minutes
    (tmp_path / "results").mkdir()
    (tmp_path / "results/steps.html").write_text("<title>Steps of an H200</title>")
    assert main(["guide", "--site", str(tmp_path / "site"), "--with", str(tmp_path / "results")]) == 0
    assert (tmp_path / "site/index.html").is_file()
    assert "Steps of an H200" in (tmp_path / "site/benchmarks/index.html").read_text()
    assert (tmp_path / "site/benchmarks/steps.html").is_file()
    assert "The path of lion" in (tmp_path / "site/optimizers/lion.svg").read_text()
    assert "../linear_schedule.svg" in (tmp_path / "site/schedules/linear_schedule/index.html").read_text()
    assert "ScaleByLion" in (tmp_path / "site/optimizers/lion/index.html").read_text()
    assert not [page for page in (tmp_path / "site").rglob("*.html") if "\\&lt;" in page.read_text()]
    listed = (tmp_path / "site/llms.txt").read_text()
    assert "(optimizers/lion/): Lion " in listed
    assert all((tmp_path / "site" / page / "index.html").is_file() for page in re.findall(r"\(([a-z-]+/)\): ", listed))


def test_without_its_builder_there_is_no_site(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("jgd.commands.guide.site.find_spec", lambda name: None)
    assert main(["guide", "--site", str(tmp_path / "site")]) == 2
    assert "pip install 'jgd[docs]'" in capsys.readouterr().err


def test_a_folder_without_pages_is_refused(tmp_path, capsys):
    assert main(["guide", "--site", str(tmp_path / "site"), "--with", str(tmp_path)]) == 2
    assert "there is no HTML page there" in capsys.readouterr().err
