"""One line that asks for something: a prompt, and what is typed after it."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from tui.widgets.plain_input import PlainInput


class AskLine(Horizontal):
    """Not shown until `ask`. The input's own messages, `Changed` and `Submitted`, go to the widget around it."""

    DEFAULT_CSS = """
    AskLine {
        height: 1; padding: 0 1; background: $surface; display: none;
        & > Static { width: auto; color: $primary; text-style: bold; margin-right: 1; }
        & > Input { width: 1fr; }
        &.-shown { display: block; }
    }
    """

    def __init__(self, prompt: str, placeholder: str, *, id: str, **options: Any) -> None:
        """`options` of the input."""
        super().__init__(id=id)
        self._prompt = prompt
        self.input = PlainInput(placeholder=placeholder, **options)

    def compose(self) -> ComposeResult:
        yield Static(self._prompt, markup=False)
        yield self.input

    def ask(self) -> None:
        self.add_class("-shown")
        self.input.focus()

    def leave(self) -> None:
        """No longer shown. What was typed stands there again when it is asked for anew."""
        self.remove_class("-shown")

    def put_back(self, text: str) -> None:
        """Have a text that came to nothing stand there, unless another was typed meanwhile."""
        if not self.input.value:
            self.input.value, self.input.cursor_position = text, len(text)

    def close(self) -> None:
        """No longer shown, and empty; nobody hears of it."""
        self.remove_class("-shown")
        with self.input.prevent(Input.Changed):
            self.input.value = ""

    @property
    def shown(self) -> bool:
        return self.has_class("-shown")


class NumberLine(AskLine):
    """A line that asks for a sample's number, in which only digits can be typed."""

    def __init__(self, *, id: str) -> None:
        super().__init__(":", "a sample's number", id=id, restrict=r"\d*", max_length=12)

    def take(self) -> int | None:
        """Close it; the number that was typed, None where none was."""
        typed = self.input.value
        self.close()
        return int(typed) if typed else None
