"""Text of a dataset or a model as a widget's content. All such text reaches widgets through here."""

from __future__ import annotations

from textual.content import Content

from tui.text.literal import first_line, literal


def shown(text: str, style: str = "") -> Content:
    """The text as it is, with a picture for every character that would act; never markup."""
    return Content.styled(literal(text), style)


def shown_line(text: str, width: int, style: str = "") -> Content:
    """The beginning of a text, on one line of at most `width` characters."""
    return Content.styled(first_line(text, width), style)
