"""Tokens set as text in lines: words wrap whole, line breaks are kept and seen, and each token knows its cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.method.token_gain import TokenSpan
from tui.text.literal import literal

BREAK, TAB, SPACE, NOTHING = "↵", "→", "·", "◌"
TAB_WIDTH = 4
REST = 2000
"""Characters that are shown of what was not scored."""

_PART = re.compile(r"\n|\t|[^\S\n\t]+|\S+")
# What changes or joins its neighbours, which may be other tokens: terminals and widths disagree about it.
_JOINING = re.compile(
    "[\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff\u20e3\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"
)


@dataclass(frozen=True, slots=True)
class TokenCells:
    """Cells of one token on a line."""

    x: int
    width: int
    text: str
    span: int | None  # index; None: after the scored text
    kind: str = "word"  # or "mark", a picture of white space, or "gap", the space before a word

    @property
    def end(self) -> int:
        return self.x + self.width


def lay_out(spans: Sequence[TokenSpan], rest: str, width: int) -> list[list[TokenCells]]:
    """The lines of a text of at most `width` cells, every span with a word or a mark on at least one of them."""
    setter = _Setter(max(width, 8))
    for index, span in enumerate(spans):
        setter.add(index, _safe(span.text) or NOTHING)
    if rest:
        setter.add(None, _safe(rest[:REST]))
        if len(rest) > REST:
            setter.add(None, f" … and {len(rest) - REST:,} characters more")
    return setter.finish()


def _safe(text: str) -> str:
    """The text with a picture for each character that would act, by itself or on its neighbours."""
    text = literal(text)
    if text.isascii():
        return text
    text = _JOINING.sub(_apart, text)
    first = text[:1]
    return NOTHING + text if first and not cell_len(first) else text


def _apart(match: re.Match[str]) -> str:
    code = ord(match[0])
    # Half a flag is a letter; circled it stays one.
    return chr(0x24B6 + code - 0x1F1E6) if 0x1F1E6 <= code <= 0x1F1FF else NOTHING


class _Setter:
    def __init__(self, width: int) -> None:
        self._width = width
        self._lines: list[list[TokenCells]] = [[]]
        self._x = 0
        self._word: list[tuple[int | None, str, int]] = []
        self._gap: list[tuple[int | None, str, int]] = []

    def add(self, span: int | None, text: str) -> None:
        for match in _PART.finditer(text):
            part = match[0]
            if not part.isspace():
                self._add_word(span, part)
                continue
            self._end_word()
            # White space that is all of a token has a loss of its own, and must be there to be seen.
            if part not in "\n\t" and not text.isspace():
                self._gap.append((span, part, cell_len(part)))
                continue
            self._put_gap()
            if part == "\n":
                self._put(span, BREAK, 1, "mark")
                self._end_line()
                continue
            tab = TAB.ljust(TAB_WIDTH - self._x % TAB_WIDTH)
            mark = tab if part == "\t" else SPACE * cell_len(part)
            if self._x and self._x + len(mark) > self._width:
                self._end_line()
            self._put(span, mark, len(mark), "mark")

    def _add_word(self, span: int | None, part: str) -> None:
        cells = cell_len(part)
        if cells <= len(part):
            self._word.append((span, part, cells))
            return
        # Writing in wide characters may break between any two.
        for cluster in _clusters(part):
            cells = cell_len(cluster)
            if cells > 1:
                self._end_word()
            self._word.append((span, cluster, cells))
            if cells > 1:
                self._end_word()

    def finish(self) -> list[list[TokenCells]]:
        self._end_word()
        self._put_gap()
        return self._lines

    def _end_word(self) -> None:
        if not self._word:
            return
        gap, word = sum(g[2] for g in self._gap), sum(w[2] for w in self._word)
        if self._x and self._x + gap + word > self._width and word <= self._width:
            self._gap.clear()  # the space that a new line stands for
            self._end_line()
        else:
            self._put_gap()
        for span, text, cells in self._word:
            self._put(span, text, cells, "word")
        self._word.clear()

    def _put_gap(self) -> None:
        for span, text, cells in self._gap:
            if self._x + cells <= self._width:
                self._put(span, text, cells, "gap")
        self._gap.clear()

    def _put(self, span: int | None, text: str, cells: int, kind: str) -> None:
        """Set it, in pieces where a line cannot hold it. A line break may hang over by its one cell."""
        room = self._width - self._x
        if cells <= room or text == BREAK:
            self._lines[-1].append(TokenCells(self._x, cells, text, span, kind))
            self._x += cells
            return
        piece, taken = "", 0
        for cluster in _clusters(text):
            size = cell_len(cluster)
            if taken and taken + size > room:
                self._put(span, piece, taken, kind)
                piece, taken = "", 0
            if not taken and size > self._width - self._x:
                self._end_line()
            if not taken:
                room = self._width - self._x
            piece, taken = piece + cluster, taken + size
        if piece:
            self._put(span, piece, taken, kind)

    def _end_line(self) -> None:
        self._lines.append([])
        self._x = 0


def _clusters(text: str) -> Iterator[str]:
    """Characters, each with the marks upon it."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not (unicodedata.category(text[at])[0] == "M" or not cell_len(text[at])):
            yield text[start:at]
            start = at
