"""Two scores of the same samples: on the left those that are as they were, on the right the rewritten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from textual.reactive import reactive

from engine.store.distribution import Scatter
from tui.text.axis import Axis, linear_ticks
from tui.widgets.plot import GUTTER, Canvas, Plot

KEPT = "⠒⠖⠶⡷⣿"
REWRITTEN = "•░▒▓█"
"""From one sample in a cell to as many as the fullest has."""

BETWEEN = 3
"""Columns between the two halves."""

Grid = Sequence[Sequence[int]]


class ScatterPlot(Plot[Scatter]):
    """Two scores against each other: the samples that stay on the left, the rewritten ones on the right."""

    halves: reactive[bool] = reactive(True)
    """Samples may have been rewritten, and are drawn beside the others."""

    @property
    def cells(self) -> tuple[int, int]:
        """Columns and rows there is room for, in each half."""
        width = self.size.width - GUTTER
        return max((width - BETWEEN) // 2 if self.halves else width, 8), max(self.size.height - 3, 4)

    def suits(self, data: Scatter) -> bool:
        return (len(data.all[0]), len(data.all)) == self.cells

    def draw(self, canvas: Canvas, data: Scatter) -> None:
        self.draw_about(canvas)
        parts: list[tuple[Grid, str, str, str]] = [(data.all, REWRITTEN, "$primary", "as it is")]
        if self.halves:
            rewritten = data.replaced
            kept = [
                [a - b for a, b in zip(*rows, strict=True)] for rows in zip(data.all, rewritten, strict=True)
            ]
            parts = [(kept, KEPT, "$secondary", "as it was"), (rewritten, REWRITTEN, "$primary", "rewritten")]
        columns, rows = self.cells
        x, y = Axis(*data.x, columns), Axis(*data.y, rows)
        for at, label in linear_ticks(y.low, y.high, max(rows // 3, 2)):
            if y.holds(at):
                canvas.put(0, 1 + rows - y.cell(at), f"{label:>{GUTTER - 1}}", "dim")
        # One scale for both, so that they can be compared.
        peak = max(count for part in parts for row in part[0] for count in row)
        for number, (counts, glyphs, style, name) in enumerate(parts):
            left = GUTTER + number * (columns + BETWEEN)
            _draw_frame(canvas, left, x, y)
            for y_cell, row in enumerate(counts):
                for x_cell, count in enumerate(row):
                    if count:
                        # Until it is counted again for another size, what is there is stretched.
                        column, line = x_cell * columns // len(row), 1 + rows - y_cell * rows // len(counts)
                        canvas.put(left + column, line, glyphs[_level(count, peak)], style)
            legend = f"{glyphs[-1]} {name} · {sum(chain.from_iterable(counts)):,}"
            canvas.put(left, 1, legend, "dim")
            canvas.put(left, 1, glyphs[-1], style)


def _draw_frame(canvas: Canvas, left: int, x: Axis, y: Axis) -> None:
    foot = 2 + y.cells
    canvas.put_axis(left, foot, x, linear_ticks(x.low, x.high, x.cells // 9))
    # At 1 the one half does not help to say the other.
    if y.holds(1):
        canvas.put(left, foot - 1 - y.cell(1), "┈" * x.cells, "dim")
    if x.holds(1):
        for row in range(2, foot):
            canvas.put(left + x.cell(1), row, "┊", "dim")


def _level(count: int, peak: int) -> int:
    """The number of the glyph for a count: by its logarithm, so that one sample is seen beside a thousand."""
    return round(math.log(count) / math.log(max(peak, len(KEPT))) * (len(KEPT) - 1))
