"""Put the changes of this folder, and what stands under "Unreleased", below a new version of the changelog.

`python .changes/release.py 0.8.0`. The files are removed.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
HEAD, UNRELEASED = "# Changelog\n", "\n## Unreleased\n"


def as_items(text: str) -> str:
    """A change as an item of a list; what is a list already stays."""
    return text if text.startswith("- ") else f"- {text}".replace("\n", "\n  ")


def release(version: str, folder: Path = HERE) -> str:
    """The changelog's new text, which is written beside the folder."""
    changelog = folder.parent / "CHANGELOG.md"
    old = changelog.read_text()
    if not re.fullmatch(r"\d+\.\d+\.\d+", version) or f"\n## {version}\n" in old or not old.startswith(HEAD):
        raise SystemExit(f"release.py {version}: expected a version such as 0.8.0 that {changelog.name} lacks.")
    files = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    lines = [as_items(path.read_text().strip()) + "\n" for path in files]
    rest = old.removeprefix(HEAD)
    rest = rest.removeprefix(UNRELEASED) if rest.startswith(UNRELEASED) else f"\n{rest}" if lines else rest
    text = "".join([HEAD, f"\n## {version}\n\n", *lines, rest.removeprefix("\n")])
    changelog.write_text(text)
    for path in files:
        path.unlink()
    return text


if __name__ == "__main__":
    release(*sys.argv[1:2] or [""])
