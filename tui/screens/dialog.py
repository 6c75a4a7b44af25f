"""The base of the small questions over a screen: one frame, enter agrees, escape leaves."""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Label, Static

T = TypeVar("T")


class Dialog(ModalScreen[T | None]):
    """A question; its result is None if a person leaves. Subclasses set `HEADING`, and compose their `questions`."""

    HEADING = ""
    KEYS = "enter does it · escape leaves · tab and arrows choose"
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

    def __init__(self) -> None:
        super().__init__()
        self._open = False  # there is a field to type in
        self._early: list[Key] = []  # typed before
        self._passed: Key | None = None  # the last that no field of the dialog took

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Label(self.HEADING, id="dialog-heading")
            yield from self.questions()
            yield Static(self.KEYS, id="dialog-keys")

    def questions(self) -> ComposeResult:
        raise NotImplementedError

    def answer(self) -> T:
        """The result when a person agrees."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.call_after_refresh(self._take_early)

    def _take_early(self) -> None:
        self._open, early, self._early = True, self._early, []
        for key in early:
            self._type(key)

    def on_key(self, event: Key) -> None:
        self._passed = event

    def take(self, event: Key) -> bool:
        """Take a key that was typed for this dialog and reached the screen below it; False for one of the dialog's."""
        if event is self._passed:
            return False
        self._type(event) if self._open else self._early.append(event)
        return True

    def _type(self, event: Key) -> None:
        if (field := self.focused) is None:
            return
        if event.key == "enter":
            field.call_later(self.action_agree)  # after the keys before it
        elif event.key == "escape":
            field.call_later(self.action_step_out)
        else:
            field.post_message(Key(event.key, event.character))

    def action_agree(self) -> None:
        if self._open:
            self.dismiss(self.answer())
        else:
            self._early.append(Key("enter", "\r"))

    def action_step_out(self) -> None:
        if self._open:
            self.dismiss(None)
        else:
            self._early.append(Key("escape", None))
