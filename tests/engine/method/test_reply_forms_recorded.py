"""Replies of a real teacher of 0.5B parameters: which of them can be used, and why the others cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.method.reflection import UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage, Version
from models.teacher import Fault, Reply
from tests.engine.method.asking import fault, read
from tests.running import demo_rows

RECORDED = Path(__file__).parents[2] / "ollama" / "recorded" / "teacher"


def recorded(form: ReplyFormName) -> Iterator[tuple[Version, list[dict[str, Any]]]]:
    """The samples that it was asked about, and its answers."""
    rows = demo_rows(12)
    for line in (RECORDED / f"{form}.jsonl").read_text("utf-8").splitlines():
        sample = json.loads(line)
        row = rows[sample["id"]]
        original = Version(instruction=row["instruction"], input=row["input"], response=row["output"])
        yield original, sample["calls"]


def reply_of(call: dict[str, Any]) -> Reply:
    body = json.loads(call["response"])
    return Reply(body["message"]["content"], finish=body["done_reason"], tokens=body["eval_count"])


def in_our_fields(reply: Reply) -> Reply:
    """The recorded schema had other names."""
    text = reply.text
    names = {
        "complexity_of_topic": "a_complexity_of_the_topic",
        "level_of_detail_required": "b_level_of_detail_required",
        "knowledge_required": "c_knowledge_required",
        "ambiguity": "d_ambiguity_of_the_instruction",
        "logical_reasoning": "e_logical_reasoning_or_problem_solving",
        "helpfulness": "a_helpfulness",
        "relevance": "b_relevance",
        "accuracy": "c_accuracy",
        "level_of_details": "d_level_of_details",
        "instruction_critique": "a_instruction_critique",
        "response_critique": "b_response_critique" if '"cause":' in text else "a_response_critique",
        "cause": "c_cause",
        "new_instruction": "d_new_instruction",
        "new_response": "e_new_response",
        "better_response": "b_better_response",
    }
    for theirs, ours in names.items():
        text = text.replace(f'"{theirs}":', f'"{ours}":')
    return Reply(text, finish=reply.finish, tokens=reply.tokens)


def verdicts(form: ReplyFormName) -> list[list[Fault | None]]:
    """Of each sample, of each reply: its fault, or None for a usable one."""
    table = []
    for original, calls in recorded(form):
        row: list[Fault | None] = []
        rewritten = None
        for call in calls:
            old = original if call["on"] == "original" else rewritten
            if old is None:  # what this reply is about was not usable
                continue
            reply = in_our_fields(reply_of(call)) if form is ReplyFormName.JSON else reply_of(call)
            try:
                reflection = read(form, Stage(call["stage"]), reply, old=old)
            except UnusableReply as unusable:
                row.append(unusable.fault)
                continue
            row.append(None)
            if call["stage"] == Stage.INSTRUCTION:
                rewritten = reflection.version
        table.append(row)
    return table


def test_of_the_recorded_json_reflections_stand_ins_and_repeated_answers_are_refused() -> None:
    talk, lost = Fault.TEACHER_TALK, Fault.INPUT_LOST
    assert verdicts(ReplyFormName.JSON) == [
        # the instruction; the response of the original; the response of the rewritten
        [None, None, Fault.COPY],
        [None, Fault.COPY, Fault.COPY],
        [Fault.CUT, None],
        [None, None, None],
        [Fault.PLACEHOLDER, Fault.COPY],  # an answer that is one opening brace
        [lost, Fault.COPY],  # "Translate the sentence into Spanish. Please provide the original sentence"
        [
            None,
            None,
            talk,
        ],  # "Yes, I can complete this response. The response provides a basic answer to the question"
        [None, None, None],
        [None, None, Fault.COPY],
        [None, Fault.COPY, talk],  # at its end: "The response is concise and accurate"
        [None, Fault.COPY, Fault.COPY],
        [Fault.REVIEW, None],  # "The instruction leads to a response that is helpful but lacks clarity"
    ]


def test_a_recorded_json_reply_gives_its_own_words() -> None:
    original, calls = list(recorded(ReplyFormName.JSON))[3]
    reflection = read(ReplyFormName.JSON, Stage.INSTRUCTION, in_our_fields(reply_of(calls[0])), old=original)
    fields = json.loads(reply_of(calls[0]).text)
    assert reflection.version == Version(
        instruction="Convert 100 kilometers to meters.", response="100 kilometers is 10000 meters."
    )
    assert list(reflection.critique.values()) == [
        *fields["instruction_critique"].values(),
        *fields["response_critique"].values(),
        fields["cause"],
    ]


def test_the_recorded_field_names_are_another_schema_s() -> None:
    for original, calls in recorded(ReplyFormName.JSON):
        first = reply_of(calls[0])
        expected = Fault.CUT if first.finish == "length" else Fault.UNPARSABLE
        assert fault(ReplyFormName.JSON, Stage.INSTRUCTION, first, old=original) is expected


def test_one_of_the_recorded_marker_replies_can_be_used() -> None:
    assert verdicts(ReplyFormName.MARKERS) == [
        [Fault.UNPARSABLE, Fault.CUT],  # headings without brackets; one section repeated up to the budget
        [Fault.UNPARSABLE, Fault.COPY],
        [Fault.UNPARSABLE, None],
        [Fault.UNPARSABLE, Fault.UNPARSABLE],
    ]


def test_a_section_that_the_recorded_teacher_repeated_for_ever_is_unparsable_were_it_not_cut() -> None:
    _, calls = next(recorded(ReplyFormName.MARKERS))
    endless = reply_of(calls[1]).text
    assert endless.count("[Better Response]") > 50
    assert fault(ReplyFormName.MARKERS, Stage.RESPONSE, endless) is Fault.UNPARSABLE


def test_recorded_steps_that_were_not_cut_give_a_new_version_in_the_teacher_s_words() -> None:
    usable = []
    for number, (original, calls) in enumerate(recorded(ReplyFormName.STEPS)):
        critique, rewrite, answer = (reply_of(call) for call in calls[:3])
        if critique.finish == rewrite.finish == answer.finish == "stop":
            reflection = read(ReplyFormName.STEPS, Stage.INSTRUCTION, critique, rewrite, answer, old=original)
            assert reflection.version == Version(instruction=rewrite.text, response=answer.text)
            usable.append(number)
        else:
            assert (
                fault(ReplyFormName.STEPS, Stage.INSTRUCTION, critique, rewrite, answer, old=original)
                is Fault.CUT
            )
    assert usable == [0, 2, 3]


def improved(number: int, on: str) -> tuple[Version, Reply]:
    """A sample of the steps, or its rewrite, and what the teacher made of its response."""
    original, calls = list(recorded(ReplyFormName.STEPS))[number]
    old = original
    if on == "rewritten":
        old = Version(instruction=reply_of(calls[1]).text, response=reply_of(calls[2]).text)
    (call,) = (call for call in calls if call["stage"] == Stage.RESPONSE and call["on"] == on)
    return old, reply_of(call)


@pytest.mark.parametrize(
    ("number", "on"), [(0, "rewritten"), (1, "original"), (3, "rewritten"), (4, "rewritten")]
)
def test_a_recorded_response_that_repeats_the_old_one_is_a_copy(number: int, on: str) -> None:
    old, reply = improved(number, on)
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.", reply, old=old) is Fault.COPY


def test_a_recorded_preface_is_left_out_and_the_code_after_it_kept() -> None:
    old, reply = improved(4, "original")
    assert reply.text.startswith("Sure, here's a more detailed response:\n\n```python")
    better = read(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.", reply, old=old).version.response
    assert better == reply.text.removeprefix("Sure, here's a more detailed response:\n\n")


def test_recorded_quotation_marks_are_left_out() -> None:
    _, calls = list(recorded(ReplyFormName.STEPS))[5]
    answer = reply_of(calls[2])
    reflection = read(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", "New question?", answer)
    assert reflection.version.response == "El tren deja al principio de la mañana."


def test_a_recorded_answer_that_is_its_instruction_once_more_is_a_copy() -> None:
    _, calls = list(recorded(ReplyFormName.STEPS))[5]
    rewrite, answer = map(reply_of, calls[1:3])
    assert fault(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", rewrite, answer) is Fault.COPY


def test_a_recorded_refusal_is_no_answer() -> None:
    _, calls = list(recorded(ReplyFormName.STEPS))[1]
    refusal = reply_of(calls[2])
    assert fault(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", "New question?", refusal) is Fault.REFUSAL


def test_a_recorded_refusal_is_no_instruction() -> None:
    original, calls = list(recorded(ReplyFormName.STEPS))[1]
    refusal = reply_of(calls[1])
    assert refusal.text.startswith("I apologize, but I do not have enough information")
    assert (
        fault(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", refusal, "Blue.", old=original)
        is Fault.REFUSAL
    )


@pytest.mark.parametrize("number", [0, 3, 5])
def test_the_question_s_own_words_said_back_are_a_placeholder(number: int) -> None:
    old, reply = improved(number, "original")
    assert reply.text.casefold().startswith("helpful, relevant, accurate")
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.", reply, old=old) is Fault.PLACEHOLDER
