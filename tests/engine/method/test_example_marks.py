"""The marks of the example are no text where a teacher takes them over, and text where they are the sample's."""

from __future__ import annotations

import time

import pytest

from engine.method.example import without_marks
from engine.method.reply_forms import ReplyFormName
from engine.sample import Stage, Version
from models.teacher import Fault
from tests.engine.method.asking import EVERY, OLD, fault, read, replies


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize(
    "mark", ["instruction", "response", "Response", "new_instruction", "better response"]
)
@pytest.mark.parametrize("space", ["", "\n"])
def test_marks_taken_over_are_left_out(form: ReplyFormName, stage: Stage, mark: str, space: str) -> None:
    text = "Name two primes above ninety."
    found = read(form, stage, *replies(form, stage, f"<{mark}>{space}{text}{space}</{mark}>")).version
    assert text in (found.instruction, found.response)
    assert "<" not in found.instruction + found.response


def test_an_input_in_its_marks_goes_below_the_instruction() -> None:
    reply = "<instruction>\nSum these up.\n</instruction>\n<input>\n3, 4 and 5\n</input>"
    found = read(ReplyFormName.STEPS, Stage.INSTRUCTION, "Vague.", reply, "Twelve.").version
    assert found.instruction == "Sum these up.\n\n3, 4 and 5"


@pytest.mark.parametrize(
    "reply",
    [
        "<instruction>Old question?</instruction>\n<response>A better one.</response>",
        "<instruction>\nOld question?\n</instruction>\n<input>\nOld input.\n</input>\n<response>\nA better one.",
        "<response> A better one.",
    ],
)
def test_of_an_example_written_anew_the_part_that_was_asked_for_is_taken(reply: str) -> None:
    found = read(ReplyFormName.STEPS, Stage.RESPONSE, "Thin.", reply).version
    assert (found.instruction, found.response) == (OLD.instruction, "A better one.")


def test_a_mark_alone_is_empty() -> None:
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, "Thin.", "<response>") is Fault.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "<response>It is <b>bold</b>.</response> Send it so.",
        "<instruction>One.</instruction>\n<instruction>Two.</instruction>",
        "<answer>four</answer>",
        "Wrap it in <response> and </response>.",
        "<h1>Title</h1>",
    ],
)
def test_what_is_not_wholly_in_one_pair_of_marks_stays(text: str) -> None:
    found = read(ReplyFormName.STEPS, Stage.RESPONSE, "Thin.", text).version
    assert found.response == text


def test_marks_that_the_sample_holds_are_text() -> None:
    old = Version(instruction="Answer within <response> and </response>.", response="<response>4</response>")
    found = read(ReplyFormName.STEPS, Stage.RESPONSE, "Thin.", "<response>four</response>", old=old).version
    assert found.response == "<response>four</response>"


@pytest.mark.parametrize("rest", [":{", "{", '{"', "[", "(", ': "{'])
def test_what_only_opens_is_no_answer(rest: str) -> None:
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, "Thin.", rest) is Fault.PLACEHOLDER


@pytest.mark.parametrize("answer", ["()", "[]", ";", "{}", "<="])
def test_signs_may_be_an_answer(answer: str) -> None:
    assert read(ReplyFormName.STEPS, Stage.RESPONSE, "Thin.", answer, old=OLD).version.response == answer


@pytest.mark.parametrize(
    "text", ["<response>" + " " * 200_000 + "x", "<input>" * 40_000, " \n" * 100_000 + "<"]
)
def test_odd_texts_take_no_time(text: str) -> None:
    began = time.process_time()
    without_marks(text, "response", OLD)
    assert time.process_time() - began < 2
