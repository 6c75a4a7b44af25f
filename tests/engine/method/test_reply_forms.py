"""What the teacher is asked, and how its reply is read: word for word, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.method.prompts import CAUSE, CritiqueLength, Prompts, PromptSet
from engine.method.reflection import Reflection, UnusableReply
from engine.method.reply_forms import SMALL_TEACHER, ReplyFormName, form_for
from engine.method.rules import INSTRUCTION_CRITERIA, RESPONSE_CRITERIA
from engine.method.structure import broken_structure
from engine.sample import Stage, Version
from tests.engine.method.asking import (
    EVERY,
    OLD,
    TOLD,
    Scripted,
    instruction_json,
    markers,
    read,
    reflect,
    replies,
    response_json,
)
from tests.factory import teacher_info

# What is asked


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


# What is read


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
    st.sampled_from(WORDS), st.text(st.characters(codec="utf-8", exclude_characters="["), max_size=12)
)
PART = st.lists(LINE, max_size=5).map(lambda lines: "q" + "\n".join(["", *lines, ""]) + "q")
"""A part of a reply: any text in UTF-8, with letters around it that no white space or mark is stripped from."""

PAD = st.text(" \n\t", max_size=2)
EXAMPLES = settings(max_examples=80, deadline=None)


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
    assume(instruction.split() != response.split())
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
