"""The list of samples: its order, its search and filter, the cursor and the marks. Decisions are in `screen`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import ScreenResume
from textual.widgets import Input, Static

from engine.events import Finished
from engine.store.file_errors import Interrupted
from engine.store.sample_list import DOUBTFUL, FilterTerm, SampleColumn, SampleFilter, SampleList, SampleRow
from engine.store.search_line import EXAMPLE, SearchError, SearchTerms, read_search
from models.errors import BurnishError
from models.system.units import counted
from tui.keys.keymap import Keymap
from tui.messages import EngineReported, ShowSample, WorkspaceChanged
from tui.screens.base import AppScreen
from tui.screens.samples.columns import ORDERS
from tui.screens.samples.filter_bar import KINDS, FilterBar, words
from tui.screens.samples.legend import Legend
from tui.screens.samples.preview import Preview, SamplePreview, preview_of
from tui.screens.samples.search_words import sought_words
from tui.screens.samples.table import SampleTable
from tui.state.marks import MarkedSamples
from tui.state.reader_thread import ReaderThread
from tui.state.workbench import Workbench
from tui.text.matches import pattern
from tui.text.shown import shown_line
from tui.widgets.ask_line import AskLine, NumberLine
from tui.widgets.cursor_list import MOVES, CursorKeys

TICK = 0.25
"""Seconds between two updates of the rows that a run finished, and of the line of progress."""

CALM = 3.0
"""Seconds between two arrangements of a filtered list, at least, while a run goes on."""

OF_MARKED = ("accept", "keep", "drop", "regenerate", "annotate")
"""Actions about the marked rows, or the one under the cursor."""

OF_ROWS = (*OF_MARKED, "mark", "mark_all", "review", "next_unreviewed", "next_doubtful")
"""Actions that need a row."""

T = TypeVar("T")


class ListScreen(CursorKeys, AppScreen):
    """The samples in a table, in any order, all of them or those that a search and a filter let through."""

    DEFAULT_CSS = """
    ListScreen {
        #line { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; background: $surface; }
        #list { height: 1fr; }
        SampleTable { width: 1fr; }
        &.-wide SamplePreview { display: block; }
    }
    """

    def __init__(self, workbench: Workbench, keymap: Keymap) -> None:
        super().__init__(workbench, keymap)
        self._reader: ReaderThread | None = None  # of the workspace that is shown
        self._sorted_by = SampleColumn.NUMBER
        self._descending = False
        self._filter = SampleFilter()
        self._misunderstood = ""  # of what was typed to search
        self._marked = MarkedSamples(0)
        self._finished: set[int] = set()  # by a run, since the rows were last fetched
        self._arranged = 0.0  # when the list was last arranged: monotonic seconds
        self._took = 0.0  # seconds that took
        self._looking = False  # for so long that it is said

        self.table = SampleTable(self._window)
        self.preview = SamplePreview(self._look_closer)
        self.filter = FilterBar()
        self.search = AskLine("/", f"words in any field, or {EXAMPLE}", id="search")
        self.jump = NumberLine(id="jump")
        self._status = Static(id="line")

    def body(self) -> ComposeResult:
        yield self.filter
        with Horizontal(id="list"):
            yield from (self.table, self.preview)
        yield from (self.search, self.jump, self._status)
        yield Legend()

    @property
    def cursor_list(self) -> SampleTable:
        return self.table

    # --- what is shown --------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.table.focus()
        self.watch(self.table, "cursor", self.preview.follow, init=False)
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
        """Show the samples as they are now."""
        if not self.workbench.is_open:
            self._show_workspace(None)
        elif self.workbench.reader is not self._reader:
            self._show_workspace(self.workbench.reader)
        elif self._filter.marks or self._filter.notes or self._filter.tags:
            self._arrange(stay=True)
        else:
            self.table.renew()
        self._finished.clear()
        self.preview.follow()
        self._update_line()

    def _show_workspace(self, reader: ReaderThread | None) -> None:
        """Show another workspace, or none, in the dataset's own order."""
        self._reader, self.workbench.at = reader, None
        self._sorted_by, self._descending, self._filter = SampleColumn.NUMBER, False, SampleFilter()
        self._misunderstood = ""
        samples = self.workbench.samples if reader is not None else 0
        self._marked = MarkedSamples(samples)
        self.table.mark(self._marked)
        self.preview.clear()
        self.search.close()
        self.jump.close()
        self.filter.display = False
        self.filter.marks, self.filter.at = frozenset(), (0, 0)
        # That order is there at once: the first picture waits for nothing.
        empty = f"no workspace is open: {self.keymap.first('app.go_start')} opens a dataset or a workspace"
        self.table.show(samples, samples=samples, with_rows=self.workbench.has_turns, empty=empty)

    async def _window(self, start: int, count: int) -> Sequence[SampleRow]:
        if not self.workbench.is_open:
            raise Interrupted
        return await self.workbench.reader.ask_list(lambda listing: listing.window(start, count))

    async def _look_closer(self) -> Preview | None:
        """The sample under the cursor, for the pane beside the list."""
        if not self.workbench.is_open:
            return None
        at, run, only = self.table.cursor, self.workbench.run, self._filter
        return await self.workbench.reader.ask_list(lambda listing: preview_of(listing, run, at, only))

    @on(EngineReported)
    def _heard(self, message: EngineReported) -> None:
        if self.is_current:
            self._finished |= {event.outcome.index for event in message.events if isinstance(event, Finished)}

    def _tick(self) -> None:
        if self.doing:
            self._update_line()
        if not self._finished or not self.is_current or not self.workbench.is_open:
            return
        if (row := self.table.current) is not None and row.index in self._finished:
            self.preview.follow()
        if not self._filter.marks:
            self.table.renew(self._finished)
        elif time.monotonic() - self._arranged > max(CALM, 20 * self._took):
            self._arrange(stay=True)
        else:
            self.table.renew(self._finished)
            return  # the next arrangement decides about these once more
        self._finished.clear()

    # --- the order and the filter ---------------------------------------------------------------------------------

    @work(exclusive=True, group="arrange")
    async def _arrange(self, *, stay: bool = False) -> None:
        """Sort and filter, and show the result with the cursor on the sample it was on. Where that is left out, the
        cursor goes to the first row, or with `stay` keeps its position."""
        if not self.workbench.is_open:
            return
        reader, table = self.workbench.reader, self.table
        by, descending, only = self._sorted_by, self._descending, self._filter
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
            return  # a later arrangement is under way
        except BurnishError as error:
            self.say_error(error)
            return
        finally:
            patience.stop()
            self._looking = False
        self._arranged = time.monotonic()
        self._took = self._arranged - began
        empty = f"nothing matches: {self.keymap.first('samples.clear')} leaves the search, then the filter"
        if only.marks & set(KINDS["Data"]) and not examined:
            empty = f"not looked for yet: {self.keymap.first('samples.examine')} looks through all samples"
        table.show(
            total,
            samples=self.workbench.samples,
            with_rows=self.workbench.has_turns,
            order=(by, descending),
            cursor=position,
            top=max(0, position - above),
            first=first,
            rows=rows,
            sought=pattern(only.texts_in("instruction")),
            empty=empty,
        )
        table.bring_into_sight()
        self.preview.follow()
        self._update_line()

    def _still_looking(self) -> None:
        self._looking = True
        self._update_line()

    def _sort(self, by: SampleColumn, *, descending: bool) -> None:
        self._sorted_by, self._descending = by, descending
        self._update_line()
        self._arrange(stay=True)

    def action_sort(self) -> None:
        columns = self.table.orders
        at = columns.index(self._sorted_by) if self._sorted_by in columns else -1
        self._sort(columns[(at + 1) % len(columns)], descending=False)

    def action_reverse(self) -> None:
        self._sort(self._sorted_by, descending=not self._descending)

    @on(SampleTable.TitleClicked)
    def _headed(self, message: SampleTable.TitleClicked) -> None:
        same = message.column is self._sorted_by
        self._sort(message.column, descending=same and not self._descending)

    def action_filter(self) -> None:
        if self.filter.display:
            self._close_filter()
        else:
            self.filter.display = True
            self.filter.focus()

    def _close_filter(self) -> None:
        self.filter.display = False
        self.table.focus()

    @on(FilterBar.Ticked)
    def _ticked(self, message: FilterBar.Ticked) -> None:
        self._filter = replace(self._filter, marks=message.marks)
        self._arrange()

    def action_search(self) -> None:
        self.search.ask()
        self._searched()

    @on(Input.Changed, "#search Input")
    def _searched(self) -> None:
        """List what is searched for by the line as it stands."""
        try:
            terms = read_search(self.search.input.value)
        except SearchError as error:  # the list stays as it is until it is whole
            self._misunderstood = str(error)
            self._update_line()
            return
        self._misunderstood = ""
        only = _filter_of(terms, self._filter.marks)
        if only != self._filter:
            self._filter = only
            self._arrange()
        else:
            self._update_line()

    @on(Input.Submitted, "#search Input")
    def _search_done(self) -> None:
        if not self.search.input.value:
            self.search.close()
        self.table.focus()

    def action_clear(self) -> None:
        """Leave the innermost."""
        match self._inner():
            case "line":
                self.jump.leave()
                self.table.focus()
            case "search":
                self.search.leave()
                self.table.focus()
                self._misunderstood = ""
                self._update_line()
                if self._filter != (before := SampleFilter(marks=self._filter.marks)):
                    self._filter = before
                    self._arrange(stay=True)
            case "boxes":
                self._close_filter()
            case "filter":
                self.filter.marks = frozenset()
                self._filter = replace(self._filter, marks=frozenset())
                self._arrange(stay=True)
            case "marks":
                self._marked.clear()
                self._show_marks()

    def _inner(self) -> str:
        """The innermost that can be left: a line that is open, then the filter, then the marks."""
        found = {
            "line": self.jump.shown,
            "search": self.search.shown,
            "boxes": self.filter.display,
            "filter": self._filter.marks,
            "marks": self._marked,
        }
        return next((name for name, is_there in found.items() if is_there), "")

    # --- where the cursor is --------------------------------------------------------------------------------------

    @on(SampleTable.RowEntered)
    def action_review(self) -> None:
        self.post_message(ShowSample(self.table.cursor))

    def action_jump(self) -> None:
        self.jump.ask()

    @on(Input.Submitted, "#jump Input")
    def _jumped(self, message: Input.Submitted) -> None:
        message.stop()
        sample = self.jump.take()
        self.table.focus()
        if sample is not None:
            self._go_to(sample)

    @work(exclusive=True, group="go")
    async def _go_to(self, sample: int) -> None:
        if not self.check_sample(sample):
            return
        position = await self._ask_list(lambda listing: listing.position_of(sample))
        if position is None:
            self.say(f"sample {sample} is left out by the search or the filter", warning=True)
        else:
            self._show_at(position)

    def follow_act(self, samples: Sequence[int], told: str) -> bool:
        self._go_to(samples[0])
        return False

    def action_next_unreviewed(self) -> None:
        self._go_next(FilterTerm.UNREVIEWED, otherwise="every sample that has an outcome is reviewed")

    def action_next_doubtful(self) -> None:
        self._go_next(*DOUBTFUL, otherwise="there is no near tie and no lost input")

    @work(exclusive=True, group="go")
    async def _go_next(self, *marks: FilterTerm, otherwise: str) -> None:
        cursor = self.table.cursor
        position = await self._ask_list(lambda listing: listing.next(cursor, *marks))
        if position is None:
            self.say(f"{otherwise}{' among these' if self._filter != SampleFilter() else ''}")
        else:
            self._show_at(position)

    def _show_at(self, position: int) -> None:
        """Move the cursor; where the row is out of sight, it comes to the middle, with its neighbours around it."""
        self.table.cursor = position
        self.table.centre()

    async def _ask_list(self, question: Callable[[SampleList], T]) -> T:
        """The list's answer to a question. Where there is none, the worker that asks is cancelled."""
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
        self._toggle_mark()

    def action_mark(self) -> None:
        """Mark, and go to the next row: several are marked by holding the key."""
        self._toggle_mark()
        self.action_down()

    def _toggle_mark(self) -> None:
        if (row := self.table.current) is not None:
            self._marked.toggle(row.index)
            self._show_marks()

    @work(exclusive=True, group="mark")
    async def action_mark_all(self) -> None:
        samples = self.workbench.samples
        shown = await self._ask_list(lambda listing: MarkedSamples(samples, listing.samples()))
        if self._marked.covers(shown):
            self._marked.clear()
        else:
            self._marked.add(shown)
        self._show_marks()

    def _show_marks(self) -> None:
        self.table.mark(self._marked)
        self._update_line()

    # --- the lines below ------------------------------------------------------------------------------------------

    @property
    def doing(self) -> str:
        """The progress of an action on many samples, in words; empty where there is none."""
        return ""

    def hindrances(self, action: str) -> Iterator[str]:
        if not self.workbench.is_open:
            yield f"no workspace is open: {self.keymap.first('app.go_start')} opens one"
        if not (action in OF_MARKED and self._marked):
            if action in (*MOVES, *OF_ROWS) and not self.table.total:
                key = self.keymap.first("samples.clear")
                yield f"no sample is listed: {key} leaves the search, then the filter"
            if action in (*OF_MARKED, "mark") and self.table.current is None:
                yield "this row is still being read"
        if action == "clear" and not self._inner():
            yield "nothing to leave: no line, no search, no filter, no marks"
        yield from super().hindrances(action)

    def _update_line(self) -> None:
        self._status.update(self._line())

    def _line(self) -> Content:
        """The line that says how many samples are listed, which of them, and in which order."""
        if self.doing:
            stop = f"{self.keymap.first('samples.clear')} stops"
            return Content.assemble((self.doing, "bold $primary"), (f"  ·  {stop}", "$text-muted"))
        if not self.workbench.is_open:
            return Content("")
        if self._misunderstood:
            return shown_line(self._misunderstood, 200, "$text-warning")
        samples, total = self.workbench.samples, self.table.total
        parts = [
            Content(
                f"{total:,} of {counted(samples, 'sample')}"
                if total != samples
                else counted(samples, "sample")
            )
        ]
        if marked := len(self._marked):
            parts.append(Content.styled(f"◆ {marked:,} marked", "$accent"))
        if self._filter.marks:
            parts.append(Content.styled(words(self._filter.marks), "$primary"))
        if sought := sought_words(self._filter):
            parts.append(Content.styled(sought, "$primary"))
        if (self._sorted_by, self._descending) != (SampleColumn.NUMBER, False):
            name, *directions = ORDERS[self._sorted_by]
            parts.append(Content.styled(f"by {name}, {directions[self._descending]}", "$text-muted"))
        if self._looking:
            parts.append(Content.styled("looking…", "$text-muted"))
        if self.workbench.run is None:
            start = self.keymap.first("app.go_start")
            parts.append(
                Content.styled(f"nothing was run yet: {start} chooses models and starts", "$text-warning")
            )
        return Content.styled("  ·  ", "$text-muted").join(parts)


def _filter_of(terms: SearchTerms, marks: frozenset[FilterTerm]) -> SampleFilter:
    return SampleFilter(terms.text, marks, terms.ranges, terms.fields, terms.notes, terms.tags)
