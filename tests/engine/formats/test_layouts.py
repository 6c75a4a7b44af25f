"""A refined sample becomes a row again: in its own layout only the texts change, in another all comes along."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.layouts import version_of
from engine.formats.names import TRACE, DatasetError, Format, Layout, UnrefinableError
from engine.formats.render import render
from engine.sample import Sample, Version, as_one_text
from tests.factory import history_of, last_sample

NEW = Version(instruction="New?", response="Newer.")


def sample(row: dict[str, Any], format: Format) -> Sample:
    return last_sample(row, format, 3)


def same(row: dict[str, Any], format: Format, version: Version) -> str:
    """The row with this version in its own format, as JSON so that the order of keys counts."""
    before = json.dumps(row)
    rendered = json.dumps(render(sample(row, format), version, format, format))
    assert json.dumps(row) == before, "the sample's own row is left alone"
    return rendered


@pytest.mark.parametrize("format", list(Format))
def test_a_sample_that_was_not_changed_is_its_own_row(format: Format) -> None:
    turns = [("human", "a"), ("gpt", "b"), ("human", "c"), ("gpt", "d")]
    row = {
        "z": [1, None, {"k": "é"}],
        "output": "d",
        "conversations": [{"from": role, "value": text, "weight": 1} for role, text in turns],
        "messages": [{"content": "a", "role": "user"}, {"role": "assistant", "content": "b", "name": None}],
        "input": None,
        "instruction": "c",
        "burnish": "mine",
    }
    assert same(row, format, version_of(row, format.layout)) == json.dumps(row)


@pytest.mark.parametrize(
    ("row", "version", "expected"),
    [
        (
            {"id": 1, "output": "o", "input": "u", "instruction": "i"},
            NEW,
            {"id": 1, "output": "Newer.", "input": "", "instruction": "New?"},
        ),
        ({"instruction": "i", "output": "o"}, NEW, {"instruction": "New?", "output": "Newer."}),
        (
            {"instruction": "i", "input": None, "output": "o"},
            NEW,
            {"instruction": "New?", "input": None, "output": "Newer."},
        ),
        (
            {"prompt": "i", "context": "u", "response": "o"},
            Version(instruction="I", input="U", response="O"),
            {"prompt": "I", "context": "U", "response": "O"},
        ),
        (
            {"instruction": "i", "output": "o"},
            Version(instruction="I", input="U", response="O"),
            {"instruction": "I", "output": "O", "input": "U"},
        ),
        (
            {"instruction": "", "input": "i", "output": "o"},
            NEW,
            {"instruction": "", "input": "New?", "output": "Newer."},
        ),
        (
            {"prompt": None, "context": "i", "response": "o"},
            NEW,
            {"prompt": None, "context": "New?", "response": "Newer."},
        ),
        (
            {"instruction": " ", "input": "i", "output": "o"},
            Version(instruction="I", input="U", response="O"),
            {"instruction": "I", "input": "U", "output": "O"},
        ),
        (
            {"Answer": "o", "Question": "i"},
            Version(instruction="I", input="U", response="O"),
            {"Answer": "O", "Question": "I", "input": "U"},
        ),
        (
            {"input": "i", "output": "o"},
            Version(instruction="I", input="U", response="O"),
            {"input": "I\nU", "output": "O"},
        ),
    ],
)
def test_only_the_three_texts_change_under_their_own_names(
    row: dict[str, Any], version: Version, expected: dict[str, Any]
) -> None:
    assert same(row, Format.ALPACA, version) == json.dumps(expected)


@pytest.mark.parametrize(
    ("format", "field", "role", "text", "names"),
    [
        (Format.SHAREGPT, "conversations", "from", "value", ("human", "gpt")),
        (Format.SHAREGPT_JSONL, "conversations", "role", "content", ("user", "assistant")),
        (Format.MESSAGES, "messages", "role", "content", ("user", "assistant")),
    ],
)
def test_earlier_turns_and_the_turns_own_keys_stay(
    format: Format, field: str, role: str, text: str, names: tuple[str, str]
) -> None:
    user, reply = names
    earlier = [{role: "system", text: "s"}, {role: user, text: "a", "n": 1}, {role: reply, text: "b"}]
    row = {"id": 1, field: [*earlier, {role: user, text: "c", "n": 2}, {"n": 3, role: reply, text: "d"}]}
    expected = {
        "id": 1,
        field: [*earlier, {role: user, text: "New?", "n": 2}, {"n": 3, role: reply, text: "Newer."}],
    }
    assert same(row, format, NEW) == json.dumps(expected)
    assert len(history_of(row, format.layout)) == 3


def test_an_input_goes_below_the_instruction_in_a_turn() -> None:
    row = {"instruction": "i", "input": "u", "output": "o", "id": 1}
    of = sample(row, Format.ALPACA)
    assert render(of, of.original, Format.ALPACA, Format.MESSAGES) == {
        "messages": [{"role": "user", "content": "i\nu"}, {"role": "assistant", "content": "o"}],
        "id": 1,
    }


def test_wizardlm_has_no_input() -> None:
    row = {"id": 1, "instruction": "i", "input": "u", "output": "o"}
    of = sample(row, Format.ALPACA)
    for target in (Format.WIZARDLM, Format.WIZARDLM_JSONL):
        rendered = render(of, of.original, Format.ALPACA_JSONL, target)
        assert rendered == {"id": 1, "instruction": "i\nu", "output": "o"}
    assert render(of, of.original, Format.WIZARDLM, Format.WIZARDLM_JSONL) == row, (
        "a mixed file stays as it is"
    )
    assert "input" not in render(
        sample({"instruction": "i", "output": "o"}, Format.WIZARDLM), NEW, Format.WIZARDLM, Format.ALPACA
    )


def test_without_its_input_a_row_keeps_a_context_of_its_own() -> None:
    row = {"instruction": "i", "input": "u", "context": "c", "output": "o"}
    rendered = render(sample(row, Format.ALPACA), NEW, Format.ALPACA, Format.WIZARDLM)
    assert rendered == {"instruction": "New?", "context": "c", "output": "Newer."}


def test_turns_change_their_names_between_the_layouts() -> None:
    row = {
        "id": 1,
        "conversations": [
            {"from": "system", "value": "s"},
            {"from": "human", "value": "a", "weight": 0},
            {"from": "chatgpt", "value": "b"},
            {"from": "human", "value": "c"},
            {"from": "gpt", "value": "d"},
        ],
    }
    converted = render(sample(row, Format.SHAREGPT), NEW, Format.SHAREGPT, Format.MESSAGES)
    assert converted == {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "a", "weight": 0},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "New?"},
            {"role": "assistant", "content": "Newer."},
        ],
        "id": 1,
    }
    back = render(sample(converted, Format.MESSAGES), NEW, Format.MESSAGES, Format.SHAREGPT_JSONL)
    assert [turn["from"] for turn in back["conversations"]] == ["system", "human", "gpt", "human", "gpt"]


def test_earlier_turns_become_a_history_and_turns_again() -> None:
    texts = [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    row = {"messages": [{"role": role, "content": text} for role, text in texts], "id": 1}
    flat = render(sample(row, Format.MESSAGES), NEW, Format.MESSAGES, Format.ALPACA)
    assert flat == {
        "instruction": "New?",
        "input": "",
        "output": "Newer.",
        "system": "s",
        "history": [["a", "b"]],
        "id": 1,
    }
    assert len(history_of(flat, Format.ALPACA.layout)) == 3
    converted = sample(flat, Format.ALPACA)
    turns = render(converted, Version(instruction="c", response="d"), Format.ALPACA, Format.MESSAGES)
    assert turns == row
    assert "history" in render(sample(row, Format.MESSAGES), NEW, Format.MESSAGES, Format.WIZARDLM)


def test_a_rows_own_system_field_becomes_a_turn() -> None:
    row = {"system": "s", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    rendered = render(sample(row, Format.SHAREGPT), NEW, Format.SHAREGPT, Format.MESSAGES)
    assert rendered["messages"][0] == {"role": "system", "content": "s"}
    assert "system" not in rendered


@pytest.mark.parametrize("roles", [["gpt"], ["human"], ["human", "gpt", "system"], ["human", "human"]])
def test_turns_that_fit_no_history_are_refused(roles: list[str]) -> None:
    turns = [{"from": role, "value": "x"} for role in [*roles, "human", "gpt"]]
    with pytest.raises(DatasetError, match=r"^sample 3: .*export as sharegpt or messages$"):
        render(sample({"conversations": turns}, Format.SHAREGPT), NEW, Format.SHAREGPT, Format.ALPACA)


def test_a_history_of_another_shape_just_travels() -> None:
    row = {"instruction": "i", "output": "o", "history": "a, b", "system": 3}
    rendered = render(sample(row, Format.WIZARDLM), NEW, Format.WIZARDLM, Format.MESSAGES)
    assert (rendered["history"], rendered["system"]) == ("a, b", 3)
    assert len(history_of(row, Format.WIZARDLM.layout)) == 0


@pytest.mark.parametrize("target", list(Format))
def test_a_trace_comes_last_and_takes_an_older_ones_place(target: Format) -> None:
    of = sample({"burnish": {"old": 1}, "instruction": "i", "output": "o"}, Format.WIZARDLM)
    rendered = render(of, NEW, Format.WIZARDLM, target, {"ifd": 0.5})
    assert rendered[TRACE] == {"ifd": 0.5}


def test_a_question_in_the_input_is_the_instruction_elsewhere() -> None:
    of = sample({"instruction": "", "input": "i", "output": "o", "id": 1}, Format.ALPACA)
    assert render(of, of.original, Format.ALPACA, Format.WIZARDLM) == {
        "instruction": "i",
        "output": "o",
        "id": 1,
    }
    assert render(of, of.original, Format.ALPACA, Format.MESSAGES)["messages"][0] == {
        "role": "user",
        "content": "i",
    }


def test_a_refined_text_goes_back_into_its_part() -> None:
    parts = [{"type": "text", "text": "a", "cache": 1}, {"type": "text", "text": "b"}]
    row = {
        "messages": [
            {"role": "system", "content": parts},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": [{"type": "text", "value": "c"}], "loss_weight": 1.0},
        ]
    }
    expected = {
        "messages": [
            {"role": "system", "content": parts},
            {"role": "user", "content": [{"type": "text", "text": "New?", "cache": 1}]},
            {"role": "assistant", "content": [{"type": "text", "value": "Newer."}], "loss_weight": 1.0},
        ]
    }
    assert same(row, Format.MESSAGES, NEW) == json.dumps(expected)
    assert same(row, Format.MESSAGES, Version(instruction="ab", response="c")) == json.dumps(row)
    assert render(sample(row, Format.MESSAGES), NEW, Format.MESSAGES, Format.WIZARDLM)["system"] == "ab"


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: {
            "role": "user",
            "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        },
        lambda text: {"role": "user", "content": [[{"type": "text", "text": text}]]},
        lambda text: {"role": "user", "content": [{"type": "Text", "content": text}]},
        lambda text: {"role": "user", "content": {"content_type": "text", "parts": [text]}},
        lambda text: {"role": "user", "parts": [{"text": text}]},
        lambda text: {"role": "user", "content": [{"type": None, "text": text, "image_url": None}]},
    ],
    ids=["a thread's", "nested", "content", "ChatGPT's", "Gemini's", "a table's"],
)
def test_a_refined_text_goes_back_however_deep_it_stands(shape: Callable[[str], dict[str, Any]]) -> None:
    def row(asked: str, answered: str) -> dict[str, Any]:
        return {"messages": [shape(asked), shape(answered) | {"role": "assistant"}], "id": 1}

    assert same(row("a", "b"), Format.MESSAGES, NEW) == json.dumps(row("New?", "Newer."))
    assert version_of(row("a", "b"), Layout.MESSAGES) == Version(instruction="a", response="b")


@pytest.mark.parametrize(
    "part", [{"type": "image_url", "image_url": {"url": "x"}}, {"text": 1}, {"type": "text"}, 3]
)
def test_a_part_that_is_no_text_passes_its_row_through(part: object) -> None:
    asked = {"role": "user", "content": [{"type": "text", "text": "a"}, part]}
    with pytest.raises(UnrefinableError):
        version_of({"messages": [asked, {"role": "assistant", "content": "b"}]}, Layout.MESSAGES)


def test_a_null_system_turn_is_left_out_of_another_layout() -> None:
    turns = [
        {"from": "system", "value": None},
        {"from": "human", "value": "a"},
        {"from": "gpt", "value": "b"},
    ]
    row = {"conversations": turns, "system": "s"}
    of = sample(row, Format.SHAREGPT)
    assert render(of, NEW, Format.SHAREGPT, Format.ALPACA) == {
        "instruction": "New?",
        "input": "",
        "output": "Newer.",
        "system": "s",
    }
    assert len(history_of(row, Format.SHAREGPT.layout)) == 1


def test_names_of_roles_change_between_the_layouts() -> None:
    turns = [{"from": name, "value": "x"} for name in ("Prompter", "vicuna", "Prompter", "vicuna")]
    of = sample({"conversations": turns}, Format.SHAREGPT)
    rendered = render(of, NEW, Format.SHAREGPT, Format.MESSAGES)
    assert [turn["role"] for turn in rendered["messages"]] == ["user", "assistant"] * 2


# Any row as datasets have it ------------------------------------------------------------------------------

text = st.text(min_size=1, max_size=8).filter(lambda found: not found.isspace())
blank = st.sampled_from([None, "", " ", "\n"])


@st.composite
def flat_rows(draw: st.DrawFn) -> dict[str, Any]:
    asked, answered = draw(
        st.sampled_from(
            [
                ("instruction", "output"),
                ("Instruction", "Response"),
                ("question", "answer"),
                ("query", "response"),
                ("PROMPT", "completion"),
                ("input", "output"),
            ]
        )
    )
    row: dict[str, Any] = {asked: draw(text), answered: draw(text), "id": draw(st.none() | st.integers())}
    if asked != "input" and draw(st.booleans()):
        beside = draw(st.sampled_from(["input", "Input", "context"]))
        row[beside] = draw(text | st.sampled_from(["", " "]))
        if row[beside].strip() and draw(st.booleans()):
            row[asked] = draw(blank)
    return dict(draw(st.permutations(list(row.items()))))


@st.composite
def turn_rows(draw: st.DrawFn) -> dict[str, Any]:
    role, words = draw(st.sampled_from([("from", "value"), ("role", "content"), ("role", "text")]))
    pair = draw(st.sampled_from([("human", "gpt"), ("User", "bing"), ("prompter", "ai"), ("x", "y")]))

    def content() -> st.SearchStrategy[Any]:
        key = draw(st.sampled_from(["text", "value"]))
        part = st.fixed_dictionaries({"type": st.just("text"), key: text}, optional={"n": st.none()})
        return text | st.lists(part, min_size=1, max_size=3)

    turns = [{role: "system", words: draw(st.none() | content())}] * draw(st.booleans())
    for _ in range(draw(st.integers(0, 2))):
        turns += [{role: name, words: draw(st.none() | content())} for name in pair]
    turns += [{role: name, words: draw(content()), "weight": None} for name in pair]
    return {"id": 1, "conversations": turns}


@given(row=flat_rows() | turn_rows(), asked=text, given_input=st.just("") | text, answered=text)
def test_a_row_comes_out_as_it_came_and_a_refined_one_holds_the_new_texts_in_its_own_form(
    row: dict[str, Any], asked: str, given_input: str, answered: str
) -> None:
    format = Format.SHAREGPT if "conversations" in row else Format.ALPACA
    assert same(row, format, version_of(row, format.layout)) == json.dumps(row)
    new = Version(instruction=asked, input=given_input, response=answered)
    rendered = json.loads(same(row, format, new))
    assert as_one_text(version_of(rendered, format.layout)) == as_one_text(new)
    assert version_of(rendered, format.layout).response == answered
    assert set(rendered) - set(row) <= {"input"}
    if format is Format.SHAREGPT:
        before, after = row["conversations"], rendered["conversations"]
        assert after[:-2] == before[:-2]
        for old, turn in zip(before[-2:], after[-2:], strict=True):
            assert [(key, type(value)) for key, value in turn.items()] == [
                (key, type(value)) for key, value in old.items()
            ]


@given(row=flat_rows() | turn_rows())
def test_a_row_keeps_its_texts_in_every_other_layout(row: dict[str, Any]) -> None:
    format = Format.SHAREGPT if "conversations" in row else Format.ALPACA
    of = sample(row, format)
    for target in Format:
        found = version_of(render(of, of.original, format, target), target.layout)
        assert (as_one_text(found), found.response) == (as_one_text(of.original), of.original.response), (
            target
        )
