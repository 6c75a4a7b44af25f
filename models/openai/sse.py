"""Server-sent events, as servers of models send them.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

PINGS = frozenset({b"ping", b"heartbeat", b"keepalive"})
"""Names of events that say no more than that the server lives; llama-server and others use comments for it."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    name: bytes  # empty: a message
    data: bytes


def counts(line: bytes) -> bool:
    """The line carries data: comments and blank lines, which servers send to keep a connection alive, do not."""
    return line.startswith((b"data:", b"{"))


async def events(lines: AsyncIterator[bytes]) -> AsyncGenerator[ServerEvent]:
    """The events of an answer, without pings. A line of bare JSON, and llama-server's old `error:` are read too."""
    name, data = b"", list[bytes]()
    async for raw in lines:
        line = raw.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")
        if line.startswith(b"{"):
            data.append(line)
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"data":
                data.append(value)
            case b"event":
                name = value.strip()
            case b"error":
                name, data = b"error", [value]
        if not line:
            if data and name not in PINGS:
                yield ServerEvent(name, b"\n".join(data))
            name, data = b"", []
    if data and name not in PINGS:
        yield ServerEvent(name, b"\n".join(data))
