"""The teacher's criticism of a version, criterion by criterion, also while it is being written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json
from textual.widget import Widget

from engine.method.prompts import CAUSE
from engine.method.rules import Criteria, field_names
from tui.state.live_replies import LiveReply
from tui.state.versions import Criticism
from tui.widgets.prose import Prose

_SORTING = re.compile(r"^[a-z]_")
"""The letter before the name of a field of the json form."""

CURSOR = "▍"


class Critique(Prose):
    """The criticism of the version shown; while the teacher writes about the sample, only what it writes.

    The end of what is written stays in sight while it was in sight.
    """

    def criticise(
        self,
        criticism: Iterable[Criticism],
        parts: Iterable[LiveReply],
        criteria: Criteria,
        *,
        asked: bool,
    ) -> None:
        """Show a criticism, or what is being written.

        parts: the replies that the teacher is at for this sample, which it criticises on these criteria. asked: a
        person waits for one of them.
        """
        pieces: list[tuple[str, str]] = []
        if writing := list(parts):
            pieces.append((f"The teacher is writing: {writing[-1].stage} stage\n", "fresh"))
            for part in writing:
                written = growing(part.text, criteria)
                pieces += _criteria({part.question.capitalize(): part.text} if written is None else written)
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


def growing(text: str, criteria: Criteria) -> dict[str, str] | None:
    """A reply in the json form as far as it has come, by title; None if it is no JSON object."""
    try:
        reply = from_json(text, allow_partial="trailing-strings") if text.lstrip()[:1] == "{" else None
    except ValueError:
        return None
    return dict(_leaves(reply, {}, criteria)) if isinstance(reply, dict) else None


def _leaves(
    reply: Mapping[str, Any], titles: Mapping[str, str], criteria: Criteria
) -> Iterable[tuple[str, str]]:
    for name, value in reply.items():
        if isinstance(value, dict):
            half = criteria.instruction if name == "a_instruction_critique" else criteria.response
            yield from _leaves(value, field_names(half), criteria)
        elif isinstance(value, str):
            plain = CAUSE if name == "c_cause" else _SORTING.sub("", name).replace("_", " ").capitalize()
            yield titles.get(name, plain), value
