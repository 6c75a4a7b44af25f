"""A reply that cannot be used is refused under its own name, and one that only looks odd is not."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from engine.method.reply_forms import ReplyFormName
from engine.method.rules import RESPONSE_CRITERIA
from engine.sample import Stage
from models.teacher import Fault, Reply
from tests.engine.method.asking import EVERY, fault, instruction_json, markers, read, replies, response_json


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_a_reply_that_was_cut_is_not_read_however_whole_it_looks(form: ReplyFormName, stage: Stage) -> None:
    *first, last = replies(form, stage, "New answer.")
    assert fault(form, stage, *first, Reply(last, finish="length", tokens=9)) is Fault.CUT


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize("nothing", ["", " \n\t"])
def test_an_empty_reply_and_an_empty_part_are_empty(form: ReplyFormName, stage: Stage, nothing: str) -> None:
    assert fault(form, stage, nothing) is Fault.EMPTY
    assert fault(form, stage, *replies(form, stage, nothing)) is Fault.EMPTY


@pytest.mark.parametrize("field", ["c_cause", "d_new_instruction", "e_new_response"])
def test_no_part_of_a_json_reply_may_be_empty(field: str) -> None:
    assert fault(ReplyFormName.JSON, Stage.INSTRUCTION, instruction_json(**{field: " "})) is Fault.EMPTY


def test_no_criterion_may_be_empty() -> None:
    empty = dict.fromkeys(RESPONSE_CRITERIA, "Good.") | {"c_accuracy": ""}
    assert (
        fault(ReplyFormName.JSON, Stage.RESPONSE, response_json("New.", a_response_critique=empty))
        is Fault.EMPTY
    )


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize(
    "placeholder",
    ["...", "…", "_____", "---", "[New Response here]", "<your answer here>", "{{response}}",
     "[ the improved response ]", "(Insert answer)", "better_response", "New_Response"],
)  # fmt: skip
def test_words_of_the_layout_left_standing_are_a_placeholder(
    form: ReplyFormName, stage: Stage, placeholder: str
) -> None:
    assert fault(form, stage, *replies(form, stage, placeholder)) is Fault.PLACEHOLDER


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize(
    "refusal",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with that request.",
        "Sorry, I cannot do that.",
        "I am very sorry but I am not able to answer.",
        "I apologize, but I do not have enough information to respond.",
        "I'm afraid I cannot answer this question.",
        "As an AI language model, I do not have access to real-time weather data.",
        "As an AI, I can't give medical advice.",
        "I cannot fulfill this request.",
        "I am unable to provide that.",
    ],
)
def test_declining_to_answer_is_a_refusal(form: ReplyFormName, stage: Stage, refusal: str) -> None:
    assert fault(form, stage, *replies(form, stage, refusal)) is Fault.REFUSAL


@pytest.mark.parametrize(
    "answer",
    [
        "Sorry seems to be the hardest word.",
        "I'm sorry for the delay. Your parcel is on its way; we cannot say when it arrives.",
        'She said: "I cannot help you."',
        "As an AI researcher, I cannot wait to start.",
        "You cannot divide by zero.",
        "Dear Ms Hall,\n\nI am sorry to miss the meeting.",
        "I cannot recommend this book enough.",
        *(
            pytest.param(
                answer,
            )
            for answer in (
                "I can't help but smile when it rains.",
                "I'm sorry to hear that you can't sleep. Go to bed at the same time every night.",
            )
        ),
    ],
)
def test_an_answer_that_only_sounds_like_a_refusal_is_an_answer(answer: str) -> None:
    assert read(ReplyFormName.JSON, Stage.RESPONSE, response_json(answer)).version.response == answer


@pytest.mark.parametrize("form", ReplyFormName)
def test_a_refusal_is_no_instruction(form: ReplyFormName) -> None:
    refusal = "I'm sorry, but I can't help with that."
    by_form = {
        ReplyFormName.JSON: [instruction_json(instruction=refusal)],
        ReplyFormName.MARKERS: [
            markers(("[Critique]", "c"), ("[New Instruction]", refusal), ("[New Response]", "New answer."))
        ],
        ReplyFormName.STEPS: ["c", refusal, "New answer."],
    }
    assert fault(form, Stage.INSTRUCTION, *by_form[form]) is Fault.REFUSAL


@pytest.mark.parametrize("form", ReplyFormName)
def test_the_old_response_once_more_is_a_copy(form: ReplyFormName) -> None:
    copied = replies(form, Stage.RESPONSE, "  Old \n answer. ")
    assert fault(form, Stage.RESPONSE, *copied) is Fault.COPY


@pytest.mark.parametrize("form", ReplyFormName)
def test_the_old_instruction_once_more_is_a_copy_even_with_a_new_answer(form: ReplyFormName) -> None:
    by_form = {
        ReplyFormName.JSON: [instruction_json("Old question?")],
        ReplyFormName.MARKERS: [
            markers(("[Critique]", "c"), ("[New Instruction]", "Old question?"), ("[New Response]", "New."))
        ],
        ReplyFormName.STEPS: ["c", "Old question?", "New."],
    }
    assert fault(form, Stage.INSTRUCTION, *by_form[form]) is Fault.COPY


@pytest.mark.parametrize(
    "reply",
    [
        instruction_json() + instruction_json(),
        f"First:\n```json\n{instruction_json()}\n```\nBetter:\n```json\n{instruction_json('Q?')}\n```",
        f"```json\n{instruction_json()[:-2]}\n```",
        f"```json\n{response_json('New answer.')}\n```",
        f"Sure! {instruction_json(e_new_response=42)}",
        f'{{"reply": {instruction_json()}}}',
        f"Sure! {instruction_json(c_cause=None)} Done.",
        "Sure! Here is the JSON: {...}",
        '{"thought": "The user has provided an example."}',
        '{"a":' * 50_000,
        '{"a' * 50_000,
        instruction_json(e_new_response=42),
        instruction_json(c_cause=None),
        instruction_json(b_response_critique={"a_helpfulness": "High."}),
        response_json("New answer."),
        "[]",
        "null",
        '"New answer."',
        "[" * 100_000,
        '{"e_new_response": "\\ud800"}',
        "Sure! " + instruction_json(e_new_response="\ud800"),
        "\ud800",
    ],
)
def test_json_that_is_not_the_schema_s_is_unparsable(reply: str) -> None:
    assert fault(ReplyFormName.JSON, Stage.INSTRUCTION, reply) is Fault.UNPARSABLE


SECTIONS = [("[Critique]", "c"), ("[New Instruction]", "i"), ("[New Response]", "r")]


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param(SECTIONS[1:], id="one-missing"),
        pytest.param([*SECTIONS, SECTIONS[2]], id="one-twice"),
        pytest.param(
            [("Critique:", "c"), ("New Instruction:", "i"), ("New Response:", "r")], id="no-brackets"
        ),
        pytest.param([(f"{heading} {text}", "") for heading, text in SECTIONS], id="on-the-same-line"),
    ],
)
def test_headings_that_are_not_each_once_in_order_on_their_own_line_are_unparsable(
    sections: Sequence[tuple[str, str]],
) -> None:
    assert fault(ReplyFormName.MARKERS, Stage.INSTRUCTION, markers(*sections)) is Fault.UNPARSABLE


def reordered(reply: str, *first: str) -> str:
    """A JSON reply with these fields before the others."""
    fields = json.loads(reply)
    return json.dumps({name: fields[name] for name in (*first, *(set(fields) - set(first)))})


@pytest.mark.parametrize("around", ["{}", "Sure!\n```json\n{}\n```"])
@pytest.mark.parametrize(
    ("stage", "first"),
    [
        (Stage.RESPONSE, ["b_better_response"]),
        (Stage.INSTRUCTION, ["d_new_instruction", "e_new_response"]),
        (Stage.INSTRUCTION, ["a_instruction_critique", "d_new_instruction"]),
        (Stage.INSTRUCTION, ["a_instruction_critique", "b_response_critique", "d_new_instruction"]),
    ],
)
def test_json_whose_critique_comes_after_what_answers_it_is_out_of_order(
    stage: Stage, first: list[str], around: str
) -> None:
    reply = reordered(instruction_json() if stage is Stage.INSTRUCTION else response_json("New."), *first)
    assert fault(ReplyFormName.JSON, stage, around.replace("{}", reply)) is Fault.OUT_OF_ORDER


def test_json_whose_critiques_stand_the_other_way_round_is_a_reflection() -> None:
    names = ["c_cause", "b_response_critique", "a_instruction_critique"]
    reply = reordered(instruction_json(), *names, "e_new_response", "d_new_instruction")
    assert read(ReplyFormName.JSON, Stage.INSTRUCTION, reply).version.response == "New answer."
    extra = json.dumps(json.loads(response_json("New.")) | {"note": "Done.", "critique": "x"})
    assert read(ReplyFormName.JSON, Stage.RESPONSE, extra).version.response == "New."


def test_sections_in_another_order_are_out_of_order() -> None:
    reply = markers(*SECTIONS[::-1])
    assert fault(ReplyFormName.MARKERS, Stage.INSTRUCTION, reply) is Fault.OUT_OF_ORDER


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_thoughts_before_a_reply_are_not_part_of_it(form: ReplyFormName, stage: Stage) -> None:
    texts = [
        f"\n<think>\n[New Response]\n{{}} </thinking>\n</think>\n\n{text}"
        for text in replies(form, stage, "New <think>answer</think>.")
    ]
    reflection = read(form, stage, *texts)
    assert reflection.version.response == "New <think>answer</think>."
    assert "[New Response]" not in " ".join(reflection.critique.values())


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_thoughts_and_nothing_after_them_are_an_empty_reply(form: ReplyFormName, stage: Stage) -> None:
    for thoughts in ("<think>Hm.</think>\n", "<think>Hm. New answer."):
        assert fault(form, stage, thoughts) is Fault.EMPTY


def test_a_step_that_begins_as_its_critique_does_says_it_again() -> None:
    line = "1. Depth: the answer names a single cause, and leaves out all the others that a reader would ask for."
    critique = f"{line}\n2. Tone: it is dry, and could be friendlier to whoever is new to the matter."
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, critique, f"{line}\n2. Tone: fine.") is Fault.COPY
    later = f"There are three causes.\n{line}"
    assert fault(ReplyFormName.STEPS, Stage.RESPONSE, critique, later) is Fault.COPY
    read(ReplyFormName.STEPS, Stage.RESPONSE, critique, f"There are three causes.\n{line[:40]}")
