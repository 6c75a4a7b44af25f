"""The lines under the samples: what their signs mean."""

from __future__ import annotations

from rich.cells import cell_len
from textual.geometry import Size
from textual.widget import Widget

from tui.text.vocabulary import FLAGS, STATES

GAP = "  "
"""Between two signs with their words."""

MEANINGS = (
    *(f"{glyph} {name}" for name, glyph in FLAGS.items() if name not in STATES),
    "+ replaced",
    "= kept",
)
"""All but the signs that the column of states shows with their words."""


class Legend(Widget):
    """Every sign with its words, on the two lines that this takes from 72 cells on, on three, or on one."""

    DEFAULT_CSS = "Legend { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }"

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(folded(width))

    def render(self) -> str:
        return "\n".join(folded(self.size.width))


def folded(width: int) -> list[str]:
    """The signs on lines of at most so many cells, none torn from its words."""
    lines = [MEANINGS[0]]
    for meaning in MEANINGS[1:]:
        if cell_len(lines[-1] + GAP + meaning) <= width:
            lines[-1] += GAP + meaning
        else:
            lines.append(meaning)
    return lines
