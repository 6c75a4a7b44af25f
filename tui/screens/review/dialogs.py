"""The questions of Review: what to ask the teacher again, and which halves of two versions to mix."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.widgets import Label

from engine.sample import Stage
from tui.screens.dialog import Dialog
from tui.widgets.pick_one import PickOne
from tui.widgets.plain_input import PlainInput

STAGES = {"a response": Stage.RESPONSE, "an instruction, and its answer": Stage.INSTRUCTION}
SHOWN = "the version shown"
STARTS = (SHOWN, "the original")


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """Another rewrite, and a remark to the teacher, which may be empty."""

    stage: Stage
    of_original: bool  # or of the version shown
    remark: str


class AskAgainDialog(Dialog[RewriteRequest]):
    HEADING = "Ask the teacher again"

    def questions(self) -> ComposeResult:
        yield Label("A remark, if you like", classes="question")
        yield PlainInput(placeholder="shorter, and without the list", select_on_focus=False, id="remark")
        yield Label("Ask the teacher for another", classes="question")
        yield PickOne(tuple(STAGES), next(iter(STAGES)), id="stage")
        yield Label("Starting from", classes="question")
        yield PickOne(STARTS, STARTS[0], id="start")

    def answer(self) -> RewriteRequest:
        return RewriteRequest(
            STAGES[self.query_one("#stage", PickOne).chosen],
            self.query_one("#start", PickOne).chosen == STARTS[1],
            self.query_one("#remark", PlainInput).value.strip(),
        )


@dataclass(frozen=True, slots=True)
class MixRequest:
    """The sides that the instruction and the response are of: "left" or "shown"."""

    instruction: str
    response: str


class MixDialog(Dialog[MixRequest]):
    HEADING = "Mix two versions"

    def __init__(self, left: str) -> None:
        """`left`: the name of the version on the left."""
        super().__init__()
        self._sides = {left: "left", SHOWN: "shown"}

    def questions(self) -> ComposeResult:
        left, shown = self._sides
        yield Label("Instruction, and its input, of", classes="question")
        yield PickOne(tuple(self._sides), left, id="instruction")
        yield Label("Response of", classes="question")
        yield PickOne(tuple(self._sides), shown, id="response")

    def answer(self) -> MixRequest:
        instruction, response = (self._sides[pick.chosen] for pick in self.query(PickOne))
        return MixRequest(instruction, response)
