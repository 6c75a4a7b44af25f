"""Labels before a rewrite, as small teachers write them: "Here is the new instruction:", or a heading."""

from __future__ import annotations

import re

# White space is never given back (`*+`, `++`): small teachers write thousands of line breaks.
_OPENER = r"\s*+(?:(?:sure|certainly|of\ course|absolutely|okay|ok)[,!.]?\s++)?"
_HEADING = r"""[*\#\s]*+
    (?:(?:new|rewritten|better|improved|revised|updated|refined)\s++)?(?:instruction|response)[*]*+:[*]*"""
_THE_NEW = r"the\ (?:new|better|improved|revised|rewritten)"
_LABEL = re.compile(
    rf"""{_OPENER}(?:
        here(?:['’]s|\ is|\ are)\ [^\n:]{{0,120}}
            \b(?:instruction|response|answer|version(?=:|\ of\ (?:the|your)\b))\b[^\n:]{{0,80}}:
            (?:\s*\n{_HEADING})?
        |{_THE_NEW}\ (?:instruction|response|answer)\ is:
        |{_HEADING}
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_LABEL_SO_FAR = re.compile(rf"{_OPENER}(?:here|{_THE_NEW})\b[^\n:]*", re.IGNORECASE | re.VERBOSE)


def without_label(text: str) -> str:
    """A text without the label before it; "" where it is nothing but that."""
    label = _LABEL.match(text)
    return text[label.end() :] if label else text


def without_label_so_far(text: str) -> str:
    """A text that still grows, without its label; nothing of it while that is not over."""
    return "" if _LABEL_SO_FAR.fullmatch(text) else without_label(text)


def unlabelled_so_far(text: str) -> str:
    """A reply that still grows, without what is put around it; nothing of it while that is not over."""
    return "" if _LABEL_SO_FAR.fullmatch(text) else unlabelled(text)


def unlabelled(text: str) -> str:
    """A reply without what a small model puts around it: "Here is the new instruction:", and quotation marks."""
    text = without_label(text).strip()
    quoted = len(text) > 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return text[1:-1] if quoted else text
