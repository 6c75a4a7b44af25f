"""A table of measurements that is printed row by row, each as soon as it is measured."""

from __future__ import annotations


class Rows:
    """Columns under their headings: the first `words` of them to the left, the others to the right."""

    def __init__(self, *headings: str, words: int = 0, width: int = 10) -> None:
        self._widths = [max(len(heading), width) for heading in headings]
        self._words = words
        self.add(*headings)

    def add(self, *cells: str) -> None:
        placed = [
            cell.ljust(width) if place < self._words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        print("  ".join(placed).rstrip(), flush=True)
