"""A text of any length, with some of its words marked. Only what is on the screen is drawn."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from tui.text.literal import literal
from tui.text.wrapping import WrappedLine, wrap

MARGIN = 3
"""Cells at the left: whether this text has the focus, whether the line holds a mark, and a space."""

TAB = "⇥   "

MARK_STYLES = {
    "added": "$success underline",
    "removed": "$error strike",
    "title": "$primary bold",
    "note": "$text-muted italic",
    "fresh": "reverse",
    "match": "reverse",
    "cursor": "$primary",
    "focus": "$primary",
}
"""The looks of a mark, by its name. No component classes: Textual looks through the styles of each of these for every
text, and Review shows a dozen."""


def displayed(text: str) -> str:
    """A text of the dataset or a model as it is shown: everything that would act is a picture of itself."""
    return literal(text).replace("\t", TAB)


class Marks:
    """Stretches of a text that do not overlap, each with a name."""

    def __init__(self, marks: Iterable[tuple[int, int, str]]) -> None:
        self.all = sorted(marks)
        self._starts = [start for start, _, _ in self.all]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marks) and other.all == self.all

    __hash__ = None  # type: ignore[assignment]

    def on(self, line: WrappedLine) -> list[tuple[int, int, str]]:
        """Those on a line."""
        first = max(bisect_right(self._starts, line.start) - 1, 0)
        found = []
        for mark in self.all[first:]:
            if mark[0] >= line.end and mark[0] > line.start:
                break
            if mark[1] > line.start:
                found.append(mark)
        return found


class Prose(Widget, can_focus=True):
    """A text with marks, wrapped to the width there is. `raw` is what is copied.

    Marks are stretches of the text with a name: `added` and `removed` have a sign in the margin as well, `title`,
    `note`, `fresh`, `match` and `cursor` are only drawn differently.
    """

    ALLOW_SELECT = True
    SIGNS: ClassVar[dict[str, str]] = {"added": "+", "removed": "−"}
    DEFAULT_CSS = """
    Prose {
        width: 1fr;
        height: auto;
        color: $foreground;
    }
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.raw = ""
        self._text = ""
        self._base = Style()
        self._marks = Marks([])
        self._found = Marks([])  # over the marks
        self._lines: tuple[int, list[WrappedLine]] | None = None  # for a width

    @property
    def text(self) -> str:
        return self._text

    def show(
        self,
        text: str,
        marks: Iterable[tuple[int, int, str]] = (),
        *,
        raw: str | None = None,
        found: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Show a text that went through `displayed`. Marks are (start, end, name), and do not overlap; `found` are the
        places of what is sought, in marks or not."""
        self.raw = text if raw is None else raw
        shown = Marks(marks), Marks((*span, "match") for span in found)
        if text == self._text and shown == (self._marks, self._found):
            return
        self._text, self._lines, (self._marks, self._found) = text, None, shown
        self.refresh(layout=True)

    def show_pieces(self, pieces: Iterable[tuple[str, str]]) -> None:
        """Show raw texts one after the other, each with the name of its mark, or ""; line breaks at the end go."""
        marks, whole = [], ""
        for piece, name in pieces:
            text = displayed(piece)
            if name:
                marks.append((len(whole), len(whole) + len(text.rstrip("\n")), name))
            whole += text
        whole = whole.rstrip("\n")
        self.show(whole, [(start, min(end, len(whole)), name) for start, end, name in marks])

    def _wrapped(self, width: int) -> list[WrappedLine]:
        if self._lines is None or self._lines[0] != width:
            self._lines = width, wrap(self._text, width)
        return self._lines[1]

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._wrapped(width - MARGIN))

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = (
            self.rich_style
        )  # Textual gathers it from all that this stands in: once, and not for each line
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self._base
        lines = self._wrapped(width - MARGIN)
        if y >= len(lines):
            return Strip.blank(width, base)
        line = lines[y]
        segments = list(self._segments(line, base))
        sign, style = self._sign(line)
        focus = Segment("▎" if self.has_focus else " ", base + self._style("focus"))
        margin = Strip([focus, Segment(f"{sign} ", base + style)])
        words = Strip(segments).apply_offsets(line.start - line.own_start, line.own)
        return Strip.join([margin, words]).adjust_cell_length(width, base)

    def _style(self, name: str) -> Style:
        return self.app.stylesheet.parse_style(MARK_STYLES[name]).rich_style

    def _sign(self, line: WrappedLine) -> tuple[str, Style]:
        for _, _, name in self._marks.on(line):
            if name in self.SIGNS:
                return self.SIGNS[name], Style(color=self._style(name).color, bold=True)
        return " ", Style()

    def _segments(self, line: WrappedLine, base: Style) -> Iterable[Segment]:
        edges = {line.start, line.end}
        marks = [*self._marks.on(line), *self._found.on(line)]
        for start, end, _ in marks:
            edges |= {max(start, line.start), min(end, line.end)}
        selected = self._selected(line)
        if selected:
            edges |= set(selected)
        selection = self.screen.get_component_rich_style("screen--selection") if selected else Style()
        bounds = sorted(edge for edge in edges if line.start <= edge <= line.end)
        for start, end in pairwise(bounds):
            style = base
            for first, last, name in marks:
                if first <= start and end <= last:
                    style += self._style(name)
            if selected and selected[0] <= start and end <= selected[1]:
                style += selection
            yield Segment(self._text[start:end], style)

    def _selected(self, line: WrappedLine) -> tuple[int, int] | None:
        """The characters of a line that are selected."""
        if (selection := self.text_selection) is None or (span := selection.get_span(line.own)) is None:
            return None
        start, end = line.own_start + span[0], line.end if span[1] == -1 else line.own_start + span[1]
        start, end = max(start, line.start), min(end, line.end)
        return (start, end) if start < end else None

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        if not self._text:
            return None
        return selection.extract(self._text), "\n"

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()
