"""The student's numbers for both sides, and the ground of its choice: rule, scores and margin of each stage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from textwrap import wrap

from textual.content import Content
from textual.widgets import Static

from engine.formats.dependents import OF_REASONING, Done
from engine.sample import AT_EQUAL_LENGTH, Choice, Decision, Loss, Ratio, Scores, Verdict, Verification
from tui.state.versions import OfferedVersion, SampleView, beside
from tui.text.finding_words import finding_text
from tui.text.literal import literal
from tui.text.score_change import RATING, score_change
from tui.text.vocabulary import (
    FLAGS,
    INPUT_LOST,
    INPUT_LOST_MEANS,
    NO_HELP,
    RULES,
    shown_equal_length,
)

SCALE = 0.5
"""The log-ratio at either end of a margin's scale; what is beyond is drawn there."""

WIDTH = 56
"""Cells an explanation takes on a line."""

LONGEST = 600
"""Characters of an explanation that are shown."""

NEAR = FLAGS["near tie"]

REACH = 10
"""Cells of the scale on either side of nought."""


class VerdictPanel(Static):
    DEFAULT_CSS = """
    VerdictPanel { height: auto; padding: 0 1 0 3; }
    """

    def judge(
        self,
        view: SampleView,
        left: OfferedVersion,
        offer: OfferedVersion | None,
        near_tie: float,
        weighing: str,
    ) -> None:
        """`left`, `offer`: the versions shown; `near_tie`: the margin below which a choice is one that does not say
        its own; `weighing`: stands where the version on the right has no scores."""
        self.update(Content("\n").join(_lines(view, left, offer, near_tie, weighing)))


def side_name(left: OfferedVersion) -> str:
    """The left side, in a word."""
    return "original" if left.decision is Decision.ORIGINAL else "left"


def _lines(
    view: SampleView, left: OfferedVersion, offer: OfferedVersion | None, near_tie: float, weighing: str
) -> Iterator[Content]:
    choices = view.outcome.choices if view.outcome else ()
    before = left.scores
    after = offer.scores if offer else None
    if near := [
        (abs(choice.deciding_margin or 0), choice.deciding_limit or near_tie)
        for choice in choices
        if choice.near_tie
    ]:
        margin, limit = min(near)
        yield Content.styled(f"{FLAGS['near tie']} Near tie: decide for yourself", "bold $warning")
        yield Content.styled(f"  a margin of {margin:.4f} may be rounding (below {limit:.4g})", "$warning")
        yield Content("")
    for choice in choices:
        if choice.length_decides:
            yield from _by_length(choice)
    yield from _about_texts(view)
    yield from _beside(view, offer)
    if before is None and after is None and view.outcome is None:
        if offer is not None:  # without a version there is nothing to weigh, which the line above says
            yield Content.styled("not weighed yet", "$text-muted")
    else:
        yield Content.styled(f"{'The student':<22}{side_name(left):>9}{'shown':>9}", "$text-muted")
        for score in _scores(left, offer):
            yield _row(score, offered=offer is not None)
        if offer is not None and after is None:
            yield Content.styled(f"  {weighing}", "$text-muted italic")
        yield from _remarks(left, offer)
    yield from _ratings(view, left, offer)
    # What was rejected is told first: where the panel is low, the rest is below its edge.
    for choice in sorted(choices, key=lambda one: offer is None or one is not offer.rejected):
        yield Content("")
        yield from _stage(choice)
    if before is not None or after is not None:
        yield Content("")
        yield from _losses(left, after)


def _about_texts(view: SampleView) -> Iterator[Content]:
    """Warnings of an input that the rewrite lost, and of what an examination found in the original."""
    if view.input_lost:
        yield Content.styled(f"{FLAGS[INPUT_LOST]} {INPUT_LOST.capitalize()}", "bold $warning")
        yield from _wrapped(INPUT_LOST_MEANS, "$warning")
    for found in view.findings:
        yield Content.styled(f"! Original: {found.flag}", "bold $warning")
        yield from _wrapped(finding_text(found), "$warning")
    if view.input_lost or view.findings:
        yield Content("")


def _ratings(view: SampleView, left: OfferedVersion, offer: OfferedVersion | None) -> Iterator[Content]:
    """The judge's ratings of both sides; nothing where it rated no version of the sample."""
    if not view.ratings:
        return
    cells, change = _rated(view, left, offer, word=True)
    yield Content.assemble(
        (f"{RATING:<22}", "bold"), f"{cells[0]:>9}", (f"{cells[1]:>9}" if offer else "", "bold"), " ", change
    )
    sides = [view.rating(side.version) for side in (left, offer) if side]
    sure = [f"{rating.confidence:.2f}" for rating in sides if rating and rating.confidence is not None]
    confidence = f", confidence {' and '.join(sure)}" if sure else ""
    yield from _wrapped(f"by {view.judge}{confidence}", "$text-muted")


