"""What stands before an exchange in its row, and after it: folded, until one wants to see all of it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sample import Sample, Turn
from tui.widgets.prose import Prose

FOLDED = 300
"""Characters of a turn that are shown while it is folded."""


class ConversationBefore(Prose):
    """The turns before an exchange; folded, the last of them."""

    DEFAULT_CSS = """
    ConversationBefore { margin-bottom: 1; padding-right: 1; color: $text-muted; }
    """

    def show_before(self, sample: Sample, *, opened: bool, key: str) -> None:
        """`key`: opens and folds it."""
        self.display = bool(sample.history)
        self.show_pieces(_before(sample, key, opened=opened))


class ConversationAfter(Prose):
    """The turn that follows an exchange."""

    DEFAULT_CSS = """
    ConversationAfter { margin-bottom: 1; padding-right: 1; color: $text-muted; }
    """

    def show_after(self, sample: Sample, *, opened: bool) -> None:
        self.display = sample.next is not None
        if sample.next is not None:
            head = "What follows it, and must still make sense\n"
            self.show_pieces([(head, "title"), *_pieces(sample.next, opened=opened)])


def _before(sample: Sample, key: str, *, opened: bool) -> Iterator[tuple[str, str]]:
    count = len(sample.history)
    yield f"Before it  row {sample.number:,}, turn {sample.turn:,}\n", "title"
    for turn in sample.history if opened else sample.history[-1:]:
        yield from _pieces(turn, opened=opened)
    if count > 1 or any(len(turn.text) > FOLDED for turn in sample.history):
        said = "1 turn" if count == 1 else f"{count:,} turns"
        yield f"{key} folds these {said}" if opened else f"{key} opens all of it: {said}", "note"


def _pieces(turn: Turn, *, opened: bool) -> Iterator[tuple[str, str]]:
    cut = not opened and len(turn.text) > FOLDED
    yield f"{turn.role}: ", "cursor"
    yield f"{turn.text[:FOLDED]}…\n" if cut else f"{turn.text}\n", ""
