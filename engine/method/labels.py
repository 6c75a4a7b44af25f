"""What a small teacher puts before a rewrite: "Here is the new instruction:", or a heading."""

from __future__ import annotations

import re

# White space is never given back (`*+`, `++`): small teachers write thousands of line breaks.
_OPENER = r"\s*+(?:(?:sure|certainly|of\ course|absolutely|okay|ok)[,!.]?\s++)?"
_HEADING = r"""[*\#\s]*+
    (?:(?:new|rewritten|better|improved|revised|updated|refined)\s++)?(?:instruction|response)[*]*+:[*]*"""
_LABEL = re.compile(
    rf"""{_OPENER}(?:
        here(?:['’]s|\ is|\ are)\ [^\n:]{{0,120}}
            \b(?:instruction|response|answer|version(?=:|\ of\ (?:the|your)\b))\b[^\n:]{{0,80}}:
            (?:\s*\n{_HEADING})?
        |{_HEADING}
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_LABEL_SO_FAR = re.compile(rf"{_OPENER}here\b[^\n:]*", re.IGNORECASE | re.VERBOSE)


def unlabelled_so_far(text: str) -> str:
    """A reply that still grows, without what is put around it; nothing of it while that is not over."""
    return "" if _LABEL_SO_FAR.fullmatch(text) else unlabelled(text)


def unlabelled(text: str) -> str:
    """A reply without what a small model puts around it: "Here is the new instruction:", and quotation marks."""
    text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    text = text.strip()
    quoted = len(text) > 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return text[1:-1] if quoted else text
