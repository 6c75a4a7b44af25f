"""The words of a search, as Samples shows it."""

from __future__ import annotations

from engine.store.sample_list import SampleFilter
from tui.text.literal import first_line


def sought_words(only: SampleFilter) -> str:
    """The conditions and the text of a search, in words."""
    parts = [f"{one.name} {one.sign} {one.limit:g}" for one in only.ranges]
    parts += [f"{one.field} with “{first_line(one.text, 30)}”" for one in only.fields]
    parts += [f"with “{first_line(text, 30)}” in its note" if text else "with a note" for text in only.notes]
    parts += [f"tagged {tag}" if tag else "with a tag" for tag in only.tags]
    parts += [f"with “{first_line(only.text, 30)}”"] * bool(only.text)
    return ", ".join(parts)
