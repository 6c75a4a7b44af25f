"""The three reply forms: layouts that the teacher is asked for, and the readers of each.

`json`: one reply under a JSON schema. `markers`: one reply with bracketed headings, for models that write worse
under a grammar. `steps`: one small plain question a part and nothing to parse, for teachers of a few hundred million
parameters, which repeat themselves for ever under a schema.

In each the critique is written before what answers it; a reply in another order is no reflection, and is refused.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from engine.method.json_form import JsonForm
from engine.method.markers_form import MarkersForm
from engine.method.prompts import Prompts
from engine.method.reflection import AskTeacher, Reflection
from engine.method.rewrite_language import rewrite_languages
from engine.method.steps_form import StepsForm
from engine.sample import History, Version
from models.teacher import TeacherInfo

SMALL_TEACHER = 3e9
"""A teacher with fewer parameters does better in plain steps.

Under a schema one of 135M repeats a string for ever. Of Qwen2.5 1.5B a student took 20 of 24 stages in steps and 13 in
json, for 556 and 717 tokens each (tests/README.md); larger ones were not measured.
"""


class ReplyFormName(StrEnum):
    JSON = "json"
    MARKERS = "markers"
    STEPS = "steps"


class JudgeForm(StrEnum):
    """The forms that a judge knows: two of the teacher's, and the papers' prompt word for word."""

    JSON = "json"
    MARKERS = "markers"
    PUBLISHED = "published"


class RatingForm(StrEnum):
    """The forms that a judge knows which rates one version."""

    JSON = "json"
    MARKERS = "markers"


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


_FORMS: dict[ReplyFormName, _ReplyForm] = {
    ReplyFormName.JSON: JsonForm(),
    ReplyFormName.MARKERS: MarkersForm(),
    ReplyFormName.STEPS: StepsForm(),
}
