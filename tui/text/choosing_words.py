"""The measures that samples are chosen by, and what the choices have in common, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.store.baselines import FirstByMeasure
from engine.store.choosing import ChosenBy
from engine.store.leaving import USUAL_TOP
from tui.text.tables import Fact

CHOSEN_BY = {
    ChosenBy.IFD: "the largest IFD below 1",
    ChosenBy.LOSS: "the smallest loss given the instruction",
    ChosenBy.MARGIN: "the largest margin at equal length",
    ChosenBy.LENGTH: "the longest response",
    ChosenBy.RANDOM: "a draw by chance",
}
"""What comes first by each measure."""

FIRST = f"The first {USUAL_TOP} by each measure, and how many samples two of them have in common"


def first_facts(found: Mapping[ChosenBy, FirstByMeasure]) -> Iterator[Fact]:
    """The first samples by each measure: how many, how long, and those that are also among the first by another."""
    for by, first in found.items():
        common = ", ".join(f"{other} {first.common[other]:,}" for other in found if other is not by)
        yield (
            f"first by {by}",
            f"{first.samples:,}, mean length {mean_length(first.length)}; in common: {common}",
        )


def mean_length(length: float | None) -> str:
    """A mean of characters."""
    return "–" if length is None else f"{length:,.0f}"
