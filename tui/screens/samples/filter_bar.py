"""The filter of the samples, as boxes to tick: of one kind any will do, every kind ticked must be met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.examine.flags import Flag
from engine.store.sample_list import FilterTerm, SampleState
from tui.text.vocabulary import FLAGS, STATES

KINDS: dict[str, tuple[FilterTerm, ...]] = {
    "State": tuple(map(FilterTerm, SampleState)),
    "Verdict": (FilterTerm.INSTRUCTION_REPLACED, FilterTerm.RESPONSE_REPLACED, FilterTerm.ALL_KEPT),
    "Flag": (
        FilterTerm.NEAR_TIE,
        FilterTerm.LENGTH_DECIDES,
        FilterTerm.INPUT_LOST,
        FilterTerm.TRUNCATED,
        FilterTerm.UNSCORABLE,
        FilterTerm.REASONING_DROPPED,
        FilterTerm.FIELDS_CHANGED,
    ),
    "Review": (FilterTerm.UNREVIEWED,),
    "Note": (FilterTerm.NOTED, FilterTerm.TAGGED),
    "Turn": (FilterTerm.EARLIER_TURN, FilterTerm.LAST_TURN),
    "Conversation": (FilterTerm.HAS_HISTORY,),
    "Data": tuple(map(FilterTerm, Flag)),
}
"""The terms by kind, as `engine.store.sample_list` joins them. Data: the flags of `burnish stats`."""

COLUMNS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line for kind in kinds for line in (kind, *KINDS[kind]))
    for kinds in (("State",), ("Verdict", "Flag"), ("Review", "Note", "Turn", "Conversation"), ("Data",))
)
"""The lines of each column of the bar, which fits 80 cells: titles, and marks to tick."""

BOXES = tuple(tuple(line for line in lines if isinstance(line, FilterTerm)) for lines in COLUMNS)

GAP = 2
"""Cells between two columns."""

HEIGHT = max(map(len, COLUMNS))


def words(marks: frozenset[FilterTerm]) -> str:
    """A filter in a person's words."""
    kinds = [" or ".join(mark for mark in kind if mark in marks) for kind in KINDS.values()]
    return ", and ".join(kind for kind in kinds if kind)


class FilterBar(Widget, can_focus=True):
    """The arrows go from box to box, space or enter ticks one; a click does both.

    Beside Textual's `SelectionList`: the boxes stand in columns, with the titles of their kinds between them.
    """

    DEFAULT_CSS = f"""
    FilterBar {{
        height: {HEIGHT + 1}; padding: 0 1; background: $surface; display: none;
        text-wrap: nowrap; text-overflow: clip;
    }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "go(-1, 0)", show=False),
        Binding("right,l", "go(1, 0)", show=False),
        Binding("up,k", "go(0, -1)", show=False),
        Binding("down,j", "go(0, 1)", show=False),
        Binding("space,enter", "tick", show=False),
    ]

    @dataclass
    class Ticked(Message):
        """A box was ticked or cleared; `marks` are those that are ticked."""

        marks: frozenset[FilterTerm]

    marks: reactive[frozenset[FilterTerm]] = reactive(frozenset())
    at: reactive[tuple[int, int]] = reactive((0, 0))
    """The box under the cursor: its column, and its place in that."""

    def action_go(self, across: int, down: int) -> None:
        column = (self.at[0] + across) % len(BOXES)
        place, boxes = self.at[1] + down, len(BOXES[column])
        self.at = (column, place % boxes if down else min(place, boxes - 1))

    def action_tick(self) -> None:
        column, place = self.at
        self.marks ^= {BOXES[column][place]}
        self.post_message(self.Ticked(self.marks))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        for number, (lines, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True)):
            line = lines[y] if 0 <= y < len(lines) else ""
            if 0 <= x < width and isinstance(line, FilterTerm):
                self.at = (number, BOXES[number].index(line))
                self.action_tick()
            x -= width + GAP

    def render(self) -> Content:
        return Content("\n").join(
            Content(" " * GAP).join(
                self._cell(lines[y] if y < len(lines) else "", width)
                for lines, width in zip(COLUMNS, (*WIDTHS[:-1], 0), strict=True)
            )
            for y in range(HEIGHT)
        )

    def _cell(self, line: str, width: int) -> Content:
        text, style = line, "bold $primary"
        if isinstance(line, FilterTerm):
            text = _label(line, ticked=line in self.marks)
            style = "bold" if line in self.marks else "$text-muted"
            if self.has_focus and BOXES[self.at[0]][self.at[1]] is line:
                style = "bold reverse"
        return Content.assemble((text, style), " " * (width - len(text)))


def _label(mark: FilterTerm, *, ticked: bool = False) -> str:
    glyph = STATES[SampleState(mark)][0] if mark in KINDS["State"] else FLAGS.get(mark, "")
    return f"[{'x' if ticked else ' '}] {glyph}{' ' if glyph else ''}{mark}"


WIDTHS = tuple(
    max(len(_label(line) if isinstance(line, FilterTerm) else line) for line in lines) for lines in COLUMNS
)
"""Cells of each column."""
