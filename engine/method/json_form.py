"""The form `json`: one reply under a JSON schema, and its reader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import from_json

from engine.method.doomed import (
    Rule,
    fields_so_far,
    in_another_language,
    out_of_order,
    part_named,
    repeats_itself,
    reviews_part,
    stands_in_part,
    unusable,
)
from engine.method.example import one_reply_asked
from engine.method.labels import without_label
from engine.method.prompts import CAUSE, Prompts
from engine.method.reflection import (
    AskTeacher,
    Reflection,
    Rewriting,
    UnusableReply,
    better_response,
    new_instruction,
    new_version,
    required_text,
)
from engine.method.rules import Criteria, Criterion, field_names
from engine.sample import History, Version
from models.teacher import Fault, Message


class JsonReply(BaseModel):
    """A reply, or a part of one: asked for with exactly these fields, and read without those that it has beside.

    The names sort as they are to be written, here and in every part: see `prompts`.
    """

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})

    CONCLUSIONS: ClassVar[tuple[str, ...]] = ()
    """The fields that follow from the others, and must come after them."""


class _InstructionReply(JsonReply):
    CONCLUSIONS = ("d_new_instruction", "e_new_response")


class _ResponseReply(JsonReply):
    CONCLUSIONS = ("b_better_response",)


class _InstructionRest(_InstructionReply):
    d_new_instruction: str
    e_new_response: str


class _ResponseRest(_ResponseReply):
    b_better_response: str


def _critique(name: str, criteria: Sequence[Criterion]) -> type[JsonReply]:
    """The part of a reply with a field for each criterion."""
    fields: dict[str, Any] = dict.fromkeys(field_names(criteria), (str, ...))
    return create_model(name, __base__=JsonReply, **fields)


@cache
def _instruction_reply(criteria: Criteria) -> type[JsonReply]:
    fields: dict[str, Any] = {
        "a_instruction_critique": (_critique("_InstructionCritique", criteria.instruction), ...),
        "b_response_critique": (_critique("_ResponseCritique", criteria.response), ...),
        "c_cause": (str, ...),
        "d_new_instruction": (str, ...),
        "e_new_response": (str, ...),
    }
    return create_model("_InstructionReply", __base__=_InstructionReply, **fields)


@cache
def _response_reply(criteria: Criteria) -> type[JsonReply]:
    fields: dict[str, Any] = {
        "a_response_critique": (_critique("_ResponseCritique", criteria.response), ...),
        "b_better_response": (str, ...),
    }
    return create_model("_ResponseReply", __base__=_ResponseReply, **fields)


R = TypeVar("R", bound=JsonReply)


JSON_LAYOUT = "Reply with one JSON object that has exactly the fields of the given schema, in its order."


INSTRUCTION_REST = (
    "What came after this criticism could not be used. Keep the criticism, and reply with the rest alone: a new "
    "instruction that is not the old one and has all that it works on in it, and its full answer."
)
RESPONSE_REST = (
    "What came after this criticism could not be used. Keep the criticism, and reply with the rest alone: a better "
    "response that is not the old one, and nothing but the response."
)
"""The request for the rest of a reply of which only the critique could be used; it stands after that critique."""


class JsonForm:
    """One reply under a JSON schema; where only its critique could be used, the rest is asked for by itself."""

    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection:
        criteria, model = prompts.criteria, _instruction_reply(prompts.criteria)

        def critique_in(reply: Mapping[str, Any]) -> dict[str, str]:
            return {
                **_titled(criteria.instruction, reply["a_instruction_critique"]),
                **_titled(criteria.response, reply["b_response_critique"]),
                CAUSE: required_text("cause", reply["c_cause"]),
            }

        def reflection(critique: dict[str, str], reply: Mapping[str, Any]) -> Reflection:
            instruction, answer = map(without_label, (reply["d_new_instruction"], reply["e_new_response"]))
            return Reflection(critique, new_version(old, instruction, answer, history, prompts.languages))

        def part(name: str, text: str) -> str:
            return (
                new_instruction(old, without_label(text), history, prompts.languages)
                if name == "d_new_instruction"
                else required_text(name, text)
            )

        reasons = (*field_names(criteria.instruction), *field_names(criteria.response), "c_cause")
        rules = (
            repeats_itself(old),
            unusable(fields_so_far, part),
            reviews_part(fields_so_far, "d_new_instruction", old),
            stands_in_part(fields_so_far, "e_new_response", "d_new_instruction", old),
            in_another_language(part_named(fields_so_far, "e_new_response"), prompts.languages.response),
        )
        messages = one_reply_asked(prompts, old, prompts.instruction_task, JSON_LAYOUT, prompts.told_both)
        asked = _Asked(model, _InstructionRest, critique_in, reflection, INSTRUCTION_REST, rules)
        return await ask(asked.question(messages, reasons))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        criteria, model = prompts.criteria, _response_reply(prompts.criteria)

        def critique_in(reply: Mapping[str, Any]) -> dict[str, str]:
            return _titled(criteria.response, reply["a_response_critique"])

        def reflection(critique: dict[str, str], reply: Mapping[str, Any]) -> Reflection:
            better = better_response(old, without_label(reply["b_better_response"]), prompts.languages)
            return Reflection(critique, better)

        rules = (
            repeats_itself(old),
            unusable(fields_so_far, required_text),
            stands_in_part(fields_so_far, "b_better_response", None, old),
            in_another_language(part_named(fields_so_far, "b_better_response"), prompts.languages.response),
        )
        messages = one_reply_asked(prompts, old, prompts.response_task, JSON_LAYOUT, prompts.told_better)
        asked = _Asked(model, _ResponseRest, critique_in, reflection, RESPONSE_REST, rules)
        return await ask(asked.question(messages, tuple(field_names(criteria.response))))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A stage's question in this form."""

    model: type[JsonReply]
    rest_model: type[JsonReply]  # with the conclusions alone
    critique_in: Callable[[Mapping[str, Any]], dict[str, str]]
    reflection: Callable[[dict[str, str], Mapping[str, Any]], Reflection]
    rest_task: str
    rules: tuple[Rule, ...]

    def question(self, messages: tuple[Message, ...], reasons: tuple[str, ...]) -> Rewriting:
        def read(text: str) -> Reflection:
            reply = parsed(self.model, text).model_dump()
            return self.reflection(self.critique_in(reply), reply)

        rules = (out_of_order(fields_so_far, reasons, self.model.CONCLUSIONS), *self.rules)
        return Rewriting("reflect", messages, read, self.model.model_json_schema(), rules, rest=self._rest)

    def _rest(self, text: str, messages: tuple[Message, ...]) -> Rewriting | None:
        """The question for what follows from the critique in a reply; None where that is not whole and of use."""
        begun = re.search(rf',\s*"{self.model.CONCLUSIONS[0]}"\s*:', text)
        if begun is None:
            return None
        written = f"{text[: begun.start()]}}}"
        try:
            critique = self.critique_in(json.loads(written))
        except (ValueError, KeyError, TypeError, AttributeError, UnusableReply):
            return None

        def read(text: str) -> Reflection:
            return self.reflection(critique, parsed(self.rest_model, text).model_dump())

        asked = (*messages, Message("assistant", written), Message("user", self.rest_task))
        return Rewriting("reflect", asked, read, self.rest_model.model_json_schema(), self.rules)


