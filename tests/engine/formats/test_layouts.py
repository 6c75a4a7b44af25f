"""A refined sample becomes a row again: in its own layout only the texts change, in another all comes along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.formats.layouts import earlier_turns, render, version_of
from engine.formats.names import TRACE, DatasetError, Format
from engine.sample import Sample, Version

NEW = Version(instruction="New?", response="Newer.")


def sample(row: dict[str, Any], format: Format) -> Sample:
    return Sample(index=3, original=version_of(row, format.layout), row=row)


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
    assert earlier_turns(row, format) == 3


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
    assert earlier_turns(flat, Format.ALPACA) == 3
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
    assert earlier_turns(row, Format.WIZARDLM) == 0


@pytest.mark.parametrize("target", list(Format))
def test_a_trace_comes_last_and_takes_an_older_ones_place(target: Format) -> None:
    of = sample({"burnish": {"old": 1}, "instruction": "i", "output": "o"}, Format.WIZARDLM)
    rendered = render(of, NEW, Format.WIZARDLM, target, {"ifd": 0.5})
    assert rendered[TRACE] == {"ifd": 0.5}
