"""What the teacher is writing right now: the end of its reply, a few lines."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from engine.sample import Stage
from tui.screens.run.growing import GrowingPart
from tui.text.shown import shown, shown_line

QUESTIONS = {
    "reflect": "",
    "critique": "its criticism",
    "rewrite": "a better instruction",
    "answer": "the answer to it",
    "improve": "a better response",
}
"""What the teacher writes, by the question's name; a reply in one piece says itself what it is at."""


class LiveReplyView(Widget, can_focus=False):
    """The oldest request in flight; of the others, their number."""

    DEFAULT_CSS = "LiveReplyView { height: 5; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._head = Content("")
        self._text = ""

    def show(self, request: tuple[int, Stage, str], written: GrowingPart, others: int) -> None:
        sample, stage, question = request
        what = written.part or QUESTIONS.get(question, question)
        self._head = Content.assemble(
            f"sample {sample}  ",
            (f"{stage}  ", "$text-muted"),
            shown_line(what, 40, "$text-accent"),
            (f"  and {others} more" if others else "", "$text-muted"),
        )
        self._text = written.text
        self.refresh()

    def show_nothing(self, why: str) -> None:
        self._head, self._text = Content.styled(why, "$text-muted"), ""
        self.refresh()

    def render(self) -> Content:
        width, height = self.size
        lines = [Content.assemble(("writing    ", "$text-muted"), self._head).truncate(width, ellipsis=True)]
        if room := max(0, height - 1) * (width > 2):
            # As much of the end as can fill the lines; its line breaks would only cost them.
            end = " ".join(self._text[-width * room :].split())
            lines += shown(end).wrap(width)[-room:]
        return Content("\n").join(lines)
