"""A row of an export as it will stand in the file, made to be looked at: long texts cut, names coloured."""

from __future__ import annotations

import re

from textual.content import Content

from engine.formats.names import Container, Format
from tui.text.shown import shown

READ = 1_000_000  # characters of a row that are looked at
LONG, HEAD, TAIL = 400, 280, 60  # a text longer than the first is shown with its middle left out
MOST = 6_000  # characters of a row that are shown, about

_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)')
_LEFT_OUT = "$text-muted italic"


def row_text(text: str, format: Format) -> Content:
    """One row. What is left out is said in its place. Takes a while for a row of a million characters."""
    if format.container is Container.CSV:
        row, left = shown(text[:MOST]), len(text) - MOST
    else:
        row, at = _json(text[:READ])
        left = len(text) - at
    return Content.assemble(row, (f" ‹{left:,} characters more›", _LEFT_OUT)) if left > 0 else row


def _json(text: str) -> tuple[Content, int]:
    """The row, and where in it the end came."""
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
