"""The guide as a site: its pages and one for each optimizer, built by MkDocs."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from jgd.core.errors import InputError

TITLE = "jgd: gradient descent as a value"
FEATURES = ["navigation.sections", "navigation.top", "content.code.copy", "search.highlight"]


def build_site(folder: Path, pages: Mapping[str, str], optimizers: Mapping[str, str]) -> None:
    """Write the site into a folder, which is made anew: `index.html`, a page each, a search, and `llms.txt`.

    Needs mkdocs-material, the extra "docs".
    """
    if not (find_spec("mkdocs") and find_spec("material")):
        raise InputError("jgd guide --site: mkdocs-material is not installed; pip install 'jgd[docs]' brings it.")
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "docs"
        (source / "optimizers").mkdir(parents=True)
        for name, text in pages.items():
            (source / f"{name}.md").write_text(text, encoding="utf-8")
        for name, text in optimizers.items():
            (source / "optimizers" / f"{name}.md").write_text(text, encoding="utf-8")
        (source / "llms.txt").write_text(llms_text(pages, optimizers), encoding="utf-8")
        config = Path(place) / "mkdocs.yml"
        settings = {
            "site_name": TITLE,
            "docs_dir": str(source),
            "site_dir": str(folder.absolute()),
            "theme": {"name": "material", "font": False, "features": FEATURES},
            "markdown_extensions": ["tables", "pymdownx.highlight", "pymdownx.superfences"],
            "nav": [
                *({title_of(text): f"{name}.md"} for name, text in pages.items()),
                {"Optimizers": [{name: f"optimizers/{name}.md"} for name in sorted(optimizers)]},
            ],
        }
        config.write_text(json.dumps(settings))  # JSON is YAML
        command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--clean", "-f", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"jgd guide --site {folder}: mkdocs failed: {done.stderr.strip().splitlines()[-1]}")


def title_of(text: str) -> str:
    """The heading of a page."""
    return text.partition("\n")[0].lstrip("# ")


def llms_text(pages: Mapping[str, str], optimizers: Mapping[str, str]) -> str:
    """The pages with their addresses, as programs that read text look for them (llmstxt.org)."""
    lines = [f"# {TITLE}", "", "> A functional optimization toolkit for JAX.", "", "## Guide", ""]
    lines += [f"- [{title_of(text)}]({name}/)" for name, text in pages.items()]
    lines += ["", "## Optimizers", "", *(f"- [{name}](optimizers/{name}/)" for name in sorted(optimizers)), ""]
    return "\n".join(lines)