def _rated(
    view: SampleView, left: OfferedVersion, offer: OfferedVersion | None, *, word: bool = False
) -> tuple[tuple[str, str], Content]:
    """The ratings of both sides in a word each, and the sign of the change."""
    before, after = (view.rating(side.version) if side else None for side in (left, offer))
    if before is None or after is None:
        change = Content("")
    else:
        change = score_change(RATING, before.score, after.score, word=word)
    return (
        "none" if before is None else str(before.score),
        "none" if after is None else str(after.score),
    ), change


def _beside(view: SampleView, offer: OfferedVersion | None) -> Iterator[Content]:
    """The original's reasoning and fields beside the texts: what becomes of them with the version shown."""
    reasoning, followed = beside(view, offer.version if offer else view.sample.original)
    dropped = any(change.done is Done.REASONING for change in followed)
    reasoned = any(change.done is Done.REASONED for change in followed)
    if reasoning:
        fate = "dropped, for it led to another answer" if dropped else "kept"
        fate = "the teacher's thoughts take its place" if reasoned else fate
        yield Content.styled(
            f"¬ Reasoning, {len(reasoning):,} characters: {fate}", "$warning" if dropped else ""
        )
    for change in followed:
        if change.done not in OF_REASONING:
            yield from _wrapped(f"± {change.field}: {change.done}", "$text-muted")
    if reasoning or followed:
        yield Content("")


def in_brief(view: SampleView, left: OfferedVersion, offer: OfferedVersion | None) -> Content:
    """The scores alone, on one line, and a judge's ratings."""
    parts = [
        Content.assemble(
            (f"{score.name} ", "$text-muted"),
            f"{_number(score.left, score.before).strip()} → {_number(score.right, score.after).strip()}",
            score_change(score.name, score.left, score.right),
        )
        for score in _scores(left, offer)
    ]
    if view.ratings:
        cells, change = _rated(view, left, offer)
        parts.append(Content.assemble(("Rating ", "$text-muted"), " → ".join(cells), change))
    return Content("    ").join(parts)


@dataclass(frozen=True, slots=True)
class _Score:
    """IFD or r-IFD of both sides."""

    name: str
    before: Ratio | None
    after: Ratio | None
    left: float | None  # known of a version also where it was not weighed in full
    right: float | None


def _scores(left: OfferedVersion, offer: OfferedVersion | None) -> Iterator[_Score]:
    for name, field in (("IFD", "ifd"), ("r-IFD", "r_ifd")):
        before, after = (getattr(side.scores if side else None, field, None) for side in (left, offer))
        yield _Score(
            name,
            before,
            after,
            before.value if before else getattr(left, field),
            after.value if after else getattr(offer, field, None),
        )


def _row(score: _Score, *, offered: bool) -> Content:
    return Content.assemble(
        (f"{score.name:<22}", "bold"),
        _number(score.left, score.before),
        (_number(score.right, score.after) if offered else "", "bold"),
        " ",
        score_change(score.name, score.left, score.right, word=True),
    )


def _number(value: float | None, ratio: Ratio | None) -> str:
    if value is None:
        return f"{'none' if ratio is not None else '·':>9}"
    cut = "✂" if ratio is not None and ratio.truncated else ""
    return f"{cut + f'{value:.4f}':>9}"


def _remarks(left: OfferedVersion, offer: OfferedVersion | None) -> Iterator[Content]:
    """The reasons why a number is missing, or is of a part only."""
    for score in _scores(left, offer):
        for side, ratio in ((side_name(left), score.before), ("shown", score.after)):
            if ratio is not None and ratio.reason is not None:
                yield from _wrapped(f"{side}, {score.name}: no score; {ratio.reason}", "$warning")
            elif ratio is not None and ratio.left_out:
                count = (
                    f"the {ratio.left_out} earliest exchanges"
                    if ratio.left_out > 1
                    else "the earliest exchange"
                )
                why = f"without {count} of the conversation, for which the student's context has no room"
                yield from _wrapped(f"✂ {side}, {score.name}: {why}", "$warning")
            elif ratio is not None and (ratio.value or 0) >= 1:
                yield from _wrapped(f"{side}, {score.name} of 1 or more: {NO_HELP[score.name]}", "$warning")
            elif ratio is not None and ratio.truncated:
                why = "of the beginning only; the rest does not fit the student's context (--context)"
                yield from _wrapped(f"✂ {side}, {score.name}: {why}", "$warning")


