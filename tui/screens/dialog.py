"""The base of the small questions over a screen: one frame, enter agrees, escape leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Label, Static

from tui.widgets.plain_input import PlainInput

T = TypeVar("T")


class Dialog(ModalScreen[T | None]):
    """A question; its result is None if a person leaves. Subclasses set `HEADING`, and compose their `questions`."""

    AUTO_FOCUS = ""  # the first field has it once the keys typed before can be handed on
    HEADING = ""
    KEYS = "enter does it · escape leaves · tab and arrows choose"
    BINDINGS = [  # noqa: RUF012 - Textual's
        Binding("enter", "agree", "Do it", priority=True),
        Binding("escape", "step_out", "Leave", priority=True),
        Binding("tab", "turn('tab')", show=False),
        Binding("shift+tab", "turn('shift+tab')", show=False),
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

    def __init__(self, typed: dict[str, str] | None = None) -> None:
        """`typed`: what a person typed into each line, by its id. It stands there at first, and is kept up to date, so
        that it is not lost where a person leaves."""
        super().__init__()
        self._typed = {} if typed is None else typed
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
        for line in self.query(PlainInput):
            if (text := self._typed.get(line.id or "")) is not None:
                line.value, line.cursor_position = text, len(text)
            self.watch(line, "value", partial(self._keep, line.id or ""), init=False)
        self.call_after_refresh(self._take_early)

    def _keep(self, line: str, text: str) -> None:
        self._typed[line] = text

    def _take_early(self) -> None:
        self._open, early, self._early = True, self._early, []
        if self.focused is None:
            self.focus_next()
        for key in early:
            self._type(key)

    def on_key(self, event: Key) -> None:
        if self._open:
            self._passed = event
        else:
            event.stop()
            self._early.append(event)

    def take(self, event: Key) -> bool:
        """Take a key that was typed for this dialog and reached the screen below it; False for one of the dialog's."""
        if event is self._passed:
            return False
        self._take(event)
        return True

    def _take(self, event: Key) -> None:
        self._type(event) if self._open else self._early.append(event)

    def _type(self, event: Key) -> None:
        """Hand a key to the field in focus. What agrees or leaves waits for keys that fields have yet to read."""
        if event.key == "enter":
            self._after_keys(self.agree, self.focus_chain)
        elif event.key == "escape":
            self._after_keys(self.step_out, self.focus_chain)
        elif event.key == "tab":
            self.focus_next()
        elif event.key == "shift+tab":
            self.focus_previous()
        elif (field := self.focused) is not None:
            field.post_message(Key(event.key, event.character))

    def _after_keys(self, act: Callable[[], None], fields: Sequence[Widget]) -> None:
        """Do it when each of these fields has read its keys."""
        if fields:
            fields[0].call_later(self._after_keys, act, fields[1:])
        else:
            act()

    def action_agree(self) -> None:
        self._take(Key("enter", "\r"))

    def action_step_out(self) -> None:
        self._take(Key("escape", None))

    def action_turn(self, key: str) -> None:
        self._take(Key(key, None))

    def agree(self) -> None:
        """Leave with the answer."""
        self.dismiss(self.answer())

    def step_out(self) -> None:
        """Leave without one."""
        self.dismiss(None)
