"""A choice of a few words: all of them are seen, on as few lines as hold them, and left and right go through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class PickOne(Widget, can_focus=True):
    """Words of ours, one of them chosen.

    Beside Textual's `RadioSet`: the words stand beside each other, the keys choose at once (there is no second cursor),
    and up and down go to the widgets around.
    """

    DEFAULT_CSS = """
    PickOne { height: auto; width: 1fr; }
    PickOne:focus { background: $surface; text-style: underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l,space,enter", "step(1)", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    words: reactive[Sequence[str]] = reactive((), layout=True)
    chosen: reactive[str] = reactive("")

    @dataclass
    class WordPicked(Message):
        """Another word was chosen by hand."""

        picker: PickOne
        word: str

        @property
        def control(self) -> PickOne:
            return self.picker

    def __init__(self, words: Sequence[str], chosen: str, **options: Any) -> None:
        super().__init__(**options)
        self.set_reactive(PickOne.words, words)
        self.set_reactive(PickOne.chosen, chosen)

    @property
    def _gap(self) -> int:
        """The cells between two words: many of them stand closer, to fit on the line."""
        return 3 if len(self.words) < 5 else 2

    def lines(self, width: int) -> list[list[str]]:
        """The words line by line: as many on each as have room."""
        found: list[list[str]] = [[]]
        used = 0
        for word in self.words:
            cells = len(word) + 2
            if found[-1] and used + self._gap + cells > width:
                found.append([])
            used = used + self._gap + cells if found[-1] else cells
            found[-1].append(word)
        return found

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))

    def render(self) -> Content:
        gap = Content(" " * self._gap)
        return Content("\n").join(
            gap.join(
                Content.styled(f"● {word}", "bold")
                if word == self.chosen
                else Content.styled(f"○ {word}", "$text-muted")
                for word in line
            )
            for line in self.lines(self.size.width)
        )

    def action_step(self, by: int) -> None:
        at = self.words.index(self.chosen) if self.chosen in self.words else -1
        self.pick(self.words[(at + by) % len(self.words)])

    def on_click(self, event: events.Click) -> None:
        if (word := self.word_at(event.x, event.y)) is not None:
            self.pick(word)

    def word_at(self, x: int, y: int) -> str | None:
        """The word that is drawn at a cell."""
        start, lines = 0, self.lines(self.size.width)
        for word in lines[y] if 0 <= y < len(lines) else ():
            if start <= x < start + len(word) + 2:
                return word
            start += len(word) + 2 + self._gap
        return None

    def pick(self, word: str) -> None:
        """Choose a word as if by hand."""
        if word != self.chosen:
            self.chosen = word
            self.post_message(self.WordPicked(self, word))
