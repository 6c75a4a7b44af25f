"""The places of a shown text that a search found."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tui.text.literal import literal


def pattern(sought: Iterable[str]) -> re.Pattern[str] | None:
    """Finds any of these texts where they are shown, ASCII letters in either case, as the search of Samples does; None:
    nothing is sought."""
    longest_first = sorted({literal(text) for text in sought if text}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.ASCII | re.I) if longest_first else None


def matches(text: str, found_by: re.Pattern[str] | None) -> list[tuple[int, int]]:
    """The stretches of a text that is shown: characters, from one to before another."""
    return [] if found_by is None else [match.span() for match in found_by.finditer(text)]
