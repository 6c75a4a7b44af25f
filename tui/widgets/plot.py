"""Base of the plots: characters on a canvas below a title, or a word while there is nothing to draw."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Generic, TypeVar

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui.text.axis import Axis, Tick, apart

GUTTER = 6
"""Columns on the left, for the numbers of the upright axis."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille character (from U+2800 on), by row and column."""

D = TypeVar("D")


class Canvas:
    """A picture made of characters, one a cell, each in a style of the theme. What falls outside is left out."""

    def __init__(self, width: int, height: int) -> None:
        self.width = max(width, 0)
        self.height = max(height, 0)
        self._cells = [[(" ", "")] * self.width for _ in range(self.height)]

    def put(self, x: int, y: int, text: str, style: str = "") -> None:
        """Write from a cell on to the right; every character must be one column wide."""
        if 0 <= y < self.height:
            row = self._cells[y]
            for column, character in enumerate(text, start=x):
                if 0 <= column < self.width:
                    row[column] = (character, style)

    def put_axis(self, x: int, y: int, axis: Axis, ticks: Sequence[Tick], marked: int | None = None) -> None:
        """Write a line of `axis.cells` cells with its ticks; a label that would cover the `marked` cell is left out."""
        self.put(x, y, "─" * axis.cells, "dim")
        labels = [(axis.cell(position), f" {label} ") for position, label in ticks]
        for first, label in apart(labels, axis.cells):
            if marked is None or not first <= marked < first + len(label):
                self.put(x + first, y, label, "dim")

    def content(self) -> Content:
        """The picture; its colours are the theme's at the time it is shown."""
        parts: list[tuple[str, str]] = []
        for row in self._cells:
            for style, cells in groupby(row, key=lambda cell: cell[1]):
                parts.append(("".join(character for character, _ in cells), style))
            parts.append(("\n", ""))
        return Content.assemble(*parts[:-1])


class Plot(Widget, Generic[D]):
    """A plot of `data`. Subclasses implement `draw`, and `suits` where the data depend on the room there is."""

    DEFAULT_CSS = "Plot { text-wrap: nowrap; }"
    ALLOW_SELECT = False  # in a histogram the mouse drags the threshold

    class Resized(Message):
        """There is room for another number of cells."""

    def __init__(self, title: str, about: str, *, id: str) -> None:
        super().__init__(id=id)
        self.title = title
        self.about = about
        self.data: D | None = None
        self._instead = "counting…"

    def show(self, data: D) -> None:
        self.data = data
        self.refresh()

    def forget(self, instead: str = "counting…") -> None:
        """Draw nothing but a word."""
        self.data, self._instead = None, instead
        self.refresh()

    @property
    def fits(self) -> bool:
        """The data need not be counted again for the room there is."""
        return self.data is None or not self.display or self.suits(self.data)

    def suits(self, data: D) -> bool:
        """The data have as many cells as there is room for."""
        return True

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def render(self) -> Content:
        canvas = Canvas(self.size.width, self.size.height)
        canvas.put(0, 0, self.title, "bold")
        if self.data is None:
            self.draw_instead(canvas, self._instead)
        else:
            self.draw(canvas, self.data)
        return canvas.content()

    def draw(self, canvas: Canvas, data: D) -> None:
        """Draw below the title."""
        raise NotImplementedError

    def draw_instead(self, canvas: Canvas, word: str) -> None:
        canvas.put(GUTTER, 2, word, "dim")

    def draw_about(self, canvas: Canvas) -> None:
        """Write beside the title what it is about."""
        canvas.put(len(self.title) + 2, 0, self.about, "dim")
