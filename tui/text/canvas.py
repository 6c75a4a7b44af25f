"""A picture made of characters: every cell has one, and a style in the theme's words."""

from __future__ import annotations

from itertools import groupby

from textual.content import Content


class Canvas:
    """Empty cells to draw on. What falls outside is left out."""

    def __init__(self, width: int, height: int) -> None:
        self.width = max(width, 0)
        self.height = max(height, 0)
        self._cells = [[(" ", "")] * self.width for _ in range(self.height)]

    def put(self, x: int, y: int, text: str, style: str = "") -> None:
        """Write from a cell on to the right; every character must be one column wide."""
        if 0 <= y < self.height:
            row = self._cells[y]
            for column, character in enumerate(text, start=x):
                if 0 <= column < self.width:
                    row[column] = (character, style)

    def is_free(self, x: int, y: int, width: int = 1) -> bool:
        """Whether nothing was drawn on these cells, and all are within the picture."""
        if not (0 <= y < self.height and x >= 0 and x + width <= self.width):
            return False
        return all(character == " " for character, _ in self._cells[y][x : x + width])

    def content(self) -> Content:
        """The picture; its colours are the theme's at the time it is shown."""
        parts: list[tuple[str, str]] = []
        for row in self._cells:
            for style, cells in groupby(row, key=lambda cell: cell[1]):
                parts.append(("".join(character for character, _ in cells), style))
            parts.append(("\n", ""))
        return Content.assemble(*parts[:-1])
