"""A line to type in, in which nothing that is pasted or completed can act on the terminal."""

from __future__ import annotations

from typing import Any

from tui.platform.textual_patches import DrawnInput
from tui.text.literal import one_line

LONGEST = 4096
"""Characters one line takes: it is laid out anew at every key."""


class PlainInput(DrawnInput):
    """Textual's input, drawn with a picture for every character that would act; its value keeps them."""

    DEFAULT_CSS = "PlainInput:ansi { text-style: underline; }"  # has no background to be seen by

    def __init__(self, value: str | None = None, *, max_length: int = LONGEST, **options: Any) -> None:
        super().__init__(value, max_length=max_length, compact=True, **options)

    def drawn_value(self) -> str:
        return drawn(self.value)


def drawn(text: str) -> str:
    """The text with each character that would act replaced by one that does not."""
    if one_line(text) == text:
        return text
    return "".join(picture if len(picture := one_line(c)) == 1 else "\ufffd" for c in text)
