"""A choice of a few words on one line: all of them are seen, and left and right go through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class PickOne(Widget, can_focus=True):
    """Words of ours, one of them chosen."""

    DEFAULT_CSS = """
    PickOne { height: auto; width: 1fr; }
    PickOne:focus { background: $surface; text-style: underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", show=False),
        Binding("right,l,space,enter", "turn(1)", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    chosen: reactive[str] = reactive("")

    class WordPicked(Message):
        """Another word was chosen by hand."""

        def __init__(self, control: PickOne, word: str) -> None:
            super().__init__()
            self.picker = control
            self.word = word

        @property
        def control(self) -> PickOne:
            return self.picker

    def __init__(self, words: Sequence[str], chosen: str, **options: Any) -> None:
        super().__init__(**options)
        self._words = tuple(words)
        self.set_reactive(PickOne.chosen, chosen)

    def render(self) -> Content:
        parts = []
        for word in self._words:
            here = word == self.chosen
            parts.append(
                Content.styled(f"● {word}" if here else f"○ {word}", "bold" if here else "$text-muted")
            )
        return Content("   ").join(parts)

    def action_turn(self, step: int) -> None:
        at = self._words.index(self.chosen) if self.chosen in self._words else -1
        self._take(self._words[(at + step) % len(self._words)])

    def on_click(self, event: events.Click) -> None:
        at = 0
        for word in self._words:
            if at <= event.x < at + len(word) + 2 and event.y == 0:
                self._take(word)
            at += len(word) + 5

    def _take(self, word: str) -> None:
        if word != self.chosen:
            self.chosen = word
            self.post_message(self.WordPicked(self, word))
