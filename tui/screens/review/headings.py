"""The lines above a sample in Review: its place, the decision about it, and the version that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tui.state.versions import OfferedVersion, SampleView
from tui.text.shown import shown_line
from tui.text.vocabulary import DECISIONS


def place_line(view: SampleView, echo: str = "") -> Content:
    """The sample's number and place in the list, warnings, how many are decided, and `echo`: what was done last."""
    place = "left out of the list" if view.position is None else f"{view.position + 1:,} of {view.total:,}"
    parts: list[tuple[str, str]] = [(f"Sample {view.sample.index}", "bold"), (f"  {place}", "$text-muted")]
    if view.near_tie:
        parts.append(("  ▲ near tie", "bold $warning"))
    if view.length_decides:
        parts.append(("  ≠ length decides", "bold $warning"))
    if view.outcome is not None and view.outcome.failures:
        parts.append(("  ✗ a stage failed", "bold $error"))
    parts.append((f"  {view.decided:,} of {view.samples:,} decided", "$text-muted"))
    if echo:
        parts.append((f"  {echo}", "$primary"))
    return Content.assemble(*parts)


def decision_line(view: SampleView) -> Content:
    """The decision that stands, or how far the run came with the sample."""
    if view.standing is not None:
        words = DECISIONS[view.standing.decision]
        return Content.styled(words.heading, words.style)
    if view.outcome is None:
        return Content.styled("· not refined yet", "$text-muted")
    return Content.styled("? not decided", "$warning")


def version_line(offers: Sequence[OfferedVersion], at: int) -> Content:
    """The version shown, its place among all there are, and its origin."""
    if not offers:
        return Content.styled("not refined yet", "$text-muted italic")
    offer = offers[at]
    pager = f"‹ {at + 1}/{len(offers)} › " if len(offers) > 1 else ""
    return Content.assemble(
        (pager, "$secondary"), (offer.title, "bold"), "  ", shown_line(offer.origin, 80, "$text-muted")
    )
