"""Two histograms back to back over one axis: solid bars rise from it, dotted ones hang down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.text.axis import Axis, Ticks, apart, decimals, round_step, short
from tui.text.canvas import Canvas

RISING = " ▁▂▃▄▅▆▇█"
HANGING = " ⠉⠛⠿⣿"

GUTTER = 6
"""Columns on the left, for the highest count."""

ROOMY = 12
"""Rows from which on the title has one of its own."""


@dataclass(frozen=True, slots=True)
class HistogramSide:
    """One of the two histograms."""

    name: str
    counts: tuple[int, ...]
    number: int  # samples counted
    median: float  # its position on the axis
    said: str  # the median in figures


@dataclass(frozen=True, slots=True)
class HistogramBars:
    """What is drawn. Without `hanging` there is one histogram, as high as two."""

    low: float
    high: float
    rising: HistogramSide
    hanging: HistogramSide | None
    remark: str = ""  # at the end of the title


class HistogramPlot(Widget):
    DEFAULT_CSS = "HistogramPlot { text-wrap: nowrap; }"
    ALLOW_SELECT = False  # the mouse drags the threshold

    threshold: reactive[float | None] = reactive(None)
    """A position that is marked; what lies below it is dimmed."""

    class BinsResized(Message):
        """There is room for another number of columns."""

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
        super().__init__(id=id)
        self._title = title
        self._about = about
        self._ticks = ticks
        self._bars: HistogramBars | None = None
        self._waiting = "counting…"

    # --- what is drawn ------------------------------------------------------------------------------------------

    @property
    def bars(self) -> HistogramBars | None:
        return self._bars

    def show(self, bars: HistogramBars) -> None:
        self._bars = bars
        self.refresh()

    def forget(self, instead: str = "counting…") -> None:
        """Draw nothing but a word."""
        self._bars, self._waiting = None, instead
        self.refresh()

    def bins(self, samples: int) -> int:
        """How many bins suit so many samples and the columns there are: few samples make wide bars."""
        wanted = max(12, round(2 * math.cbrt(samples)))
        return max(self._columns // math.ceil(self._columns / wanted), 1)

    @property
    def _columns(self) -> int:
        return max(self.size.width - GUTTER, 8)

    @property
    def fits(self) -> bool:
        """Whether what is drawn has the bins that the room asks for."""
        bars = self._bars
        if bars is None or not self.display:
            return True
        samples = max(side.number for side in (bars.rising, bars.hanging) if side is not None)
        return len(bars.rising.counts) == self.bins(samples)

    @property
    def step(self) -> float:
        """A round number, a column's worth or a little less: what the threshold moves by."""
        return round_step((self._axis.high - self._axis.low) / self._axis.cells / 2.5)

    def rounded(self, position: float) -> float:
        """The nearest multiple of `step`, without the digits that binary fractions add."""
        return round(round(position / self.step) * self.step, decimals(self.step))

    @property
    def _axis(self) -> Axis:
        assert self._bars is not None, "there is something to draw"
        bins = len(self._bars.rising.counts)
        return Axis(self._bars.low, self._bars.high, max(self._columns // bins, 1) * bins)

    @property
    def _marked(self) -> int | None:
        """The column of the threshold; beyond the axis at its nearest end."""
        if self.threshold is None:
            return None
        return min(max(self._axis.cell(self.threshold), 0), self._axis.cells)

    # --- the mouse ----------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.post_message(self.BinsResized())

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self._bars is not None and event.button == 1:
            self.capture_mouse()
            self._pick(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._pick(event)

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def _pick(self, event: events.MouseEvent) -> None:
        if self._bars is not None:
            axis = self._axis
            cell = min(max(event.x - self.gutter.left - GUTTER, 0), axis.cells)
            self.post_message(self.PositionPicked(self, self.rounded(axis.position(cell))))

    # --- drawing ------------------------------------------------------------------------------------------------

    def render(self) -> Content:
        canvas = Canvas(self.size.width, self.size.height)
        canvas.put(0, 0, self._title, "bold")
        bars = self._bars
        if bars is None:
            canvas.put(GUTTER, 2, self._waiting, "dim")
            return canvas.content()
        # Where there is height for it, the title has a line of its own, and says more.
        top = 1 if canvas.height >= ROOMY else 0
        canvas.put(canvas.width - len(bars.remark), 0, bars.remark, "$text-warning")
        if top and len(self._title) + len(self._about) + len(bars.remark) + 4 <= canvas.width:
            canvas.put(len(self._title) + 2, 0, self._about, "dim")
        self._draw(canvas, bars, top)
        return canvas.content()

    def _draw(self, canvas: Canvas, bars: HistogramBars, top: int) -> None:
        sides = [side for side in (bars.rising, bars.hanging) if side is not None]
        peak = max(max(side.counts) for side in sides)
        rows = (canvas.height - top - 1 - len(sides)) // len(sides)
        if rows < 1:
            return
        base = top + 1 + rows
        self._draw_axis(canvas, base)
        canvas.put(0, top + 1, f"{short(peak):>{GUTTER - 1}}╴", "dim")
        self._draw_bars(canvas, bars.rising, peak, rows, base - 1, -1)
        first = 0 if top else len(self._title) + 2
        last = canvas.width - (0 if top or not bars.remark else len(bars.remark) + 2)
        self._draw_median(canvas, bars.rising, (top, first, last), "▾", "$primary")
        if bars.hanging is not None:
            canvas.put(0, base + rows, f"{short(peak):>{GUTTER - 1}}╴", "dim")
            self._draw_bars(canvas, bars.hanging, peak, rows, base + 1, 1)
            place = base + rows + 1, 0, canvas.width
            self._draw_median(canvas, bars.hanging, place, "▴", "$secondary")
        self._draw_threshold(canvas, top + 1, base)

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

    def _draw_axis(self, canvas: Canvas, row: int) -> None:
        axis = self._axis
        canvas.put(GUTTER, row, "─" * axis.cells, "dim")
        ticks = self._ticks(axis.low, axis.high, axis.cells // 9)
        labels = [(axis.cell(position), f" {said} ") for position, said in ticks if axis.holds(position)]
        mark = self._marked
        for first, text in apart(labels, axis.cells):
            if mark is None or not first <= mark < first + len(text):
                canvas.put(GUTTER + first, row, text, "dim")

    def _draw_median(
        self, canvas: Canvas, side: HistogramSide, place: tuple[int, int, int], mark: str, style: str
    ) -> None:
        """Whose bars these are and where their median is, on a row, between two columns of it."""
        row, first, last = place
        column = GUTTER + min(max(self._axis.cell(side.median), 0), self._axis.cells - 1)
        brief = f"{side.name} {side.said}"
        for said in (f"{side.name} · median {side.said}", brief):
            right, left = f"{mark} {said}", f"{said} {mark}"
            if first <= column <= last - len(right):
                canvas.put(column, row, right, f"bold {style}")
                return
            if first <= column + 1 - len(left) and column < last:
                canvas.put(column + 1 - len(left), row, left, f"bold {style}")
                return
        canvas.put(max(first, min(column, last - len(brief))), row, brief, f"bold {style}")

    def _draw_threshold(self, canvas: Canvas, first: int, base: int) -> None:
        mark = self._marked
        if mark is None:
            return
        column = GUTTER + mark
        for row in range(first, base):
            canvas.put(column, row, "│", "bold $accent")
        canvas.put(column, base, "◆", "bold $accent")
