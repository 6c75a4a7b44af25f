"""A reply that cannot be used is told by its beginning, and no other is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.method.doomed import repeats
from engine.method.reflection import Question, UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.method.stand_ins import answer_stand_in, instruction_stand_in
from engine.sample import Stage, Version
from models.teacher import Fault, Reply
from tests.conftest import Some
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
from tests.engine.method.test_stand_ins import REFUSALS, good_samples
from tests.engine.method.test_teacher_talk import OF_THE_INSTRUCTION, REVIEWS, TALK

LONG = " ".join(f"The {n}th reason is another one than the reason before it." for n in range(20))


def last_question(form: ReplyFormName, stage: Stage, *said: str, old: Version = OLD) -> Question[Any]:
    """The question that follows these replies."""
    ask = Scripted(*said, " ")
    with pytest.raises(UnusableReply):
        reflect(form, stage, old, ask)
    return ask.asked[-1]


TOKEN = 3
"""Characters, about: a server sends no less."""


def told_at(question: Question[Any], text: str, every: int = 1) -> tuple[int, Fault] | None:
    """The number of characters after which a reply is known to be of no use, and its kind; None: it never is.

    every: characters between two looks.
    """
    for end in (*range(1, len(text), every), len(text)):
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
        assert told_at(question, reply, TOKEN) is None


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
                stopped += told_at(ask.asked[0], reply.text, TOKEN) is not None
            else:
                assert told_at(ask.asked[0], reply.text, TOKEN) is None
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
    (LONG[:230] + " ") * 4,
    (LONG[:900] + " ") * 4,
]


@pytest.mark.parametrize("text", SOUND, ids=range(len(SOUND)))
def test_what_comes_again_for_a_reason_is_no_loop(text: str) -> None:
    assert not any(repeats()(text[:end]) for end in range(len(text) + 1))


@pytest.mark.parametrize("text", LOOPS, ids=range(len(LOOPS)))
def test_the_same_over_and_over_is_told_before_it_ends(text: str) -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    found = told_at(question, text, TOKEN)
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
def test_an_answer_that_declines_is_stopped_in_its_first_sentence(form: ReplyFormName, stage: Stage) -> None:
    *said, text = replies(form, stage, REFUSAL)
    found = told_at(last_question(form, stage, *said), text)
    assert found is not None
    assert (found[1], len(text) - found[0] > len(REFUSAL) - 90) == (Fault.REFUSAL, True)


def test_an_answer_about_declining_is_not() -> None:
    old = Version(instruction="Write a polite refusal to an invitation.", response="No, thank you.")
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Too short.", old=old)
    assert told_at(question, REFUSAL) is None


SAID = "It names no good reason for the colour of the sky, and is much too short for one who has never heard of light."


@pytest.mark.parametrize("stage", Stage)
def test_the_critique_once_more_is_stopped_once_it_is_sure(stage: Stage) -> None:
    question = last_question(ReplyFormName.STEPS, stage, SAID)
    assert told_at(question, SAID + LONG) == (80, Fault.COPY)
    before = "Light is scattered by air.\n\nCriticism: "
    assert told_at(question, before + SAID) == (len(before) + 80, Fault.COPY)
    assert told_at(question, SAID.replace(" ", "\n") + LONG) == (80, Fault.COPY)
    assert told_at(question, SAID[:79]) is None
    lines = f"Short.\n{SAID}\n{LONG}"
    assert told_at(last_question(ReplyFormName.STEPS, stage, lines), f"{SAID}\n") == (
        len(SAID) + 1,
        Fault.COPY,
    )


def test_a_critique_that_begins_with_the_sample_s_own_words_may_be_followed_by_them() -> None:
    old = OLD.model_copy(update={"response": LONG[:200]})
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, f"{LONG[:200]} is no answer.", old=old)
    assert told_at(question, f"{LONG[:200]} That is why.") is None


EXAMPLE = "\n\n**Response:** The sky is blue because of light.\n\nCriticism: It is short. " + LONG


@pytest.mark.parametrize("label", ["", "Instruction: ", "### Instruction:\n", "**Instruction:** "])
def test_an_example_written_anew_with_an_instruction_of_no_use_is_stopped_at_its_response(label: str) -> None:
    question = last_question(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.")
    text = f"{label}{COPY}{EXAMPLE}"
    found = told_at(question, text)
    assert found is not None
    assert (found[1], found[0] - text.index("Response") < 15) == (Fault.COPY, True)
    assert told_at(question, f"{label}New question?{EXAMPLE}") is None
    asked = OLD.model_copy(update={"instruction": "Fill in.\nResponse:"})
    question = last_question(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", old=asked)
    assert told_at(question, "Fill this in.\nResponse: yes\nOr no?") is None


def test_the_old_response_and_a_criticism_of_it_is_a_copy() -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    text = f"{OLD.response}\n\n**Criticism:** It is fine. {LONG}"
    found = told_at(question, text)
    assert found is not None
    assert (found[1], found[0] <= text.index(" It is")) == (Fault.COPY, True)
    with pytest.raises(UnusableReply, match="the better response is the old one"):
        question.read(text)
    assert told_at(question, f"{OLD.response} And more.\n\nCriticism: Some disagree. {LONG}") is None


def test_headings_that_stand_twice_or_in_another_place_are_stopped() -> None:
    once = "[Critique]\nVague.\n[Better Response]\nNew.\n"
    question = last_question(ReplyFormName.MARKERS, Stage.RESPONSE)
    twice = f"{once}[Better Response]\n"
    assert told_at(question, twice + once * 20) == (len(twice), Fault.UNPARSABLE)
    assert told_at(question, f"{once}[Critique]\n{LONG}") == (len(f"{once}[Critique]\n"), Fault.UNPARSABLE)
    both = last_question(ReplyFormName.MARKERS, Stage.INSTRUCTION)
    skipped = "[Critique]\nVague.\n[New Response]\n"
    assert told_at(both, skipped + LONG) == (len(skipped), Fault.OUT_OF_ORDER)


@pytest.mark.parametrize("wrap", ["{}:", "{}", "**{}**:", "### {}", "**{}:**"])
def test_headings_without_brackets_are_stopped_at_the_second(wrap: str) -> None:
    first, second, last = (wrap.format(name) for name in ("Critique", "New Instruction", "New Response"))
    question = last_question(ReplyFormName.MARKERS, Stage.INSTRUCTION)
    text = f"{first}\nVague.\n\n{second}\nWhy?\n\n{last}\n{LONG}"
    found = told_at(question, text)
    assert found is not None
    assert (found[1], found[0] <= text.index("Why?")) == (Fault.UNPARSABLE, True)
    plan = f"{first}\nFirst I criticise.\n"
    whole = markers(("[Critique]", "Vague."), ("[New Instruction]", "Why?"), ("[New Response]", second))
    assert told_at(question, plan + whole) is None


def test_thoughts_are_not_looked_at() -> None:
    question = last_question(ReplyFormName.JSON, Stage.RESPONSE)
    draft = '<think>\n{"b_better_response": "a draft"}\n' + "Wait. " * 200 + "</think>\n"
    assert told_at(question, draft + response_json("New answer.")) is None


def test_a_loop_that_came_to_an_end_is_of_no_use_either() -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    with pytest.raises(UnusableReply, match="over and over") as caught:
        question.parse(Reply(LOOPS[0]))
    assert caught.value.fault is Fault.REPEATS


def test_a_rewrite_that_speaks_of_the_instruction_is_stopped_in_its_first_sentence() -> None:
    old = Version(instruction="Name a fruit.", response="An apple.")
    question = last_question(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", old=old)
    text = "The response is overly simplistic and lacks detail. It is not accurate. " + LONG
    found = told_at(question, text)
    assert found is not None
    assert (found[1], found[0] < 65) == (Fault.REVIEW, True)


CALM = Version(instruction="Why is the sky blue?", response="It is.")
OPENINGS = [*REFUSALS, *TALK, *REVIEWS, *OF_THE_INSTRUCTION]
TURNS = [
    "I cannot help but admire the sky. It is blue because of light.",
    "The answer is not green, of course. It is blue.",
    "The answer could be either of the two, and the text does not say which.",
    "Here is a response to the question that a child may ask: It is blue.",
    "Certainly! The sky is blue because of light. It is scattered by the air.",
    "Sure. Here are three reasons:\n1. Light.\n2. Air.\n3. Eyes.",
    "The response time of the eye is too long to see single waves of light.",
    "I'm sorry to hear that. The sky is blue because of light.",
]


@pytest.mark.parametrize("text", [*OPENINGS, *TURNS])
def test_what_is_told_by_its_beginning_is_refused_when_it_is_whole(text: str) -> None:
    improve = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.", old=CALM)
    rewrite = last_question(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", old=CALM)
    for more in ("", f" {LONG[:240]}", f"\n\n{LONG[:240]}"):
        whole = text + more
        beginnings = [whole[:end] for end in range(10, len(whole) + 12, 12)]
        if any(map(improve.doomed, beginnings)):
            assert text not in TURNS
            assert answer_stand_in(whole, CALM.instruction, CALM) is not None
        if any(map(rewrite.doomed, beginnings)):
            assert instruction_stand_in(whole, CALM) is not None


@pytest.mark.parametrize("form", ReplyFormName)
def test_an_instruction_that_is_a_review_is_stopped_as_it_begins(form: ReplyFormName) -> None:
    text = f"Troubles with the instruction: it asks for too little. {LONG}"
    whole = {
        ReplyFormName.JSON: instruction_json(text, LONG),
        ReplyFormName.MARKERS: markers(
            ("[Critique]", "Vague."), ("[New Instruction]", text), ("[New Response]", LONG)
        ),
        ReplyFormName.STEPS: text,
    }[form]
    said = ["Fine."] * (form is ReplyFormName.STEPS)
    found = told_at(last_question(form, Stage.INSTRUCTION, *said, old=CALM), whole)
    assert found is not None
    assert (found[1], found[0] - whole.index("Troubles") < 60) == (Fault.REVIEW, True)


@pytest.mark.parametrize(
    "text",
    [
        "Here is the new instruction:\nWhy is the sea blue?",
        "Sure, here's an improved version of the instruction:\n\nWhy is the sea blue?",
        "Certainly! Here's a revised instruction that answers it:\n\n**Instruction:**\n\nWhy is the sea blue?",
        "Revised instruction:\n\nWhy is the sea blue?",
    ],
)
def test_a_label_is_waited_for(text: str) -> None:
    question = last_question(ReplyFormName.STEPS, Stage.INSTRUCTION, "Fine.", old=CALM)
    assert told_at(question, text) is None
    assert question.read(text) == "Why is the sea blue?"


def test_no_text_that_people_wrote_is_stopped(some: Some[Version]) -> None:
    """In every form and stage, however it grows; demo and golden samples as the rewrites of another."""
    for sample in some(list(good_samples())):
        for form in ReplyFormName:
            for stage in Stage:
                *said, text = replies(form, stage, sample.response)
                ask = Scripted(*said, text)
                try:
                    reflect(form, stage, CALM, ask)
                except UnusableReply:
                    continue
                ends = range(40, len(text) + 1, 72)
                assert not any(ask.asked[-1].doomed(text[:end]) for end in ends), sample.response


# --- what a stopped reply is ----------------------------------------------------------------------------------------


def test_a_stopped_reply_is_read_as_the_kind_that_stopped_it() -> None:
    question = last_question(ReplyFormName.STEPS, Stage.RESPONSE, "Fine.")
    with pytest.raises(UnusableReply, match="stopped after 9 tokens") as caught:
        question.parse(Reply(LOOPS[0], finish="stopped", tokens=9))
    assert caught.value.fault is Fault.REPEATS
    with pytest.raises(UnusableReply) as caught:
        question.parse(Reply("Once there was a rule for this.", finish="stopped"))
    assert caught.value.fault is Fault.CUT
