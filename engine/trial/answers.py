"""Each arm's own answers to the held-out instructions, by llama.cpp: kept as they come, and asked for once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from pydantic import ValidationError

from engine.judge.events import Answered
from engine.method.reflection import failure_of
from engine.sample import Failure, Frozen
from models.llamacpp.writer import EmbeddedWriter
from models.student import Passage
from models.teacher import Fault, TeacherError

ANSWERS = "answers.jsonl"

ANSWER_SEED = 1
"""The seed whose adapters answer and are judged: a judge takes longer than all else."""


class ArmAnswer(Frozen):
    """An answer to a held-out instruction, as it is kept."""

    sample: int  # its place among the samples held out, from 0
    limit: int  # tokens that it might have
    text: str  # word for word
    tokens: int
    cut: bool  # it reached the limit, or the end of the context

    @property
    def said(self) -> str:
        """The text without the space around it: a template may leave it to the model to begin with one."""
        return self.text.strip()


class ArmAnswers(Frozen):
    """An arm's answers in numbers."""

    answered: int
    cut: int  # of them
    tokens: float | None  # of an answer, the median; None: there is none
    characters: float | None  # likewise

    @classmethod
    def of(cls, answers: Mapping[int, ArmAnswer]) -> ArmAnswers:
        found = list(answers.values())
        return cls(
            answered=len(found),
            cut=sum(one.cut for one in found),
            tokens=median(one.tokens for one in found) if found else None,
            characters=median(len(one.said) for one in found) if found else None,
        )


def kept_answers(folder: Path, limit: int) -> dict[int, ArmAnswer]:
    """The answers of so many tokens at most that an arm's folder has, by their samples' places."""
    path = folder / ANSWERS
    found = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            answer = ArmAnswer.model_validate_json(line)
        except ValidationError:
            continue  # burnish was killed while it wrote this line, and asked again
        if answer.limit == limit:
            found[answer.sample] = answer
    return found


def keep_answer(folder: Path, answer: ArmAnswer) -> None:
    """Write an answer at the end of the others, on a line of its own whatever stands before."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = json.dumps(answer.model_dump()).encode("ascii")
    file = os.open(folder / ANSWERS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(file, "ab") as kept:
        kept.write(b"\n" * (kept.tell() > 0) + line)


async def answered(
    writer: EmbeddedWriter,
    questions: Sequence[Passage | None],
    folder: Path,
    limit: int,
    emit: Callable[[Answered], None],
) -> dict[int, ArmAnswer]:
    """The writer's greedy answer to what stands before each passage's target, as far as there is one.

    Raises `TeacherError` where the model cannot be loaded.
    """
    found = kept_answers(folder, limit)
    for place, question in enumerate(questions):
        if place in found:
            continue
        failure = None
        if question is None:
            failure = Failure(
                fault=Fault.REJECTED, message="the template cannot carry what was said before it"
            )
        else:
            try:
                reply = await writer.write(question.context, max_tokens=limit)
            except TeacherError as error:
                failure = failure_of(error)
            else:
                found[place] = ArmAnswer(
                    sample=place,
                    limit=limit,
                    text=reply.text,
                    tokens=reply.tokens,
                    cut=reply.finish != "stop",
                )
                keep_answer(folder, found[place])
        emit(Answered(place, failure))
    return found
