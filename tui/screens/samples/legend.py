"""The line under the samples: what their signs mean."""

from __future__ import annotations

from textual.content import Content

from tui.text.vocabulary import FLAGS, STATES


def legend() -> Content:
    """The signs in words, on 78 cells: but for those that the column of states shows with their words."""
    parts = [f"{glyph} {name}" for name, glyph in FLAGS.items() if name not in STATES]
    return Content("  ".join([*parts, "+ replaced", "= kept"]))
