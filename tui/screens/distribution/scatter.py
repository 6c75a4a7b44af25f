"""How two scores of the same samples lie: on the left those that are as they were, on the right the rewritten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.store.distribution import Scatter
from tui.text.axis import Axis, apart, linear_ticks
from tui.text.canvas import Canvas

KEPT = "⠒⠖⠶⡷⣿"
REWRITTEN = "•░▒▓█"
"""From one sample in a cell to as many as the fullest has."""

GUTTER = 6
"""Columns on the left, for the numbers of the upright axis."""

BETWEEN = 3
"""Columns between the two halves."""


Grid = Sequence[Sequence[int]]


class ScatterPlot(Widget):
    DEFAULT_CSS = "ScatterPlot { text-wrap: nowrap; }"
    ALLOW_SELECT = False

    halves: reactive[bool] = reactive(True)
    """Whether samples were rewritten, and are shown beside the others."""

    class GridResized(Message):
        """There is room for another number of cells."""

    def __init__(self, title: str, across: str, up: str, *, id: str) -> None:
        super().__init__(id=id)
        self._title = title
        self._across = across
        self._up = up
        self._scatter: Scatter | None = None
        self._waiting = "counting…"

    def show(self, scatter: Scatter) -> None:
        self._scatter = scatter
        self.refresh()

    def forget(self, instead: str = "counting…") -> None:
        """Draw nothing but a word."""
        self._scatter, self._waiting = None, instead
        self.refresh()

    @property
    def cells(self) -> tuple[int, int]:
        """Columns and rows there is room for, in each half."""
        width = self.size.width - GUTTER
        return max((width - BETWEEN) // 2 if self.halves else width, 8), max(self.size.height - 3, 4)

    @property
    def fits(self) -> bool:
        """Whether what is drawn has the cells there is room for."""
        scatter = self._scatter
        return scatter is None or not self.display or (len(scatter.all[0]), len(scatter.all)) == self.cells

    def on_resize(self) -> None:
        self.post_message(self.GridResized())

    def render(self) -> Content:
        canvas = Canvas(self.size.width, self.size.height)
        canvas.put(0, 0, self._title, "bold")
        if self._scatter is None:
            canvas.put(GUTTER, 2, self._waiting, "dim")
            return canvas.content()
        all, taken = self._scatter.all, self._scatter.replaced
        kept = [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(all, taken, strict=True)]
        parts: list[tuple[Grid, str, str, str]] = [(all, REWRITTEN, "$primary", "as it is")]
        if self.halves:
            parts = [(kept, KEPT, "$secondary", "as it was"), (taken, REWRITTEN, "$primary", "rewritten")]
        columns, rows = self.cells
        y = Axis(*self._scatter.y, rows)
        canvas.put(len(self._title) + 2, 0, f"↑ {self._up}   → {self._across}", "dim")
        for at, said in linear_ticks(y.low, y.high, max(rows // 3, 2)):
            if y.holds(at):
                canvas.put(0, 1 + rows - y.cell(at), f"{said:>{GUTTER - 1}}", "dim")
        # One scale for both, so that they can be compared.
        peak = max(count for part in parts for row in part[0] for count in row)
        for number, (counts, glyphs, style, name) in enumerate(parts):
            left = GUTTER + number * (columns + BETWEEN)
            self._draw_frame(canvas, left, Axis(*self._scatter.x, columns), y)
            _draw_cells(canvas, left, (columns, rows), counts, peak, glyphs, style)
            legend = f"{glyphs[-1]} {name} · {sum(chain.from_iterable(counts)):,}"
            canvas.put(left, 1, legend, "dim")
            canvas.put(left, 1, glyphs[-1], style)
        return canvas.content()

    def _draw_frame(self, canvas: Canvas, left: int, x: Axis, y: Axis) -> None:
        foot = 2 + y.cells
        canvas.put(left, foot, "─" * x.cells, "dim")
        ticks = [(x.cell(at), f" {said} ") for at, said in linear_ticks(x.low, x.high, x.cells // 9)]
        for first, text in apart(ticks, x.cells):
            canvas.put(left + first, foot, text, "dim")
        # At 1 the one half does not help to say the other.
        if y.holds(1):
            canvas.put(left, foot - 1 - y.cell(1), "┈" * x.cells, "dim")
        if x.holds(1):
            for row in range(2, foot):
                canvas.put(left + x.cell(1), row, "┊", "dim")


def _draw_cells(
    canvas: Canvas,
    left: int,
    cells: tuple[int, int],
    counts: Grid,
    peak: int,
    glyphs: str,
    style: str,
) -> None:
    columns, rows = cells
    for number, row in enumerate(counts):
        for column, count in enumerate(row):
            if count:
                # Until it is counted again for another size, what is there is stretched.
                x, y = left + column * columns // len(row), 1 + rows - number * rows // len(counts)
                canvas.put(x, y, glyphs[_level(count, peak)], style)


def _level(count: int, peak: int) -> int:
    """Which glyph shows a count: by its logarithm, so that one sample is seen beside a thousand."""
    return round(math.log(count) / math.log(max(peak, len(KEPT))) * (len(KEPT) - 1))
