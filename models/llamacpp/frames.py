"""What parent and child send each other: a length (4 bytes, big-endian), a JSON header, then its raw blobs.

The header is ASCII, so lone surrogates in a dataset's text come through as they are.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

LENGTH = struct.Struct(">I")


def pack(header: dict[str, Any], *blobs: bytes) -> bytes:
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode("ascii")
    return b"".join((LENGTH.pack(len(text)), text, *blobs))


def read(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """The next frame's header and blobs; None at the stream's end, in the middle of a frame too."""
    start = stream.read(LENGTH.size)
    if len(start) < LENGTH.size:
        return None
    size = LENGTH.unpack(start)[0]
    text = stream.read(size)
    if len(text) < size:
        return None
    header: dict[str, Any] = json.loads(text)
    return header, [stream.read(size) for size in header["blobs"]]
