"""Every sample in a table: in any order, some or all of them, and which of them are marked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.events import ScreenResume
from textual.timer import Timer
from textual.widgets import Input, Static

from engine.events import Finished
from engine.store.database import Interrupted
from engine.store.sample_list import FilterTerm, SampleColumn, SampleFilter, SampleList, SampleRow
from models.errors import BurnishError
from tui.keys.keymap import Keymap
from tui.messages import EngineReported, ShowSample, WorkspaceChanged
from tui.screens.base import AppScreen
from tui.screens.samples.filter_bar import KINDS, FilterBar
from tui.screens.samples.status_line import list_line
from tui.screens.samples.table import SampleTable
from tui.state.marks import MarkedSamples
from tui.state.reader_thread import ReaderThread
from tui.state.workbench import Workbench
from tui.text.vocabulary import FLAGS
from tui.widgets.ask_line import AskLine
from tui.widgets.cursor_list import CursorKeys

TICK = 0.25
"""Seconds between two looks at what a run finished, and between two lines of progress."""

CALM = 3.0
"""Seconds that a filtered list stays as it is, at least, while a run goes on."""

T = TypeVar("T")


class ListScreen(CursorKeys, AppScreen):
    """The samples in a table: in any order, some or all of them, and which of them are marked."""

    DEFAULT_CSS = """
    ListScreen {
        #line, #legend { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #line { background: $surface; }
        #legend { color: $text-muted; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._seen: ReaderThread | None = None  # whose samples are shown
        self._by = SampleColumn.NUMBER
        self._descending = False
        self._only = SampleFilter()
        self._marked = MarkedSamples(0)
        self._finished: set[int] = set()  # since the rows were last renewed
        self._arranged = 0.0  # when, and how long it took: seconds
        self._took = 0.0
        self._looking = False  # so long already that it is said

    def body(self) -> ComposeResult:
        yield FilterBar()
        yield SampleTable(self._window)
        yield AskLine("/", "words in the instruction, the input or the response", id="search")
        yield AskLine(":", "a sample's number", id="jump", restrict=r"\d*", max_length=12)
        yield Static(id="line")
        yield Static(_legend(), id="legend")

    @property
    def table(self) -> SampleTable:
        return self.query_one(SampleTable)

    @property
    def cursor_list(self) -> SampleTable:
        return self.table

    @property
    def search(self) -> AskLine:
        return self.query_one("#search", AskLine)

    @property
    def jump(self) -> AskLine:
        return self.query_one("#jump", AskLine)

    @property
    def filter(self) -> FilterBar:
        return self.query_one(FilterBar)

    # --- what is shown --------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.table.focus()
        self.set_interval(TICK, self._tick)

    @on(ScreenResume)
    def _resumed(self) -> None:
        self._refresh_list()
        at, self.workbench.at = self.workbench.at, None
        if at is not None:
            self.table.move_to(at)

    @on(WorkspaceChanged)
    def _changed(self) -> None:
        # Beneath another screen the list must stay as it is: that screen goes through it by position.
        if self.is_current:
            self._refresh_list()

    def _refresh_list(self) -> None:
        """Show what the workbench has now."""
        if not self.workbench.is_open:
            self._begin(None)
        elif self.workbench.reader is not self._seen:
            self._begin(self.workbench.reader)
        elif self._only.marks:
            self._arrange(stay=True)
        else:
            self.table.renew()
        self._finished.clear()
        self._say()

    def _begin(self, reader: ReaderThread | None) -> None:
        """Another workspace, or none."""
        self._seen, self.workbench.at = reader, None
        self._by, self._descending, self._only = SampleColumn.NUMBER, False, SampleFilter()
        samples = self.workbench.samples if reader is not None else 0
        self._marked = MarkedSamples(samples)
        self.table.mark(self._marked)
        self.search.close()
        self.jump.close()
        self.filter.close()
        self.filter.marks, self.filter.at = frozenset(), (0, 0)
        # The dataset's own order is there at once: the first look waits for nothing.
        empty = f"no workspace is open: {self.keymap.first('app.go_start')} opens a dataset or a workspace"
        self.table.show(samples, samples=samples, empty=empty)

    async def _window(self, start: int, count: int) -> Sequence[SampleRow]:
        if not self.workbench.is_open:
            raise Interrupted
        return await self.workbench.reader.ask_list(lambda listing: listing.window(start, count))

    @on(SampleTable.ReadFailed)
    def _failed(self, message: SampleTable.ReadFailed) -> None:
        self.say_error(message.error)

    @on(EngineReported)
    def _heard(self, message: EngineReported) -> None:
        if self.is_current:
            self._finished |= {event.outcome.index for event in message.events if isinstance(event, Finished)}

    def _tick(self) -> None:
        if self.doing:
            self._say()
        if not self._finished or not self.is_current or not self.workbench.is_open:
            return
        if not self._only.marks:
            self.table.renew(self._finished)
        elif time.monotonic() - self._arranged > max(CALM, 20 * self._took):
            self._arrange(stay=True)
        else:
            self.table.renew(self._finished)
            return  # whether they belong in the list is still to be seen
        self._finished.clear()

    # --- the order and the filter ---------------------------------------------------------------------------------

    @work(exclusive=True, group="arrange")
    async def _arrange(self, *, stay: bool = False) -> None:
        """Have the listing arranged as is asked for, and show it, the cursor on the sample it was on. Where that is
        left out, the cursor goes to the first row, or with `stay` stays where it is."""
        if not self.workbench.is_open:
            return
        reader, table = self.workbench.reader, self.table
        by, descending, only = self._by, self._descending, self._only
        cursor, above, lines = table.cursor, table.cursor - table.top, table.page
        sample = table.current.index if table.current is not None else None
        began = time.monotonic()
        patience = self.set_timer(TICK, self._still_looking)

        def settled(listing: SampleList) -> tuple[int, int, list[SampleRow]]:
            found = listing.position_of(sample) if sample is not None else None
            position = found if found is not None else min(cursor, max(len(listing) - 1, 0)) if stay else 0
            first = max(0, position - above - lines)
            return position, first, listing.window(first, 3 * lines)

        try:
            if sample is None and table.total:
                sample = await reader.ask_list(
                    lambda listing: listing.sample_at(min(cursor, len(listing) - 1))
                )
            total = await reader.arrange(by, descending=descending, only=only)
            position, first, rows = await reader.ask_list(settled)
            examined = await reader.ask_list(lambda listing: listing.examined)
        except Interrupted:
            return  # a later one is under way
        except BurnishError as error:
            self.say_error(error)
            return
        finally:
            self._calm(patience)
        self._arranged = time.monotonic()
        self._took = self._arranged - began
        empty = f"nothing matches: {self.keymap.first('samples.clear')} leaves the search, then the filter"
        if only.marks & set(KINDS["Data"]) and not examined:
            empty = f"not looked for yet: {self.keymap.first('samples.examine')} looks through all samples"
        table.show(
            total,
            samples=self.workbench.samples,
            order=(by, descending),
            cursor=position,
            top=max(0, position - above),
            first=first,
            rows=rows,
            empty=empty,
        )
        table.bring_into_sight()
        self._say()

    def _still_looking(self) -> None:
        self._looking = True
        self._say()

    def _calm(self, patience: Timer) -> None:
        patience.stop()
        self._looking = False

    def _sort(self, by: SampleColumn, *, descending: bool) -> None:
        self._by, self._descending = by, descending
        self._say()
        self._arrange(stay=True)

    def action_sort(self) -> None:
        columns = list(SampleColumn)
        self._sort(columns[(columns.index(self._by) + 1) % len(columns)], descending=False)

    def action_reverse(self) -> None:
        self._sort(self._by, descending=not self._descending)

    @on(SampleTable.TitleClicked)
    def _headed(self, message: SampleTable.TitleClicked) -> None:
        again = message.column is self._by
        self._sort(message.column, descending=again and not self._descending)

    def action_filter(self) -> None:
        if self.filter.shown:
            self._close_filter()
        else:
            self.filter.open()

    def _close_filter(self) -> None:
        self.filter.close()
        self.table.focus()

    @on(FilterBar.Ticked)
    def _ticked(self, message: FilterBar.Ticked) -> None:
        self._only = replace(self._only, marks=message.marks)
        self._arrange()

    def action_search(self) -> None:
        if self.workbench.is_open:
            self.search.ask()

    @on(Input.Changed, "#search Input")
    def _searched(self, message: Input.Changed) -> None:
        self._only = replace(self._only, text=message.value)
        self._arrange()

    @on(Input.Submitted, "#search Input")
    def _search_done(self) -> None:
        if not self.search.input.value:
            self.search.close()
        self.table.focus()

    def action_clear(self) -> None:
        """The innermost of what there is to leave."""
        if self.jump.shown:
            self.jump.close()
            self.table.focus()
        elif self.search.shown:
            self.search.close()
            self.table.focus()
            if self._only.text:
                self._only = replace(self._only, text="")
                self._arrange(stay=True)
        elif self.filter.shown:
            self._close_filter()
        elif self._only.marks:
            self.filter.marks = frozenset()
            self._only = replace(self._only, marks=frozenset())
            self._arrange(stay=True)
        elif self._marked:
            self._marked.clear()
            self.table.mark(self._marked)
            self._say()

    # --- where the cursor is --------------------------------------------------------------------------------------

    @on(SampleTable.RowEntered)
    def action_review(self) -> None:
        if self.table.total:
            self.post_message(ShowSample(self.table.cursor))

    def action_jump(self) -> None:
        if self.workbench.is_open:
            self.jump.ask()

    @on(Input.Submitted, "#jump Input")
    def _jumped(self, message: Input.Submitted) -> None:
        self.jump.close()
        self.table.focus()
        if message.value:
            self._go_to(int(message.value))

    @work(exclusive=True, group="go")
    async def _go_to(self, sample: int) -> None:
        if sample >= self.workbench.samples:
            self.say(
                f"there is no sample {sample}; they go from 0 to {self.workbench.samples - 1:,}", warning=True
            )
            return
        position = await self._asked(lambda listing: listing.position_of(sample))
        if position is None:
            self.say(f"sample {sample} is left out by the search or the filter", warning=True)
        else:
            self._show_at(position)

    def action_next_unreviewed(self) -> None:
        self._go_next(FilterTerm.UNREVIEWED, "every sample that has an outcome is reviewed")

    def action_next_near_tie(self) -> None:
        self._go_next(FilterTerm.NEAR_TIE, "there is no near tie")

    @work(exclusive=True, group="go")
    async def _go_next(self, mark: FilterTerm, otherwise: str) -> None:
        here = self.table.cursor
        position = await self._asked(lambda listing: listing.next(here, mark))
        if position is None:
            self.say(f"{otherwise}{' among these' if self._only != SampleFilter() else ''}")
        else:
            self._show_at(position)

    def _show_at(self, position: int) -> None:
        """Out of sight it comes to the middle: one sees what stands around it."""
        self.table.cursor = position
        self.table.centre()

    async def _asked(self, question: Callable[[SampleList], T]) -> T:
        """An answer of the listing's; where there is none, this is the worker's end."""
        try:
            if self.workbench.is_open:
                return await self.workbench.reader.ask_list(question)
        except BurnishError as error:
            self.say_error(error)
        except Interrupted:
            pass
        raise asyncio.CancelledError

    # --- marks ----------------------------------------------------------------------------------------------------

    @on(SampleTable.MarkClicked)
    def _marking(self) -> None:
        self._toggle()

    def action_mark(self) -> None:
        """Mark, and go on: several in a row are marked by holding the key."""
        self._toggle()
        self.action_down()

    def _toggle(self) -> None:
        if (row := self.table.current) is not None:
            self._marked.toggle(row.index)
            self.table.mark(self._marked)
            self._say()

    @work(exclusive=True, group="mark")
    async def action_mark_all(self) -> None:
        samples = self.workbench.samples
        shown = await self._asked(lambda listing: MarkedSamples(samples, listing.samples()))
        if self._marked.covers(shown):
            self._marked.clear()
        else:
            self._marked.add(shown)
        self.table.mark(self._marked)
        self._say()

    # --- the lines below ------------------------------------------------------------------------------------------

    @property
    def doing(self) -> str:
        """What is being done to many samples, and how far it is."""
        return ""

    def _say(self) -> None:
        if self.is_attached:
            self.query_one("#line", Static).update(self._line())

    def _line(self) -> Content:
        if self.doing:
            stop = f"{self.keymap.first('samples.clear')} stops"
            return Content.assemble((self.doing, "bold $primary"), (f"  ·  {stop}", "$text-muted"))
        if not self.workbench.is_open:
            return Content("")
        samples, marked = self.workbench.samples, len(self._marked)
        parts = list_line(
            self.table.total, samples, marked, self._only, self._by, descending=self._descending
        )
        if self._looking:
            parts.append(Content.styled("looking…", "$text-muted"))
        if self.workbench.run is None:
            start = self.keymap.first("app.go_start")
            parts.append(
                Content.styled(f"nothing was run yet: {start} chooses models and starts", "$text-warning")
            )
        return Content.styled("  ·  ", "$text-muted").join(parts)


def _legend() -> Content:
    parts = [f"{glyph} {name}" for name, glyph in FLAGS.items()]
    return Content("  ".join([*parts, "+ replaced", "= kept"]))
