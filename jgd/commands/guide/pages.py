"""The written pages of the guide."""

import re
from importlib.resources import files


def guide_pages() -> dict[str, str]:
    """Return the pages by name, the list of them first, and then in its order."""
    folder = files("jgd") / "guide"
    found = {
        one.name.removesuffix(".md"): one.read_text(encoding="utf-8")
        for one in folder.iterdir()
        if one.name.endswith(".md")
    }
    listed = [name for name in re.findall(r"\]\(([a-z-]+)\.md\)", found["index"]) if name in found]
    return {name: found[name] for name in dict.fromkeys(["index", *listed, *sorted(found)])}
