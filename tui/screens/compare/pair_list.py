"""A list of the judged pairs: the sample, the judge's result and scores in both orders, the student's choice."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.strip import Strip
from textual.visual import Visual

from engine.judge.prompt import StudentChoice
from tui.state.verdicts import PairLine
from tui.text.shown import shown_line
from tui.text.vocabulary import RESULTS, SCORES, STUDENT_DID
from tui.widgets.cursor_list import CursorList

WHAT, RESULT, ORDERS, STUDENT = 8, 10, 13, 15
LEAST = 12
"""Cells that the instruction is shown in at the least."""


class PairList(CursorList):
    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: Sequence[PairLine] = ()
        self._empty = ""
        self._digits = 6

    def show(self, lines: Sequence[PairLine], empty: str) -> None:
        """Show these, the cursor on the pair it was on if that is among them. `empty` is said where there are none."""
        before = self.current
        self._lines, self._empty = lines, empty
        self._digits = max((len(str(line.row)) for line in lines), default=0) + 1
        self._digits = max(self._digits, len("sample"))
        self.set_total(len(lines))
        at = self.find(before.pair) if before is not None else None
        self.move_to(self.cursor if at is None else at)
        self.refresh()

    @property
    def lines(self) -> Sequence[PairLine]:
        return self._lines

    @property
    def current(self) -> PairLine | None:
        return self._lines[self.cursor] if self.cursor < len(self._lines) else None

    def find(self, pair: int) -> int | None:
        """The position of a pair."""
        return next((at for at, line in enumerate(self._lines) if line.pair == pair), None)

    def draw_titles(self, width: int) -> Strip:
        if not self._lines:
            return self._strip(Content(""), width)
        names = f"  {'sample':>{self._digits}}  {'pair':<{WHAT}}{'rewrite':<{RESULT}}{'1st   2nd':<{ORDERS}}"
        names += f"{'student':<{STUDENT}}" + "instruction" * bool(self._rest(width))
        return self._strip(Content.styled(names, "$text-muted"), width)

    def draw_nothing(self, y: int, width: int) -> Strip:
        return self._strip(Content.styled(self._empty if y == 2 else "", "$text-muted"), width)

    def draw_row(self, position: int, width: int) -> Strip:
        return self._strip(
            self._line(self._lines[position], selected=position == self.cursor, width=width), width
        )

    def _strip(self, line: Content, width: int) -> Strip:
        line = line.truncate(width, ellipsis=True, pad=True)
        (strip,) = Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)
        return strip

    def _rest(self, width: int) -> int:
        """Cells for the instruction; 0 where there is too little room."""
        rest = width - 2 - self._digits - 2 - WHAT - RESULT - ORDERS - STUDENT
        return rest if rest >= LEAST else 0

    def _line(self, line: PairLine, *, selected: bool, width: int) -> Content:
        result, style = RESULTS[line.result]
        orders = "  ".join(f"{a}:{b}".ljust(4) for a, b in line.scores or ())
        student = chosen(line.choice, disagrees=line.disagrees)
        content = Content.assemble(
            "▸ " if selected else "  ",
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
        if selected:
            return Content.styled(
                content.plain, "reverse" if self.has_focus else "bold $foreground on $panel"
            )
        return content


def _what(line: PairLine) -> str:
    """The kind of a pair: the refined side against the original, or a stage's rewrite, by the stage's score."""
    return "refined" if line.compared or line.choice is None else SCORES[line.choice.stage]


def chosen(choice: StudentChoice | None, *, disagrees: bool) -> str:
    """The student's choice about the rewrite, with its margin; ≠ where the judge disagrees."""
    if choice is None:
        return ""
    did = STUDENT_DID[choice.verdict].brief
    margin = "" if choice.margin is None else f" {choice.margin:+.3f}".replace("-", "−")
    return f"{'≠' if disagrees else ' '} {did}{margin}"
