"""The README's code runs as it stands, and its two commands are there."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readme_s_code_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert "reached" in printed or "threshold" in printed
    best = namespace["result"].best_value
    assert best < 0.1


def test_the_readme_has_its_two_commands():
    assert "pip install -e '.[all]' && jgd race" in README
    assert "pip install -e '.[test]' && pytest" in README


def test_what_the_readme_and_the_pages_link_to_is_there():
    pages = [ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md", *(ROOT / "jgd/guide").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text()):
            made = page.parent.name == "guide" and link.startswith(("reference/", "types/"))  # with the site
            assert made or (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_readme_is_four_screens():
    assert len(README.splitlines()) <= 200
    code = [line for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
    assert len(code) <= 100
    assert [line for line in code if len(line) > 100] == []  # what is wider is cut on a page


def test_the_readme_cites_what_the_citation_file_says():
    cited = (ROOT / ".github/CITATION.cff").read_text()
    for key in ("title", "- name"):
        assert [text in README for text in re.findall(rf'{key}: "?(.*?)"?$', cited, re.MULTILINE)] == [True]
