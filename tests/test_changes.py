"""The script that makes a release's changelog of the files of changes."""

import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def release(version, folder):
    spec = importlib.util.spec_from_file_location("release", ROOT / ".changes" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.release(version, folder)


@pytest.mark.parametrize("unreleased", ["\n## Unreleased\n\n- Old.\n", ""])
def test_changes_go_below_the_new_version_and_their_files_away(tmp_path, unreleased):
    folder = tmp_path / ".changes"
    folder.mkdir()
    (folder / "README.md").write_text("# How\n")
    (folder / "b.md").write_text("- Second.\n- Third.\n")
    (folder / "a.md").write_text("First,\nin two lines.\n")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n{unreleased}\n## 0.1.0\n\n- Begin.\n")
    text = release("0.2.0", folder)
    old = "- Old.\n" if unreleased else ""
    expected = (
        f"# Changelog\n\n## 0.2.0\n\n- First,\n  in two lines.\n- Second.\n- Third.\n{old}\n## 0.1.0\n\n- Begin.\n"
    )
    assert text == expected == (tmp_path / "CHANGELOG.md").read_text()
    assert [path.name for path in folder.iterdir()] == ["README.md"]
    with pytest.raises(SystemExit, match="lacks"):
        release("0.2.0", folder)
