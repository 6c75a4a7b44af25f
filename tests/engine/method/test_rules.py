"""A person's own rules: in every form and set the teacher is told them, and criticises on the criteria they name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from engine.method.prompts import CAUSE, PROMPT_SETS, Wording, prompts_of
from engine.method.reply_forms import ReplyFormName
from engine.method.rules import (
    INSTRUCTION_CRITERIA,
    LONGEST_MEANING,
    LONGEST_TITLE,
    MOST_CRITERIA,
    PAPERS,
    RESPONSE_CRITERIA,
    Criteria,
    Criterion,
    OwnCriteria,
    field_names,
)
from engine.sample import Stage
from models.teacher import Fault
from tests.engine.method.asking import EVERY, OLD, Scripted, instruction_json, reflect, replies, response_json
from tests.engine.method.test_recipe import HISTORY

HOUSE = ("British spelling", "At most {120} words", "Never name a price")
OWN = OwnCriteria(
    instruction=(Criterion(title="Тон", meaning="Would a customer feel taken seriously?"),),
    response=(Criterion(title="Verständlichkeit"), Criterion(title="Brevity {guidelines}")),
)


@pytest.mark.parametrize("words", PROMPT_SETS.values(), ids=map("-".join, PROMPT_SETS))
@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_every_question_tells_the_rules_once(form: ReplyFormName, stage: Stage, words: Wording) -> None:
    prompts = prompts_of(words, OWN.in_force(), HOUSE)
    for history in ((), HISTORY):
        ask = Scripted(*own_replies(form, stage))
        reflect(form, stage, OLD, ask, prompts, history)
        for asked in ask.prompts():
            assert [asked.count(f"\n- {rule}") for rule in HOUSE] == [1, 1, 1]
        first = ask.prompts()[0]
        assert "Verständlichkeit" in first
        assert "Brevity {guidelines}" in first, "a title is no placeholder"
        assert ("Тон (Would a customer feel taken seriously?)" in first) is (stage is Stage.INSTRUCTION)
        assert not any(title in first for title in PAPERS_TITLES)


PAPERS_TITLES = (*INSTRUCTION_CRITERIA.values(), *RESPONSE_CRITERIA.values())


def own_replies(form: ReplyFormName, stage: Stage) -> list[str]:
    if form is not ReplyFormName.JSON:
        return replies(form, stage, "New answer.")
    response = {"a_verstandlichkeit": "Plain.", "b_brevity_guidelines": "Long."}
    if stage is Stage.RESPONSE:
        return [response_json("New answer.", a_response_critique=response)]
    return [
        instruction_json(
            response="New answer.",
            a_instruction_critique={"a_criterion": "Curt."},
            b_response_critique=response,
        )
    ]


def test_the_schema_and_the_critique_follow_the_criteria() -> None:
    prompts = prompts_of(next(iter(PROMPT_SETS.values())), OWN.in_force(), ())
    ask = Scripted(*own_replies(ReplyFormName.JSON, Stage.INSTRUCTION))
    found = reflect(ReplyFormName.JSON, Stage.INSTRUCTION, OLD, ask, prompts)
    assert found.critique == {
        "Тон": "Curt.", "Verständlichkeit": "Plain.", "Brevity {guidelines}": "Long.", CAUSE: "It was vague."
    }  # fmt: skip
    schema: Any = ask.asked[0].schema
    fields = [tuple(part["properties"]) for part in schema["$defs"].values()]
    assert fields == [("a_criterion",), ("a_verstandlichkeit", "b_brevity_guidelines")]


def test_a_reply_on_other_criteria_is_not_what_was_asked_for() -> None:
    prompts = prompts_of(next(iter(PROMPT_SETS.values())), OWN.in_force(), ())
    with pytest.raises(Exception, match="verstandlichkeit") as caught:
        reflect(
            ReplyFormName.JSON,
            Stage.RESPONSE,
            OLD,
            Scripted(*replies(ReplyFormName.JSON, Stage.RESPONSE, "x")),
            prompts,
        )
    assert getattr(caught.value, "fault", None) is Fault.UNPARSABLE


def test_own_criteria_take_the_papers_place_or_stand_beside_them() -> None:
    assert OWN.in_force() == Criteria(instruction=OWN.instruction, response=OWN.response)
    only = OwnCriteria(response=OWN.response)
    assert only.in_force() == Criteria(instruction=PAPERS.instruction, response=OWN.response), (
        "no half is without"
    )
    beside = OWN.model_copy(update={"beside_papers": True}).in_force()
    assert beside.response == (*PAPERS.response, *OWN.response)


def test_names_of_fields_sort_as_they_are_to_be_written_and_differ() -> None:
    many = [
        Criterion(title=title)
        for title in ("Ω", "语气", "a" * 60, "B b", "b-B", "Logical  reasoning", *"zyxwvut")
    ]
    names = list(field_names(many))
    assert names == sorted(names)
    assert len(set(names)) == len(many)
    assert all(name.isascii() and name.isidentifier() for name in names)
    assert list(field_names(many).values()) == [one.title for one in many]


@pytest.mark.parametrize(
    "criteria",
    [
        {"response": [{"title": ""}]},
        {"response": [{"title": " \n"}]},
        {"response": [{"title": "a\nb"}]},
        {"response": [{"title": "\x1b[2J"}]},
        {"response": [{"title": "a\u202eb"}]},
        {"response": [{"title": "\ud800"}]},
        {"response": [{"title": "a" * (LONGEST_TITLE + 1)}]},
        {"response": [{"title": "a", "meaning": "b" * (LONGEST_MEANING + 1)}]},
        {"response": [{"title": "Tone"}, {"title": "tone"}]},
        {"instruction": [{"title": "Tone"}], "response": [{"title": "TONE"}]},
        {"response": [{"title": "Accuracy"}], "beside_papers": True},
        {"response": [{"title": f"t{number}"} for number in range(MOST_CRITERIA + 1)]},
        {"response": [{"title": "a", "weight": 3}]},
        {"answers": [{"title": "a"}]},
    ],
)
def test_criteria_that_cannot_be_told_are_refused(criteria: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OwnCriteria.model_validate(criteria)


def test_rules_outlive_json() -> None:
    text = json.dumps(OWN.model_dump(mode="json"))
    assert OwnCriteria.model_validate(json.loads(text)) == OWN
