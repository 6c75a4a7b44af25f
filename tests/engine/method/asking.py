"""A reply form, driven without a teacher: what is asked is noted, and what is said comes from a script."""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypeVar

import pytest

from engine.method.prompts import PROMPT_SETS, CritiqueLength, Prompts, PromptSet, prompts_of
from engine.method.refine import STAGES
from engine.method.reflection import Question, Reflection, UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.method.rewrite_language import SAME
from engine.method.rules import INSTRUCTION_CRITERIA, PAPERS, RESPONSE_CRITERIA
from engine.sample import History, Stage, Turn, Version
from models.teacher import Fault, Reply

T = TypeVar("T")
TOLD = {name: prompts_of(words, PAPERS, ()) for name, words in PROMPT_SETS.items()}
"""The prompts of each set, with the papers' criteria and no house rules."""

OWN = TOLD[PromptSet.OWN, CritiqueLength.SHORT]
OLD = Version(instruction="Old question?", input="Old input.", response="Old answer.")


class Scripted:
    """An `AskTeacher` that answers from a script, and remembers what it was asked."""

    def __init__(self, *replies: Reply | str) -> None:
        self._replies = iter(replies)
        self.asked: list[Question[Any]] = []

    async def __call__(self, question: Question[T], /) -> T:
        self.asked.append(question)
        reply = next(self._replies)
        return question.parse(Reply(reply) if isinstance(reply, str) else reply)

    def prompts(self) -> list[str]:
        return ["\n".join(message.content for message in question.messages) for question in self.asked]


def reflect(
    form: ReplyFormName,
    stage: Stage,
    old: Version,
    ask: Scripted,
    prompts: Prompts = OWN,
    history: History = (),
    following: Turn | None = None,
    language: str = SAME,
) -> Reflection:
    prompts = prompts.at(history, following)
    return asyncio.run(STAGES[stage].reflect(form, prompts, old, ask, history, language))


def read(form: ReplyFormName, stage: Stage, *replies: Reply | str, old: Version = OLD) -> Reflection:
    return reflect(form, stage, old, Scripted(*replies))


def fault(form: ReplyFormName, stage: Stage, *replies: Reply | str, old: Version = OLD) -> Fault:
    with pytest.raises(UnusableReply) as caught:
        read(form, stage, *replies, old=old)
    assert str(caught.value)
    return caught.value.fault


# How each layout is written, by a teacher that obeys


def instruction_json(
    instruction: str = "New question?", response: str = "New answer.", **changes: Any
) -> str:
    reply: dict[str, Any] = {
        "a_instruction_critique": {field: f"About {title}." for field, title in INSTRUCTION_CRITERIA.items()},
        "b_response_critique": {field: f"About {title}." for field, title in RESPONSE_CRITERIA.items()},
        "c_cause": "It was vague.",
        "d_new_instruction": instruction,
        "e_new_response": response,
    }
    return json.dumps(reply | changes)


def response_json(response: str, **changes: Any) -> str:
    critique = {field: f"About {title}." for field, title in RESPONSE_CRITERIA.items()}
    return json.dumps({"a_response_critique": critique, "b_better_response": response} | changes)


def markers(*sections: tuple[str, str], end: str = "\n[End]") -> str:
    return "\n".join(f"{heading}\n{text}" for heading, text in sections) + end


def replies(form: ReplyFormName, stage: Stage, response: str) -> list[str]:
    """A whole stage's replies around one response, as a teacher gives them in this form."""
    first = stage is Stage.INSTRUCTION
    match form:
        case ReplyFormName.JSON:
            return [instruction_json(response=response) if first else response_json(response)]
        case ReplyFormName.MARKERS if first:
            parts = (
                ("[Critique]", "Vague."),
                ("[New Instruction]", "New question?"),
                ("[New Response]", response),
            )
            return [markers(*parts)]
        case ReplyFormName.MARKERS:
            return [markers(("[Critique]", "Vague."), ("[Better Response]", response))]
        case ReplyFormName.STEPS:
            return ["Vague.", "New question?", response] if first else ["Vague.", response]


EVERY = [pytest.param(form, stage, id=f"{form}-{stage}") for form in ReplyFormName for stage in Stage]
