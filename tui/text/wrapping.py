"""Breaks a text into the lines of a screen of some width: quick for any text, and for any script."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from rich.cells import get_character_cell_size

JOINER = "\u200d"
EMOJI = "\ufe0f"
"""Asks for the character before it as a picture, which may be a cell wider than the character."""


class WrappedLine(NamedTuple):
    """A line of the screen: characters `start` to before `end` of the text, from its own line number `own`."""

    start: int
    end: int
    own: int
    own_start: int  # where that line of the text begins


def wrap(text: str, width: int) -> list[WrappedLine]:
    """The lines of a text on a screen of `width` cells; at least one. Broken at spaces where there are any."""
    width, lines, at = max(width, 1), [], 0
    for number, own in enumerate(text.split("\n")):
        ends = _ascii(own, width) if own.isascii() else _any(own, width)
        lines += [WrappedLine(at + start, at + end, number, at) for start, end in ends]
        at += len(own) + 1
    return lines


def _ascii(text: str, width: int) -> Iterator[tuple[int, int]]:
    """The lines of a text in which every character is one cell."""
    at = 0
    while len(text) - at > width:
        space = text.rfind(" ", at + 1, at + width + 1)
        end = space if space > 0 else at + width
        yield at, end
        at = end + 1 if space > 0 else end
    if at < len(text) or not text:
        yield at, len(text)


def _any(text: str, width: int) -> Iterator[tuple[int, int]]:
    sizes = {character: get_character_cell_size(character) for character in set(text)} | {EMOJI: 1}
    cells = [sizes[character] for character in text]
    before = list(accumulate(cells, initial=0))
    at = 0
    while at < len(text):
        # A heap of combining marks takes no cell at all, and must come to an end all the same.
        end = min(bisect_right(before, before[at] + width, at) - 1, at + 4 * width)
        end = max(end, at + 1)
        if end < len(text):
            end = next((i for i in range(end, at, -1) if _breakable(text, cells, i)), end)
        yield at, end
        at = end + 1 if end < len(text) and text[end] == " " else end
    if not text:
        yield 0, 0


def _breakable(text: str, cells: list[int], at: int) -> bool:
    """True where a line may end before the character at this position."""
    if text[at] == " ":
        return True
    wide = cells[at] == 2 or cells[at - 1] == 2
    return text[at - 1] == " " or (wide and cells[at] > 0 and JOINER not in text[at - 1 : at + 1])
