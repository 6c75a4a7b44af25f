"""What stands before an exchange in its row, and after it: folded, until one wants to see all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from engine.sample import History, Turn
from models.system.units import counted
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
    definitions = _definitions(tools)
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


def _definitions(tools: str) -> list[str]:
    """The definitions one by one, laid out to be read."""
    given: object = tools
    with suppress(ValueError, RecursionError):
        given = json.loads(tools)
    return [_definition(one) for one in (given if isinstance(given, list) else [given] if given else [])]


def _definition(given: object) -> str:
    """A definition's name and what it says of itself, then the rest in JSON."""
    if isinstance(given, str):
        return given
    inner = given.get("function") if isinstance(given, dict) else None
    told = inner if isinstance(inner, dict) else given
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        return json.dumps(given, ensure_ascii=False)
    about = told.get("description")
    name = f"{told['name']}: {about}" if isinstance(about, str) else told["name"]
    shown = ("name", "description") if isinstance(about, str) else ("name",)
    rest = {key: value for key, value in told.items() if key not in shown}
    return f"{name}\n{json.dumps(rest, ensure_ascii=False)}" if rest else name


def _pieces(turn: Turn, *, opened: bool) -> Iterator[tuple[str, str]]:
    cut = not opened and len(turn.text) > FOLDED
    yield f"{turn.role}: ", "cursor"
    yield f"{turn.text[:FOLDED]}…\n" if cut else f"{turn.text}\n", ""
