"""What the line below a list of samples says of it: how many, which of them, and in which order."""

from __future__ import annotations

from textual.content import Content

from engine.store.sample_list import SampleColumn, SampleFilter
from tui.screens.samples.filter_bar import words
from tui.text.literal import first_line

ORDERS = {
    SampleColumn.NUMBER: ("number", "first first", "last first"),
    SampleColumn.STATE: ("state", "from A", "from Z"),
    SampleColumn.INSTRUCTION: ("instruction", "from A", "from Z"),
    SampleColumn.IFD_BEFORE: ("IFD before", "smallest first", "largest first"),
    SampleColumn.IFD_AFTER: ("IFD after", "smallest first", "largest first"),
    SampleColumn.R_IFD_BEFORE: ("r-IFD before", "smallest first", "largest first"),
    SampleColumn.R_IFD_AFTER: ("r-IFD after", "smallest first", "largest first"),
    SampleColumn.LENGTH_BEFORE: ("length before", "shortest first", "longest first"),
    SampleColumn.LENGTH_AFTER: ("length after", "shortest first", "longest first"),
    SampleColumn.VERDICT: ("verdict", "kept first", "replaced first"),
}
"""Each order in words, and in either direction."""


def list_line(
    total: int, samples: int, marked: int, only: SampleFilter, by: SampleColumn, *, descending: bool
) -> list[Content]:
    """Its parts. `total`: of `samples`, those that `only` lets through."""
    parts = [Content(f"{total:,} of {samples:,} samples" if total != samples else f"{samples:,} samples")]
    if marked:
        parts.append(Content.styled(f"◆ {marked:,} marked", "$accent"))
    if only.marks:
        parts.append(Content.styled(words(only.marks), "$primary"))
    if only.text:
        parts.append(Content.styled(f"with “{first_line(only.text, 30)}”", "$primary"))
    if (by, descending) != (SampleColumn.NUMBER, False):
        name, *directions = ORDERS[by]
        parts.append(Content.styled(f"by {name}, {directions[descending]}", "$text-muted"))
    return parts
