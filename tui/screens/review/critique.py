"""The teacher's criticism of a version, criterion by criterion, also while it is being written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json
from textual.widget import Widget

from engine.method.prompts import CAUSE, INSTRUCTION_CRITERIA, RESPONSE_CRITERIA
from tui.state.live_replies import LiveReply
from tui.state.versions import Criticism
from tui.widgets.prose import Prose

FIELDS = INSTRUCTION_CRITERIA | RESPONSE_CRITERIA | {"c_cause": CAUSE}
"""The titles of the json form's fields, for a person."""

_SORTING = re.compile(r"^[a-e]_")
"""The letter before the name of a field of the json form."""

CURSOR = "▍"


class Critique(Prose):
    """The criticism of the version shown; while the teacher writes about the sample, only what it writes.

    The end of what is written stays in sight while it was in sight.
    """

    def criticise(self, criticism: Iterable[Criticism], parts: Iterable[LiveReply], *, asked: bool) -> None:
        """`parts`: the replies that the teacher is at for this sample; `asked`: a person waits for one of them."""
        pieces: list[tuple[str, str]] = []
        if writing := list(parts):
            pieces.append((f"The teacher is writing: {writing[-1].stage} stage\n", "fresh"))
            for part in writing:
                criteria = growing(part.text)
                pieces += _criteria({part.question.capitalize(): part.text} if criteria is None else criteria)
            last, name = pieces.pop()
            pieces += [(last.rstrip("\n"), name), (CURSOR, "cursor")]
        elif asked:
            pieces.append(("The teacher was asked …", "note"))
        else:
            for about, critique in criticism:
                pieces += [(f"{about}\n", "note"), *_criteria(critique), ("\n", "")]
        at_end = isinstance(self.parent, Widget) and self.parent.is_vertical_scroll_end
        self.show_pieces(pieces or [("no criticism: the teacher was not asked about this version", "note")])
        if writing and at_end and isinstance(self.parent, Widget):
            self.parent.scroll_end(animate=False)


def _criteria(critique: Mapping[str, str]) -> list[tuple[str, str]]:
    pieces: list[tuple[str, str]] = []
    for title, text in critique.items():
        pieces += [(f"{title}\n", "title"), (f"{text}\n", "")]
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
            yield FIELDS.get(name, _SORTING.sub("", name).replace("_", " ").capitalize()), value
