"""How a teacher's reply is read: word for word, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.method.prompts import CAUSE
from engine.method.reflection import Reflection, UnusableReply
from engine.method.reply_forms import ReplyFormName
from engine.method.rules import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA
from engine.method.structure import broken_structure
from engine.sample import Stage, Version
from engine.thoughts import without_thoughts
from tests.engine.method.asking import (
    EVERY,
    OLD,
    instruction_json,
    markers,
    read,
    replies,
    response_json,
)


@pytest.mark.parametrize(("form", "stage"), EVERY)
def test_a_stage_gives_its_new_version_and_the_critique_of_the_old(form: ReplyFormName, stage: Stage) -> None:
    reflection = read(form, stage, *replies(form, stage, "New answer."))
    if stage is Stage.INSTRUCTION:  # the new instruction stands alone: no input goes with it
        assert reflection.version == Version(instruction="New question?", response="New answer.")
    else:
        assert reflection.version == OLD.model_copy(update={"response": "New answer."})
    assert all(reflection.critique.values())


def test_json_names_every_criterion_as_the_papers_do_in_their_order() -> None:
    first = read(ReplyFormName.JSON, Stage.INSTRUCTION, instruction_json()).critique
    assert list(first) == [*INSTRUCTION_CRITERIA.values(), *RESPONSE_CRITERIA.values(), CAUSE]
    assert all(first[title] == f"About {title}." for title in list(first)[:-1])
    assert first[CAUSE] == "It was vague."
    assert list(read(ReplyFormName.JSON, Stage.RESPONSE, response_json("New.")).critique) == [
        *RESPONSE_CRITERIA.values()
    ]


ONE = instruction_json()


@pytest.mark.parametrize(
    "reply",
    [
        f"```json\n{ONE}\n```",
        f"```\n{ONE}\n```",
        f"~~~json\n{ONE}\n~~~",
        f"Here is the JSON you asked for:\n\n{ONE}",
        f"Sure! {ONE} I hope this helps.",
        f"Sure:\n\n```json\n{ONE}\n```\n\nLet me know whether {{this}} helps.",
        f"The object {{...}} with its {{fields}}:\n{ONE}",
        f'My plan: {{"steps": 2}}\n{ONE}',
        f"{{{ONE}",
        f"{{{ONE}}}",
        f"{{\n{ONE}\n}}",
        f"{ONE}}}",
        f"[{ONE}]",
        ONE.replace("{", "{{").replace("}", "}}"),
        "```json\n" + ONE.replace("{", "{{").replace("}", "}}") + "\n```",
        f"{ONE}<|im_end|>",
        f"\ufeff{ONE}",
        f"Half of one: {ONE[:40]}\nWhole: {ONE}",
        instruction_json(notes="x"),
        instruction_json(notes={"more": [1, None]}, b_better_response="Another."),
        json.dumps({"thought": "Hm.", **json.loads(ONE)}),
        json.dumps(json.loads(ONE), indent=2).replace("New answer.", "New answer.\\n"),
    ],
)
def test_json_is_read_in_a_fence_between_sentences_and_with_fields_too_many(reply: str) -> None:
    assert read(ReplyFormName.JSON, Stage.INSTRUCTION, reply) == read(
        ReplyFormName.JSON, Stage.INSTRUCTION, ONE
    )


SECTIONED = "[Critique]\nToo short.\n[Better Response]\n{}"


@pytest.mark.parametrize(
    "answer",
    [
        "New answer.",
        "```python\nprint(1)\n```",
        "Run:\n\n```\nls\n```\nand `cd`.",
        "Say [End] at the end.",
        "[End]\nNo.",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "{}\n[End]",
        "{}\n[End]<|im_end|>",
        "```\n{}\n[End]\n```",
        "```markdown\n{}\n```",
        "~~~\n{}\n[End]\n~~~\n",
        "Here it is:\n\n```text\n{}\n[End]\n```\n\nI hope this helps.",
        "Here it is:\n{}\n**[End]**",
    ],
)
def test_sections_are_read_in_a_fence_and_between_sentences(around: str, answer: str) -> None:
    reply = around.replace("{}", SECTIONED.replace("{}", answer))
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, reply).version.response == answer


def test_a_fence_that_is_not_around_the_reply_is_text() -> None:
    answer = "```\nls\n```\nThen:\n```\ncd"
    reply = SECTIONED.replace("{}", answer)
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, reply).version.response == answer
    before = f"```\nls\n```\n{SECTIONED.replace('{}', answer)}"
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, before).version.response == answer


def test_a_criterion_too_many_is_left_out() -> None:
    critique = dict.fromkeys(RESPONSE_CRITERIA, "Good.") | {"style": "Plain."}
    reflection = read(ReplyFormName.JSON, Stage.RESPONSE, response_json("New.", a_response_critique=critique))
    assert list(reflection.critique) == [*RESPONSE_CRITERIA.values()]


@pytest.mark.parametrize(
    "answer",
    [
        "```json\n{}\n```",
        '{"b_better_response": "x"}',
        response_json("x"),
        "a\n```\nb",
        "}",
        "{{name}}",
        "Two\nlines.",
    ],
)
@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Sure:\n{}\nDone."])
def test_an_answer_that_holds_json_or_fences_is_read_whole(around: str, answer: str) -> None:
    reply = around.replace("{}", response_json(answer))
    old = OLD.model_copy(update={"input": answer})  # a slot that nobody asked for is no answer
    assert read(ReplyFormName.JSON, Stage.RESPONSE, reply, old=old).version.response == answer


def test_a_line_break_that_no_grammar_forbade_is_one() -> None:
    reply = response_json("One.|Two.").replace("|", "\n")
    assert read(ReplyFormName.JSON, Stage.RESPONSE, reply).version.response == "One.\nTwo."


WORDS = [
    "End",
    "N/A",
    "None",
    "[End]",
    "a [New Response] b",
    "[Critique] it",
    "[1] Knuth",
    "* item",
    "{}",
    "it: [",
]
"""Text of an answer, that careless reading takes for its own marks."""

LINE = st.one_of(
    st.sampled_from(WORDS),
    # Hypothesis puts in words that it finds in our source, marks of thoughts among them.
    st.text(st.characters(codec="utf-8", exclude_characters="["), max_size=12).filter(
        lambda line: without_thoughts(line) == line
    ),
)
PART = st.lists(LINE, max_size=5).map(lambda lines: "q" + "\n".join(["", *lines, ""]) + "q")
"""A part of a reply: any text in UTF-8, with letters around it that no white space or mark is stripped from."""

PAD = st.text(" \n\t", max_size=2)
EXAMPLES = settings(max_examples=40, deadline=None)


@EXAMPLES
@given(
    parts=st.lists(PART, min_size=12, max_size=12),
    pad=PAD,
    ascii_=st.booleans(),
    indent=st.sampled_from([None, 2]),
)
def test_what_was_written_in_json_is_read_back_without_the_space_around_it(
    parts: list[str], pad: str, ascii_: bool, indent: int | None
) -> None:
    *criticism, instruction, response = [f"{pad}{part}{pad}" for part in parts]
    assume(instruction.split() != response.split())
    assume(broken_structure(OLD, Version(instruction=instruction, response=response)) is None)
    part = dict(zip([*INSTRUCTION_CRITERIA, *RESPONSE_CRITERIA], criticism, strict=False))
    reply = {
        "a_instruction_critique": {field: part[field] for field in INSTRUCTION_CRITERIA},
        "b_response_critique": {field: part[field] for field in RESPONSE_CRITERIA},
        "c_cause": criticism[-1],
        "d_new_instruction": instruction,
        "e_new_response": response,
    }
    reflection = read(
        ReplyFormName.JSON, Stage.INSTRUCTION, json.dumps(reply, ensure_ascii=ascii_, indent=indent)
    )
    assert [*reflection.critique.values()] == parts[:10]
    assert reflection.version == Version(instruction=parts[10], response=parts[11])


@EXAMPLES
@given(
    parts=st.lists(PART, min_size=3, max_size=3),
    pad=PAD,
    heading=st.sampled_from(["[{}]", "**[{}]**", "## [{}]", "[{}]:", "  [{}]  "]),
    upper=st.booleans(),
    preface=st.sampled_from(["", "Sure, here it is.\n"]),
    end=st.sampled_from(["", "\n[End]", "\n[end]\n", "\n**[END]**", "\n\n[End]  \n"]),
)
def test_what_was_written_under_markers_is_read_back_without_the_space_around_it(
    parts: list[str], pad: str, heading: str, upper: bool, preface: str, end: str
) -> None:
    assume(parts[1].split() != parts[2].split())
    assume(broken_structure(OLD, Version(instruction=parts[1], response=parts[2])) is None)
    names = ["Critique", "New Instruction", "New Response"]
    headings = [heading.format(name.upper() if upper else name) for name in names]
    sections = zip(headings, (f"{pad}{part}{pad}" for part in parts), strict=True)
    reflection = read(ReplyFormName.MARKERS, Stage.INSTRUCTION, preface + markers(*sections, end=end))
    critique, instruction, response = parts
    assert reflection == Reflection(
        {"Critique": critique}, Version(instruction=instruction, response=response)
    )


@EXAMPLES
@given(parts=st.lists(PART, min_size=3, max_size=3), pad=PAD)
def test_what_was_written_in_steps_is_read_back_without_the_space_around_it(
    parts: list[str], pad: str
) -> None:
    critique, instruction, response = parts
    assume(len({tuple(part.split()) for part in parts}) == len(parts))
    assume(broken_structure(OLD, Version(instruction=instruction, response=response)) is None)
    reflection = read(ReplyFormName.STEPS, Stage.INSTRUCTION, *(f"{pad}{part}{pad}" for part in parts))
    assert reflection == Reflection(
        {"Critique": critique}, Version(instruction=instruction, response=response)
    )


MARKS = [
    "[Critique]",
    "[New Instruction]",
    "[New Response]",
    "[Better Response]",
    "[End]",
    "**",
    "\n",
    " ",
    "text",
    '"',
]
ANYTHING = st.one_of(
    st.text(st.characters(), max_size=40),  # surrogates, NUL and ESC included
    st.lists(st.sampled_from(MARKS), max_size=14).map("".join),
    st.tuples(st.just(instruction_json()), st.integers(0, 900)).map(lambda cut: cut[0][: cut[1]]),
    st.recursive(st.none() | st.text(max_size=5), lambda x: st.dictionaries(st.text(max_size=5), x)).map(
        json.dumps
    ),
)


@pytest.mark.parametrize(("form", "stage"), EVERY)
@settings(max_examples=60, deadline=None)
@given(part=st.lists(ANYTHING, min_size=3, max_size=3))
def test_any_reply_at_all_is_usable_or_unusable_and_nothing_else(
    form: ReplyFormName, stage: Stage, part: list[str]
) -> None:
    try:
        reflection = read(form, stage, *part)
    except UnusableReply:
        return
    new = reflection.version
    assert new.response.strip()
    assert all(text.strip() for text in reflection.critique.values())
    if stage is Stage.INSTRUCTION:
        assert new.instruction.strip()
        assert (new.instruction, new.input) != (OLD.instruction, OLD.input)
        assert new.input == ""
    else:
        assert (new.instruction, new.input) == (OLD.instruction, OLD.input)
        assert new.response != OLD.response


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize(
    "answer",
    ["End", "N/A", "None", "null", "0", "-1", "[1, 2]", "{}", "No.", "Response", "the response", "I"],
)
def test_a_short_answer_is_an_answer(form: ReplyFormName, stage: Stage, answer: str) -> None:
    assert read(form, stage, *replies(form, stage, answer)).version.response == answer


@pytest.mark.parametrize(("form", "stage"), EVERY)
@pytest.mark.parametrize(
    "answer",
    [
        "One.\n[End]\nTwo.",
        "One.\nEnd",
        "Said the page: [End]",
        "One.\nN/A\nTwo.",
        "- [ ] one\n- [x] two",
        "**Bold.**",
    ],
)
def test_an_answer_may_hold_the_layout_s_own_words(form: ReplyFormName, stage: Stage, answer: str) -> None:
    assert read(form, stage, *replies(form, stage, answer)).version.response == answer


def test_only_the_last_end_closes_the_reply() -> None:
    reply = markers(("[Critique]", "Vague."), ("[Better Response]", "One.\n[End]"))
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, reply).version.response == "One.\n[End]"


def test_the_word_end_closes_nothing() -> None:
    reply = markers(("[Critique]", "Vague."), ("[Better Response]", "The\nEnd"), end="")
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, reply).version.response == "The\nEnd"


@pytest.mark.parametrize("answer", ["One.\n***", "One.\n#", "***\nOne.", "*\n*\n*\nOne.", ":\nOne."])
def test_an_answer_may_begin_and_end_with_a_line_of_marks(answer: str) -> None:
    reply = markers(("[Critique]", "Vague."), ("[Better Response]", answer))
    assert read(ReplyFormName.MARKERS, Stage.RESPONSE, reply).version.response == answer


# What small teachers put around their words


@pytest.mark.parametrize(
    "reply",
    [
        "New answer.",
        "Response: New answer.",
        "**Response:** New answer.",
        "### Better Response:\nNew answer.",
        "Here is the new response:\n\nNew answer.",
        "Here's a more detailed response:\nNew answer.",
        "Sure, here's an improved version of the response:\n\nNew answer.",
        "Sure! Here is a better answer: New answer.",
        '"New answer."',
        'Here is the answer:\n"New answer."',
    ],
)
def test_in_steps_a_label_and_quotation_marks_are_not_part_of_the_answer(reply: str) -> None:
    assert read(ReplyFormName.STEPS, Stage.RESPONSE, "c", reply).version.response == "New answer."


@pytest.mark.parametrize(
    "answer",
    [
        '"Yes," she said, and he said "No."',
        "Here is a poem about the sea:\nWaves.",
        "The response: none.",
        "Surely, here it is.",
        "Time of response: 3 ms.",
        '"',
        pytest.param(
            "Here are three ways to keep old versions of a file:\n1. Copy it.",
            id="a-list-about-versions",
        ),
        pytest.param(
            "Here are three ways to improve your version control:\n1. Commit often.",
        ),
    ],
)
def test_in_steps_the_answer_s_own_first_words_stay(answer: str) -> None:
    assert read(ReplyFormName.STEPS, Stage.RESPONSE, "c", answer).version.response == answer


def test_in_steps_only_the_first_label_is_left_out() -> None:
    answer = "First, Response: one.\nHere is the second answer: two."
    reflection = read(ReplyFormName.STEPS, Stage.RESPONSE, "c", f"Response: {answer}")
    assert reflection.version.response == answer