# A doubled brace, or one in a sentence before the object, is followed by no name of a field.
_OBJECT = re.compile(r'\{(?=\s*+")')
_BRACES = re.compile(r"\{+|\}+")
_MOST_OBJECTS = 50  # that are looked at: each may be read to the end of the reply
_DECODER = json.JSONDecoder(strict=False)  # models that no grammar holds write line breaks as they are


def parsed(model: type[R], text: str) -> R:
    """The one object of this model in a text: alone, in a fence, or between sentences.

    Raises `UnusableReply` where there is none, where there are two, and where its conclusions come before what they
    follow from.
    """
    try:
        return _in_order(model.model_validate_json(text), text)
    except ValidationError as error:
        why = _first_error(error)
    found: list[tuple[R, str]] = []
    for written in (text, _once_braced(text)):
        if found:
            break
        for value in _objects(written):
            try:
                found.append((model.model_validate_json(value), value))
            except ValidationError as error:
                why = _first_error(error)
    if len(found) == 1:
        return _in_order(*found[0])
    raise UnusableReply(Fault.UNPARSABLE, f"the reply holds {len(found)} such objects" if found else why)


def _in_order(reply: R, text: str) -> R:
    """The reply, written in this text, if its conclusions come last."""
    written = [name for name in from_json(text) if name in type(reply).model_fields]
    first = min((written.index(name) for name in reply.CONCLUSIONS), default=len(written))
    if late := [name for name in written[first:] if name not in reply.CONCLUSIONS]:
        raise UnusableReply(Fault.OUT_OF_ORDER, f"{late[0]} was written after {written[first]}")
    return reply


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


def _once_braced(text: str) -> str:
    """A text whose braces are all doubled, as a template writes them, with single ones; "" of any other."""
    runs = _BRACES.findall(text)
    doubled = runs and all(len(run) % 2 == 0 for run in runs)
    return _BRACES.sub(lambda run: run[0][: len(run[0]) // 2], text) if doubled else ""


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the reply'}: {first['msg']}"


def _titled(criteria: Sequence[Criterion], critique: Mapping[str, str]) -> dict[str, str]:
    return {title: required_text(title, critique[field]) for field, title in field_names(criteria).items()}
