"""The measures that samples are chosen by, and what the choices have in common, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.store.baselines import Baselines, FirstByMeasure
from engine.store.choosing import ChosenBy
from engine.store.leaving import USUAL_TOP, ExportRule
from tui.text.tables import Fact

CHOSEN_BY = {
    ChosenBy.IFD: "the largest IFD below 1",
    ChosenBy.S_IFD: "the largest S-IFD of an IFD below 1",
    ChosenBy.RSR: "the smallest RSR",
    ChosenBy.LOSS: "the smallest loss given the instruction",
    ChosenBy.MARGIN: "the largest margin at equal length",
    ChosenBy.LENGTH: "the longest response",
    ChosenBy.RANDOM: "a draw by chance",
}
"""The end of each measure that comes first, in words."""

FIRST = f"The first {USUAL_TOP} by each measure, and how many samples two of them have in common"


def first_facts(found: Mapping[ChosenBy, FirstByMeasure]) -> Iterator[Fact]:
    """The first samples by each measure: how many, how long, and those that are also among the first by another."""
    for by, first in found.items():
        common = ", ".join(f"{other} {first.common[other]:,}" for other in found if other is not by)
        yield (
            f"first by {by}",
            f"{first.samples:,}, mean length {mean_length(first.length)}; in common: {common}",
        )


def baseline_facts(found: Baselines) -> Iterator[Fact]:
    """A selection beside its baselines; and that it is mostly length, where it is."""
    others = {"random ones": found.random, "longest": found.longest}
    lengths = [f"the {name} {mean_length(one.length)}" for name, one in others.items() if one]
    yield "mean length", f"{mean_length(found.chosen.length)} characters; of as many, {', '.join(lengths)}"
    common = [f"{one.common:,} with the {name}" for name, one in others.items() if one]
    yield "in common", f"{', '.join(common)}; by chance {found.by_chance:,.0f}"
    if found.mostly_length:
        yield "note", length_sentence(found)


def length_sentence(found: Baselines) -> str:
    """Says how far a selection is what length alone would choose, where it mostly is."""
    assert found.longest is not None
    common, samples = found.longest.common, found.chosen.samples
    return (
        f"{common:,} of the {samples:,} chosen are also among the {samples:,} longest, where chance would bring "
        f"{found.by_chance:,.0f}: length alone would choose most of them"
    )


def baseline_line(found: Baselines) -> str:
    """A selection beside its baselines, on a line."""
    others = {"random": found.random, "longest": found.longest}
    parts = [
        f"{name} {mean_length(one.length)} ({one.common:,} in common)" for name, one in others.items() if one
    ]
    return f"mean length {mean_length(found.chosen.length)}; as many {', '.join(parts)}"


def selections_told(baselines: Mapping[ExportRule, Baselines]) -> Iterator[Fact]:
    """The selections of some export rules beside their baselines, and which of them are mostly length."""
    for rule, found in baselines.items():
        mostly = f"; {length_sentence(found)}" if found.mostly_length else ""
        yield rule, f"{baseline_line(found)}{mostly}"


def mean_length(length: float | None) -> str:
    """A mean of characters."""
    return "–" if length is None else f"{length:,.0f}"
