"""A judge's question about one version of a sample, and its reply: a critique, then a score from 1 to 10.

It is asked on the criteria that the run's teacher criticises on, of the instruction and of the response.
"""

from __future__ import annotations

import re

from pydantic import Field

from engine.judge.prompt import IN_CONVERSATION, Before, before_shown, fence_mark, fenced_question
from engine.judge.scored import SCORE_LINE, WRITTEN, Score, ScoringQuestion
from engine.method.json_form import JSON_LAYOUT, JsonReply, parsed
from engine.method.markers_form import layout, sections
from engine.method.prompts import listed
from engine.method.reflection import Question, UnusableReply, required_text
from engine.method.reply_forms import RatingForm
from engine.method.rules import Criteria
from engine.sample import Version
from engine.store.ratings import Rating
from models.teacher import Fault

PROMPTS = 1
"""The version of the prompt: raised with each change of a word in it."""

_TASK = """\
Rate this example, an instruction with its answer, as one for a language model to learn from.
1. Critique it in a few sentences. The instruction: {instruction}. The answer: {response}.
2. Score it from 1 (of no use) to 10 (could not be better)."""


def rating_question(
    version: Version, before: Before, criteria: Criteria, form: RatingForm
) -> Question[Rating]:
    """The question about a version; `before`: what stands before its instruction."""
    mark = fence_mark((version,), (before,))
    shown = [
        *before_shown(before, mark),
        ("instruction", version.instruction),
        ("input", version.input),
        ("answer", version.response),
    ]
    task = _TASK.format(instruction=listed(criteria.instruction), response=listed(criteria.response))
    if before.history:
        task = f"{task}\n{IN_CONVERSATION}"
    lay, read, schema, pattern = _LAYOUTS[form]
    messages = fenced_question(shown, mark, f"{task}\n\n{lay}")
    return ScoringQuestion("rate", messages, read, schema, logprobs=True, pattern=pattern)


class _Reply(JsonReply):
    CONCLUSIONS = ("score",)

    # The limit keeps a small model from filling its reply with one string; longer texts of others are as good.
    critique: str = Field(json_schema_extra={"maxLength": 800})
    score: Score


_HEADINGS = ("Critique", "Score")


def _read_json(text: str) -> Rating:
    reply = parsed(_Reply, text)
    return Rating(critique=required_text("critique", reply.critique), score=reply.score)


def _read_markers(text: str) -> Rating:
    critique, score = sections(text, _HEADINGS)
    found = SCORE_LINE.fullmatch(score)
    if found is None:
        raise UnusableReply(Fault.UNPARSABLE, "expected a score, a whole number from 1 to 10")
    return Rating(critique=required_text("critique", critique), score=int(found[1]))


_LAYOUTS = {
    RatingForm.JSON: (
        JSON_LAYOUT,
        _read_json,
        _Reply.model_json_schema(),
        re.compile(rf'"score"\s*:\s*{WRITTEN}'),
    ),
    RatingForm.MARKERS: (
        layout(_HEADINGS),
        _read_markers,
        None,
        re.compile(rf"\[Score\][*:\s]*{WRITTEN}", re.IGNORECASE),
    ),
}
