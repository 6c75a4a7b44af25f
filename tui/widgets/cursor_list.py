"""A list of any number of rows, drawn a line each, with a cursor; a line of titles above it stays where it is."""

from __future__ import annotations

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip


class CursorList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows by position, from 0. Its screen has the keys, from `CursorKeys`; the mouse is handled here.

    Beside Textual's `OptionList` and `DataTable`: the rows need not be in memory, and are drawn when they are in
    sight. A subclass says how many there are (`set_total`) and draws a line of each kind, `width` cells wide.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CursorList { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background; }
    """

    class RowEntered(Message):
        """The row under the cursor was clicked twice."""

    cursor = reactive(0, repaint=False)
    total = 0
    base_style = Style()

    def set_total(self, total: int) -> None:
        """Have this many rows."""
        self.total = total
        self.virtual_size = Size(self.size.width, total + 1)

    # --- drawing, by the subclass ---------------------------------------------------------------------------------

    def draw_titles(self, width: int) -> Strip:
        """The line above the rows."""
        raise NotImplementedError

    def draw_row(self, position: int, width: int) -> Strip:
        raise NotImplementedError

    def draw_nothing(self, y: int, width: int) -> Strip:
        """A line below the titles where there are no rows."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        # Textual gathers it from all that this stands in: once, and not for each line.
        self.base_style = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            return self.draw_titles(width)
        if not self.total:
            return self.draw_nothing(y, width)
        position = self.top + y - 1
        return (
            self.draw_row(position, width) if position < self.total else Strip.blank(width, self.base_style)
        )

    # --- what is in sight -----------------------------------------------------------------------------------------

    @property
    def top(self) -> int:
        """The first position in sight."""
        return self.scroll_offset.y

    @property
    def page(self) -> int:
        """Rows that are in sight at a time."""
        return max(1, self.size.height - 1)

    @property
    def in_sight(self) -> range:
        return range(self.top, min(self.top + self.page, self.total))

    def move_to(self, position: int) -> None:
        """The cursor to this row, or the nearest there is, in sight."""
        self.cursor = max(0, min(position, self.total - 1))
        self.bring_into_sight()

    def bring_into_sight(self) -> None:
        """Scroll no more than needed to see the cursor."""
        if not self.top <= self.cursor < self.top + self.page:
            y = self.cursor if self.cursor < self.top else self.cursor - self.page + 1
            self.scroll_to(y=y, animate=False, force=True)

    def watch_cursor(self, old: int, new: int) -> None:
        for position in (old, new):
            self.refresh(Region(0, position - self.top + 1, self.size.width, 1))

    def on_resize(self) -> None:
        self.set_total(self.total)
        self.call_after_refresh(self.settle)

    def settle(self) -> None:
        """Show what is to be in sight in another size."""
        self.bring_into_sight()

    # --- the mouse ------------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        event.stop()
        position = self.top + event.y - 1
        if event.y == 0:
            self.click_titles(event.x)
        elif position < self.total:
            self.move_to(position)
            self.click_row(event)

    def click_titles(self, x: int) -> None:
        """The line of titles was clicked, so many cells from the left."""

    def click_row(self, event: events.Click) -> None:
        """The row that is now under the cursor was clicked."""
        if event.chain == 2:
            self.post_message(self.RowEntered())


MOVES = ("down", "up", "page_down", "page_up", "top", "bottom")
"""The actions of `CursorKeys`."""


class CursorKeys:
    """The actions of a screen that move the cursor of its list."""

    @property
    def cursor_list(self) -> CursorList:
        raise NotImplementedError

    def move_cursor(self, rows: int) -> None:
        self.cursor_list.move_to(self.cursor_list.cursor + rows)

    def action_down(self) -> None:
        self.move_cursor(1)

    def action_up(self) -> None:
        self.move_cursor(-1)

    def action_page_down(self) -> None:
        self.move_cursor(self.cursor_list.page)

    def action_page_up(self) -> None:
        self.move_cursor(-self.cursor_list.page)

    def action_top(self) -> None:
        self.move_cursor(-self.cursor_list.total)

    def action_bottom(self) -> None:
        self.move_cursor(self.cursor_list.total)
