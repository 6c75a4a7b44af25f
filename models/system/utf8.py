"""Text as llama.cpp takes it."""

from __future__ import annotations


def utf8(text: str) -> bytes:
    """UTF-8. A surrogate without its other half becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