def _stage(choice: Choice) -> Iterator[Content]:
    replaced = choice.verdict is Verdict.REPLACED
    mark, word, style = ("●", "replaced", "$success") if replaced else ("○", "kept", "$secondary")
    if choice.failure is not None:
        mark, word, style = "✗", "kept: the teacher failed", "$error"
    title = f"{str(choice.stage).capitalize()} stage"
    yield Content.assemble(
        (f"{title:<20}", "bold"), (f"{mark} {word}", style), (f"  {RULES[choice.rule].name}", "")
    )
    if choice.failure is not None:
        yield from _wrapped(f"{choice.failure.fault}: {choice.failure.message}", "$error")
    if choice.margin is not None:
        near = choice.near_tie or choice.verified is not None
        equal = shown_equal_length(choice)
        by_equal = equal is not None and choice.rule in AT_EQUAL_LENGTH
        yield _margin(choice.margin, _way(choice), NEAR * (near and not by_equal))
        if equal is not None:
            signs = "≠" * choice.length_decides + NEAR * (near and by_equal)
            yield _margin(equal.margin, "at equal length", signs)
    if (again := choice.verified) is not None:
        yield _margin(again.margin, _way(again), NEAR * choice.near_tie)
        other = " the other way" * again.overruled
        yield Content.styled(f"  by the verifier, which decides{other}", "$accent")
    yield from _wrapped(RULES[choice.rule].sentence, "$text-muted")


def _by_length(choice: Choice) -> Iterator[Content]:
    """A warning that the other of the two margins would decide otherwise."""
    whole, equal = choice.margin, choice.equal_length
    if whole is None or equal is None:
        return
    if choice.rule in AT_EQUAL_LENGTH:
        where, other = "over whole responses", whole
    else:
        where, other = f"over the first {equal.tokens:,} tokens of either", equal.margin
    yield Content.styled("≠ Length decides: decide for yourself", "bold $warning")
    yield from _wrapped(f"the rewrite {'wins' if other > 0 else 'loses'} {where}", "$warning")
    yield Content("")


def _wrapped(text: str, style: str) -> Iterator[Content]:
    for line in wrap(literal(text[:LONGEST]), WIDTH):
        yield Content.styled(f"  {line}", style)


def _way(scores: Choice | Verification) -> str:
    """The scores that a margin lies between."""
    return f"{_number(scores.before, None).strip()} → {_number(scores.after, None).strip()}"


def _margin(margin: float, of: str, signs: str) -> Content:
    """A margin on a scale with nought in the middle: to the right the rewrite is better. `signs`: of its doubts."""
    length = min(abs(margin) / SCALE, 1.0) * REACH
    cells = max(math.ceil(length), 1) if margin else 0
    left = "━" * cells if margin < 0 else ""
    right = "━" * cells if margin > 0 else ""
    style = "$warning" if signs else "$success" if margin > 0 else "$secondary"
    return Content.assemble(
        ("  ", ""),
        ("─" * (REACH - len(left)), "$text-muted 50%"),
        (left, style),
        ("┼", "$text-muted"),
        (right, style),
        ("─" * (REACH - len(right)), "$text-muted 50%"),
        f"  {of:<15}",
        (f"  margin {margin:+.4f}".replace("-", "−"), style if signs else ""),
        (f" {signs}" if signs else "", "bold $warning"),
    )


def _losses(left: OfferedVersion, after: Scores | None) -> Iterator[Content]:
    yield Content.styled(f"{'Losses, nats a token':<22}{side_name(left):>9}{'shown':>9}", "$text-muted")
    for label, passage in (
        ("response alone", attrgetter("ifd.alone")),
        ("… after instruction", attrgetter("ifd.given")),
        ("instruction alone", attrgetter("r_ifd.alone")),
        ("… after response", attrgetter("r_ifd.given")),
    ):
        losses: list[Loss | None] = [passage(scores) if scores else None for scores in (left.scores, after)]
        means = "".join(f"{f'{loss.mean:.4f}' if loss else '·':>9}" for loss in losses)
        tokens = "/".join(f"{loss.scored:,}" if loss else "·" for loss in losses)
        remark = f"  {tokens} tokens" if label.endswith("alone") else ""
        yield Content.assemble(f"{label:<22}{means}", (remark, "$text-muted"))
