"""A text edited in place, in which nothing acts on the terminal and nothing is lost that does."""

from __future__ import annotations

import re

from textual.events import Key, Paste
from textual.widgets import TextArea

from tui.text.literal import literal, without_acting

LONGEST = 50_000
"""Characters of a text that can be edited; a longer one stays as it is."""


class Masked:
    """A text in which everything that would act on the terminal is a picture, until it is edited and put back."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.shown = literal(raw)
        acting = {character: literal(character) for character in set(raw) if literal(character) != character}
        self._pictures = {picture: character for character, picture in acting.items()}
        # A text that holds such a picture itself cannot be told from one that holds what it is of.
        self.exact = all(raw.count(p) == 0 for p in self._pictures)

    def back(self, text: str) -> str:
        """The edited text, with the characters that the pictures stood for."""
        if text == self.shown:
            return self.raw
        for picture, character in self._pictures.items():
            text = text.replace(picture, character)
        return text


class PartEditor(TextArea):
    """A text area that takes in no character that would act. Where enter is taken, ctrl+j begins a line."""

    def on_key(self, event: Key) -> None:
        if event.key == "ctrl+j" and not self.read_only:
            event.stop()
            event.prevent_default()
            self._take_in("\n")

    def on_paste(self, event: Paste) -> None:
        """Take in the text alone: lines end as terminals send them, and a picture would be kept as what it shows."""
        event.prevent_default()
        lines = re.sub("\r\n?", "\n", event.text)
        pasted = without_acting(lines)
        if len(pasted) < len(lines):
            self.notify("control characters in what was pasted were left out", severity="warning")
        self._take_in(pasted)

    def _take_in(self, text: str) -> None:
        """Put a text in the place of the selection, and go on after it."""
        self.move_cursor(self.replace(text, *self.selection, maintain_selection_offset=False).end_location)
