"""Reading a page as a browser would: what it refers to, and whether it is whole and loads nothing."""

import html.parser
import re


class Page(html.parser.HTMLParser):
    """Collect what a page refers to, and whether its tags are closed in order."""

    VOID = ("meta", "br", "path", "use", "line", "circle", "rect", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.references, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.references += [attrs[name] for name in ("href", "src", "xlink:href") if name in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def whole_page(text):
    """Return the page, after checking that it is well formed and loads nothing."""
    page = Page(text)
    assert page.open == []
    assert "http" not in text
    assert not re.search(r"@import|<link|<img|src=", text)
    assert all(reference.startswith("#") for reference in page.references)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert len(page.ids) == len(set(page.ids))
    assert {reference[1:] for reference in page.references} <= set(page.ids)
    return page
