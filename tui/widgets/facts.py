"""Names and what they stand for, in two columns; a long value goes on below itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import events
from textual.content import Content
from textual.widgets import Static

Fact = tuple[str, Content]


class Facts(Static):
    """Facts, each on a line or on as many as it takes."""

    DEFAULT_CSS = "Facts { height: auto; }"

    def __init__(self, column: int, **options: Any) -> None:
        """`column`: cells of the names' column."""
        super().__init__(**options)
        self._column = column
        self._facts: tuple[Fact, ...] = ()

    def show(self, facts: Iterable[Fact]) -> None:
        self._facts = tuple(facts)
        self._draw()

    def on_resize(self, _: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        column = self._column if any(name for name, _ in self._facts) else 0
        room = max(10, self.size.width - column)
        lines = []
        for name, value in self._facts:
            for n, line in enumerate(value.wrap(room)):
                lines.append(Content.assemble((("" if n else name).ljust(column), "$text-muted"), line))
        self.update(Content("\n").join(lines))
