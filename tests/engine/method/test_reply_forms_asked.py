"""What the teacher is asked in each form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from engine.method.prompts import CritiqueLength, Prompts, PromptSet
from engine.method.reply_forms import SMALL_TEACHER, ReplyFormName, form_for
from engine.method.rules import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA
from engine.sample import Stage, Version
from tests.engine.method.asking import (
    OLD,
    TOLD,
    Scripted,
    instruction_json,
    read,
    reflect,
    replies,
)
from tests.factory import teacher_info


@pytest.mark.parametrize("form", [ReplyFormName.JSON, ReplyFormName.MARKERS])
def test_the_instruction_stage_asks_for_all_nine_criteria_and_shows_the_whole_sample(
    form: ReplyFormName,
) -> None:
    ask = Scripted(*replies(form, Stage.INSTRUCTION, "New answer."))
    reflect(form, Stage.INSTRUCTION, OLD, ask)
    (prompt,) = ask.prompts()
    for part in (*INSTRUCTION_CRITERIA.values(), *RESPONSE_CRITERIA.values(), *OLD.model_dump().values()):
        assert part in prompt


@pytest.mark.parametrize("form", [ReplyFormName.JSON, ReplyFormName.MARKERS])
def test_the_response_stage_asks_only_for_the_four_of_a_response(form: ReplyFormName) -> None:
    ask = Scripted(*replies(form, Stage.RESPONSE, "New answer."))
    reflect(form, Stage.RESPONSE, OLD, ask)
    (prompt,) = ask.prompts()
    for part in (*RESPONSE_CRITERIA.values(), *OLD.model_dump().values()):
        assert part in prompt
    assert not any(title in prompt for title in INSTRUCTION_CRITERIA.values())


def test_the_schema_asks_for_every_criterion_first_and_the_new_version_last() -> None:
    ask = Scripted(instruction_json())
    reflect(ReplyFormName.JSON, Stage.INSTRUCTION, OLD, ask)
    schema = ask.asked[0].schema
    assert schema is not None
    fields = [
        "a_instruction_critique", "b_response_critique", "c_cause", "d_new_instruction", "e_new_response"
    ]  # fmt: skip
    assert list(schema["properties"]) == schema["required"] == fields
    critiques = {tuple(part["properties"]) for part in schema["$defs"].values()}
    assert critiques == {tuple(INSTRUCTION_CRITERIA), tuple(RESPONSE_CRITERIA)}
    for part in (schema, *schema["$defs"].values()):
        assert part["required"] == list(part["properties"])
        assert part["additionalProperties"] is False


def test_only_json_asks_under_a_schema() -> None:
    for form in ReplyFormName:
        ask = Scripted(*replies(form, Stage.INSTRUCTION, "New answer."))
        reflect(form, Stage.INSTRUCTION, OLD, ask)
        assert {question.schema is not None for question in ask.asked} == {form is ReplyFormName.JSON}


def names(schema: Mapping[str, Any]) -> Iterator[list[str]]:
    """The names of an object's fields, and of the objects in it, each in the schema's order."""
    for part in (schema, *schema.get("$defs", {}).values()):
        yield list(part["properties"])


@pytest.mark.parametrize("stage", Stage)
def test_the_names_of_fields_sort_as_they_are_to_be_written_at_every_depth(stage: Stage) -> None:
    """Ollama orders them by the alphabet since 0.30, for models whose template llama-server applies."""
    ask = Scripted(*replies(ReplyFormName.JSON, stage, "New answer."))
    reflect(ReplyFormName.JSON, stage, OLD, ask)
    (asked,) = ask.asked
    assert asked.schema is not None
    found = list(names(asked.schema))
    assert len(found) > 1
    assert found == [sorted(one) for one in found]


CRITIQUE = "Vague, and thin."


def test_in_steps_what_is_rewritten_answers_the_critique() -> None:
    ask = Scripted(CRITIQUE, "New question?", "New answer.")
    reflection = reflect(ReplyFormName.STEPS, Stage.INSTRUCTION, OLD, ask)
    assert [question.name for question in ask.asked] == ["critique", "rewrite", "answer"]
    critique, rewrite, answer = (question.messages for question in ask.asked)
    for asked in (critique, rewrite, answer):
        assert [message.role for message in asked] == ["system", "user"]
    assert critique[0] == rewrite[0], "what is constant stands first"
    assert (CRITIQUE in rewrite[1].content, OLD.instruction in rewrite[1].content) == (True, True)
    assert OLD.input in rewrite[1].content
    assert answer[1].content == "New question?", "asked as one would ask it"
    assert reflection.critique == {"Critique": CRITIQUE}

    ask = Scripted(CRITIQUE, "New answer.")
    reflect(ReplyFormName.STEPS, Stage.RESPONSE, OLD, ask)
    assert [question.name for question in ask.asked] == ["critique", "improve"]
    critique, improve = (question.messages for question in ask.asked)
    assert (improve[0], CRITIQUE in improve[1].content) == (critique[0], True)


@pytest.mark.parametrize("prompts", TOLD.values(), ids=map("-".join, TOLD))
def test_in_steps_one_short_reply_criticises_on_every_criterion(prompts: Prompts) -> None:
    both = Scripted(*replies(ReplyFormName.STEPS, Stage.INSTRUCTION, "New answer."))
    reflect(ReplyFormName.STEPS, Stage.INSTRUCTION, OLD, both, prompts)
    for part in (*INSTRUCTION_CRITERIA.values(), *RESPONSE_CRITERIA.values(), *OLD.model_dump().values()):
        assert part in both.prompts()[0]
    response = Scripted(*replies(ReplyFormName.STEPS, Stage.RESPONSE, "New answer."))
    reflect(ReplyFormName.STEPS, Stage.RESPONSE, OLD, response, prompts)
    for part in (*RESPONSE_CRITERIA.values(), *OLD.model_dump().values()):
        assert part in response.prompts()[0]
    assert not any(title in response.prompts()[0] for title in INSTRUCTION_CRITERIA.values())


@pytest.mark.parametrize("form", ReplyFormName)
def test_the_papers_set_asks_for_complexity_and_detail(form: ReplyFormName) -> None:
    for stage, demand in (
        (Stage.INSTRUCTION, "complex and difficult to answer directly"),
        (Stage.RESPONSE, "as detailed as possible"),
    ):
        asked = {}
        for (name, _), prompts in TOLD.items():
            ask = Scripted(*replies(form, stage, "New answer."))
            reflect(form, stage, OLD, ask, prompts)
            asked[name] = "\n".join(ask.prompts())
        assert demand in asked[PromptSet.PAPER]
        assert demand not in asked[PromptSet.OWN]


@pytest.mark.parametrize("form", [ReplyFormName.JSON, ReplyFormName.MARKERS])
@pytest.mark.parametrize("stage", Stage)
def test_what_is_the_same_for_every_sample_stands_before_it(form: ReplyFormName, stage: Stage) -> None:
    asked = []
    for old in (OLD, Version(instruction="Another?", response="Another.")):
        ask = Scripted(*replies(form, stage, "New answer."))
        reflect(form, stage, old, ask)
        asked.append(ask.asked[0].messages)
    (constant, sample), (other, another) = asked
    assert (constant.role, constant) == ("system", other)
    assert sample.content.startswith("<instruction>\nOld question?")
    assert another.content.startswith("<instruction>\nAnother?")
    assert sample.content.endswith("</response>")


@pytest.mark.parametrize("form", ReplyFormName)
def test_a_critique_is_as_long_as_asked_for(form: ReplyFormName) -> None:
    asked = {}
    for (_, length), prompts in TOLD.items():
        ask = Scripted(*replies(form, Stage.RESPONSE, "New answer."))
        reflect(form, Stage.RESPONSE, OLD, ask, prompts)
        asked[length] = ask.prompts()[0]
    assert "short sentence" in asked[CritiqueLength.SHORT]
    assert "one or two sentences" in asked[CritiqueLength.FULL]
    assert "short sentence" not in asked[CritiqueLength.FULL]


def test_in_steps_an_example_written_anew_gives_its_instruction() -> None:
    whole = "Instruction: New question?\n\n**Response:** Yes, of course."
    found = read(ReplyFormName.STEPS, Stage.INSTRUCTION, CRITIQUE, whole, "New answer.").version
    assert found == Version(instruction="New question?", response="New answer.")
    old = Version(instruction="Complete it.\nResponse: Yes", response="Yes, of course.")
    found = read(
        ReplyFormName.STEPS, Stage.INSTRUCTION, CRITIQUE, "Go on.\nResponse: No", "No.", old=old
    ).version
    assert found.instruction == "Go on.\nResponse: No"


def test_a_sample_without_an_input_is_not_said_to_have_one() -> None:
    for form in ReplyFormName:
        for stage in Stage:
            ask = Scripted(*replies(form, stage, "New answer."))
            reflect(form, stage, Version(instruction="Old question?", response="Old answer."), ask)
            for prompt in ask.prompts():
                assert "<input>" not in prompt
                assert "Input:" not in prompt
                assert "works on this text" not in prompt


@pytest.mark.parametrize(
    ("parameters", "form"),
    [
        (135e6, ReplyFormName.STEPS),
        (SMALL_TEACHER - 1, ReplyFormName.STEPS),
        (SMALL_TEACHER, ReplyFormName.JSON),
        (8e9, ReplyFormName.JSON),
        (None, ReplyFormName.JSON),
    ],
)
def test_auto_takes_steps_for_a_small_teacher(parameters: float | None, form: ReplyFormName) -> None:
    assert form_for(teacher_info(parameters=parameters)) is form
