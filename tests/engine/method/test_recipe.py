"""All that decides an outcome is in the recipe: of a run, and with the question in the key of a stored reply."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from engine.judge.prompt import PROMPTS as JUDGE_PROMPTS
from engine.judge.prompt import Before, Pair, question
from engine.method.prompts import PROMPTS, CritiqueLength, Prompts, PromptSet
from engine.method.recipe import Recipe
from engine.method.reflection import Question
from engine.method.reply_forms import JudgeForm, ReplyFormName
from engine.method.rules import Criterion, OwnCriteria
from engine.method.templates import TemplateName
from engine.run.plan import recipe_of
from engine.run.settings import Settings, with_setting
from engine.run.teachers import sampling_of
from engine.sample import Stage, Turn, Version
from engine.store.workspace import Workspace
from models.files.catalog import student_file
from models.teacher import Message, Request
from tests.conftest import made_once
from tests.engine.method.asking import EVERY, OLD, TOLD, Scripted, reflect, replies
from tests.factory import RECORD, USUAL_RECIPE, new_workspace, recipe, teacher_info
from tests.gguf_writer import runnable

TEACHER = teacher_info()
ANOTHER: dict[str, Any] = {
    "method": "reflect", "prompts": 99, "prompt_set": "paper", "critique": "full", "form": "steps",
    "candidates": 2, "candidates_by": "loss", "both_branches": True,
    "teacher": None, "teacher_context": 4096, "think": True, "max_tokens": 64, "temperature": 1.0, "seed": 1,
    "guidelines": ("British spelling",), "criteria": OwnCriteria(response=(Criterion(title="Tone"),)).in_force(),
    "student": None, "template": "alpaca", "context": 64, "reasoned": True, "exact": True, "length": "equal",
    "near_tie": 0.5, "noise": 0.2, "verifier": "sha256:" + "6" * 64, "verifier_noise": 0.1,
    "language": "de",
}  # fmt: skip
"""Another value of everything in a recipe."""


@pytest.mark.parametrize("name", Recipe.model_fields)
def test_what_differs_in_anything_that_decides_an_outcome_is_another_run(tmp_path: Path, name: str) -> None:
    assert USUAL_RECIPE.keys() == ANOTHER.keys() == Recipe.model_fields.keys()
    with Workspace.open(new_workspace(tmp_path / "w.burnish")) as workspace:
        run = workspace.run(recipe(), RECORD)
        other = workspace.run(recipe(**{name: ANOTHER[name]}), RECORD)
        assert other.id != run.id
        assert workspace.run(recipe(), RECORD) == run


NEUTRAL = {
    "teacher": {
        "name",  # its digest decides
        "host",
        "url",
        "key_file",
        "context",  # what the model has of it decides: TeacherInfo.context
        "parallel",
        "first_byte",
        "silence",
        "patience",
    },
    "student": {"name", "verify", "gpu_layers", "threads"},  # the digests of name and verify decide
    # The form that is taken decides; turns and parts say which samples there are.
    "run": {"schedule", "reply_form", "turns", "sample", "seed"},
    "reflection": set(),
}
"""The settings that decide no outcome, or do so through what the models say of themselves."""

CHANGES: dict[str, Any] = {
    "max_tokens": 64, "temperature": 1.0, "seed": 1, "think": True, "context": 128, "exact": True, "method": "reflect",
    "template": TemplateName.ALPACA, "candidates": 2, "candidates_by": "loss", "both_branches": True, "near_tie": 0.5,
    "guidelines": ["British spelling"], "criteria": {"response": [{"title": "Tone"}]},
    "length": "equal", "prompts": PromptSet.PAPER, "critique": CritiqueLength.FULL,
    "language": "de", "reasoning": "score",
}  # fmt: skip


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, name)
        for group, neutral in NEUTRAL.items()
        for name in type(getattr(Settings(), group)).model_fields
        if name not in neutral
    ],
)
def test_a_setting_that_decides_an_outcome_is_in_the_recipe(group: str, name: str) -> None:
    def recipe_with(settings: Settings) -> Recipe:
        file = student_file(str(made_once("chance.gguf", runnable)))
        return recipe_of(settings, ReplyFormName.JSON, sampling_of(settings.teacher), TEACHER, file)

    alone = with_setting(Settings(), "run", "candidates_by", "loss")
    assert recipe_with(Settings()) == recipe_with(alone), "of one there is nothing to tell the best of"
    usual = with_setting(Settings(), "run", "candidates", 3)
    assert recipe_with(usual) != recipe_with(with_setting(usual, group, name, CHANGES[name]))


@pytest.mark.parametrize("name", [field.name for field in fields(Request)])
def test_a_reply_is_kept_under_all_that_was_asked(name: str) -> None:
    request = Request((Message("user", "Why?"),), seed=1, temperature=0.2, max_tokens=64)
    other: dict[str, Any] = {
        "messages": (Message("user", "How?"),), "seed": 2, "temperature": 0.3, "max_tokens": 65, "schema": {},
        "think": True, "logprobs": True, "tools": ({"type": "function"},),
    }  # fmt: skip
    assert request.digest(TEACHER) == replace(request).digest(TEACHER)
    same = replace(request, **{name: other[name]}).digest(TEACHER) == request.digest(TEACHER)
    assert same is (name == "logprobs"), "only what a server tells beside its reply does not change that"


@pytest.mark.parametrize(("name", "decides"), [("digest", True), ("context", True), ("name", False)])
def test_a_reply_is_kept_under_the_weights_and_the_context_that_gave_it(name: str, decides: bool) -> None:
    request = Request((Message("user", "Why?"),), seed=1, temperature=0.2, max_tokens=64)
    changes: dict[str, Any] = {"digest": "sha256:8", "context": 4096, "name": "qwen3:latest"}
    other = replace(TEACHER, **{name: changes[name]})
    assert (request.digest(TEACHER) != request.digest(other)) is decides


HISTORY = (
    Turn(role="system", text="Be brief."),
    Turn(role="user", text="Hello?"),
    Turn(role="assistant", text="Hi."),
)


def words(questions: list[Question[Any]]) -> str:
    asked = [[[asdict(message) for message in one.messages], one.schema] for one in questions]
    return hashlib.sha256(json.dumps(asked).encode("ascii")).hexdigest()


def test_a_change_of_the_teacher_s_prompts_raises_their_version() -> None:
    """Where the digest differs, raise `prompts.PROMPTS` and put the new digest here."""
    asked: list[Question[Any]] = []
    after: list[Question[Any]] = []  # after a history
    between: list[Question[Any]] = []  # after a history, with a turn that follows
    for parameter in EVERY:
        form, stage = parameter.values
        assert isinstance(form, ReplyFormName)
        assert isinstance(stage, Stage)
        for prompts in TOLD.values():
            script = Scripted(*replies(form, stage, "New answer."))
            reflect(form, stage, OLD, script, prompts)
            asked += script.asked
            script = Scripted(*replies(form, stage, "New answer."))
            reflect(form, stage, OLD, script, prompts, HISTORY)
            after += script.asked
            if stage is Stage.RESPONSE:
                script = Scripted(*replies(form, stage, "New answer."))
                reflect(form, stage, OLD, script, prompts, HISTORY, HISTORY[1])
                between += script.asked
    assert (PROMPTS, words(asked), words(after), words(between)) == (
        5,
        "562c36a0c68afda8fb3000dd46b69f81b288bca8df764fa19889dffd9506e4fe",
        "b1aec4cafe0a64794f6d55155362923e975172cbbc8118438000b1eef3280aa4",
        "e7fd8e58c21e18ae6f7b4fbdc83f200c0fb8cdfd822d8bdab7ca72ac9fb6d3c0",
    )


@pytest.mark.parametrize("prompts", TOLD.values())
def test_after_a_history_a_new_instruction_must_fit_and_need_not_stand_alone(prompts: Prompts) -> None:
    assert prompts.at(()) == prompts
    seen = prompts.at(HISTORY)
    assert all(turn.text in seen.before for turn in HISTORY)
    for text in (seen.instruction_task, seen.rewrite):
        assert "must be able to say it at that point" in text
        assert "stand alone" not in text
        assert "independent" not in text
    for text in (seen.response_task, seen.answer, seen.improve):
        assert "right at that point of the conversation" in text


def test_a_change_of_the_judge_s_prompts_raises_their_version() -> None:
    """Where the digest differs, raise `judging.PROMPTS` and put the new digest here."""
    new = Version(instruction="New question?", response="New answer.")
    same = OLD.model_copy(update={"response": "New answer."})
    after = Before(history=(Turn(role="user", text="Hello."), Turn(role="assistant", text="Hi.")), tools="[]")
    asked: list[Question[Any]] = [
        question(Pair(row=0, a=OLD, b=other, before=before), form)
        for form in JudgeForm
        for other in (new, same)
        for before in (Before(), after)
    ]
    assert (JUDGE_PROMPTS, words(asked)) == (
        2,
        "9f7d44db1fbacedfa9c72a7951bb38ff902a8cf5b2bc9ce12a2ee9b1bfd1b1ff",
    )
