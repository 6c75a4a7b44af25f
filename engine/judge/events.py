"""Events of a judge, or of a model that answers prompts, besides those it shares with a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.events import SharedEvent
from engine.judge.prompt import Judged, Result
from engine.sample import Failure
from engine.store.ratings import Rating


@dataclass(frozen=True, slots=True)
class JudgedBefore:
    """The results of the pairs that had been judged when this comparison was taken up; told after `Started`."""

    results: Mapping[Result, int]


@dataclass(frozen=True, slots=True)
class PairJudged:
    """A pair was judged in both orders, or cannot be, and that is committed."""

    number: int  # in the comparison's order
    judged: Judged


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt has an answer, which is committed, or cannot have one."""

    number: int  # in the file's order
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class VersionRated:
    """A version of a sample has a rating, which is committed, or cannot have one."""

    sample: int
    rating: Rating | None
    failure: Failure | None


JudgeEvent = SharedEvent | JudgedBefore | PairJudged | Answered | VersionRated
"""Told by a judge that compares or rates, or while prompts are answered."""
