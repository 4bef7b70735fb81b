"""The guide as a site: its pages, the reference by kind with its pictures, and pages of results, built by MkDocs."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jgd.commands.guide.landscapes import RATES, STEPS, path_pictures
from jgd.commands.guide.reference import KINDS, ReferenceEntry
from jgd.commands.guide.reference_page import kind_page, parameters_page, reference_page
from jgd.commands.guide.schedule_curves import curve_pictures, example_call
from jgd.core.errors import InputError
from jgd.optimizers.catalogue import catalogue

TITLE = "jgd: gradient descent as a value"
FEATURES = ["navigation.sections", "navigation.top", "content.code.copy", "search.highlight"]
STYLE = """\
.md-grid { max-width: 72rem; }
.md-typeset pre > code { font-size: 0.59rem; }  /* 100 columns beside both lists, and 120 on a wide screen */
@media screen and (min-width: 60em) {  /* a name in a table is not cut; on a phone it is, rather than a column hidden */
  .md-typeset table:not([class]) code { word-break: normal; overflow-wrap: break-word; }
}
"""
PATH = (
    f"After each of {STEPS} steps a dot, from the large one to the red minimum, at the best of {RATES} learning rates: "
    "(1 - x)² + 100 (y - x²)² on the left, x² + 30 y² on the right. The title has the value at the end. The plane is "
    "a picture and no ranking: see the leaderboard."
)


def build_site(
    folder: Path,
    pages: Mapping[str, str],
    entries: Mapping[str, ReferenceEntry],
    *,
    pictures: bool = True,
    extra: Path | None = None,
) -> None:
    """Write the site into a folder, which is made anew: `index.html`, a page each, a search, and `llms.txt`.

    `pictures` draws the path of each optimizer, which compiles a program each; `extra` is a folder of HTML pages that
    the site shows as they are. Needs mkdocs-material, the extra "docs".
    """
    if not (find_spec("mkdocs") and find_spec("material")):
        raise InputError("jgd guide --site: mkdocs-material is not installed; pip install 'jgd[docs]' brings it.")
    if extra is not None and not any(extra.glob("*.html")):
        raise InputError(
            f"jgd guide --with {extra}: there is no HTML page there; `python -m bench --pages` writes those of "
            "bench/results."
        )
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "docs"
        _write_pages(source, pages, entries, pictures)
        if extra is not None:
            _write(source, "benchmarks/index.md", _benchmarks(extra, source / "benchmarks"))
        _write(source, "llms.txt", llms_text(pages, entries))
        _write(source, "style.css", STYLE)
        _run_mkdocs(Path(place), source, folder, _navigation(pages, extra is not None))


def title_of(text: str) -> str:
    """Return the heading of a page."""
    return text.partition("\n")[0].lstrip("# ")


def llms_text(pages: Mapping[str, str], entries: Mapping[str, ReferenceEntry]) -> str:
    """List the pages with their addresses and purposes, as programs that read text look for them (llmstxt.org)."""
    told = dict(re.findall(r"^\| \[([a-z-]+)\]\(.*?\) \| (.*) \|$", pages.get("index", ""), re.MULTILINE))
    lines = [f"# {TITLE}", "", "> A functional optimization toolkit for JAX.", "", "## Guide", ""]
    lines += [f"- [{title_of(text)}]({name}/): {told[name]}" for name, text in pages.items() if name in told]
    for kind, (title, _) in KINDS.items():
        some = [one for one in entries.values() if one.kind == kind and not one.is_type]
        lines += ["", f"## {title}", "", *(f"- [{one.name}]({one.address}/): {one.summary}" for one in some)]
    return "\n".join(lines) + "\n"


def _write_pages(source: Path, pages: Mapping[str, str], entries: Mapping[str, ReferenceEntry], paths: bool) -> None:
    """Write all pages in Markdown, and their pictures."""
    for name, text in pages.items():
        _write(source, f"{name}.md", text)
    with as_file(files("jgd") / "guide" / "pictures") as drawn:
        if drawn.is_dir():
            shutil.copytree(drawn, source / "pictures")
    _write(source, "reference/parameters.md", parameters_page())
    shown = curve_pictures() | (path_pictures(catalogue().values()) if paths else {})
    for kind in KINDS:
        some = [entry for entry in entries.values() if entry.kind == kind]
        _write(source, f"reference/{kind}.md", kind_page(kind, some))
        for entry in some:
            _write(source, f"{entry.address}.md", _of_entry(entry, entry.name in shown))
            if entry.name in shown:
                _write(source, f"{entry.address}.svg", shown[entry.name])


def _of_entry(entry: ReferenceEntry, drawn: bool) -> str:
    """Return the page of a name with the way back to its kind and its picture."""
    head, _, rest = reference_page(entry).partition("\n")
    above = f"[{KINDS[entry.kind][0]}](../reference/{entry.kind}.md)"
    picture = ""
    if drawn:
        is_curve = entry.kind == "schedules"
        said = f"The curve of `{example_call(entry.name)}`" if is_curve else PATH
        picture = f"\n![{'The curve' if is_curve else 'The path'} of {entry.name}]({entry.name}.svg)\n\n{said}\n"
    return f"{head}\n\n{above}\n{_escaped(rest)}{picture}"


def _escaped(text: str) -> str:
    """Return text in which what a formula has in angle brackets, and stars and underscores, are read as they stand."""
    parts = re.split(r"(```.*?```|`[^`\n]*`|\n    [^\n]*|^- `[^\n]*?`)", text, flags=re.DOTALL)
    parts[::2] = (re.sub(r"([*_|])", r"\\\1", part.replace("<", "&lt;")) for part in parts[::2])
    return "".join(parts)


def _benchmarks(extra: Path, target: Path) -> str:
    """Return the list of the HTML pages of a folder, which are copied beside it."""
    lines = ["# Benchmarks", "", "Pages of results as they were measured, each with its device, versions and date.", ""]
    target.mkdir(parents=True)
    for page in sorted(extra.glob("*.html")):
        shutil.copy(page, target / page.name)
        title = re.search(r"<title>(.*?)</title>", page.read_text(encoding="utf-8"), re.DOTALL)
        lines.append(f"- [{page.stem}]({page.name}): {title[1] if title else page.stem}")
    return "\n".join(lines) + "\n"


def _navigation(pages: Mapping[str, str], benchmarks: bool) -> list[Any]:
    """List what stands at the side: the written pages, the kinds of names, the results. Names are below their kind."""
    kinds = [{title: f"reference/{kind}.md"} for kind, (title, _) in KINDS.items()]
    return [
        *({title_of(text): f"{name}.md"} for name, text in pages.items()),
        {"Reference": [*kinds, {"Parameters of optimizers": "reference/parameters.md"}]},
        *([{"Benchmarks": "benchmarks/index.md"}] if benchmarks else []),
    ]


def _run_mkdocs(place: Path, source: Path, folder: Path, navigation: list[Any]) -> None:
    """Build the Markdown of a folder into another; the last line of what went wrong is the error."""
    settings = {
        "site_name": TITLE,
        "docs_dir": str(source),
        "site_dir": str(folder.absolute()),
        "theme": {"name": "material", "font": False, "features": FEATURES},
        "extra_css": ["style.css"],
        "markdown_extensions": ["tables", "sane_lists", "pymdownx.highlight", "pymdownx.superfences"],
        "not_in_nav": "\n".join([f"/{kind}/" for kind in (*KINDS, "types")]),
        "nav": navigation,
    }
    config = place / "mkdocs.yml"
    config.write_text(json.dumps(settings))  # JSON is YAML
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--clean", "-f", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said: Iterable[str] = done.stderr.strip().splitlines() or ["no reason given"]
        raise InputError(f"jgd guide --site {folder}: mkdocs failed: {list(said)[-1]}")


def _write(source: Path, name: str, text: str) -> None:
    path = source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
