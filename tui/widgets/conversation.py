"""The conversation before an exchange and the turn after it, folded until they are opened."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sample import History, Turn
from models.system.units import counted
from tui.text.tool_words import tool_definitions
from tui.widgets.prose import Prose

FOLDED = 300
"""Characters of a turn that are shown while it is folded."""


class ConversationBefore(Prose):
    """The turns before an exchange, and the tools that may be called in them; folded, the last turn."""

    DEFAULT_CSS = """
    ConversationBefore { margin-bottom: 1; padding-right: 1; color: $text-muted; }
    """

    def show_before(self, history: History, tools: str, place: str, *, opened: bool, key: str) -> None:
        """`tools`: their definitions; `place`: of the exchange; `key`: opens and folds it."""
        self.display = bool(history or tools)
        self.show_pieces([(f"{place}\n", "title"), *_before(history, tools, key, opened=opened)])


class ConversationAfter(Prose):
    """The turn that follows an exchange."""

    DEFAULT_CSS = """
    ConversationAfter { margin-bottom: 1; padding-right: 1; color: $text-muted; }
    """

    def show_after(self, following: Turn | None, *, opened: bool) -> None:
        self.display = following is not None
        if following is not None:
            head = "What follows it, and must still make sense\n"
            self.show_pieces([(head, "title"), *_pieces(following, opened=opened)])


def _before(history: History, tools: str, key: str, *, opened: bool) -> Iterator[tuple[str, str]]:
    definitions = tool_definitions(tools)
    for definition in definitions if opened else []:
        yield "may call: ", "cursor"
        yield f"{definition}\n", ""
    for turn in history if opened else history[-1:]:
        yield from _pieces(turn, opened=opened)
    if definitions or len(history) > 1 or any(len(turn.text) > FOLDED for turn in history):
        there = ", ".join(
            counted(count, thing)
            for count, thing in ((len(history), "turn"), (len(definitions), "tool"))
            if count
        )
        yield f"{key} folds {there}" if opened else f"{key} opens all of it: {there}", "note"


def _pieces(turn: Turn, *, opened: bool) -> Iterator[tuple[str, str]]:
    cut = not opened and len(turn.text) > FOLDED
    yield f"{turn.role}: ", "cursor"
    yield f"{turn.text[:FOLDED]}…\n" if cut else f"{turn.text}\n", ""
