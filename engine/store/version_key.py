"""The key of a version of a sample: what was said about it is found under it, whoever made the version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from engine.sample import PARTS, Version


def key_of(version: Version) -> bytes:
    """A version's key, of 16 bytes."""
    return _key([getattr(version, part) for part in PARTS])


def stored_key(body: str | None) -> bytes | None:
    """The key of a version as it is stored: its JSON, or the list of its parts that a sample has. None: it is none."""
    try:
        stored = json.loads(body or "null")
        return _key([stored[part] for part in PARTS] if isinstance(stored, dict) else stored[:3])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _key(parts: Sequence[object]) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode("ascii")).digest()[:16]
