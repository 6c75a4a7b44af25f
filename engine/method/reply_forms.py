"""The three reply forms: layouts that the teacher is asked for, and the readers of each.

`json`: one reply under a JSON schema. `markers`: one reply with bracketed headings, for models that write worse
under a grammar. `steps`: one small plain question a part and nothing to parse, for teachers of a few hundred million
parameters, which repeat themselves for ever under a schema.

In each the critique is written before what answers it; a reply in another order is no reflection, and is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import from_json

from engine.method.doomed import (
    Parts,
    Rule,
    fields_so_far,
    in_another_language,
    once_more,
    out_of_order,
    part_named,
    repeats,
    stands_in_part,
    unusable,
)
from engine.method.prompts import CAUSE, Prompts
from engine.method.reflection import (
    AskTeacher,
    Question,
    Reflection,
    UnusableReply,
    better_response,
    new_instruction,
    new_version,
    not_said_before,
    required_text,
)
from engine.method.rewrite_language import rewrite_languages
from engine.method.rules import Criteria, Criterion, field_names
from engine.method.stand_ins import beginning_of_instruction, beginning_stand_in
from engine.sample import History, Version
from models.teacher import Fault, Message, TeacherInfo

SMALL_TEACHER = 3e9
"""A teacher with fewer parameters does better in plain steps: under a schema one of 135M repeats a string for ever."""


class ReplyFormName(StrEnum):
    JSON = "json"
    MARKERS = "markers"
    STEPS = "steps"


class JudgeForm(StrEnum):
    """The forms that a judge knows: two of the teacher's, and the papers' prompt word for word."""

    JSON = "json"
    MARKERS = "markers"
    PUBLISHED = "published"


def form_for(teacher: TeacherInfo) -> ReplyFormName:
    """The form that `auto` takes for a teacher."""
    small = teacher.parameters is not None and teacher.parameters < SMALL_TEACHER
    return ReplyFormName.STEPS if small else ReplyFormName.JSON


async def reflect_on_instruction(
    form: ReplyFormName, prompts: Prompts, old: Version, ask: AskTeacher, history: History, language: str
) -> Reflection:
    """The instruction stage: a critique of both halves, then a new instruction and its answer, together.

    history: what was said before the old version, and before the new one. `prompts` are those of that place.
    """
    asked = prompts.written_in(rewrite_languages(old, language))
    return await _FORMS[form].instruction(asked, old, ask, history)


async def reflect_on_response(
    form: ReplyFormName, prompts: Prompts, old: Version, ask: AskTeacher, history: History, language: str
) -> Reflection:
    """The response stage: a critique of the response, then a better one to the same instruction."""
    asked = prompts.written_in(rewrite_languages(old, language))
    return await _FORMS[form].response(asked, old, ask)


class _ReplyForm(Protocol):
    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection: ...

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection: ...


def _example(version: Version) -> str:
    """A version as the teacher sees it."""
    input = f"<input>\n{version.input}\n</input>\n" if version.input else ""
    return f"<instruction>\n{version.instruction}\n</instruction>\n{input}<response>\n{version.response}\n</response>"


def _repeats(old: Version) -> Rule:
    return repeats(old.instruction, old.input, old.response)


def _messages(prompts: Prompts, version: Version, task: str, layout: str, told: str) -> tuple[Message, ...]:
    """`told`: what is asked of this example alone; it stands after what is the same for all."""
    return (
        Message("system", f"{prompts.system}\n\n{task}\n\n{layout}"),
        Message("user", f"{prompts.before}{_example(version)}{prompts.then}{told}"),
    )


# --- json -----------------------------------------------------------------------------------------------------


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


class _JsonForm:
    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection:
        criteria, model = prompts.criteria, _instruction_reply(prompts.criteria)

        def read(text: str) -> Reflection:
            reply = parsed(model, text).model_dump()
            critique = {
                **_titled(criteria.instruction, reply["a_instruction_critique"]),
                **_titled(criteria.response, reply["b_response_critique"]),
                CAUSE: required_text("cause", reply["c_cause"]),
            }
            instruction, answer = reply["d_new_instruction"], reply["e_new_response"]
            return Reflection(critique, new_version(old, instruction, answer, history, prompts.languages))

        def part(name: str, text: str) -> str:
            return (
                new_instruction(old, text, history, prompts.languages)
                if name == "d_new_instruction"
                else required_text(name, text)
            )

        reasons = (*field_names(criteria.instruction), *field_names(criteria.response), "c_cause")
        rules = (
            _repeats(old),
            out_of_order(fields_so_far, reasons, model.CONCLUSIONS),
            unusable(fields_so_far, part),
            stands_in_part(fields_so_far, "e_new_response", "d_new_instruction", old),
            in_another_language(part_named(fields_so_far, "e_new_response"), prompts.languages.response),
        )
        messages = _messages(prompts, old, prompts.instruction_task, JSON_LAYOUT, prompts.told_both)
        return await ask(Question("reflect", messages, read, model.model_json_schema(), rules))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        criteria, model = prompts.criteria, _response_reply(prompts.criteria)

        def read(text: str) -> Reflection:
            reply = parsed(model, text).model_dump()
            critique = _titled(criteria.response, reply["a_response_critique"])
            better = better_response(old, reply["b_better_response"], prompts.languages)
            return Reflection(critique, better)

        rules = (
            _repeats(old),
            out_of_order(fields_so_far, field_names(criteria.response), model.CONCLUSIONS),
            unusable(fields_so_far, required_text),
            stands_in_part(fields_so_far, "b_better_response", None, old),
            in_another_language(part_named(fields_so_far, "b_better_response"), prompts.languages.response),
        )
        messages = _messages(prompts, old, prompts.response_task, JSON_LAYOUT, prompts.told_better)
        return await ask(Question("reflect", messages, read, model.model_json_schema(), rules))


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


# --- markers --------------------------------------------------------------------------------------------------


class _MarkersForm:
    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection:
        headings = ("Critique", "New Instruction", "New Response")

        def read(text: str) -> Reflection:
            critique, instruction, response = sections(text, headings)
            return Reflection(
                {"Critique": required_text("critique", critique)},
                new_version(old, instruction, response, history, prompts.languages),
            )

        def part(name: str, text: str) -> str:
            return (
                new_instruction(old, text, history, prompts.languages)
                if name == "new instruction"
                else required_text(name, text)
            )

        parts = _sections_so_far(headings)
        rules = (
            _repeats(old),
            out_of_order(parts, ("critique",), ("new instruction", "new response")),
            unusable(parts, part),
            stands_in_part(parts, "new response", "new instruction", old),
            in_another_language(part_named(parts, "new response"), prompts.languages.response),
        )
        messages = _messages(prompts, old, prompts.instruction_task, layout(headings), prompts.told_both)
        return await ask(Question("reflect", messages, read, rules=rules))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        headings = ("Critique", "Better Response")

        def read(text: str) -> Reflection:
            critique, response = sections(text, headings)
            return Reflection(
                {"Critique": required_text("critique", critique)},
                better_response(old, response, prompts.languages),
            )

        parts = _sections_so_far(headings)
        rules = (
            _repeats(old),
            out_of_order(parts, ("critique",), ("better response",)),
            unusable(parts, required_text),
            stands_in_part(parts, "better response", None, old),
            in_another_language(part_named(parts, "better response"), prompts.languages.response),
        )
        messages = _messages(prompts, old, prompts.response_task, layout(headings), prompts.told_better)
        return await ask(Question("reflect", messages, read, rules=rules))


def layout(headings: tuple[str, ...]) -> str:
    """The request to use these headings, each on a line of its own."""
    lines = "\n".join(f"[{heading}]\n..." for heading in headings)
    return f"Use exactly this layout, each heading once on a line of its own:\n{lines}\n[End]"


def sections(text: str, headings: tuple[str, ...]) -> list[str]:
    """The text under each heading. A heading is bracketed and alone on its line; each stands once, in order.

    `[End]` closes the reply where it is the last line, and is text anywhere else. A fence around the reply is no text.
    """
    parts = _parted(text, headings)
    found, wanted = [name.casefold() for name in parts[1::2]], [heading.casefold() for heading in headings]
    if found != wanted:
        raise UnusableReply(
            Fault.OUT_OF_ORDER if sorted(found) == sorted(wanted) else Fault.UNPARSABLE,
            f"expected the headings {', '.join(headings)}, each once and in order; found "
            f"{', '.join(parts[1:12:2]) or 'none'}",
        )
    *texts, last = parts[2::2]
    return [*texts, _END.sub("", _unfenced(parts[0], last))]


_END = re.compile(r"\n[*#\t ]*\[End\][*\s]*(<\|\w+\|>\s*)*\Z", re.IGNORECASE)
_OPENS = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*[\w-]*[ \t\r]*\s*\Z", re.MULTILINE)


def _unfenced(before: str, last: str) -> str:
    """The last part of a reply without the end of the fence that opens right before its first heading."""
    opened = _OPENS.search(before)
    if opened is None or len(re.findall(rf"^[ \t]*{opened[1]}", before, re.MULTILINE)) % 2 == 0:
        return last
    marks = list(re.finditer(rf"^[ \t]*{opened[1]}(.*)$", last, re.MULTILINE))
    closing = [mark for mark in marks if not mark[1].strip()]
    return last[: closing[-1].start()].rstrip("\n") if len(marks) % 2 and closing else last


def _parted(text: str, headings: tuple[str, ...]) -> list[str]:
    """The text before the first heading, then each heading and the text under it."""
    names = "|".join(map(re.escape, headings))
    return re.split(rf"^[*#\t ]*\[({names})\][*:\t\r ]*$", text, flags=re.IGNORECASE | re.MULTILINE)


def _sections_so_far(headings: tuple[str, ...]) -> Parts:
    def parts(text: str) -> list[tuple[str, str]]:
        lines, end, growing = text.rpartition("\n")
        _, *parted = _parted(lines, headings)
        if parted and not growing.lstrip("*#\t ").startswith("["):  # that may become a heading
            parted[-1] += end + growing
        return [(name.casefold(), under) for name, under in zip(parted[::2], parted[1::2], strict=True)]

    return parts


# --- steps ----------------------------------------------------------------------------------------------------


class _StepsForm:
    # The critique is quoted in what is asked for the rewrite. As a turn of the teacher's own before it, models of a few
    # hundred million parameters say it again in place of a rewrite: 10 of 24 stages were usable (SmolLM2 135M).

    async def instruction(
        self, prompts: Prompts, old: Version, ask: AskTeacher, history: History
    ) -> Reflection:
        critique = await ask(_criticise(prompts, old, prompts.criticise_both))
        quote = " It must quote the input in full, which its reader does not see." * bool(old.input)
        task = f"Criticism: {critique}\n\n{prompts.rewrite}{quote}"
        rules: tuple[Rule, ...] = (_repeats(old), once_more(critique))

        def read_instruction(text: str) -> str:
            text = _unlabelled(text)
            if not _RESPONSE.search(f"\n{old.instruction}"):
                text = _RESPONSE.split(text, maxsplit=1)[0]
            return new_instruction(old, not_said_before(text, critique), history, prompts.languages)

        asked = _asked(prompts, old, task)
        held = prompts.languages
        in_other = in_another_language(_unlabelled, held.instruction)
        asking = Question("rewrite", asked, read_instruction, rules=(*rules, _reviews(old), in_other))
        instruction = await ask(asking)

        def read_answer(text: str) -> Reflection:
            answer = not_said_before(_unlabelled(text), critique)
            return Reflection(
                {"Critique": critique}, new_version(old, instruction, answer, history, prompts.languages)
            )

        # As one would ask it: who reads the answer later sees nothing of what led to the instruction.
        alone = (Message("system", prompts.answer), Message("user", f"{prompts.before}{instruction}"))
        rules = (*rules, _stands_in(instruction, old), in_another_language(_unlabelled, held.response))
        return await ask(Question("answer", alone, read_answer, rules=rules))

    async def response(self, prompts: Prompts, old: Version, ask: AskTeacher) -> Reflection:
        critique = await ask(_criticise(prompts, old, prompts.criticise_response))

        def read(text: str) -> Reflection:
            response = better_response(old, not_said_before(_unlabelled(text), critique), prompts.languages)
            return Reflection({"Critique": critique}, response)

        asked = _asked(prompts, old, f"Criticism: {critique}\n\n{prompts.improve}")
        rules = (
            _repeats(old),
            once_more(critique),
            _stands_in(old.instruction, old),
            in_another_language(_unlabelled, prompts.languages.response),
        )
        return await ask(Question("improve", asked, read, rules=rules))


def _asked(prompts: Prompts, old: Version, task: str) -> tuple[Message, ...]:
    return (
        Message("system", prompts.steps),
        Message("user", f"{prompts.before}{_dialogue(old)}{prompts.then}\n\n{task}"),
    )


def _criticise(prompts: Prompts, old: Version, task: str) -> Question[str]:
    asked = _asked(prompts, old, task)
    return Question("critique", asked, lambda reply: required_text("critique", reply), rules=(_repeats(old),))


def _stands_in(instruction: str, old: Version) -> Rule:
    return lambda text: beginning_stand_in(_unlabelled(text), instruction, old)


def _reviews(old: Version) -> Rule:
    return lambda text: beginning_of_instruction(_unlabelled(text), old)


def _dialogue(version: Version) -> str:
    return f"{_instruction(version)}\n\nResponse: {version.response}"


def _instruction(version: Version) -> str:
    input = f"\n\nInput: {version.input}" if version.input else ""
    return f"Instruction: {version.instruction}{input}"


# Where a small model writes the whole example anew, in the layout that it was shown.
_RESPONSE = re.compile(r"\n[*#\t ]*Response[*]*:", re.IGNORECASE)
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
