"""Which samples are to be shown, as boxes to tick: of one kind any will do, every kind ticked must be met."""

from __future__ import annotations

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
    "Flag": (FilterTerm.NEAR_TIE, FilterTerm.TRUNCATED, FilterTerm.UNSCORABLE),
    "Review": (FilterTerm.UNREVIEWED,),
    "Data": tuple(map(FilterTerm, Flag)),
}
"""The marks by kind, as `engine.store.sample_list` joins them. Data: what `burnish stats` found."""

COLUMNS = (("State",), ("Verdict",), ("Flag", "Review"), ("Data",))
"""The kinds as they stand on the bar, which fits 80 cells."""

LINES: tuple[tuple[str, ...], ...] = tuple(
    tuple(line for title in column for line in (title, *KINDS[title])) for column in COLUMNS
)
"""Each column's lines: titles, and marks to tick."""

BOXES = tuple(tuple(line for line in lines if isinstance(line, FilterTerm)) for lines in LINES)

GAP = 2

HEIGHT = max(map(len, LINES))


def words(marks: frozenset[FilterTerm]) -> str:
    """What is asked for, in a person's words."""
    kinds = [" or ".join(mark for mark in kind if mark in marks) for kind in KINDS.values()]
    return ", and ".join(kind for kind in kinds if kind)


class FilterBar(Widget, can_focus=True):
    """The arrows go from box to box, space or enter ticks one; a click does both."""

    DEFAULT_CSS = f"""
    FilterBar {{
        height: {HEIGHT + 1}; padding: 0 1; background: $surface; display: none;
        text-wrap: nowrap; text-overflow: clip;
        &.-shown {{ display: block; }}
    }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "go(-1, 0)", show=False),
        Binding("right,l", "go(1, 0)", show=False),
        Binding("up,k", "go(0, -1)", show=False),
        Binding("down,j", "go(0, 1)", show=False),
        Binding("space,enter", "tick", show=False),
    ]

    class Ticked(Message):
        """Other marks are asked for."""

        def __init__(self, marks: frozenset[FilterTerm]) -> None:
            super().__init__()
            self.marks = marks

    marks: reactive[frozenset[FilterTerm]] = reactive(frozenset())
    at: reactive[tuple[int, int]] = reactive((0, 0))
    """The box that the keys are at: column, and place in it."""

    def open(self) -> None:
        self.add_class("-shown")
        self.focus()

    def close(self) -> None:
        self.remove_class("-shown")

    @property
    def shown(self) -> bool:
        return self.has_class("-shown")

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
        for number, (start, end) in enumerate(self._spans()):
            line = LINES[number][y] if 0 <= y < len(LINES[number]) else ""
            if start <= x < end and isinstance(line, FilterTerm):
                self.at = (number, BOXES[number].index(line))
                self.action_tick()

    def _spans(self) -> list[tuple[int, int]]:
        """Where each column of boxes begins and ends."""
        spans, start = [], 0
        for lines in LINES:
            end = start + max(len(_label(line) if isinstance(line, FilterTerm) else line) for line in lines)
            spans.append((start, end))
            start = end + GAP
        return spans

    def render(self) -> Content:
        return Content("\n").join(self._line(y) for y in range(HEIGHT))

    def _line(self, y: int) -> Content:
        parts: list[Content] = []
        for number, (start, end) in enumerate(self._spans()):
            line = LINES[number][y] if y < len(LINES[number]) else ""
            text, style = line, "bold $primary"
            if isinstance(line, FilterTerm):
                text = _label(line, ticked=line in self.marks)
                style = "bold" if line in self.marks else "$text-muted"
                if self.has_focus and BOXES[self.at[0]][self.at[1]] is line:
                    style = "bold reverse"
            parts += [Content.styled(text, style), Content(" " * (end - start - len(text) + GAP))]
        return Content("").join(parts[:-1])


def _label(mark: FilterTerm, *, ticked: bool = False) -> str:
    glyph = STATES[SampleState(mark)][0] if mark in KINDS["State"] else FLAGS.get(mark, "")
    return f"[{'x' if ticked else ' '}] {glyph}{' ' if glyph else ''}{mark}"
