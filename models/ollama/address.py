"""The address of an Ollama server."""

from __future__ import annotations

import os

from models.http.address import AddressKind, local_url

DEFAULT = "127.0.0.1:11434"
_KIND = AddressKind("host", DEFAULT, 11434)


def server_url(host: str | None = None, *, allow_remote: bool = False) -> str:
    """The base URL of an Ollama server, without a final slash.

    `host` is what OLLAMA_HOST may hold: an address or a name, with or without scheme, port and path. None or
    "" reads OLLAMA_HOST, else 127.0.0.1:11434. Raises as `models.http.address.local_url`.
    """
    given = (host or os.environ.get("OLLAMA_HOST", "")).strip().strip("\"'") or DEFAULT
    return local_url(given, _KIND, allow_remote=allow_remote)
