"""A watch on the first replies: a server that ignores their schema is found out, and another form is taken.

Ollama leaves `format` out for some models when thinking is off, and says nothing (ollama#14645, #15260, #17871): such
a reply has another shape, or is no JSON. A grammar that is applied lets neither pass, so one reply is enough to know,
also one that was cut or stopped.

The other form is `markers`, which needs nothing of the server. Not taken are thinking, for which `format` is applied:
it writes several times the tokens, and was not asked for; and `/api/generate`, which applies `format` from the first
token on today (ollama#17544), but thinks against `think: false` or leaves thoughts in the text (#14793, #18044), and is
to leave `format` out as `/api/chat` does (pull requests 17705, 18479). Neither helps models that MLX runs (#17183).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from engine.method.reflection import UnusableReply
from engine.thoughts import without_thoughts
from models.teacher import Fault, Reply, Request

IGNORED = (
    "the server does not hold {teacher} to the schema of its replies (as Ollama does not for some models when thinking "
    "is off): it is asked in the form `markers` from now on; --reply-form json asks under the schema again"
)
"""The notice of a changed form."""

SHAPES = frozenset({Fault.UNPARSABLE, Fault.OUT_OF_ORDER})
_FIRST_NAME = re.compile(r'\{\s*"([^"\\]*)"\s*:')


class SchemaIgnoredError(Exception):
    """The first reply under a schema does not obey it, and cannot be read: another form may do."""


class SchemaWatch:
    """Watches the replies of a run until one obeys its schema."""

    def __init__(self) -> None:
        self._obeyed = False

    def usable(self, request: Request) -> None:
        """A reply could be read."""
        self._obeyed |= request.schema is not None

    def unusable(self, request: Request, reply: Reply, error: UnusableReply) -> None:
        """Raise `SchemaIgnoredError` where that is why a reply could not be read."""
        if self._obeyed or request.schema is None:
            return
        if reply.finish != "stop":
            if not may_begin(request.schema, reply.text):
                raise SchemaIgnoredError
        elif obeys(request.schema, reply.text):
            self._obeyed = True
        elif error.fault in SHAPES:
            raise SchemaIgnoredError


def may_begin(schema: Mapping[str, Any], text: str) -> bool:
    """True of a reply's beginning that may have been written under this schema of an object."""
    text = without_thoughts(text).strip()
    first = _FIRST_NAME.match(text)
    return text[:1] in ("", "{") if first is None else first[1] in schema.get("properties", {})


def obeys(schema: Mapping[str, Any], text: str) -> bool:
    """True of a finished reply that may have been written under this schema of an object, as far as can be told."""
    names = set(schema.get("properties", {}))
    text = without_thoughts(text).strip()
    first = _FIRST_NAME.match(text)
    if first is None or first[1] not in names:
        return False
    try:
        value = from_json(text)
    except ValueError:  # half a surrogate pair, or a number beyond all bounds: a grammar lets them pass
        return text.endswith("}")
    return isinstance(value, dict) and set(value) == names
