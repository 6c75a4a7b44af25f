"""A reply that cannot be used is told by its beginning, and no other is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.method.doomed import repeats
from engine.method.reflection import Question, UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage, Version
from models.teacher import Fault, Reply
from tests.engine.method.asking import (
    EVERY,
    OLD,
    Scripted,
    instruction_json,
    markers,
    reflect,
    replies,
    response_json,
)
from tests.engine.method.test_reply_forms_recorded import in_our_fields, recorded, reply_of

LONG = " ".join(f"The {n}th reason is another one than the reason before it." for n in range(40))


def last_question(form: ReplyFormName, stage: Stage, *said: str, old: Version = OLD) -> Question[Any]:
    """The question that follows these replies."""
    ask = Scripted(*said, " ")
    with pytest.raises(UnusableReply):
        reflect(form, stage, old, ask)
    return ask.asked[-1]


def told_at(question: Question[Any], text: str) -> tuple[int, Fault] | None:
    """The number of characters after which a reply is known to be of no use, and its kind; None: it never is."""
    for end in range(1, len(text) + 1):
        if fault := question.doomed(text[:end]):
            return end, fault
    return None


# --- nothing usable is stopped ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize("answer", ["New answer.", LONG, "I", "No.\n\nNo.", "```\n{\n```"])
def test_a_reply_that_can_be_used_is_never_stopped(form: ReplyFormName, stage: Stage, answer: str) -> None:
    ask = Scripted(*replies(form, stage, answer))
    reflect(form, stage, OLD, ask)
    for question, reply in zip(ask.asked, replies(form, stage, answer), strict=True):
        assert told_at(question, reply) is None


def test_no_recorded_reply_that_can_be_used_is_stopped_and_what_is_stopped_could_not_be() -> None:
    stopped = 0
    for form in (ReplyFormName.JSON, ReplyFormName.MARKERS):
        for original, calls in recorded(form):
            call = calls[0]
            assert call["on"] == "original"
            reply = in_our_fields(reply_of(call)) if form is ReplyFormName.JSON else reply_of(call)
            ask = Scripted(reply)
            try:
                reflect(form, Stage(call["stage"]), original, ask)
            except UnusableReply:
                stopped += told_at(ask.asked[0], reply.text) is not None
            else:
                assert told_at(ask.asked[0], reply.text) is None
    assert stopped > 0


SOUND = [
    "\n".join(f"{n} x {m} = {n * m}" for n in range(1, 13) for m in range(1, 13)),
    "\n".join(f"INSERT INTO items (id, name, price) VALUES ({n}, 'item {n}', {n}.50);" for n in range(60)),
    "Row, row, row your boat,\nGently down the stream.\n" * 4,
    "| a | b |\n|---|---|\n" + "| 0 | 0 |\n" * 20,
    "=" * 120 + "\nTitle\n" + "=" * 120,
    "la " * 60 + "la.",
    "0" * 256,
    "def f():\n    return 1\n\n\n" * 5,
    LONG,
]
LOOPS = [
    "The sky is blue because of light. " * 40,
    "Fine.\n" + "1. Eat well and sleep enough, every day.\n" * 30,
    "Here it is:" + "\n" * 2000,
    '{"a_instruction_critique": {"a_complexity_of_the_topic": "' + "It is very, very " * 80,
    "Blue. " + "!" * 900,
    "그것은 좋은 답변입니다. " * 70,
    LONG + "And so on, and so forth, as was said before. " * 20,
]


@pytest.mark.parametrize("text", SOUND, ids=range(len(SOUND)))
def test_what_comes_again_for_a_reason_is_no_loop(text: str) -> None:
    assert not any(repeats()(text[:end]) for end in range(len(text) + 1))


@pytest.mark.parametrize("text", LOOPS, ids=range(len(LOOPS)))
def test_the_same_over_and_over_is_told_before_it_ends(text: str) -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    found = told_at(question, text)
    assert found is not None
    assert (found[1], found[0] < len(text)) == (Fault.REPEATS, True)


def test_a_sample_that_says_the_same_over_and_over_may_be_answered_so() -> None:
    lines = "I will not talk in class.\n" * 60
    old = OLD.model_copy(update={"response": lines[:300]})
    assert told_at(last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.", old=old), lines) is None


# --- what is stopped, and when --------------------------------------------------------------------------------------


def test_an_answer_before_its_critique_is_stopped_as_it_begins() -> None:
    question = last_question(ReplyFormName.JSON, Stage.INSTRUCTION)
    first = json.dumps({"e_new_response": LONG, **json.loads(instruction_json())})
    found = told_at(question, first)
    assert found is not None
    assert (found[1], found[0] < 25) == (Fault.OUT_OF_ORDER, True)
    assert told_at(question, f"```json\n{first}") is not None
    response = last_question(ReplyFormName.JSON, Stage.RESPONSE)
    assert told_at(response, '{"b_better_response": "') is not None
    marked = last_question(ReplyFormName.MARKERS, Stage.INSTRUCTION)
    text = markers(("[New Instruction]", "New question?"), ("[New Response]", LONG))
    assert told_at(marked, text) == (len("[New Instruction]\n"), Fault.OUT_OF_ORDER)


COPY = OLD.instruction


@pytest.mark.parametrize(
    ("instruction", "fault"),
    [(COPY, Fault.COPY), ("...", Fault.PLACEHOLDER), ("", Fault.EMPTY), (f" {COPY}\n", Fault.COPY)],
)
def test_the_answer_to_an_instruction_of_no_use_is_not_waited_for(instruction: str, fault: Fault) -> None:
    text = instruction_json(instruction, LONG)
    found = told_at(last_question(ReplyFormName.JSON, Stage.INSTRUCTION), text)
    assert found is not None
    assert (found[1], len(text) - found[0] > len(LONG) - 30) == (fault, True)
    if fault is not Fault.EMPTY:
        text = markers(("[Critique]", "Vague."), ("[New Instruction]", instruction), ("[New Response]", LONG))
        found = told_at(last_question(ReplyFormName.MARKERS, Stage.INSTRUCTION), text)
        assert found is not None
        assert (found[1], len(text) - found[0] > len(LONG)) == (fault, True)


REFUSAL = (
    "I'm sorry, but I cannot help with that. As an AI language model, I am not able to do so. " + LONG[:900]
)


@pytest.mark.parametrize("form", ReplyFormName)
@pytest.mark.parametrize("stage", Stage)
def test_an_answer_that_declines_is_stopped_after_two_sentences(form: ReplyFormName, stage: Stage) -> None:
    *said, text = replies(form, stage, REFUSAL)
    found = told_at(last_question(form, stage, *said), text)
    assert found is not None
    assert (found[1], len(text) - found[0] > 600) == (Fault.REFUSAL, True)


def test_an_answer_about_declining_is_not() -> None:
    old = Version(instruction="Write a polite refusal to an invitation.", response="No, thank you.")
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Too short.", old=old)
    assert told_at(question, REFUSAL) is None


def test_the_critique_once_more_is_stopped_after_its_first_line() -> None:
    critique = (
        "The instruction is vague, and says neither what the answer is for nor how long it is to be.\n" * 2
    )
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, critique)
    assert told_at(question, critique + LONG) == (critique.index("\n") + 1, Fault.COPY)
    assert told_at(question, "The instruction is vague.\nSo here is a better answer.") is None


def test_thoughts_are_not_looked_at() -> None:
    question = last_question(ReplyFormName.JSON, Stage.RESPONSE)
    draft = '<think>\n{"b_better_response": "a draft"}\n' + "Wait. " * 200 + "</think>\n"
    assert told_at(question, draft + response_json("New answer.")) is None


def test_a_loop_that_came_to_an_end_is_of_no_use_either() -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    with pytest.raises(UnusableReply, match="over and over") as caught:
        question.parse(Reply(LOOPS[0]))
    assert caught.value.fault is Fault.REPEATS


def test_a_rewrite_that_speaks_of_the_instruction_is_stopped_after_two_sentences() -> None:
    old = Version(instruction="Name a fruit.", response="An apple.")
    question = last_question(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", old=old)
    text = "The response is overly simplistic and lacks detail. It is not accurate. " + LONG
    found = told_at(question, text)
    assert found is not None
    assert (found[1], found[0] < 140) == (Fault.REVIEW, True)


# --- what a stopped reply is ----------------------------------------------------------------------------------------


def test_a_stopped_reply_is_read_as_the_kind_that_stopped_it() -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    with pytest.raises(UnusableReply, match="stopped after 9 tokens") as caught:
        question.parse(Reply(LOOPS[0], finish="stopped", tokens=9))
    assert caught.value.fault is Fault.REPEATS
    with pytest.raises(UnusableReply) as caught:
        question.parse(Reply("Once there was a rule for this.", finish="stopped"))
    assert caught.value.fault is Fault.CUT
