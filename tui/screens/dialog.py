"""The base of the small questions over a screen: one frame, enter agrees, escape leaves."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

T = TypeVar("T")


class Dialog(ModalScreen[T | None]):
    """A question; its result is None if a person leaves. Subclasses set `HEADING`, and compose their `questions`."""

    HEADING = ""
    BINDINGS = [  # noqa: RUF012 - Textual's
        Binding("enter", "agree", "Do it", priority=True),
        Binding("escape", "step_out", "Leave", priority=True),
    ]
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & #dialog {
            width: 64;
            max-width: 95%;
            height: auto;
            max-height: 95%;
            overflow-y: auto;
            padding: 1 2;
            background: $surface;
            border: round $primary;
        }
        & #dialog-heading { text-style: bold; color: $primary; margin-bottom: 1; }
        & .question { color: $text-muted; margin-top: 1; height: 1; }
        & PickOne:focus { background: $panel; }
        & Input { background: $panel; width: 1fr; }
        & #dialog-keys { color: $text-muted; margin-top: 1; width: 100%; height: auto; }
    }
    """

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Label(self.HEADING, id="dialog-heading")
            yield from self.questions()
            yield Static("enter does it · escape leaves · tab and arrows choose", id="dialog-keys")

    def questions(self) -> ComposeResult:
        raise NotImplementedError

    def answer(self) -> T:
        """The result when a person agrees."""
        raise NotImplementedError

    def action_agree(self) -> None:
        self.dismiss(self.answer())

    def action_step_out(self) -> None:
        self.dismiss(None)
