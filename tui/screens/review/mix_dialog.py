"""Which side's instruction, and which side's response."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.widgets import Label

from tui.screens.dialog import Dialog
from tui.widgets.pick_one import PickOne

SIDES = {"the original": "original", "the version shown": "shown"}


@dataclass(frozen=True, slots=True)
class MixRequest:
    """Each "original" or "shown"."""

    instruction: str
    response: str


class MixDialog(Dialog[MixRequest]):
    HEADING = "Mix two versions"

    def questions(self) -> ComposeResult:
        original, shown = SIDES
        yield Label("Instruction, and its input, of", classes="question")
        yield PickOne(tuple(SIDES), original, id="instruction")
        yield Label("Response of", classes="question")
        yield PickOne(tuple(SIDES), shown, id="response")

    def answer(self) -> MixRequest:
        instruction, response = (SIDES[pick.chosen] for pick in self.query(PickOne))
        return MixRequest(instruction, response)
