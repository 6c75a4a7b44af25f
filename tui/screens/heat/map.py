"""The heat map: a text, and above each of its tokens a bar for the other half's worth to it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from engine.method.token_gain import TokenSpan
from tui.screens.heat.figures import HeatText
from tui.screens.heat.layout import TokenCells, lay_out
from tui.screens.heat.ramp import UNSCORED, HeatMeasure, HeatPalette, bar

WIDEST = 100
"""Cells of a line: longer ones are hard to read."""

NOTABLE = 0.95
"""A token stands out if its figure is larger than that of so many of the text's."""


class HeatMap(ScrollView, can_focus=False):
    """A text token by token. The screen has the keys; here are the cursor, the mouse and the lines."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heat-map--helps",
        "heat-map--misleads",
        "heat-map--surprises",
    }

    DEFAULT_CSS = """
    HeatMap {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-color: $panel-lighten-2;
        scrollbar-background: $background;
        background: $background;
        color: $foreground;
        .heat-map--helps { color: $success; }
        .heat-map--misleads { color: $error; }
        .heat-map--surprises { color: $warning; }
    }
    """

    class Pointed(Message):
        """Another token is under the cursor, or under the mouse."""

        def __init__(self, heat_map: HeatMap, *, clicked: bool = False) -> None:
            super().__init__()
            self.heat_map = heat_map
            self.clicked = clicked

        @property
        def control(self) -> HeatMap:
            return self.heat_map

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.text: HeatText | None = None
        self.cursor = 0
        self.measure = HeatMeasure.DIFFERENCE
        self.bars = True
        self.active = True  # the keys move this map's cursor
        self._hovered: int | None = None
        self._lines: list[list[TokenCells]] = [[]]
        self._places: dict[int, tuple[int, int]] = {}  # span -> line and cell of its first run
        self._set_for = 0
        self._notable = float("inf")
        self._aim: int | None = None  # the cell that up and down keep to
        self._line: int | None = None  # they are on, where it is not the token's first
        self._palette: HeatPalette | None = None

    # --- what is shown --------------------------------------------------------------------------------------------

    @property
    def spans(self) -> Sequence[TokenSpan]:
        return self.text.spans if self.text is not None else ()

    def show(self, text: HeatText) -> None:
        """Show another text. The cursor goes to its first figure."""
        self.text = text
        self.cursor = next((n for n, span in enumerate(text.spans) if span.gain is not None), 0)
        self._hovered = self._aim = self._line = None
        self._set_for, self._lines, self._places = 0, [[]], {}  # the map may be drawn before it has a width
        self.by(self.measure)
        self._set()
        self.scroll_home(animate=False, immediate=True)

    def by(self, measure: HeatMeasure) -> None:
        """Show this measure, and find the figure from which on a token stands out."""
        self.measure = measure
        values = sorted(abs(v) for span in self.spans if (v := measure.of(span)) is not None)
        self._notable = values[int(NOTABLE * (len(values) - 1))] if values else float("inf")
        self.refresh()

    def with_bars(self, bars: bool) -> None:
        self.bars = bars
        self._resize()
        self._follow()

    def activate(self, active: bool) -> None:
        if active is not self.active:
            self.active = active
            self.refresh()

    @property
    def hovered(self) -> bool:
        return self._hovered is not None

    @property
    def pointed(self) -> TokenSpan | None:
        """The token under the mouse, or else under the cursor."""
        index = self.cursor if self._hovered is None else self._hovered
        return self.spans[index] if index < len(self.spans) else None

    @property
    def palette(self) -> HeatPalette:
        if self._palette is None:
            _, _, paper, ink = self.colors
            helps, misleads, surprises = (
                self.get_component_styles(f"heat-map--{name}").color
                for name in ("helps", "misleads", "surprises")
            )
            flat = self.app.native_ansi_color
            self._palette = HeatPalette(paper, ink, helps, misleads, surprises, flat, self.rich_style)
        return self._palette

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette = None

    def on_mount(self) -> None:
        # A widget that comes into view is not always sent its size, but it is always part of a layout.
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _: self._set())

    def _set(self) -> None:
        width = min(self.scrollable_content_region.width, WIDEST)
        if width <= 0 or width == self._set_for:
            return
        self._set_for, self._line = width, None
        self._lines = lay_out(self.spans, self.text.half.rest if self.text else "", width)
        self._places = {}
        for y, line in enumerate(self._lines):
            for run in line:
                if run.span is not None and run.kind != "gap":
                    self._places.setdefault(run.span, (y, run.x))
        self._resize()
        self._follow()

    def _resize(self) -> None:
        self.virtual_size = Size(self._set_for, len(self._lines) * self._rows)
        self.refresh()

    @property
    def _rows(self) -> int:
        """Rows of the screen that a line of text takes."""
        return 2 if self.bars else 1

    # --- the cursor -----------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """To a token before or after."""
        self._aim = self._line = None
        self._go(self.cursor + by)

    def move_line(self, by: int) -> None:
        """To the nearest token that many lines below."""
        if self.cursor not in self._places:
            return
        y, x = self._places[self.cursor]
        if self._line is not None:
            y = self._line
        if self._aim is None:
            self._aim = x
        step = 1 if by > 0 else -1
        y = max(0, min(y + by, len(self._lines) - 1))
        while 0 <= y < len(self._lines):
            runs = [run for run in self._lines[y] if run.span is not None and run.kind != "gap"]
            if runs:
                aim = self._aim
                nearest = min(runs, key=lambda run: max(run.x - aim, aim - run.end + 1, 0))
                assert nearest.span is not None
                self._line = y
                self._go(nearest.span)
                return
            y += step

    def move_page(self, by: int) -> None:
        self.move_line(by * max(1, self.size.height // self._rows - 1))

    def move_to_notable(self, by: int) -> bool:
        """To the next token that stands out, or the one before, around the end; False where there is none."""
        count = len(self.spans)
        for away in range(1, count + 1):
            index = (self.cursor + away * by) % count
            if self.stands_out(self.spans[index]):
                self._aim = self._line = None
                self._go(index)
                return True
        return False

    def stands_out(self, span: TokenSpan) -> bool:
        value = self.measure.of(span)
        return value is not None and abs(value) >= self._notable and self.measure.level(value) != 0

    def _go(self, index: int) -> None:
        index = max(0, min(index, len(self.spans) - 1))
        self._hovered = None
        if index != self.cursor:
            before, self.cursor = self.cursor, index
            self._refresh_span(before)
            self._refresh_span(index)
        self._follow()
        self.post_message(self.Pointed(self))

    def _follow(self) -> None:
        """Have the cursor's line in view, with one more on either side where there is room."""
        if self.cursor not in self._places:
            return
        y = self._places[self.cursor][0] if self._line is None else self._line
        margin = self._rows if self.size.height >= 5 * self._rows else 0
        region = Region(0, max(0, y * self._rows - margin), 1, self._rows + 2 * margin)
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def _refresh_span(self, index: int) -> None:
        y, _ = self._places.get(index, (len(self._lines), 0))
        while y < len(self._lines) and any(run.span == index for run in self._lines[y]):
            self.refresh_lines(y * self._rows, self._rows)
            y += 1  # a token may go on over several lines

    # --- the mouse ------------------------------------------------------------------------------------------------

    def on_mouse_move(self, event: events.MouseMove) -> None:
        index = self._at(event.x, event.y)
        if index != self._hovered:
            for changed in (self._hovered, index):
                if changed is not None:
                    self._refresh_span(changed)
            self._hovered = index
            self.post_message(self.Pointed(self))

    def on_leave(self) -> None:
        if self._hovered is not None:
            self._refresh_span(self._hovered)
            self._hovered = None
            self.post_message(self.Pointed(self))

    def on_click(self, event: events.Click) -> None:
        index = self._at(event.x, event.y)
        if index is not None:
            self._aim = self._line = None
            self._go(index)
            self.post_message(self.Pointed(self, clicked=True))

    def _at(self, x: int, y: int) -> int | None:
        """The index of the span at a cell of the widget."""
        y = (y + self.scroll_offset.y) // self._rows
        if not 0 <= y < len(self._lines):
            return None
        line = self._lines[y]
        at = bisect_right(line, x, key=lambda run: run.x) - 1
        return line[at].span if at >= 0 and x < line[at].end else None

    # --- drawing --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        line, row = divmod(y + self.scroll_offset.y, self._rows)
        width, rich = self.size.width, self.palette.ground
        if line >= len(self._lines):
            return Strip.blank(width, rich)
        draw = self._word if row == self._rows - 1 else self._bar
        segments = []
        for run in self._lines[line]:
            text, style = draw(run)
            segments.append(Segment(text, rich + style.rich_style))
        return Strip(segments).adjust_cell_length(width, rich).simplify()

    def _word(self, run: TokenCells) -> tuple[str, Style]:
        palette = self.palette
        if run.span is None or run.kind == "gap":
            return run.text, palette.faint
        span = self.spans[run.span]
        value = self.measure.of(span)
        if run.span == self.cursor and self.active:
            return run.text, palette.cursor
        style = palette.word(self.measure, value)
        if run.kind == "mark" and style.background is not None and style.foreground is not None:
            # A picture of white space is not the text's own.
            style += Style(foreground=style.background.blend(style.foreground, 0.55))
        if self.stands_out(span):
            style += Style(bold=True)
        if run.span in (self._hovered, self.cursor):
            style += Style(underline=True)
        return run.text, style

    def _bar(self, run: TokenCells) -> tuple[str, Style]:
        palette = self.palette
        if run.span is None or run.kind == "gap":
            return " " * run.width, palette.faint
        value = self.measure.of(self.spans[run.span])
        glyph = UNSCORED if value is None else bar(self.measure.level(value))
        return glyph * run.width, palette.bar(self.measure, value)
