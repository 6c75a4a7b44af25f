"""The order of fields in replies that answer version 1 of the prompts.

Their names did not sort as they are meant to be written, and Ollama has sorted an object's fields since 0.30: answers
that do not follow from their critique, and critiques that speak of the wrong text.
"""

from __future__ import annotations

from engine.store.workspace import Workspace

LOOKED_AT = 100
"""Replies at either end of what is kept: a server orders all of them alike, and may have been another one later."""

_FIRST, _LAST = (
    f"SELECT body FROM replies ORDER BY rowid {way} LIMIT {LOOKED_AT}" for way in ("ASC", "DESC")
)
# Texts are kept as JSON, so that a quotation mark in a reply is two characters here.
_CRITIQUE, *_CONCLUSIONS = (
    f'\\"{name}\\":' for name in ("response_critique", "better_response", "new_instruction")
)


def answers_come_first(workspace: Workspace, sample: int | None = None) -> bool:
    """True if a reply, about one sample or among those at both ends, has its critique after what it led to."""
    of = f"SELECT * FROM ({_FIRST}) UNION ALL SELECT * FROM ({_LAST})"
    if sample is not None:
        of = f"SELECT body FROM replies WHERE sample = {sample:d}"
    found = workspace.database.execute(
        f"SELECT 1 FROM ({of}) WHERE instr(body, :critique) > max(instr(body, :better), instr(body, :new)) "
        "AND max(instr(body, :better), instr(body, :new)) > 0 LIMIT 1",
        critique=_CRITIQUE,
        better=_CONCLUSIONS[0],
        new=_CONCLUSIONS[1],
    )
    return bool(found)
