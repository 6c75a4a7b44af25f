"""The judged pairs, a line each: whose they are, what the judge says in either order, and what the student chose."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from engine.judge.prompt import Result, StudentChoice
from engine.sample import Verdict
from tui.state.verdicts import PairLine
from tui.text.judge_tables import SCORES
from tui.text.shown import shown_line

RESULTS = {
    Result.WIN: ("+ better", "$text-success"),
    Result.TIE: ("= tie", "$text-muted"),
    Result.LOSE: ("− worse", "$text-error"),
    Result.INVALID: ("✗ invalid", "$text-warning"),
}
"""Of the rewrite."""

WHAT, RESULT, ORDERS, STUDENT = 8, 10, 13, 15
LEAST = 12
"""Cells from which on the instruction is worth its place."""


class PairList(ScrollView, can_focus=True, inherit_bindings=False):
    """A cursor over lines. The owner has the keys."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PairList { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: $background; }
    """

    class PairEntered(Message):
        """The line under the cursor was clicked twice."""

    cursor = reactive(0, repaint=False)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: Sequence[PairLine] = ()
        self._empty = ""
        self._digits = 6

    def show(self, lines: Sequence[PairLine], empty: str) -> None:
        """Show these, the cursor on the pair it was on if that is among them. `empty` is said where there are none."""
        here = self.current
        self._lines, self._empty = lines, empty
        self._digits = max((len(str(line.row)) for line in lines), default=0) + 1
        self._digits = max(self._digits, len("sample"))
        self.virtual_size = Size(self.size.width, len(lines) + 1)
        at = self.find(here.pair) if here is not None else None
        self.move_to(self.cursor if at is None else at)
        self.refresh()

    @property
    def lines(self) -> Sequence[PairLine]:
        return self._lines

    @property
    def current(self) -> PairLine | None:
        return self._lines[self.cursor] if self.cursor < len(self._lines) else None

    @property
    def page(self) -> int:
        """Lines that are in sight at a time."""
        return max(1, self.size.height - 1)

    def find(self, pair: int) -> int | None:
        """Where a pair stands."""
        return next((at for at, line in enumerate(self._lines) if line.pair == pair), None)

    def move_to(self, at: int) -> None:
        self.cursor = max(0, min(at, len(self._lines) - 1))
        top = self.scroll_offset.y
        if not top <= self.cursor < top + self.page:
            y = self.cursor if self.cursor < top else self.cursor - self.page + 1
            self.scroll_to(y=y, animate=False, force=True)

    def watch_cursor(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines) + 1)
        self.call_after_refresh(self.move_to, self.cursor)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = self.scroll_offset.y + event.y - 1
        if event.y and at < len(self._lines):
            self.move_to(at)
            if event.chain == 2:
                self.post_message(self.PairEntered())

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        at = self.scroll_offset.y + y - 1
        if y == 0:
            line = self._head(width) if self._lines else Content("")
        elif not self._lines:
            line = Content.styled(self._empty if y == 2 else "", "$text-muted")
        elif at < len(self._lines):
            line = self._line(self._lines[at], here=at == self.cursor, width=width)
        else:
            line = Content("")
        line = line.truncate(width, ellipsis=True, pad=True)
        (strip,) = Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)
        return strip

    def _rest(self, width: int) -> int:
        """Cells for the instruction; none where there is too little room."""
        rest = width - 2 - self._digits - 2 - WHAT - RESULT - ORDERS - STUDENT
        return rest if rest >= LEAST else 0

    def _head(self, width: int) -> Content:
        names = f"  {'sample':>{self._digits}}  {'pair':<{WHAT}}{'rewrite':<{RESULT}}{'1st   2nd':<{ORDERS}}"
        names += f"{'student':<{STUDENT}}" + "instruction" * bool(self._rest(width))
        return Content.styled(names, "$text-muted")

    def _line(self, line: PairLine, *, here: bool, width: int) -> Content:
        result, style = RESULTS[line.result]
        orders = "  ".join(f"{a}:{b}".ljust(4) for a, b in line.scores or ())
        student = chosen(line.choice, disagrees=line.disagrees)
        content = Content.assemble(
            "▸ " if here else "  ",
            (f"{line.row:>{self._digits}}  ", "$text-muted"),
            f"{_what(line):<{WHAT}}",
            (f"{result:<{RESULT}}", style),
            f"{orders:<{ORDERS}}",
            (f"{student:<{STUDENT}}", "bold" if line.disagrees else "$text-muted"),
        )
        if rest := self._rest(width):
            content = Content.assemble(
                content, shown_line(line.instruction, rest).truncate(rest, ellipsis=True)
            )
        content = content.truncate(width, ellipsis=True, pad=True)
        if here:
            return Content.styled(
                content.plain, "reverse" if self.has_focus else "bold $foreground on $panel"
            )
        return content


def _what(line: PairLine) -> str:
    """Of which pair it is: the two sides', or what a stage had."""
    return "refined" if line.compared or line.choice is None else SCORES[line.choice.stage]


def chosen(choice: StudentChoice | None, *, disagrees: bool) -> str:
    """What the student did with the rewrite, and by how much; ≠: the judge would not have."""
    if choice is None:
        return ""
    did = "took" if choice.verdict is Verdict.REPLACED else "kept"
    margin = "" if choice.margin is None else f" {choice.margin:+.3f}"
    return f"{'≠' if disagrees else ' '} {did}{margin}"
