"""Two histograms back to back over one axis: solid bars rise from it, dotted ones hang down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.reactive import reactive

from engine.store.distribution import FEW_SCORED
from tui.text.axis import Axis, Ticks, decimals, round_step, short
from tui.widgets.plot import GUTTER, Canvas, Plot

RISING = " ▁▂▃▄▅▆▇█"
HANGING = " ⠉⠛⠿⣿"

ROOMY = 12
"""Rows from which on the title has one of its own."""


@dataclass(frozen=True, slots=True)
class MarkedMedian:
    position: float  # on the axis
    figures: str  # as it is written


@dataclass(frozen=True, slots=True)
class HistogramSide:
    """One of the two histograms."""

    name: str
    counts: tuple[int, ...]
    number: int  # samples counted
    median: MarkedMedian | None  # None: of so few samples none is said


@dataclass(frozen=True, slots=True)
class HistogramBars:
    """The bars of a measure, over one axis. Without `hanging` there is one histogram, as high as two."""

    low: float
    high: float
    rising: HistogramSide
    hanging: HistogramSide | None
    remark: str = ""  # at the end of the title

    @property
    def sides(self) -> tuple[HistogramSide, ...]:
        return (self.rising,) if self.hanging is None else (self.rising, self.hanging)


class HistogramPlot(Plot[HistogramBars]):
    """The bars of a measure; those below the threshold are dimmed. The mouse points at a threshold."""

    threshold: reactive[float | None] = reactive(None)
    """A position on the axis that is marked."""

    class PositionPicked(Message):
        """A person points at a position with the mouse."""

        def __init__(self, histogram: HistogramPlot, position: float) -> None:
            super().__init__()
            self.histogram = histogram
            self.position = position

        @property
        def control(self) -> HistogramPlot:
            return self.histogram

    def __init__(self, title: str, about: str, ticks: Ticks, *, id: str) -> None:
        super().__init__(title, about, id=id)
        self._ticks = ticks

    def bins(self, samples: int) -> int:
        """The number of bins for so many samples and the columns there are: few samples make wide bars."""
        wanted = max(12, round(2 * math.cbrt(samples)))
        return max(self._columns // math.ceil(self._columns / wanted), 1)

    @property
    def _columns(self) -> int:
        return max(self.size.width - GUTTER, 8)

    def suits(self, data: HistogramBars) -> bool:
        return len(data.rising.counts) == self.bins(max(side.number for side in data.sides))

    @property
    def step(self) -> float:
        """The threshold's step: a round number, a column's worth or a little less."""
        return round_step((self._axis.high - self._axis.low) / self._axis.cells / 2.5)

    def rounded(self, position: float) -> float:
        """The nearest multiple of `step`, without the digits that binary fractions add."""
        return round(round(position / self.step) * self.step, decimals(self.step))

    @property
    def _axis(self) -> Axis:
        assert self.data is not None, "there is something to draw"
        bins = len(self.data.rising.counts)
        return Axis(self.data.low, self.data.high, max(self._columns // bins, 1) * bins)

    @property
    def _marked(self) -> int | None:
        """The column of the threshold; beyond the axis at its nearest end."""
        if self.threshold is None:
            return None
        return min(max(self._axis.cell(self.threshold), 0), self._axis.cells)

    # --- the mouse ----------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self.data is not None and event.button == 1:
            self.capture_mouse()
            self._pick(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._pick(event)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def _pick(self, event: events.MouseEvent) -> None:
        if self.data is not None:
            axis = self._axis
            cell = min(max(event.x - self.gutter.left - GUTTER, 0), axis.cells)
            self.post_message(self.PositionPicked(self, self.rounded(axis.position(cell))))

    # --- drawing ------------------------------------------------------------------------------------------------

    def draw(self, canvas: Canvas, data: HistogramBars) -> None:
        # Where there is height for it, the title has a line of its own, and says more.
        top = 1 if canvas.height >= ROOMY else 0
        canvas.put(canvas.width - len(data.remark), 0, data.remark, "$text-warning")
        if top and len(self.title) + len(self.about) + len(data.remark) + 4 <= canvas.width:
            self.draw_about(canvas)
        peak = max(max(side.counts) for side in data.sides)
        rows = (canvas.height - top - 1 - len(data.sides)) // len(data.sides)
        if rows < 1:
            return
        base = top + 1 + rows
        axis, marked = self._axis, self._marked
        ticks = [tick for tick in self._ticks(axis.low, axis.high, axis.cells // 9) if axis.holds(tick[0])]
        canvas.put_axis(GUTTER, base, axis, ticks, marked)
        canvas.put(0, top + 1, f"{short(peak):>{GUTTER - 1}}╴", "dim")
        self._draw_bars(canvas, data.rising, peak, rows, base - 1, -1)
        first = 0 if top else len(self.title) + 2
        last = canvas.width - (0 if top or not data.remark else len(data.remark) + 2)
        self._draw_median(canvas, data.rising, (top, first, last), "▾", "$primary")
        if data.hanging is not None:
            canvas.put(0, base + rows, f"{short(peak):>{GUTTER - 1}}╴", "dim")
            self._draw_bars(canvas, data.hanging, peak, rows, base + 1, 1)
            place = base + rows + 1, 0, canvas.width
            self._draw_median(canvas, data.hanging, place, "▴", "$secondary")
        if marked is not None:
            for row in range(top + 1, base):
                canvas.put(GUTTER + marked, row, "│", "bold $accent")
            canvas.put(GUTTER + marked, base, "◆", "bold $accent")

    def _draw_bars(
        self, canvas: Canvas, side: HistogramSide, peak: int, rows: int, first: int, step: int
    ) -> None:
        glyphs, style = (RISING, "$primary") if step < 0 else (HANGING, "$secondary")
        axis, parts = self._axis, len(glyphs) - 1
        wide = axis.cells // len(side.counts)
        mark = (self._marked or 0) if step < 0 else 0
        for number, count in enumerate(side.counts):
            # What is there is seen, however little.
            height = max(round(count / peak * rows * parts), 1) if count else 0
            for row in range(-(-height // parts)):
                glyph = glyphs[min(height - row * parts, parts)]
                for column in range(number * wide, (number + 1) * wide):
                    dimmed = " dim" if column < mark else ""
                    canvas.put(GUTTER + column, first + row * step, glyph, style + dimmed)

    def _draw_median(
        self, canvas: Canvas, side: HistogramSide, place: tuple[int, int, int], mark: str, style: str
    ) -> None:
        """Write a side's name and median, marked where the median is, within `place`: a row and two columns of it."""
        row, first, last = place
        if side.median is None:
            long = f"{side.name} · {side.number:,}, no median below {FEW_SCORED}"
            said = long if len(long) <= last - first else f"{side.name} · {side.number:,}"
            canvas.put(max(first, min(GUTTER, last - len(said))), row, said, f"bold {style}")
            return
        column = GUTTER + min(max(self._axis.cell(side.median.position), 0), self._axis.cells - 1)
        brief = f"{side.name} {side.median.figures}"
        for label in (f"{side.name} · median {side.median.figures}", brief):
            right, left = f"{mark} {label}", f"{label} {mark}"
            if first <= column <= last - len(right):
                canvas.put(column, row, right, f"bold {style}")
                return
            if first <= column + 1 - len(left) and column < last:
                canvas.put(column + 1 - len(left), row, left, f"bold {style}")
                return
        canvas.put(max(first, min(column, last - len(brief))), row, brief, f"bold {style}")
