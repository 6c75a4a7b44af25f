"""The three reply forms: layouts that the teacher is asked for, and the readers of each.

`json`: one reply under a JSON schema. `markers`: one reply with bracketed headings, for models that write worse
under a grammar. `steps`: one small plain question a part and nothing to parse, for teachers of a few hundred
million parameters, which repeat themselves for ever under a schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.method.reflection import (
    CAUSE,
    INSTRUCTION_CRITERIA,
    INSTRUCTION_TASK,
    RESPONSE_CRITERIA,
    RESPONSE_TASK,
    SYSTEM,
    AskTeacher,
    Question,
    Reflection,
    UnusableReply,
    better_response,
    new_version,
    required_text,
)
from engine.sample import Version
from models.teacher import Fault, Message, TeacherInfo

SMALL_TEACHER = 3e9
"""A teacher with fewer parameters does better in plain steps: under a schema one of 135M repeats a string for ever."""


class ReplyFormName(StrEnum):
    JSON = "json"
    MARKERS = "markers"
    STEPS = "steps"


def form_for(teacher: TeacherInfo) -> ReplyFormName:
    """The form that `auto` takes for a teacher."""
    small = teacher.parameters is not None and teacher.parameters < SMALL_TEACHER
    return ReplyFormName.STEPS if small else ReplyFormName.JSON


async def reflect_on_instruction(form: ReplyFormName, old: Version, ask: AskTeacher) -> Reflection:
    """The instruction stage: a critique of both halves, then a new instruction and its answer, together."""
    return await _FORMS[form].instruction(old, ask)


async def reflect_on_response(form: ReplyFormName, old: Version, ask: AskTeacher) -> Reflection:
    """The response stage: a critique of the response, then a better one to the same instruction."""
    return await _FORMS[form].response(old, ask)


class _ReplyForm(Protocol):
    async def instruction(self, old: Version, ask: AskTeacher) -> Reflection: ...

    async def response(self, old: Version, ask: AskTeacher) -> Reflection: ...


def _example(version: Version) -> str:
    """A version as the teacher sees it."""
    input = f"<input>\n{version.input}\n</input>\n" if version.input else ""
    return f"<instruction>\n{version.instruction}\n</instruction>\n{input}<response>\n{version.response}\n</response>"


def _messages(version: Version, task: str, layout: str) -> tuple[Message, ...]:
    return Message("system", SYSTEM), Message("user", f"{_example(version)}\n\n{task}\n\n{layout}")


# --- json -----------------------------------------------------------------------------------------------------


class JsonReply(BaseModel):
    """A reply, or a part of one: asked for with exactly these fields, and read without those that it has beside."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})


class _InstructionCritique(JsonReply):
    complexity_of_the_topic: str
    level_of_detail_required: str
    knowledge_required: str
    ambiguity_of_the_instruction: str
    logical_reasoning_or_problem_solving: str


class _ResponseCritique(JsonReply):
    helpfulness: str
    relevance: str
    accuracy: str
    level_of_details: str


class _InstructionReply(JsonReply):
    instruction_critique: _InstructionCritique
    response_critique: _ResponseCritique
    cause: str
    new_instruction: str
    new_response: str


class _ResponseReply(JsonReply):
    response_critique: _ResponseCritique
    better_response: str


R = TypeVar("R", bound=JsonReply)


class _JsonForm:
    _LAYOUT = "Reply with one JSON object that has exactly the fields of the given schema, in its order."

    async def instruction(self, old: Version, ask: AskTeacher) -> Reflection:
        def read(text: str) -> Reflection:
            reply = parsed(_InstructionReply, text)
            critique = {
                **_titled(INSTRUCTION_CRITERIA, reply.instruction_critique),
                **_titled(RESPONSE_CRITERIA, reply.response_critique),
                CAUSE: required_text("cause", reply.cause),
            }
            return Reflection(critique, new_version(old, reply.new_instruction, reply.new_response))

        messages = _messages(old, INSTRUCTION_TASK, self._LAYOUT)
        return await ask(Question("reflect", messages, read, _InstructionReply.model_json_schema()))

    async def response(self, old: Version, ask: AskTeacher) -> Reflection:
        def read(text: str) -> Reflection:
            reply = parsed(_ResponseReply, text)
            critique = _titled(RESPONSE_CRITERIA, reply.response_critique)
            return Reflection(critique, better_response(old, reply.better_response))

        messages = _messages(old, RESPONSE_TASK, self._LAYOUT)
        return await ask(Question("reflect", messages, read, _ResponseReply.model_json_schema()))


# A doubled brace, or one in a sentence before the object, is followed by no name of a field.
_OBJECT = re.compile(r'\{(?=\s*+")')
_MOST_OBJECTS = 50  # that are looked at: each may be read to the end of the reply
_DECODER = json.JSONDecoder(strict=False)  # models that no grammar holds write line breaks as they are


