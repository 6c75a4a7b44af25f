"""A row of an export as the preview shows it: as it will stand in the file, with long texts cut and names coloured."""

from __future__ import annotations

import re

from textual.content import Content

from engine.formats.names import Container, Format
from tui.text.shown import shown

READ = 1_000_000
"""Characters of a row that are read, at most."""

LONG, HEAD, TAIL = 400, 280, 60
"""Characters: of a text longer than the first, only the head and the tail are shown."""

MOST = 6_000
"""Characters of a row that are shown, about."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)')
_LEFT_OUT = "$text-muted italic"


def row_text(text: str, format: Format) -> Content:
    """A row, with a note in place of each part left out. Takes a while for a row of a million characters."""
    if format.container is Container.CSV:
        row, left = shown(text[:MOST]), len(text) - MOST
    else:
        row, at = _json(text[:READ])
        left = len(text) - at
    return Content.assemble(row, (f" ‹{left:,} characters more›", _LEFT_OUT)) if left > 0 else row


def _json(text: str) -> tuple[Content, int]:
    """A row of JSON, and how many of its characters are shown or noted."""
    parts: list[Content] = []
    at = length = 0
    for string in _STRING.finditer(text):
        between, found = text[at : string.start()], string[0]
        if length + len(between) > MOST:
            break
        parts.append(shown(between, "$text-muted"))
        at = string.end()
        if len(found) > LONG:
            parts += [
                shown(found[:HEAD]),
                Content.styled(f" ‹{len(found) - HEAD - TAIL:,} characters› ", _LEFT_OUT),
                shown(found[-TAIL:]),
            ]
        else:
            parts.append(shown(found, "$primary" if text[at : at + 1] == ":" else ""))
        length += len(between) + min(len(found), LONG)
    room = max(MOST - length, 0)
    parts.append(shown(text[at : at + room], "$text-muted"))
    return Content("").join(parts), min(at + room, len(text))
