"""Text from a dataset or a model, made safe to show: nothing in it acts on the terminal, nothing disappears."""

from __future__ import annotations

import re

# Control characters but newline and tab, DEL, C1, lone surrogates, line separators, and whatever turns the writing
# direction around.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_PICTURES = re.compile("[\u2400-\u2421]")


def literal(text: str) -> str:
    """The text with every character that would act replaced by a picture of it."""
    return _ACTIVE.sub(_picture, text)


def without_acting(text: str) -> str:
    """The text without the characters that would act."""
    return _ACTIVE.sub("", text)


def pictures(text: str) -> set[str]:
    """The pictures of control characters (U+2400 to U+2421) that stand in a text as characters of their own."""
    return set(_PICTURES.findall(text))


def one_line(text: str) -> str:
    """`literal` on a single line: line breaks and tabs are pictures, too."""
    return literal(text).replace("\n", "␊").replace("\t", "␉")


def first_line(text: str, width: int) -> str:
    """The beginning of a text on one line, safe to show, at most `width` characters."""
    flat = " ".join(text[: 4 * width].split())
    return literal(flat if len(flat) <= width else flat[: width - 1] + "…")


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹{code:02X}›"