def parsed(model: type[R], text: str) -> R:
    """The one object of this model in a text: alone, in a fence, or between sentences.

    Raises `UnusableReply` where there is none, and where there are two.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        why = _first_error(error)
    found = []
    for value in _objects(text):
        try:
            found.append(model.model_validate_json(value))
        except ValidationError as error:
            why = _first_error(error)
    if len(found) == 1:
        return found[0]
    raise UnusableReply(Fault.UNPARSABLE, f"the reply holds {len(found)} such objects" if found else why)


def _objects(text: str) -> Iterator[str]:
    """The JSON objects in a text, without those inside another; as JSON that any reader takes."""
    end = 0
    for start in islice(_OBJECT.finditer(text), _MOST_OBJECTS):
        if start.start() < end:
            continue
        try:
            value, end = _DECODER.raw_decode(text, start.start())
            written = json.dumps(value)
        except (ValueError, RecursionError):
            continue
        yield written


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the reply'}: {first['msg']}"


def _titled(criteria: dict[str, str], critique: BaseModel) -> dict[str, str]:
    return {title: required_text(title, getattr(critique, field)) for field, title in criteria.items()}


# --- markers --------------------------------------------------------------------------------------------------


class _MarkersForm:
    async def instruction(self, old: Version, ask: AskTeacher) -> Reflection:
        headings = ("Critique", "New Instruction", "New Response")

        def read(text: str) -> Reflection:
            critique, instruction, response = sections(text, headings)
            return Reflection(
                {"Critique": required_text("critique", critique)}, new_version(old, instruction, response)
            )

        return await ask(Question("reflect", _messages(old, INSTRUCTION_TASK, layout(headings)), read))

    async def response(self, old: Version, ask: AskTeacher) -> Reflection:
        headings = ("Critique", "Better Response")

        def read(text: str) -> Reflection:
            critique, response = sections(text, headings)
            return Reflection(
                {"Critique": required_text("critique", critique)}, better_response(old, response)
            )

        return await ask(Question("reflect", _messages(old, RESPONSE_TASK, layout(headings)), read))


def layout(headings: tuple[str, ...]) -> str:
    """The request to use these headings, each on a line of its own."""
    lines = "\n".join(f"[{heading}]\n..." for heading in headings)
    return f"Use exactly this layout, each heading once on a line of its own:\n{lines}\n[End]"


def sections(text: str, headings: tuple[str, ...]) -> list[str]:
    """The text under each heading. A heading is bracketed and alone on its line; each stands once, in order.

    `[End]` closes the reply where it is the last line, and is text anywhere else.
    """
    text = re.sub(r"\n[*#\t ]*\[End\][*\s]*$", "", text, flags=re.IGNORECASE)
    names = "|".join(map(re.escape, headings))
    parts = re.split(rf"^[*#\t ]*\[({names})\][*:\t\r ]*$", text, flags=re.IGNORECASE | re.MULTILINE)
    found = [name.casefold() for name in parts[1::2]]
    if found != [heading.casefold() for heading in headings]:
        raise UnusableReply(
            Fault.UNPARSABLE,
            f"expected the headings {', '.join(headings)}, each once and in order; found "
            f"{', '.join(parts[1:12:2]) or 'none'}",
        )
    return parts[2::2]


# --- steps ----------------------------------------------------------------------------------------------------


class _StepsForm:
    async def instruction(self, old: Version, ask: AskTeacher) -> Reflection:
        critique = await ask(
            _plain(
                "critique",
                f"{_dialogue(old)}\n\nIn a few sentences, say how demanding, detailed, clear and self-contained this "
                "instruction is, then whether the response is helpful, relevant, accurate and detailed enough, "
                "and why the instruction led to it.",
            )
        )
        input = (
            f"\n\nIt works on this text, which the new instruction must quote in full:\n{old.input}"
            * bool(old.input)
        )
        instruction = await ask(
            Question(
                "rewrite",
                _user(
                    "Rewrite the following instruction so that it is clearer, more specific and more demanding. "
                    f"Reply with the new instruction only.\n\nInstruction: {old.instruction}{input}"
                ),
                lambda text: new_version(old, _unlabelled(text), "to be asked").instruction,
            )
        )
        return await ask(
            Question(
                "answer",
                _user(instruction),
                lambda text: Reflection(
                    {"Critique": critique}, new_version(old, instruction, _unlabelled(text))
                ),
            )
        )

    async def response(self, old: Version, ask: AskTeacher) -> Reflection:
        critique = await ask(
            _plain(
                "critique",
                f"{_dialogue(old)}\n\nIn a few sentences, say whether this response is helpful, relevant, accurate and "
                "detailed enough for the instruction, and what is missing or wrong.",
            )
        )
        return await ask(
            Question(
                "improve",
                _user(
                    f"{_dialogue(old)}\n\nWrite a better response to the instruction: helpful, relevant, accurate "
                    "and as detailed as it calls for. Reply with the response only."
                ),
                lambda text: Reflection({"Critique": critique}, better_response(old, _unlabelled(text))),
            )
        )


def _user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def _plain(name: str, text: str) -> Question[str]:
    return Question(name, _user(text), lambda reply: required_text(name, reply))


def _dialogue(version: Version) -> str:
    input = f"\n\nInput: {version.input}" if version.input else ""
    return f"Instruction: {version.instruction}{input}\n\nResponse: {version.response}"


# White space is never given back (`*+`, `++`): small teachers write thousands of line breaks.
_LABEL = re.compile(
    r"""\s*+(sure[,!.]?\s++)?(
        here(['’]s|\ is|\ are)\ [^\n:]{0,120}
            \b(instruction|response|answer|version(?=:|\ of\ (the|your)\b))\b[^\n:]{0,80}:
        |[*\#\s]*+((new|rewritten|better|improved)\s++)?(instruction|response)[*]*+:[*]*
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)


def _unlabelled(text: str) -> str:
    """A reply without what a small model puts around it: "Here is the new instruction:", and quotation marks."""
    text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    text = text.strip()
    quoted = len(text) > 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
    return text[1:-1] if quoted else text


_FORMS: dict[ReplyFormName, _ReplyForm] = {
    ReplyFormName.JSON: _JsonForm(),
    ReplyFormName.MARKERS: _MarkersForm(),
    ReplyFormName.STEPS: _StepsForm(),
}
