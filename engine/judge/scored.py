"""Scores in a judge's reply: how they are written in each form, and how sure the judge was of them."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated, Any, Protocol, Self, TypeVar

from pydantic import Field

from engine.method.reflection import Question
from models.teacher import Reply

# Said as a list: not every converter of a schema to a grammar knows limits of numbers.
Score = Annotated[int, Field(strict=True, ge=1, le=10, json_schema_extra={"enum": [*range(1, 11)]})]
"""A score in a reply of JSON."""

SCORE_LINE = re.compile(r"[*\s]*(10|[1-9])(\.0+)?(\s*/\s*10)?[*.\s]*")
"""A score as a part of a reply by itself, as people write scores."""

WRITTEN = r"(10|[1-9])(?!\d)"
"""A score among the tokens of a reply."""


class ScoredAnswer(Protocol):
    """An answer with scores, and a field `confidence`: the probability of all its scores together."""

    @property
    def scores(self) -> tuple[int, ...]: ...

    def model_copy(self, *, update: Mapping[str, Any]) -> Self: ...


S = TypeVar("S", bound=ScoredAnswer)


@dataclass(frozen=True, slots=True)
class ScoringQuestion(Question[S]):
    """A question whose answer is as sure as the tokens of its scores."""

    pattern: re.Pattern[str] = field(kw_only=True)  # finds the scores in a reply, a group each

    def parse(self, reply: Reply) -> S:
        answer = Question.parse(self, reply)
        sure = _probability(self.pattern, answer.scores, reply.logprobs)
        return answer.model_copy(update={"confidence": sure})


def _probability(
    pattern: re.Pattern[str], scores: tuple[int, ...], tokens: Sequence[tuple[str, float]]
) -> float | None:
    """The probability of the tokens that scores were written with; None where they are not among the tokens.

    They are looked for in the tokens' own text, last first: that of the reply may be without thoughts, and Ollama
    writes JSON anew.
    """
    ends = list(accumulate(len(token) for token, _ in tokens))
    for found in reversed(list(pattern.finditer("".join(token for token, _ in tokens)))):
        if tuple(map(int, found.groups())) == scores:
            spans = (found.span(group) for group in range(1, len(scores) + 1))
            of_scores = {bisect_right(ends, place) for span in spans for place in range(*span)}
            logprob = math.fsum(tokens[number][1] for number in of_scores)
            return math.exp(min(logprob, 0.0)) if logprob < 0.01 else None  # no server's own is above 0
    return None
