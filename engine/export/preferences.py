"""Pairs of a better and a worse response to the same instruction, for training on preferences.

The response stage makes them for nothing: the same instruction has a response that was kept and one that was lost. A
person's decision on a sample comes before whoever else is asked. Where no two responses are to one instruction, or
nobody preferred one of them, there is no pair, and a reason.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from engine.sample import Choice, Decision, Outcome, Rule, Stage, Verdict, Version
from engine.store.leaving import LeavingSample


class PreferenceKind(StrEnum):
    """A method that trains on preferences; the value is its name on the command line."""

    DPO = "dpo"
    KTO = "kto"
    ORPO = "orpo"


class PreferredBy(StrEnum):
    STUDENT = "student"
    PERSON = "person"
    JUDGE = "judge"


class NoPair(StrEnum):
    """Why a sample has no pair; the value says it."""

    PASSED = "cannot be refined"
    NO_PLACE = "the format has no place for its conversation"
    UNFINISHED = "not refined yet"
    NO_REWRITE = "the teacher gave no usable response"
    NOT_ASKED = "no student chose"
    UNSCORABLE = "a response has no score"
    SAME = "both responses are the same text"
    TIE = "neither response is better"
    MARGIN = "the margin is below the least"
    UNDECIDED = "no person decided"
    ALONE = "what a person chose has no other response to its instruction"
    UNJUDGED = "the judge has no verdict on it"


class JudgeVerdict(NamedTuple):
    """A judge's verdict on two versions over both orders."""

    prefers_second: bool | None  # None: a tie
    points: tuple[float, float]  # of the first and the second, from 1 to 10, the mean of both orders


Verdicts = Mapping[bytes, JudgeVerdict]
"""A judge's verdicts by `verdict_key`."""


def verdict_key(sample: int, a: Version, b: Version) -> bytes:
    """16 bytes that name two versions of a sample, in this order."""
    body = json.dumps([sample, a.model_dump(), b.model_dump()])
    return hashlib.sha256(body.encode("ascii")).digest()[:16]


@dataclass(frozen=True, slots=True)
class Preferences:
    """The pairs that are wanted."""

    kind: PreferenceKind
    by: PreferredBy = PreferredBy.STUDENT
    least: float = (
        0.0  # margin: the student's in log-ratio, a judge's in points; a person's decision has none
    )
    verdicts: Verdicts = field(default_factory=dict)  # where the judge is asked


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one instruction."""

    chosen: Version
    rejected: Version
    by: PreferredBy
    margin: float | None  # see `Preferences.least`
    scores: tuple[float | None, float | None]  # of chosen and rejected: r-IFD, or by a judge its points
    near_tie: bool = False

    def trace(self) -> dict[str, Any]:
        measure = "points" if self.by is PreferredBy.JUDGE else "r_ifd"
        return {
            "by": self.by.value,
            "margin": self.margin,
            "near_tie": self.near_tie,
            measure: {"chosen": self.scores[0], "rejected": self.scores[1]},
        }


def pair_of(row: LeavingSample, wanted: Preferences) -> Pair | NoPair:
    """The pair that a sample gives, or why it gives none."""
    if row.review is not None:
        return _by_person(row)
    if wanted.by is PreferredBy.PERSON:
        return NoPair.UNDECIDED
    if row.outcome is None:
        return NoPair.UNFINISHED
    found = _responses(row.sample.original, row.outcome)
    if isinstance(found, NoPair):
        return found
    pair = (
        _by_student(*found)
        if wanted.by is PreferredBy.STUDENT
        else _by_judge(row.sample.index, *found, wanted)
    )
    if isinstance(pair, Pair) and pair.margin is not None and pair.margin < wanted.least:
        return NoPair.MARGIN
    return pair


def _responses(original: Version, outcome: Outcome) -> tuple[Version, Version, Choice] | NoPair:
    """The response stage's two versions, what was there and the rewrite, and its choice."""
    base = original
    for choice in outcome.choices:
        if choice.stage is Stage.INSTRUCTION and choice.verdict is Verdict.REPLACED and choice.rewrite:
            base = choice.rewrite
        elif choice.stage is Stage.RESPONSE:
            if choice.rewrite is None:
                return NoPair.NO_REWRITE
            if _is_same(base, choice.rewrite):
                return NoPair.SAME
            return base, choice.rewrite, choice
    return NoPair.NOT_ASKED


def _by_student(base: Version, rewrite: Version, choice: Choice) -> Pair | NoPair:
    margin = choice.deciding_margin
    if choice.rule is Rule.ALWAYS:
        return NoPair.NOT_ASKED
    if margin is None:
        return NoPair.UNSCORABLE
    if margin == 0:
        return NoPair.TIE
    sides = [(base, choice.before), (rewrite, choice.after)]
    if choice.verified is not None:
        sides = [(base, choice.verified.before), (rewrite, choice.verified.after)]
    if choice.verdict is Verdict.REPLACED:
        sides.reverse()
    (chosen, better), (rejected, worse) = sides
    return Pair(chosen, rejected, PreferredBy.STUDENT, abs(margin), (better, worse), choice.near_tie)


def _by_judge(
    sample: int, base: Version, rewrite: Version, _choice: Choice, wanted: Preferences
) -> Pair | NoPair:
    verdict = wanted.verdicts.get(verdict_key(sample, base, rewrite))
    if verdict is None:
        return NoPair.UNJUDGED
    if verdict.prefers_second is None:
        return NoPair.TIE
    sides = [(base, verdict.points[0]), (rewrite, verdict.points[1])]
    if verdict.prefers_second:
        sides.reverse()
    (chosen, better), (rejected, worse) = sides
    return Pair(chosen, rejected, PreferredBy.JUDGE, abs(better - worse), (better, worse))


def _by_person(row: LeavingSample) -> Pair | NoPair:
    """The pair of a person's version and another response to the same instruction, or why there is none."""
    review, outcome, original = row.review, row.outcome, row.sample.original
    assert review is not None
    others, scores = [original], {}
    if outcome is not None:
        found = _responses(original, outcome)
        if not isinstance(found, NoPair):
            base, rewrite, choice = found
            # The student's own choice first: where a person changed it, that is what was turned down.
            others = [outcome.final, rewrite, base, original]
            scores = {base: choice.before, rewrite: choice.after}
        else:
            others = [outcome.final, original]
    chosen = review.version
    if (
        review.decision is not Decision.ACCEPTED
        and review.decision is not Decision.ORIGINAL
        and review.scores
    ):
        scores[chosen] = review.scores.r_ifd.value
    asked = chosen.instruction, chosen.input
    for other in others:
        if (other.instruction, other.input) == asked and not _is_same(other, chosen):
            return Pair(chosen, other, PreferredBy.PERSON, None, (scores.get(chosen), scores.get(other)))
    return NoPair.ALONE


def _is_same(a: Version, b: Version) -> bool:
    return a.response.split() == b.response.split()
