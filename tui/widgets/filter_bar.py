"""Which samples are to be shown, as boxes to tick: of one kind any will do, every kind ticked must be met."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.listing import Mark, State
from tui.widgets.sample_columns import FLAGS, STATES

KINDS: dict[str, tuple[Mark, ...]] = {
    "State": tuple(map(Mark, State)),
    "Verdict": (Mark.INSTRUCTION_REPLACED, Mark.RESPONSE_REPLACED, Mark.ALL_KEPT),
    "Flag": (Mark.NEAR_TIE, Mark.TRUNCATED, Mark.UNSCORABLE),
    "Review": (Mark.UNREVIEWED,),
}
"""The marks as they stand on the bar, a column for each kind, as `engine.listing` joins them."""

GAP = 3

HEIGHT = 1 + max(map(len, KINDS.values()))


def words(marks: frozenset[Mark]) -> str:
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

        def __init__(self, marks: frozenset[Mark]) -> None:
            super().__init__()
            self.marks = marks

    marks: reactive[frozenset[Mark]] = reactive(frozenset())
    at: reactive[tuple[int, int]] = reactive((0, 0))
    """The box that the keys are at: kind, and place in it."""

    def open(self) -> None:
        self.add_class("-shown")
        self.focus()

    def close(self) -> None:
        self.remove_class("-shown")

    @property
    def shown(self) -> bool:
        return self.has_class("-shown")

    def action_go(self, across: int, down: int) -> None:
        columns = list(KINDS.values())
        kind = (self.at[0] + across) % len(columns)
        place = self.at[1] + down
        self.at = (kind, place % len(columns[kind]) if down else min(place, len(columns[kind]) - 1))

    def action_tick(self) -> None:
        kind, place = self.at
        self.marks ^= {list(KINDS.values())[kind][place]}
        self.post_message(self.Ticked(self.marks))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        for number, (start, end) in enumerate(self._spans()):
            if start <= x < end and 0 < y <= len(list(KINDS.values())[number]):
                self.at = (number, y - 1)
                self.action_tick()

    def _spans(self) -> list[tuple[int, int]]:
        """Where each column of boxes begins and ends."""
        spans, start = [], 0
        for title, kind in KINDS.items():
            end = start + max(len(title), *(len(_label(mark)) for mark in kind))
            spans.append((start, end))
            start = end + GAP
        return spans

    def render(self) -> Content:
        lines = []
        for y in range(HEIGHT):
            parts: list[Content] = []
            for number, ((start, end), (title, kind)) in enumerate(
                zip(self._spans(), KINDS.items(), strict=True)
            ):
                text, style = "", ""
                if y == 0:
                    text, style = title, "bold $primary"
                elif y <= len(kind):
                    mark = kind[y - 1]
                    text = _label(mark, ticked=mark in self.marks)
                    style = "bold" if mark in self.marks else "$text-muted"
                    if self.has_focus and self.at == (number, y - 1):
                        style = "bold reverse"
                parts += [Content.styled(text, style), Content(" " * (end - start - len(text) + GAP))]
            lines.append(Content("").join(parts[:-1]))
        return Content("\n").join(lines)


def _label(mark: Mark, *, ticked: bool = False) -> str:
    glyph = STATES[State(mark)][0] if mark in KINDS["State"] else FLAGS.get(mark, "")
    return f"[{'x' if ticked else ' '}] {glyph}{' ' if glyph else ''}{mark}"
