"""The lines above a sample in Review: its place, the decision about it, and the version that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from engine.sample import AT_EQUAL_LENGTH, Annotation, Choice
from engine.store.annotations import LONGEST_TAG
from tui.state.versions import OfferedVersion, SampleView
from tui.text.shown import shown_line
from tui.text.vocabulary import DECISIONS, FLAGS, INPUT_LOST, SCORES


def place_line(view: SampleView, echo: str = "", *, brief: bool = False) -> Content:
    """The sample's number and place in the list, warnings, how many are decided, and `echo`: what was done last.
    `brief`: for a narrow screen."""
    of, failed, decided = (
        ("/", "", f"{view.decided:,} decided")
        if brief
        else (" of ", " failed", f"{view.decided:,}/{view.samples:,} decided")
    )
    place = "left out of the list" if view.position is None else f"{view.position + 1:,}{of}{view.total:,}"
    parts: list[tuple[str, str]] = [(f"Sample {view.sample.index}", "bold"), (f"  {place}", "$text-muted")]
    if view.near_tie:
        parts.append((f"  {FLAGS['near tie']} near tie", "bold $warning"))
    if view.length_decides:
        parts.append((f"  {FLAGS['length decides']} length decides", "bold $warning"))
    if view.input_lost:
        parts.append((f"  {FLAGS[INPUT_LOST]} {INPUT_LOST}", "bold $warning"))
    for choice in view.outcome.choices if view.outcome is not None else ():
        if choice.failure is not None:
            parts.append((f"  ✗ {choice.stage}{failed}: {choice.failure.fault}", "bold $error"))
    parts.append((f"  {decided}", "$text-muted"))
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


def annotation_line(annotation: Annotation) -> Content:
    """A person's tags, and the beginning of the note."""
    tags = [shown_line(f"#{tag}", LONGEST_TAG + 1, "bold $accent") for tag in annotation.tags]
    note = [Content.assemble(("¶ ", "$accent"), shown_line(annotation.note, 400))] * bool(annotation.note)
    return Content("  ").join([*tags, *note])


def rejected_line(choice: Choice, accept: str, take: str, *, stays: bool) -> Content:
    """The sentence above a rewrite that the student rejected: why, and what is taken by the keys `accept`, `take`.
    `stays`: the student's choice is the original as it was."""
    kept, again = ("The original", "the original") if stays else ("Another version", "the student's choice")
    return Content.assemble(
        (f"{kept} stays", "bold $warning"),
        (f": the student rejected this {choice.stage} ({_reason(choice)}). ", "$warning"),
        (f"{accept} takes {again}, {take} this rewrite.", "$text-muted"),
    )


def _reason(choice: Choice) -> str:
    """The numbers by which a rewrite was rejected."""
    score, scores = SCORES[choice.stage], choice.verified or choice
    margin = choice.deciding_margin
    if margin is None:
        return f"it has no {score} to compare"
    by = f"margin {margin:+.4f}".replace("-", "−")
    if choice.rule in AT_EQUAL_LENGTH:
        return f"{score} at equal length, {by}"
    verifier = ", by the verifier" if choice.verified else ""
    return f"{score} {_number(scores.before)} → {_number(scores.after)}, {by}{verifier}"


def _number(score: float | None) -> str:
    return "none" if score is None else f"{score:.4f}"


def version_line(offers: Sequence[OfferedVersion], at: int) -> Content:
    """The version shown, its place among all there are, and its origin."""
    if not offers:
        return Content("")  # the line above says why
    offer = offers[at]
    pager = f"‹ {at + 1}/{len(offers)} › " if len(offers) > 1 else ""
    return Content.assemble(
        (pager, "$secondary"), (offer.title, "bold"), "  ", shown_line(offer.origin, 80, "$text-muted")
    )
