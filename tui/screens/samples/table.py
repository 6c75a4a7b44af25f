"""The table of samples: rows near those in sight are fetched from the workspace, and nothing waits for them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events, work
from textual.message import Message
from textual.strip import Strip

from engine.store.annotations import NONE
from engine.store.file_errors import Interrupted
from engine.store.sample_list import SampleColumn, SampleRow
from models.errors import BurnishError
from tui.messages import Failed
from tui.screens.samples.columns import ColumnCell, Shown, cells, fitted
from tui.text.matches import matches
from tui.widgets.cursor_list import CursorList

FetchRows = Callable[[int, int], Awaitable[Sequence[SampleRow]]]
"""Gives the rows from a position on, at most so many. Raises `Interrupted` and `BurnishError`."""

KEPT = 4
"""Screenfuls of rows that stay in memory on either side of those in sight."""

POINTER = 3
"""Cells of the pointer and the mark, and the gap after them."""


class SampleTable(CursorList):
    """Rows by position. Knows no workspace: the owner's `fetch` asks it, and the owner tells what changed."""

    COMPONENT_CLASSES = {  # noqa: RUF012 - Textual's
        f"sample-table--{name}"
        for name in (
            "head",
            "sorted",
            "cursor",
            "away",
            "mark",
            "match",
            "text",
            "muted",
            "good",
            "warn",
            "bad",
        )
    }
    DEFAULT_CSS = """
    SampleTable {
        overflow-y: scroll;
        scrollbar-background: $background; scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        & > .sample-table--head { color: $text-muted; background: $surface; }
        & > .sample-table--sorted { color: $primary; background: $surface; text-style: bold; }
        & > .sample-table--cursor { text-style: reverse; }
        & > .sample-table--away { background: $panel; text-style: bold; }
        & > .sample-table--mark { color: $accent; text-style: bold; }
        & > .sample-table--match { text-style: reverse; }
        & > .sample-table--text { color: $text; }
        & > .sample-table--muted { color: $text-muted; }
        & > .sample-table--good { color: $text-success; }
        & > .sample-table--warn { color: $text-warning; }
        & > .sample-table--bad { color: $text-error; }
    }
    """

    @dataclass
    class TitleClicked(Message):
        """The title of a column that can be sorted by was clicked."""

        column: SampleColumn

    class MarkClicked(Message):
        """The place of the mark was clicked in the row that is now under the cursor."""

    def __init__(self, fetch: FetchRows) -> None:
        super().__init__()
        self._fetch_rows = fetch
        self._rows: dict[int, SampleRow | None] = {}  # None: there is none, whatever the total said
        self._cells: list[ColumnCell] = []
        self._samples = 0
        self._with_rows = False
        self._with_notes = self._with_ratings = False  # a row that was fetched has some
        self._order: tuple[SampleColumn, bool] = (SampleColumn.NUMBER, False)
        self._marked: Container[int] = ()
        self._sought: re.Pattern[str] | None = None
        self._empty = ""
        self._fetching = False
        self._outdated = False  # rows in sight are to be fetched again
        self._arrangement = 0

    # --- what it shows --------------------------------------------------------------------------------------------

    def show(
        self,
        total: int,
        *,
        samples: int,
        with_rows: bool = False,
        order: tuple[SampleColumn, bool] = (SampleColumn.NUMBER, False),
        cursor: int = 0,
        top: int = 0,
        first: int = 0,
        rows: Sequence[SampleRow] = (),
        sought: re.Pattern[str] | None = None,
        empty: str = "",
    ) -> None:
        """Show another arrangement: `total` rows of `samples`, with the cursor at a position and `top` the first in
        sight. `with_rows`: each with its row of the dataset. `rows` are those known already, from position `first` on;
        what `sought` finds of an instruction is marked; `empty` is said where there are none."""
        self._arrangement += 1
        self._rows = dict(enumerate(rows, start=first))
        self._samples, self._with_rows, self._order, self._empty = samples, with_rows, order, empty
        self._sought = sought
        self._outdated = False
        self._with_notes, self._with_ratings = _noted(rows), _rated(rows)
        self._lay_out()
        self.set_total(total)
        self.cursor = max(0, min(cursor, total - 1))
        self.scroll_to(y=top, animate=False, force=True)
        self.refresh()
        self._fetch_missing()

    @property
    def orders(self) -> list[SampleColumn]:
        """The columns that the samples have, whether there is room for them or not, and the one they are sorted by."""
        absent = set() if self._with_rows else {SampleColumn.ROW}
        absent |= set() if self._with_ratings else {SampleColumn.RATING_BEFORE, SampleColumn.RATING_AFTER}
        return [column for column in SampleColumn if column not in absent or column is self._order[0]]

    def mark(self, marked: Container[int]) -> None:
        """Draw these samples as marked."""
        self._marked = marked
        self.refresh()

    def renew(self, samples: Iterable[int] | None = None) -> None:
        """Fetch the rows of some samples, or of all, again; the old ones are shown until then."""
        changed = None if samples is None else set(samples)
        in_sight = self.in_sight
        for position, row in list(self._rows.items()):
            if changed is None or row is None or row.index in changed:
                if position in in_sight:
                    self._outdated = True
                else:
                    del self._rows[position]
        self._fetch_missing()

    def row(self, position: int) -> SampleRow | None:
        """The row at a position, where it is known."""
        return self._rows.get(position)

    @property
    def current(self) -> SampleRow | None:
        """The row under the cursor, where it is known."""
        return self._rows.get(self.cursor)

    # --- fetching ---------------------------------------------------------------------------------------------------

    def _wanted(self) -> range | None:
        """The rows to fetch now."""
        if not self.size.height or not self.total:
            return None
        top, page = self.top, self.page
        near = range(max(0, top - page // 2), min(self.total, top + page + page // 2))
        if not self._outdated and all(position in self._rows for position in near):
            return None
        return range(max(0, top - 2 * page), min(self.total, top + 3 * page))

    def _fetch_missing(self) -> None:
        if not self._fetching and self._wanted():
            self._fetching = True
            self._fetch()

    @work(group="rows")
    async def _fetch(self) -> None:
        """Fetch until the rows in sight are known. Where one scrolls faster, the rows passed by are never fetched."""
        try:
            while wanted := self._wanted():
                arrangement, self._outdated = self._arrangement, False
                rows = await self._fetch_rows(wanted.start, len(wanted))
                if arrangement == self._arrangement:
                    self._take(wanted, rows)
        except Interrupted:
            pass
        except BurnishError as error:
            self.post_message(Failed(error))
        finally:
            self._fetching = False

    def _take(self, wanted: range, rows: Sequence[SampleRow]) -> None:
        self._rows.update(dict.fromkeys(wanted))
        self._rows.update(enumerate(rows, start=wanted.start))
        notes, ratings = self._with_notes or _noted(rows), self._with_ratings or _rated(rows)
        if (notes, ratings) != (self._with_notes, self._with_ratings):
            self._with_notes, self._with_ratings = notes, ratings
            self._lay_out()
        kept = range(self.top - KEPT * self.page, self.top + (KEPT + 1) * self.page)
        for position in [
            position for position in self._rows if position not in kept and position not in wanted
        ]:
            del self._rows[position]
        self.refresh()

    # --- moving ---------------------------------------------------------------------------------------------------

    def centre(self) -> None:
        """Scroll so that the cursor stands in the middle, where it is out of sight."""
        if self.cursor not in self.in_sight:
            self.scroll_to(y=self.cursor - self.page // 2, animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._fetch_missing()

    def on_resize(self) -> None:  # Textual then calls the base's
        self._lay_out()
        self.call_after_refresh(self._fetch_missing)

    def click_titles(self, x: int) -> None:
        end = POINTER
        for cell in self._cells:
            end += cell.whole
            if x < end:
                if cell.column is not None:
                    self.post_message(self.TitleClicked(cell.column))
                return

    def click_row(self, event: events.Click) -> None:
        if event.x < POINTER - 1:
            self.post_message(self.MarkClicked())
        else:
            super().click_row(event)

    # --- drawing --------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._cells = cells(
            max(self.scrollable_content_region.width - POINTER, 1),
            self._samples,
            rows=self._with_rows,
            notes=self._with_notes,
            ratings=self._with_ratings,
        )

    def draw_titles(self, width: int) -> Strip:
        column, descending = self._order
        segments = [Segment(" " * POINTER, self._style("head"))]
        for cell in self._cells:
            if cell.column is column:
                segments.append(Segment(cell.head("▼" if descending else "▲"), self._style("sorted")))
            else:
                segments.append(Segment(cell.head(), self._style("head")))
        return self._strip(segments, width)

    def draw_row(self, position: int, width: int) -> Strip:
        row = self._rows.get(position)
        under_cursor = position == self.cursor
        pointer = "▸" if under_cursor else " "
        shown = [(pointer, "text"), (" ⋯", "muted"), (" " * sum(cell.whole for cell in self._cells), "text")]
        if row is not None:
            shown[1:] = [("◆ " if row.index in self._marked else "  ", "mark")]
            for cell in self._cells:
                text, style = cell.show(row)
                found = matches(text, self._sought) if cell.column is SampleColumn.INSTRUCTION else []
                shown += _with_matches(text, style, found)
        if under_cursor:
            cursor = self._style("cursor" if self.has_focus else "away")
            match = cursor + Style(reverse=not self.has_focus, bold=True, underline=True)
            segments = [Segment(text, match if name == "match" else cursor) for text, name in shown]
            return self._strip(list(Segment.simplify(segments)), width)
        return self._strip([Segment(text, self._style(name)) for text, name in shown], width)

    def draw_nothing(self, y: int, width: int) -> Strip:
        text = ""
        if y == max(1, self.size.height // 3):
            text = fitted(self._empty, min(len(self._empty), width - 2)).center(width)
        return self._strip([Segment(text, self._style("muted"))], width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"sample-table--{name}")

    def _strip(self, segments: list[Segment], width: int) -> Strip:
        return Strip(segments).adjust_cell_length(width, self.base_style)


def _noted(rows: Sequence[SampleRow]) -> bool:
    return any(row.annotation != NONE for row in rows)


def _rated(rows: Sequence[SampleRow]) -> bool:
    return any(row.rating_before is not None or row.rating_after is not None for row in rows)


def _with_matches(text: str, style: str, found: Sequence[tuple[int, int]]) -> Iterable[Shown]:
    """The pieces of a cell's text, those that a search found in the style of matches."""
    at = 0
    for start, end in found:
        yield text[at:start], style
        yield text[start:end], "match"
        at = end
    yield text[at:], style
