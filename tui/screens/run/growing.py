"""The part of a reply that is being written, made readable while it grows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

READ = 20_000
"""Characters of a reply's end that are read: more than a part of a reply has."""

# The last string that a JSON text begins, with its name; it may still be open.
_LAST = re.compile(
    r'"(?P<name>\w+)"\s*:\s*"(?P<text>(?:[^"\\]|\\[^u]|\\u[0-9a-fA-F]{4})*)'
    r'(?P<open>\\(?:u[0-9a-fA-F]{0,3})?)?(?:"[\s,}\]]*)?$'
)


@dataclass(frozen=True, slots=True)
class GrowingPart:
    """A stretch of a reply."""

    part: str  # the JSON field it belongs to, as words; "" for plain text
    text: str


def growing_part(reply: str) -> GrowingPart:
    """The end of a reply: of JSON the last field's text, without its quotes and escapes."""
    if not reply.lstrip().startswith("{"):
        return GrowingPart("", reply[-READ:])
    last = _LAST.search(reply[-READ:])
    if last is None:
        return GrowingPart("", "")
    part, text = re.sub("^[a-z]_", "", last["name"]).replace("_", " "), last["text"]
    try:
        return GrowingPart(part, json.loads(f'"{text}"', strict=False))
    except ValueError:  # an escape that no JSON knows
        return GrowingPart(part, text)
