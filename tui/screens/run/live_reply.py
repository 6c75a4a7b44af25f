"""The end of the reply that the teacher is writing, in a few lines."""

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
"""The part that a question asks for, by its name; a reply in one piece names its parts itself."""


class LiveReplyView(Widget, can_focus=False):
    """Shows the oldest request in flight, and the number of the others."""

    DEFAULT_CSS = "LiveReplyView { height: 5; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._head = Content("")
        self._text = ""

    def show(self, request: tuple[int, Stage, str], written: GrowingPart, others: int) -> None:
        sample, stage, question = request
        part = written.part or QUESTIONS.get(question, question)
        self._head = Content.assemble(
            f"sample {sample}  ",
            (f"{stage}  ", "$text-muted"),
            shown_line(part, 40, "$text-accent"),
            (f"  and {others} more" if others else "", "$text-muted"),
        )
        self._text = written.text
        self.refresh()

    def show_nothing(self, reason: str) -> None:
        self._head, self._text = Content.styled(reason, "$text-muted"), ""
        self.refresh()

    def render(self) -> Content:
        width, height = self.size
        lines = [Content.assemble(("writing    ", "$text-muted"), self._head).truncate(width, ellipsis=True)]
        if room := max(0, height - 1) * (width > 2):
            # As much of the end as can fill the lines. Its line breaks would only waste them.
            end = " ".join(self._text[-width * room :].split())
            lines += shown(end).wrap(width)[-room:]
        return Content("\n").join(lines)
