"""What the teacher says of a version, criterion by criterion, and as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json
from textual.widget import Widget

from engine.method.reflection import CAUSE, INSTRUCTION_CRITERIA, RESPONSE_CRITERIA
from tui.state.live_replies import LiveReply
from tui.state.versions import Criticism
from tui.widgets.prose import Prose, displayed

FIELDS = INSTRUCTION_CRITERIA | RESPONSE_CRITERIA | {"cause": CAUSE}
"""The json form's fields, by what a person calls them."""

CURSOR = "▍"


class Critique(Prose):
    """While the teacher writes about the sample, that alone; its end stays in sight while it was in sight."""

    def criticise(self, criticism: Iterable[Criticism], parts: Iterable[LiveReply], *, asked: bool) -> None:
        """`criticism` of the version shown; `parts`: what the teacher writes about this sample now, `asked` or not."""
        pieces: list[tuple[str, str]] = []
        if writing := list(parts):
            pieces.append((f"The teacher is writing: {writing[-1].stage} stage\n", "fresh"))
            for part in writing:
                said = growing(part.text)
                pieces += _criteria(said if said is not None else {part.question.capitalize(): part.text})
            last, name = pieces.pop()
            pieces += [(last.rstrip("\n"), name), (CURSOR, "cursor")]
        elif asked:
            pieces.append(("The teacher was asked …", "note"))
        else:
            for about, critique in criticism:
                pieces += [(f"{about}\n", "note"), *_criteria(critique), ("\n", "")]
        at_end = isinstance(self.parent, Widget) and self.parent.is_vertical_scroll_end
        self._put(pieces or [("no criticism: the teacher was not asked about this version", "note")])
        if writing and at_end and isinstance(self.parent, Widget):
            self.parent.scroll_end(animate=False)

    def _put(self, pieces: list[tuple[str, str]]) -> None:
        text, marks, at = [], [], 0
        for piece, name in pieces:
            shown = displayed(piece)
            if name:
                marks.append((at, at + len(shown.rstrip("\n")), name))
            text.append(shown)
            at += len(shown)
        whole = "".join(text).rstrip("\n")
        self.show(whole, [(start, min(end, len(whole)), name) for start, end, name in marks])


def _criteria(critique: Mapping[str, str]) -> list[tuple[str, str]]:
    pieces: list[tuple[str, str]] = []
    for title, said in critique.items():
        pieces += [(f"{title}\n", "title"), (f"{said}\n", "")]
    return pieces


def growing(text: str) -> dict[str, str] | None:
    """A reply in the json form as far as it has come, by title; None if it is no JSON object."""
    try:
        reply = from_json(text, allow_partial="trailing-strings") if text.lstrip()[:1] == "{" else None
    except ValueError:
        return None
    return dict(_leaves(reply)) if isinstance(reply, dict) else None


def _leaves(reply: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in reply.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif isinstance(value, str):
            yield FIELDS.get(name, name.replace("_", " ").capitalize()), value
