"""A report as a browser would read it, and the tags and attributes that it may have."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.command import burnish

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "nav",
        "ul",
        "li",
        "a",
    ),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "span",
        "code",
        "pre",
        "dl",
        "dt",
        "dd",
        "div",
        "details",
        "summary",
        "del",
        "ins",
    ),
    *(
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "svg",
        "text",
        "rect",
        "path",
    ),
    "line",
}
EMPTY = {"meta"}
BLOCKS = {"td", "th", "li", "p", "dt", "dd", "caption", "figcaption", "div", "text", "h1", "h2", "h3", "h4"}
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "id",
        "href",
        "open",
        "scope",
        "title",
        "role",
    ),
    *("aria-label", "aria-labelledby", "viewbox", "x", "y", "x1", "x2", "y1", "y2", "d", "width", "height"),
    "text-anchor",
}


class Page(HTMLParser):
    """A page's tags, attributes and text, as Python's parser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.odd: list[str] = []  # comments, declarations, and end tags of what is not open
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []
        self.text = "".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.odd.append(tag)
        if tag in BLOCKS:
            self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def written(workspace: Path, *options: object) -> str:
    out = workspace.with_name("report.html")
    ended = burnish("report", workspace, "-o", out, *options)
    assert (ended.code, ended.out) == (0, ""), ended.err
    return out.read_text("utf-8")


def one_line(text: str) -> str:
    return " ".join(text.split())
