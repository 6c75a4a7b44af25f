"""An arm's exchanges as passages of the template that the run scored with, and as the tokens of examples."""

from __future__ import annotations

from collections.abc import Sequence

from engine.method.scores import MIN_TARGET
from engine.method.templates import Template
from engine.sample import Turn
from engine.trial.arms import Exchange
from models.llamacpp.chat_template import ChatTemplateError
from models.llamacpp.student import EmbeddedStudent
from models.student import Passage, PassageError, PassageIds
from models.training.job import Example

AT_ONCE = 256
"""Passages that the student is asked about at a time."""


def passages_of(exchanges: Sequence[Exchange], template: Template) -> list[Passage | None]:
    """The answer of each after its question; None where the template cannot carry what was said before it."""
    found: list[Passage | None] = []
    for one in exchanges:
        version = one.version
        try:
            asked = template(version.instruction, version.input, one.history, one.tools)
        except ChatTemplateError:
            found.append(None)
        else:
            found.append(Passage(asked, version.response))
    return found


def after_answer(template: Template) -> str:
    """The text that a template writes after an answer, where a conversation goes on; may be empty."""
    said, answer = Turn(role="user", text="?"), "answered"
    try:
        pieces = template("?", "", (said, Turn(role="assistant", text=answer)))
    except ChatTemplateError:
        return ""
    return "".join(piece.text for piece in pieces).partition(answer)[2]


async def examples_of(
    student: EmbeddedStudent, passages: Sequence[Passage | None], after: str, context: int
) -> list[Example | None]:
    """The tokens of each passage as they are scored, then the token that ends an answer.

    A tail that does not fit into `context` is cut off, as in scoring. None: there is no passage, or what stands before
    its answer leaves that no room, or llama.cpp fails at it.
    """
    known = list(dict.fromkeys(passage for passage in passages if passage is not None))
    examples: dict[Passage | None, Example | None] = {None: None}
    for start in range(0, len(known), AT_ONCE):
        part = known[start : start + AT_ONCE]
        for passage, ids in zip(part, await _ids(student, part, after), strict=True):
            examples[passage] = ids and _example(*ids, context)
    return [examples[passage] for passage in passages]


async def _ids(
    student: EmbeddedStudent, passages: Sequence[Passage], after: str
) -> list[tuple[PassageIds, int | None] | None]:
    """The tokens of each passage, with the one that ends an answer; None of one that llama.cpp fails at."""
    try:
        found, end = await student.ids(passages, after)
    except PassageError:
        if len(passages) == 1:
            return [None]
        return [(await _ids(student, [passage], after))[0] for passage in passages]
    return [(ids, end) for ids in found]


def _example(ids: PassageIds, end: int | None, context: int) -> Example | None:
    before, answer = ids.context.tolist(), ids.target.tolist()
    answer += [] if end is None else [end]
    room = context - len(before)
    fits = before and answer and room >= min(len(answer), MIN_TARGET)
    return Example(tuple(before), tuple(answer[:room])) if fits else None
